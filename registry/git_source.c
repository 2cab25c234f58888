#include "registry/git_source.h"

#include "base/fs.h"
#include "base/subprocess.h"
#include "base/time.h"
#include "base/vec.h"
#include "store/disk_usage.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* What git says at most; the answer of a server that lists more refs than these was not asked for. */
#define OUTPUT_LIMIT ((size_t)1 << 20)
#define WORDS_MAXIMUM 16

/* One program call after the other on one repository. */
struct git {
    const struct remote *remote;
    const struct git_limits *limits;
    bool is_stopped; /* by a limit */
    const char *program;
    const char *secret;            /* of the URL, which nobody may see; "": none */
    const char *directory;         /* the work tree, or NULL: no repository at all */
    VEC(const char *) environment; /* ends with NULL */
    struct arena arena;
};

/* ---- its environment ---- */

static void set(struct git *git, const char *name, const char *value) {
    vec_push(&git->environment, arena_printf(&git->arena, "%s=%s", name, value));
}

/* What reaches git of our own environment. */
static void inherit(struct git *git) {
    static const char *const names[] = {
        "PATH",      "HOME",          "USER",         "LOGNAME",
        "TMPDIR",    "http_proxy",    "https_proxy",  "no_proxy",
        "all_proxy", "HTTP_PROXY",    "HTTPS_PROXY",  "NO_PROXY",
        "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value) {
            set(git, names[i], value);
        }
    }
}

/* TEXT of a URL without its %XX (RFC 3986, 2.1); those of control characters, which no credentials have, stay. */
static const char *decoded(struct git *git, struct str text) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    for (size_t i = 0; i < text.len; i++) {
        char digits[3] = { 0 };
        if (text.data[i] == '%' && text.len - i > 2) {
            memcpy(digits, text.data + i + 1, 2);
        }
        bool is_escape = isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]);
        unsigned char byte = is_escape ? (unsigned char)strtoul(digits, NULL, 16) : 0;
        is_escape = byte >= ' ' && byte != 0x7f;
        buf_append_byte(&out, is_escape ? (char)byte : text.data[i]);
        i += is_escape ? 2 : 0;
    }
    return str_dup(&git->arena, buf_str(&out));
}

/* gitcredentials(7): a helper of ours for this host alone. In the URL git would show them to everybody who lists processes, as
 * words of its own helpers. */
#define HELPER                                                                                     \
    "!f() { printf 'username=%s\\npassword=%s\\n' \"$BUD_GIT_USER\" \"$BUD_GIT_PASSWORD\"; }; f"

static void set_credentials(struct git *git) {
    struct str user, password = git->remote->secret;
    str_split(&password, ':', &user);
    /* A user alone is a token. */
    git->secret = decoded(git, password.len > 0 ? password : user);
    set(git, "BUD_GIT_USER", decoded(git, user));
    set(git, "BUD_GIT_PASSWORD", decoded(git, password));
}

/* git-config(1), "ENVIRONMENT": settings that no file and no list of processes shows. Submodules get them, too; those of the
 * same host with the credentials. */
static void configure(struct git *git) {
    const struct remote *remote = git->remote;
    bool has_secret = remote->secret.len > 0;
    size_t scheme = str_find(remote->identity, STR("://"));
    size_t host = scheme == SIZE_MAX ? 0 : scheme + 3;
    size_t path = str_find_byte(str_from(remote->identity, host), '/');
    struct str server = str_sub(remote->identity, 0, path == SIZE_MAX ? path : host + path);
    const char *settings[][2] = {
        { "core.hooksPath", "/dev/null" },
        { "core.attributesFile", "/dev/null" },
        { "core.fsmonitor", "false" },
        { "core.autocrlf", "false" },
        { "credential.helper", "" },
        { "gc.auto", "0" },
        { "maintenance.auto", "false" },
        { "http.lowSpeedLimit", "1" },
        { "http.lowSpeedTime", "60" },
        { arena_printf(&git->arena, "credential.%.*s.helper", STR_ARG(server)), HELPER },
    };
    size_t count = sizeof(settings) / sizeof(settings[0]) - !has_secret;
    for (size_t i = 0; i < count; i++) {
        set(git, arena_printf(&git->arena, "GIT_CONFIG_KEY_%zu", i), settings[i][0]);
        set(git, arena_printf(&git->arena, "GIT_CONFIG_VALUE_%zu", i), settings[i][1]);
    }
    set(git, "GIT_CONFIG_COUNT", arena_printf(&git->arena, "%zu", count));
    if (has_secret) {
        set_credentials(git);
    }
}

