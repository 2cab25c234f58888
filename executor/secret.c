#include "executor/secret.h"

#include "base/fs.h"

#include <stdlib.h>

static int read_variable(const struct secret *secret, struct arena *arena, struct str *out,
                         struct error *error) {
    const char *value = getenv(str_dup(arena, secret->source));
    if (!value) {
        return error_set(error, ERROR_NOT_FOUND, "the environment has no %.*s",
                         STR_ARG(secret->source));
    }
    if (strlen(value) > SECRET_LIMIT) {
        return error_set(error, ERROR_INPUT, "%.*s is larger than %zu bytes",
                         STR_ARG(secret->source), SECRET_LIMIT);
    }
    *out = str_of(value);
    return 0;
}

static int read_file(const struct secret *secret, struct arena *arena, struct str *out,
                     struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (fs_read_file(AT_FDCWD, str_dup(arena, secret->source), SECRET_LIMIT, &text, error) < 0) {
        return -1;
    }
    *out = str_copy(arena, buf_str(&text));
    return 0;
}

int secret_read(const struct run_options *options, struct str id, struct arena *arena,
                struct str *out, bool *is_given, struct error *error) {
    *is_given = false;
    for (size_t i = 0; i < options->secret_count && !*is_given; i++) {
        const struct secret *secret = &options->secrets[i];
        if (!str_equal(secret->id, id)) {
            continue;
        }
        if ((secret->is_env ? read_variable : read_file)(secret, arena, out, error) < 0) {
            return error_wrap(error, "cannot read the secret %.*s", STR_ARG(id));
        }
        *is_given = true;
    }
    return 0;
}
