/* Which Dockerfile, which context. */
#include "cli/build.h"

#include "base/fs.h"

#include <errno.h>
#include <unistd.h>

/* Far above what anybody writes; a device or a log given by mistake ends here. */
#define DOCKERFILE_LIMIT ((size_t)16 << 20)

/* For what looks like a URL and is none that bud fetches. */
static const char *scheme_advice(struct str text) {
    return str_has_prefix(text, STR("file://")) ? "give the path of the directory itself"
           : str_has_prefix(text, STR("git+"))
               ? "leave `git+` out: a repository is a URL whose path ends in .git"
               : "contexts from elsewhere are http:// and https:// URLs of archives or "
                 "Dockerfiles, "
                 "and repositories: https://HOST/PATH.git, git://, ssh:// or USER@HOST:PATH";
}

int build_context_check(const char *text, struct error *error) {
    struct stat stat_;
    if (stat(text, &stat_) < 0) {
        int number = errno;
        error_system(error, "context %s", text);
        if (str_find(str_of(text), STR("://")) != SIZE_MAX) {
            return error_hint(error, "%s", scheme_advice(str_of(text)));
        }
        bool is_word = number == ENOENT && strchr(text, '/') == NULL;
        if (is_word && command_suggest(text, error)) {
            return -1;
        }
        return error_hint(error,
                          "%sthe last argument is the directory with the files that COPY "
                          "and ADD may take",
                          is_word ? "there is no such command either, `bud help` lists them; "
                                  : "");
    }
    if (S_ISREG(stat_.st_mode)) {
        error_set(error, ERROR_USAGE, "context %s is a file, not a directory", text);
        return error_hint(error,
                          "an archive, or a Dockerfile alone, goes in by standard input: bud "
                          "- < FILE; a Dockerfile of another name: bud -f FILE DIRECTORY");
    }
    return S_ISDIR(stat_.st_mode)
               ? 0
               : error_set(error, ERROR_USAGE, "context %s is not a directory", text);
}

/* As errno says. */
static int cannot_open(const char *path, struct error *error) {
    bool is_forbidden = errno == EACCES;
    error_system(error, "cannot open %s", path);
    return is_forbidden ? error_hint(error,
                                     "you may not read it, or not enter a directory on the "
                                     "way: `namei -l %s` shows whose they are",
                                     path)
                        : -1;
}