static int begin(struct git *git, const struct remote *remote, const struct git_limits *limits,
                 const char *directory, struct error *error) {
    *git = (struct git){ .remote = remote,
                         .limits = limits,
                         .secret = "",
                         .directory = directory,
                         .arena = ARENA_INIT };
    git->program = subprocess_find(&git->arena, "git");
    if (!git->program) {
        error_set(error, ERROR_NOT_FOUND, "%.*s: a repository needs the program git",
                  STR_ARG(remote->shown));
        return error_hint(error, "install it (Debian: apt-get install git)");
    }
    inherit(git);
    set(git, "LC_ALL", "C");
    set(git, "GIT_CONFIG_NOSYSTEM", "1");
    set(git, "GIT_CONFIG_GLOBAL", "/dev/null");
    set(git, "GIT_ATTR_NOSYSTEM", "1");
    set(git, "GIT_TEMPLATE_DIR", "");
    set(git, "GIT_TERMINAL_PROMPT", "0");
    set(git, "GIT_ALLOW_PROTOCOL", "http:https:git:ssh");
    set(git, "GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=30");
    set(git, "GIT_DIR", directory ? arena_printf(&git->arena, "%s/.git", directory) : "/dev/null");
    if (directory) {
        set(git, "GIT_WORK_TREE", directory);
    }
    configure(git);
    vec_push(&git->environment, NULL);
    return 0;
}

static void end(struct git *git) {
    vec_free(&git->environment);
    arena_free(&git->arena);
}

/* ---- its limits ---- */

/* A call while it runs. */
struct watched {
    struct git *git;
    bool is_local;     /* nobody is asked */
    uint64_t received; /* of its output */
    uint64_t bytes;    /* on the disk */
    uint64_t alive;    /* when one of them was another, monotonic */
    uint64_t due;      /* when to look at the disk again */
};

static int measure(struct git *git, uint64_t *bytes, struct error *error) {
    _cleanup_disk_usage_ struct disk_usage usage = DISK_USAGE_INIT;
    *bytes = 0;
    if (disk_usage_add(&usage, AT_FDCWD, git->directory, bytes, error) < 0) {
        return -1;
    }
    if (*bytes <= git->limits->bytes) {
        return 0;
    }
    git->is_stopped = true;
    error_set(error, ERROR_FAILED, "%.*s: it has more than %llu bytes", STR_ARG(git->remote->shown),
              (unsigned long long)git->limits->bytes);
    return error_hint(error, "clone it before the build, without what the build does not need");
}

static int check_alive(const struct watched *watched, uint64_t now, struct error *error) {
    struct git *git = watched->git;
    unsigned seconds = git->limits->silent_seconds;
    if (watched->is_local || now - watched->alive < seconds * (uint64_t)1000000000) {
        return 0;
    }
    git->is_stopped = true;
    error_set(error, ERROR_FAILED, "%.*s: nothing came for %u seconds", STR_ARG(git->remote->shown),
              seconds);
    return error_hint(error, "check the host's name and the network, or try again");
}

/* Large trees are looked at less often: they take time, too. */
static int look_at(void *context, uint64_t received, struct error *error) {
    struct watched *watched = context;
    uint64_t now = time_monotonic(), bytes = watched->bytes;
    if (now < watched->due) {
        return 0;
    }
    if (watched->git->directory && measure(watched->git, &bytes, error) < 0) {
        return -1;
    }
    if (received != watched->received || bytes != watched->bytes) {
        watched->alive = now;
    }
    watched->received = received;
    watched->bytes = bytes;
    watched->due = now + 4 * (time_monotonic() - now);
    return check_alive(watched, now, error);
}

/* ---- a call ---- */

