/* --secret (buildah-build(1); docker buildx build, which differs in details). */
#include "cli/build.h"

#include "base/fs.h"
#include "base/vec.h"

#include <stdlib.h>
#include <unistd.h>

/* As large as BuildKit takes them. */
#define SECRET_LIMIT ((size_t)500 << 10)

struct parts { /* as given; data NULL: not */
    struct str id, src, env, type;
};

static int bad(struct str text, const char *why, struct error *error) {
    error_set(error, ERROR_USAGE, "--secret %.*s: %s", STR_ARG(text), why);
    return error_hint(error, "write --secret id=ID,src=FILE or --secret id=ID,env=NAME");
}

static int split(struct str text, struct parts *out, struct error *error) {
    struct str rest = text, field;
    while (str_split(&rest, ',', &field)) {
        struct str value = field, key;
        str_split(&value, '=', &key);
        struct str *part = str_equal_c(key, "id")                                  ? &out->id
                           : str_equal_c(key, "src") || str_equal_c(key, "source") ? &out->src
                           : str_equal_c(key, "env")                               ? &out->env
                           : str_equal_c(key, "type")                              ? &out->type
                                                                                   : NULL;
        if (!part || key.len == field.len) {
            return bad(text, "the parts are id=, src=, env= and type=", error);
        }
        *part = value;
    }
    return 0;
}

/* Once and now: it may be a pipe. */
static int read_file(struct str text, const char *path, struct arena *arena, struct str *value,
                     struct error *error) {
    _cleanup_buf_ struct buf data = BUF_INIT;
    if (fs_read_file(AT_FDCWD, path, SECRET_LIMIT, &data, error) < 0) {
        error_wrap(error, "--secret %.*s: it cannot be read", STR_ARG(text));
        return error_hint(error,
                          "src=FILE is the path of a file of at most %zu bytes, env=NAME an "
                          "environment variable",
                          SECRET_LIMIT);
    }
    *value = str_copy(arena, buf_str(&data));
    return 0;
}

static int read_variable(struct str text, const char *name, struct str *value,
                         struct error *error) {
    const char *found = getenv(name);
    if (!found || strlen(found) > SECRET_LIMIT) {
        return error_set(error, found ? ERROR_INPUT : ERROR_NOT_FOUND,
                         found ? "--secret %.*s: %s has more than %zu bytes"
                               : "--secret %.*s: the environment has no %s",
                         STR_ARG(text), name, SECRET_LIMIT);
    }
    *value = str_of(found);
    return 0;
}

/* Buildah's `src` may be a variable, too; for Docker the id alone is one, if there is such a variable. */
static int find(const struct parts *parts, struct str text, struct arena *arena, struct secret *out,
                struct error *error) {
    bool is_file = str_equal_c(parts->type, "file");
    if (parts->type.len > 0 && !is_file && !str_equal_c(parts->type, "env")) {
        return bad(text, "the types are file and env", error);
    }
    if (is_file && parts->env.len > 0) {
        return bad(text, "env= is of type=env", error);
    }
    const char *name = str_dup(arena, parts->env.len > 0   ? parts->env
                                      : parts->src.len > 0 ? parts->src
                                                           : parts->id);
    bool is_either = parts->type.len == 0 && parts->env.len == 0;
    bool is_variable = is_either
                           ? getenv(name) != NULL && (parts->src.len == 0 || access(name, F_OK) < 0)
                           : !is_file;
    out->id = parts->id;
    return is_variable ? read_variable(text, name, &out->value, error)
                       : read_file(text, name, arena, &out->value, error);
}

int build_secrets_read(const struct options *options, struct arena *arena, struct run_options *run,
                       struct error *error) {
    const char *const *item = option_items(options, "secret");
    size_t count = 0;
    while (item[count]) {
        count++;
    }
    struct secret *secrets = arena_array(arena, count, sizeof(*secrets));
    for (size_t i = 0; i < count; i++) {
        struct parts parts = { 0 };
        struct str text = str_of(item[i]);
        if (split(text, &parts, error) < 0) {
            return -1;
        }
        if (parts.id.len == 0) {
            return bad(text, "it needs an id", error);
        }
        if (find(&parts, text, arena, &secrets[i], error) < 0) {
            return -1;
        }
    }
    run->secrets = secrets;
    run->secret_count = count;
    return 0;
}