/* The first of the default names in CONTEXT; -1 and error when there is none. */
static int open_default(const char *context, struct arena *arena, const char **path,
                        struct error *error) {
    static const char *const names[] = { "Containerfile", "Dockerfile" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *path = arena_printf(arena, "%s/%s", context, names[i]);
        int fd = open(*path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        if (errno != ENOENT) {
            return cannot_open(*path, error);
        }
    }
    error_set(error, ERROR_NOT_FOUND,
              "no Dockerfile: there is neither %s/Containerfile nor %s/Dockerfile", context,
              context);
    return error_hint(error, "name it with --file, or give the directory it is in");
}

/* The file beside PATH, which is not there, that may have been meant; NULL: none is near. */
static const char *nearest_file(const char *path, struct arena *arena) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct str directory =
        slash != NULL ? str_sub(str_of(path), 0, (size_t)(name - path)) : STR(".");
    _cleanup_fd_ int fd = open(str_dup(arena, directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *nearest = fs_nearest(fd, str_of(name), arena);
    return nearest != NULL && slash != NULL
               ? arena_printf(arena, "%.*s%s", STR_ARG(directory), nearest)
               : nearest;
}

static int no_such_file(const char *file, const char *other, struct arena *arena,
                        struct error *error) {
    const char *nearest = nearest_file(file, arena);
    if (other != NULL) {
        error_set(error, ERROR_NOT_FOUND, "no Dockerfile: there is neither %s nor %s", file, other);
        nearest = nearest != NULL ? nearest : nearest_file(other, arena);
    } else {
        error_set(error, ERROR_NOT_FOUND, "no Dockerfile: %s does not exist", file);
    }
    return nearest != NULL ? error_hint(error, "did you mean %s?", nearest)
           : other != NULL ? error_hint(error, "a file is looked for in the current directory, "
                                               "then in the context")
                           : error_hint(error, "give the path of a Dockerfile, or the directory "
                                               "it is in");
}

/* FILE as given; a relative one that is not there is looked for in CONTEXT too (buildah-build(1), --file). */
static int open_named(const char *file, const char *context, struct arena *arena, const char **path,
                      struct error *error) {
    *path = file;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT) {
        return fd >= 0 ? fd : cannot_open(file, error);
    }
    if (file[0] == '/' || strcmp(context, ".") == 0) {
        return no_such_file(file, NULL, arena, error);
    }
    *path = arena_printf(arena, "%s/%s", context, file);
    fd = open(*path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT) {
        return fd >= 0 ? fd : cannot_open(*path, error);
    }
    return no_such_file(file, *path, arena, error);
}

/* NAME of the fetched directory ROOT; *FD is -1 when it has none. */
static int open_fetched(int root, const char *name, int *fd, struct error *error) {
    struct stat stat_;
    *fd = fs_open_in_root(root, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, error);
    if (*fd < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    if (fstat(*fd, &stat_) == 0 && !S_ISREG(stat_.st_mode)) {
        cleanup_fd(fd);
        *fd = -1;
        return error_set(error, ERROR_INPUT, "%s is not a regular file", name);
    }
    return 0;
}

/* FILE, or the first of the default names; *PATH is what it is called. */
static int find_fetched(const char *file, const struct plan_request *plan, const char **path,
                        struct error *error) {
    const char *const names[] = { file != NULL ? file : "Containerfile",
                                  file != NULL ? NULL : "Dockerfile", NULL };
    _cleanup_fd_ int root = fs_open(plan->context, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    int fd = -1;
    for (size_t i = 0; root >= 0 && fd < 0 && names[i] != NULL; i++) {
        *path = names[i];
        if (open_fetched(root, names[i], &fd, error) < 0) {
            return error_wrap(error, "cannot open the Dockerfile of %s", plan->context_origin);
        }
    }
    if (fd < 0 && root >= 0) {
        error_set(error, ERROR_NOT_FOUND, "no Dockerfile: %s has no %s", plan->context_origin,
                  file != NULL ? file : "Containerfile and no Dockerfile");
        return error_hint(error, file != NULL ? "a Dockerfile from here goes with such a context "
                                                "as `-f - CONTEXT < FILE`"
                                              : "name it with --file");
    }
    return fd;
}

static int read_open(int fd, const char *name, struct arena *arena, struct str *text,
                     struct error *error) {
    _cleanup_buf_ struct buf content = BUF_INIT;
    struct stat stat_;
    if (fstat(fd, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
        error_set(error, ERROR_INPUT, "%s is a directory, not a Dockerfile", name);
        return error_hint(error, "give the file itself with --file");
    }
    if (fs_read_fd(fd, name, DOCKERFILE_LIMIT, &content, error) < 0) {
        return error_wrap(error, "cannot read the Dockerfile");
    }
    *text = str_copy(arena, buf_str(&content));
    return 0;
}

int build_file_check_local(const char *file, struct arena *arena, struct error *error) {
    if (remote_kind_of(str_of(file)) == REMOTE_NONE || access(file, F_OK) == 0) {
        return 0;
    }
    return error_set(error, ERROR_UNSUPPORTED, "%.*s: no Dockerfile is fetched from elsewhere",
                     STR_ARG(remote_shown(str_of(file), arena)));
}

int build_file_read(const char *file, const char *context, struct arena *arena, const char **path,
                    const char **name, struct str *text, struct error *error) {
    if (file != NULL && strcmp(file, "-") == 0) {
        *path = NULL;
        *name = "standard input";
        return read_open(STDIN_FILENO, *name, arena, text, error);
    }
    if (file != NULL && build_file_check_local(file, arena, error) < 0) {
        return error_hint(error, "curl URL | bud -f - CONTEXT; a whole context is fetched by `bud "
                                 "build`, also with --call targets or outline, and `bud plan`");
    }
    if (file != NULL && str_has_suffix(str_of(file), STR(".in"))) {
        /* buildah-build(1): such a file goes through cpp first. */
        error_set(error, ERROR_UNSUPPORTED, "--file %s: the C preprocessor is not done yet", file);
        return error_hint(error, "cpp -P -traditional %s | bud -f - %s", file, context);
    }
    _cleanup_fd_ int fd = file == NULL ? open_default(context, arena, path, error)
                                       : open_named(file, context, arena, path, error);
    if (fd < 0) {
        return -1;
    }
    *name = *path;
    if (str_has_prefix(str_of(*name), STR("./"))) {
        *name += 2;
    }
    struct stat status;
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        *path = NULL; /* `-f <(...)`: gone when the shell is done with it, as standard input is */
    }
    return read_open(fd, *name, arena, text, error);
}

int build_file_read_fetched(const char *file, const struct plan_request *plan,
                            const struct remote_contexts *remote, struct arena *arena,
                            const char **path, const char **name, struct str *text,
                            struct error *error) {
    *path = NULL;
    if (remote->dockerfile != NULL && file != NULL) {
        error_set(error, ERROR_USAGE, "two Dockerfiles: --file %s, and %s, which is no archive",
                  file, plan->context_origin);
        return error_hint(error, "give one of them");
    }
    if (file != NULL && strcmp(file, "-") == 0) {
        *name = "standard input";
        return read_open(STDIN_FILENO, *name, arena, text, error);
    }
    _cleanup_fd_ int fd = remote->dockerfile != NULL
                              ? fs_open(remote->dockerfile, O_RDONLY, 0, error)
                              : find_fetched(file, plan, path, error);
    *name = remote->dockerfile != NULL ? plan->context_origin : *path;
    return fd < 0 ? -1 : read_open(fd, *name, arena, text, error);
}

const struct option_spec file_options[] = {
    { .name = "file",
      .letter = 'f',
      .kind = OPTION_TEXT,
      .value = "FILE",
      .help = "the Dockerfile, `-` for standard input, as for `bud build`" },
    { .name = NULL },
};

int build_file_argument(const struct invocation *invocation, const char **name, struct str *text,
                        struct error *error) {
    const struct options *options = &invocation->options;
    const char *file = option_text(options, "file", NULL), *context = ".", *path;
    const char *argument = options->argument_count > 0 ? options->arguments[0] : NULL;
    struct stat stat_;
    if (argument != NULL && stat(argument, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
        context = argument;
    } else if (argument != NULL && file != NULL) {
        error_set(error, ERROR_USAGE, "two Dockerfiles: %s and %s", file, argument);
        return error_hint(error, "give one of them, alone or with its context's directory");
    } else if (argument != NULL) {
        file = argument;
    }
    return build_file_read(file, context, invocation->arena, &path, name, text, error);
}