/* TEXT without the credentials, and without what comes before the reason. */
static struct str reason(struct git *git, struct str text) {
    struct str line = str_trim(text), rest;
    size_t fatal = str_find(line, STR("fatal: ")), progress = str_rfind_byte(line, '\r');
    if (fatal == SIZE_MAX && progress != SIZE_MAX) {
        line = str_from(line, progress + 1);
    } else if (fatal != SIZE_MAX) {
        rest = str_from(line, fatal + 7);
        str_split(&rest, '\n', &line);
        if (str_has_suffix(line, STR(":"))) { /* `unable to connect to HOST:`, and why */
            struct str more;
            str_split(&rest, '\n', &more);
            line = str_printf(&git->arena, "%.*s %.*s", STR_ARG(line), STR_ARG(more));
        }
    }
    /* What the server says is up to the server. */
    if (git->secret[0] != '\0' && str_find(line, str_of(git->secret)) != SIZE_MAX) {
        return STR("git does not get at it with these credentials");
    }
    return line.len > 0 ? str_sub(line, 0, 500) : STR("git failed and said nothing");
}

enum asking { LOCAL, REMOTE };

/* WORDS, ending with NULL, are those of git. OUT may be NULL. Files are made with the modes BuildKit gives them, whatever the
 * caller's umask is. */
static int call(struct git *git, enum asking asking, const char *const *words, struct buf *out,
                struct error *error) {
    const char *argv[WORDS_MAXIMUM + 5] = { "/bin/sh", "-c", "umask 022; exec \"$0\" \"$@\"",
                                            git->program };
    _cleanup_buf_ struct buf complaint = BUF_INIT;
    int status;
    for (size_t i = 0; words[i] && i < WORDS_MAXIMUM; i++) {
        argv[4 + i] = words[i];
    }
    struct watched watched = { .git = git, .is_local = asking == LOCAL, .alive = time_monotonic() };
    const struct subprocess_options options = {
        .argv = argv,
        .envp = git->environment.items,
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = -1,
        .directory = git->directory ? git->directory : "/",
        .is_contained = true,
        .watch = look_at,
        .watch_context = &watched,
    };
    if (subprocess_run(&options, out, &complaint, OUTPUT_LIMIT, &status, error) < 0) {
        return -1;
    }
    if (status != 0) {
        struct str why = reason(git, buf_str(&complaint));
        error_set(error, ERROR_FAILED, "git %s: %.*s: %.*s", words[0], STR_ARG(git->remote->shown),
                  STR_ARG(why));
        return error_hint(error,
                          "check the URL and the network; a repository that is not public takes "
                          "user and token in the URL, ~/.netrc or an ssh agent");
    }
    return 0;
}

/* ---- which commit ---- */

/* The commit of the line `COMMIT<tab>NAME` in LIST; empty: NAME is not there. */
static struct str find_ref(struct str list, const char *name) {
    struct str line;
    while (str_split(&list, '\n', &line)) {
        struct str commit, rest = line;
        str_split(&rest, '\t', &commit);
        if (rest.data && str_equal_c(rest, name) && remote_is_commit(commit)) {
            return commit;
        }
    }
    return STR_EMPTY;
}

