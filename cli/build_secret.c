/* --secret (buildah-build(1); docker buildx build, which differs in details). */
#include "cli/build.h"

#include "base/fs.h"
#include "base/vec.h"

#include <stdlib.h>
#include <unistd.h>

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

/* The path of NAME, a file, from wherever this process will be. */
static int take_file(struct str text, struct str name, struct arena *arena, struct secret *out,
                     struct error *error) {
    const char *path = str_dup(arena, name);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    if (access(path, R_OK) < 0 || (path[0] != '/' && !here)) {
        error_system(error, "--secret %.*s: cannot read %s", STR_ARG(text), path);
        return error_hint(error, "src=FILE is a path from here, env=NAME an environment variable");
    }
    out->source = path_join(arena, str_of(here ? here : "/"), name);
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
    struct str name = parts->env.len > 0 ? parts->env : parts->src.len > 0 ? parts->src : parts->id;
    const char *plain = str_dup(arena, name);
    bool is_variable = getenv(plain) != NULL;
    bool is_either = parts->type.len == 0 && parts->env.len == 0;
    out->id = parts->id;
    out->is_env =
        is_either ? is_variable && (parts->src.len == 0 || access(plain, F_OK) < 0) : !is_file;
    if (!out->is_env) {
        return take_file(text, name, arena, out, error);
    }
    out->source = name;
    return is_variable
               ? 0
               : error_set(error, ERROR_NOT_FOUND, "--secret %.*s: the environment has no %s",
                           STR_ARG(text), plain);
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