static int ask(struct git *git, struct arena *arena, struct str *commit, struct error *error) {
    const struct remote *remote = git->remote;
    _cleanup_buf_ struct buf list = BUF_INIT;
    const char *url = str_dup(&git->arena, remote->identity);
    const char *ref = remote->ref.len > 0 ? str_dup(&git->arena, remote->ref) : "HEAD";
    /* The first that is there. An annotated tag is an object of its own: NAME^{} is its commit. */
    const char *names[] = {
        arena_printf(&git->arena, "%s^{}", ref),
        ref,
        arena_printf(&git->arena, "refs/heads/%s", ref),
        arena_printf(&git->arena, "refs/tags/%s^{}", ref),
        arena_printf(&git->arena, "refs/tags/%s", ref),
        arena_printf(&git->arena, "refs/%s", ref),
    };
    size_t count = sizeof(names) / sizeof(names[0]);
    const char *words[] = { "ls-remote", "--",     url,      names[0], names[1],
                            names[2],    names[3], names[4], names[5], NULL };
    if (call(git, REMOTE, words, &list, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct str found = find_ref(buf_str(&list), names[i]);
        if (found.len > 0) {
            *commit = str_copy(arena, found);
            return 0;
        }
    }
    error_set(error, ERROR_NOT_FOUND, "%.*s: there is no branch and no tag %s",
              STR_ARG(remote->shown), ref);
    return error_hint(error, "what follows # is a branch, a tag or a whole commit ID of 40 digits; "
                             "a directory of the default branch is written #:DIRECTORY");
}

int git_source_resolve(const struct remote *remote, const struct git_limits *limits,
                       struct arena *arena, struct str *commit, struct error *error) {
    struct git git;
    if (remote_is_commit(remote->ref)) {
        *commit = remote->ref;
        return 0;
    }
    int result = begin(&git, remote, limits, NULL, error);
    if (result == 0) {
        result = ask(&git, arena, commit, error);
    }
    end(&git);
    return result;
}

/* ---- its files ---- */

/* The one commit; a server that does not give just any, or a plain file server, is asked for all there is. Progress is a sign of
 * life while the server thinks. */
static int fetch(struct git *git, const char *commit, struct error *error) {
    const char *url = str_dup(&git->arena, git->remote->identity);
    const char *const one[] = { "fetch",     "--progress", "--no-tags", "--no-recurse-submodules",
                                "--depth=1", "--",         url,         commit,
                                NULL };
    const char *const all[] = { "fetch",
                                "--progress",
                                "--no-recurse-submodules",
                                "--",
                                url,
                                "+refs/heads/*:refs/remotes/origin/*",
                                "+refs/tags/*:refs/tags/*",
                                NULL };
    _cleanup_error_ struct error refused = ERROR_INIT;
    if (call(git, REMOTE, one, NULL, &refused) == 0) {
        return 0;
    }
    if (git->is_stopped) {
        error_append(error, &refused);
        return -1;
    }
    return call(git, REMOTE, all, NULL, error);
}

static int check_out(struct git *git, const char *commit, struct error *error) {
    const char *const init[] = { "init", "-q", NULL };
    const char *const checkout[] = { "checkout", "-q", "-f", "--detach", commit, NULL };
    return call(git, LOCAL, init, NULL, error) < 0 || fetch(git, commit, error) < 0 ||
                   call(git, LOCAL, checkout, NULL, error) < 0
               ? -1
               : 0;
}

/* Where it came from: for whoever asks in a .git that is kept, and for submodules whose URLs are relative. */
static int name_origin(struct git *git, struct error *error) {
    const char *url = str_dup(&git->arena, git->remote->identity);
    const char *const origin[] = { "config", "remote.origin.url", url, NULL };
    return call(git, LOCAL, origin, NULL, error);
}

static bool has_submodules(struct git *git) {
    const char *modules = arena_printf(&git->arena, "%s/.gitmodules", git->directory);
    return faccessat(AT_FDCWD, modules, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* BuildKit has them, recursively. Their .git are files that name a directory of the repository's own. */
static int check_out_submodules(struct git *git, bool keeps_git, struct error *error) {
    const char *const update[] = { "submodule",   "update",    "--progress", "--init",
                                   "--recursive", "--depth=1", NULL };
    int status;
    if (call(git, REMOTE, update, NULL, error) < 0) {
        return error_wrap(error, "cannot fetch the submodules of %.*s",
                          STR_ARG(git->remote->shown));
    }
    /* No commit can have a file of that name: git refuses it. */
    const char *const find[] = { "find", git->directory, "-name", ".git", "-prune", "-exec",
                                 "rm",   "-rf",          "--",    "{}",   "+",      NULL };
    const struct subprocess_options options = {
        .argv = find, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
    };
    if (keeps_git) {
        return 0;
    }
    if (subprocess_run(&options, NULL, NULL, 0, &status, error) < 0) {
        return -1;
    }
    return status == 0 ? 0 : error_set(error, ERROR_FAILED, "cannot remove .git of submodules");
}

int git_source_checkout(const struct remote *remote, const struct git_limits *limits,
                        struct str commit, bool keeps_git, const char *target,
                        struct error *error) {
    struct git git;
    int result = begin(&git, remote, limits, target, error);
    if (result == 0) {
        result = check_out(&git, str_dup(&git.arena, commit), error);
    }
    bool is_parent = result == 0 && has_submodules(&git);
    if (result == 0 && (is_parent || keeps_git)) {
        result = name_origin(&git, error);
    }
    if (result == 0 && is_parent) {
        result = check_out_submodules(&git, keeps_git, error);
    }
    uint64_t bytes;
    if (result == 0) {
        result = measure(&git, &bytes, error);
    }
    if (result == 0 && !keeps_git) {
        result = fs_remove_tree(AT_FDCWD, arena_printf(&git.arena, "%s/.git", target), error);
    }
    end(&git);
    return result;
}
