#include "cli/remote_context.h"

#include "base/fs.h"
#include "base/log.h"
#include "planner/image_config.h"
#include "registry/fetch.h"
#include "registry/git_source.h"
#include "store/archive.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* Above any context people send, below what fills a disk unnoticed. */
#define DOWNLOAD_LIMIT ((uint64_t)32 << 30)
#define SILENT_SECONDS 60 /* as fetch_file() has it */
#define CHUNK ((size_t)128 << 10)
#define KEEP_GIT "BUILDKIT_CONTEXT_KEEP_GIT_DIR"
/* Beside `files` of an entry that is one file: the body as it came. */
#define BODY "body"

struct fetching {
    const struct invocation *invocation;
    const struct store *store; /* NULL: nothing can be kept */
    struct arena *arena;
    struct plan_request *plan;
    struct remote_contexts *out;
};

enum remote_kind remote_context_kind(const char *text) {
    enum remote_kind kind = remote_kind_of(str_of(text));
    if (kind == REMOTE_NONE && str_has_prefix(str_of(text), STR("github.com/"))) {
        kind = REMOTE_GIT;
    }
    bool may_be_path = kind != REMOTE_NONE && str_find(str_of(text), STR("://")) == SIZE_MAX;
    return may_be_path && access(text, F_OK) == 0 ? REMOTE_NONE : kind;
}

bool remote_context_is_input(const char *text) {
    return strcmp(text, "-") == 0;
}

static void tell(const struct fetching *fetching, struct str shown) {
    if (option_flag(&fetching->invocation->options, "quiet", false)) {
        return;
    }
    const char *text = arena_printf(fetching->arena, "fetching %.*s\n", STR_ARG(shown));
    _cleanup_buf_ struct buf line = BUF_INIT;
    error_print_text(&line, text);
    fs_write_all(STDERR_FILENO, "standard error", line.data, line.len, NULL);
}

static const char *files_of(const struct fetching *fetching, const struct fetched *entry) {
    return arena_printf(fetching->arena, "%s/files", entry->path);
}

/* What people read, and what tells the builds of one place from those of another: not the commit. */
static const char *origin_of(const struct fetching *fetching, const struct remote *remote,
                             struct str directory) {
    struct str ref = remote_is_commit(remote->ref) ? STR_EMPTY : remote->ref;
    return arena_printf(fetching->arena, "%.*s%s%.*s%s%.*s", STR_ARG(remote->shown),
                        ref.len + directory.len > 0 ? "#" : "", STR_ARG(ref),
                        directory.len > 0 ? ":" : "", STR_ARG(directory));
}

/* ---- repositories ---- */

static bool keeps_git(const struct plan_request *plan) {
    const struct str *value = name_values_get(&plan->build_args, STR(KEEP_GIT));
    bool is_kept;
    return value && value->data && str_parse_bool(*value, &is_kept) && is_kept;
}

static int fetch_git(const struct fetching *fetching, const struct remote *remote,
                     struct fetched *out, struct error *error) {
    const struct git_limits limits = { DOWNLOAD_LIMIT, SILENT_SECONDS };
    bool is_kept = keeps_git(fetching->plan);
    struct str commit;
    struct hasher hasher;
    if (git_source_resolve(remote, &limits, fetching->arena, &commit, error) < 0) {
        return -1;
    }
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-git-v1"));
    hasher_update_str(&hasher, remote->identity);
    hasher_update_str(&hasher, commit);
    hasher_update_u64(&hasher, is_kept);
    struct digest key = hasher_finish(&hasher);
    if (fetched_open(fetching->store, &key, out, error) < 0 || out->fd >= 0) {
        return out->fd >= 0 ? 0 : -1;
    }
    tell(fetching,
         str_printf(fetching->arena, "%.*s#%.*s", STR_ARG(remote->shown), STR_ARG(commit)));
    return fetched_new(fetching->store, out, error) < 0 ||
                   git_source_checkout(remote, &limits, commit, is_kept, files_of(fetching, out),
                                       error) < 0 ||
                   fetched_keep(fetching->store, out, &key,
                                str_of(origin_of(fetching, remote, STR_EMPTY)), error) < 0
               ? -1
               : 0;
}

/* The directory of the repository that is meant, which no link may lead out of. */
static int enter(const struct fetching *fetching, const struct remote *remote,
                 const struct fetched *entry, const char **path, struct error *error) {
    char place[PATH_MAX];
    *path = files_of(fetching, entry);
    if (remote->directory.len == 0) {
        return 0;
    }
    const char *name = str_dup(fetching->arena, remote->directory);
    _cleanup_fd_ int root = fs_open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    _cleanup_fd_ int fd =
        root < 0 ? -1 : fs_open_beneath(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    if (fd < 0) {
        if (errno == EXDEV) {
            error_set(error, ERROR_INPUT, "a link in it leads out of the repository");
        }
        error_wrap(error, "%.*s: cannot use its directory %s", STR_ARG(remote->shown), name);
        return error_hint(error, "what follows #REF: is a directory of the repository");
    }
    ssize_t len =
        readlink(arena_printf(fetching->arena, "/proc/self/fd/%d", fd), place, sizeof(place) - 1);
    if (len < 0) {
        return error_system(error, "cannot read /proc/self/fd");
    }
    *path = arena_printf(fetching->arena, "%.*s", (int)len, place);
    return 0;
}

/* ---- files and archives ---- */

/* Everything of FD into TARGET. */
static int copy_input(int fd, int target, struct error *error) {
    _cleanup_free_ char *chunk = xmalloc(CHUNK);
    uint64_t total = 0;
    for (;;) {
        ssize_t len = read(fd, chunk, CHUNK);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return len == 0 ? 0 : error_system(error, "cannot read standard input");
        }
        total += (uint64_t)len;
        if (total > DOWNLOAD_LIMIT) {
            return error_set(error, ERROR_INPUT, "standard input has more than %llu bytes",
                             (unsigned long long)DOWNLOAD_LIMIT);
        }
        if (fs_write_all(target, "the context", chunk, (size_t)len, error) < 0) {
            return -1;
        }
    }
}

static int digest_body(int fd, struct hasher *hasher, struct error *error) {
    _cleanup_free_ char *chunk = xmalloc(CHUNK);
    for (off_t at = 0;;) {
        ssize_t len = pread(fd, chunk, CHUNK, at);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return len == 0 ? 0 : error_system(error, "cannot read what was fetched");
        }
        hasher_update(hasher, chunk, (size_t)len);
        at += len;
    }
}

/* The user's own files, whoever an archive says they belong to: a context's have no owner. No devices. */
static int unpack(int body, const char *shown, int files, struct error *error) {
    const struct archive_options options = {
        .has_owner = true, .uid = geteuid(), .gid = getegid(), .is_rootless = true
    };
    if (lseek(body, 0, SEEK_SET) < 0) {
        return error_system(error, "cannot read what was fetched");
    }
    return archive_unpack(body, shown, files, &options, error);
}

/* The body of a new entry becomes its files: an archive is unpacked; another is the one file `context` with the time MODIFIED,
 * seconds, and no file at all when that is negative. *KEY is that of the whole. */
static int arrange(const struct fetched *entry, int body, const char *shown, bool is_main,
                   int64_t modified, struct digest *key, struct error *error) {
    bool is_tar = false;
    struct hasher hasher;
    struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = modified } };
    _cleanup_fd_ int files =
        fs_open_at(entry->fd, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    if (files < 0 || (is_main && archive_is_tar(body, &is_tar, error) < 0)) {
        return -1;
    }
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-fetched-v1"));
    hasher_update_u64(&hasher, is_tar);
    hasher_update_u64(&hasher, is_tar ? 0 : (uint64_t)modified);
    if (digest_body(body, &hasher, error) < 0) {
        return -1;
    }
    *key = hasher_finish(&hasher);
    if (is_tar) {
        return unpack(body, shown, files, error) < 0 || unlinkat(entry->fd, BODY, 0) < 0 ? -1 : 0;
    }
    if (modified >= 0 &&
        (futimens(body, times) < 0 || linkat(entry->fd, BODY, files, "context", 0) < 0)) {
        return error_system(error, "cannot make %s/files/context", entry->path);
    }
    return 0;
}

static int new_body(const struct fetching *fetching, struct fetched *entry, int *body,
                    struct error *error) {
    if (fetched_new(fetching->store, entry, error) < 0) {
        return -1;
    }
    *body = fs_open_at(entry->fd, BODY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, error);
    return *body < 0 ? -1 : 0;
}

/* The entry this URL had the last time, and what to tell the server of it. Credentials may decide what the server sends, and
 * nothing of them is kept: then it is fetched anew. */
static int recall(const struct fetching *fetching, const struct remote *remote, struct str note,
                  struct fetched *entry, const char **tag, struct error *error) {
    struct digest key;
    bool is_known = false;
    *tag = NULL;
    if (remote->secret.len == 0 &&
        fetched_recall(fetching->store, note, fetching->arena, &key, tag, &is_known, error) < 0) {
        return -1;
    }
    if (is_known && fetched_open(fetching->store, &key, entry, error) < 0) {
        return -1;
    }
    *tag = entry->fd >= 0 ? *tag : NULL;
    return 0;
}

static int fetch_http(const struct fetching *fetching, const struct remote *remote, bool is_main,
                      struct fetched *out, struct error *error) {
    struct str note = str_printf(fetching->arena, "%s %.*s", is_main ? "context" : "file",
                                 STR_ARG(remote->identity));
    const char *shown = str_dup(fetching->arena, remote->shown);
    struct fetch_request request = { .remote = remote, .limit = DOWNLOAD_LIMIT };
    struct fetch_result result;
    struct digest key;
    _cleanup_(fetched_release) struct fetched entry = FETCHED_INIT;
    _cleanup_fd_ int body = -1;
    if (recall(fetching, remote, note, out, &request.etag, error) < 0 ||
        new_body(fetching, &entry, &body, error) < 0) {
        return -1;
    }
    request.fd = body;
    if (!request.etag) {
        tell(fetching, remote->shown);
    }
    if (fetch_file(&request, fetching->arena, &result, error) < 0) {
        return -1;
    }
    if (result.is_unchanged) {
        return 0;
    }
    fetched_release(out); /* its successor takes its place */
    int64_t modified = result.last_modified < 0 ? 0 : result.last_modified; /* as BuildKit has it */
    if (arrange(&entry, body, shown, is_main, modified, &key, error) < 0 ||
        fetched_keep(fetching->store, &entry, &key, remote->shown, error) < 0) {
        return -1;
    }
    if (result.etag.len > 0 && remote->secret.len == 0 && !entry.is_temporary &&
        fetched_note(fetching->store, note, &key, result.etag, error) < 0) {
        return -1;
    }
    *out = entry;
    entry = (struct fetched)FETCHED_INIT;
    return 0;
}

static int read_input(const struct fetching *fetching, struct fetched *out, struct error *error) {
    struct digest key;
    _cleanup_fd_ int body = -1;
    return new_body(fetching, out, &body, error) < 0 || copy_input(STDIN_FILENO, body, error) < 0 ||
                   arrange(out, body, "standard input", true, -1, &key, error) < 0 ||
                   fetched_keep(fetching->store, out, &key, STR("standard input"), error) < 0
               ? -1
               : 0;
}

/* ---- all of them ---- */

static int fetch_main(const struct fetching *fetching, struct error *error) {
    struct plan_request *plan = fetching->plan;
    struct str text = str_of(plan->context);
    enum remote_kind kind = remote_context_kind(plan->context);
    bool is_input = remote_context_is_input(plan->context);
    struct remote remote = { .kind = REMOTE_NONE };
    struct fetched entry = FETCHED_INIT;
    if (kind == REMOTE_GIT && remote_kind_of(text) == REMOTE_NONE) {
        text = str_printf(fetching->arena, "https://%.*s", STR_ARG(text));
    }
    if (!is_input &&
        (kind == REMOTE_NONE || remote_parse(text, kind, fetching->arena, &remote, error) < 0)) {
        return kind == REMOTE_NONE ? 0 : error_wrap(error, "cannot use the context");
    }
    int result = is_input             ? read_input(fetching, &entry, error)
                 : kind == REMOTE_GIT ? fetch_git(fetching, &remote, &entry, error)
                                      : fetch_http(fetching, &remote, true, &entry, error);
    vec_push(&fetching->out->held, entry);
    if (result < 0) {
        return error_wrap(error, "cannot fetch the context");
    }
    if (kind != REMOTE_GIT && faccessat(entry.fd, BODY, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        fetching->out->dockerfile = arena_printf(fetching->arena, "%s/" BODY, entry.path);
        plan->has_no_files = is_input;
    }
    plan->context_origin =
        is_input ? "standard input" : origin_of(fetching, &remote, remote.directory);
    return enter(fetching, &remote, &entry, &plan->context, error);
}

static int fetch_named(const struct fetching *fetching, const struct name_value *named,
                       struct error *error) {
    enum remote_kind kind = remote_kind_of(named->value);
    struct fetched entry = FETCHED_INIT;
    struct remote remote;
    const char *directory;
    if (kind == REMOTE_NONE) {
        return 0;
    }
    if (remote_parse(named->value, kind, fetching->arena, &remote, error) < 0) {
        return -1;
    }
    int result = kind == REMOTE_GIT ? fetch_git(fetching, &remote, &entry, error)
                                    : fetch_http(fetching, &remote, false, &entry, error);
    vec_push(&fetching->out->held, entry);
    if (result < 0 || enter(fetching, &remote, &entry, &directory, error) < 0) {
        return -1;
    }
    arena_vec_push(fetching->arena, &fetching->plan->fetched,
                   (struct name_value){ named->value, str_of(directory) });
    return 0;
}

static int fetch_all(const struct fetching *fetching, struct error *error) {
    const struct name_values *named = &fetching->plan->build_contexts;
    if (fetch_main(fetching, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < named->count; i++) {
        if (fetch_named(fetching, &named->items[i], error) < 0) {
            return error_wrap(error, "cannot fetch the build context %.*s",
                              STR_ARG(named->items[i].name));
        }
    }
    return 0;
}

static bool is_any_remote(const struct plan_request *plan) {
    bool is_remote =
        remote_context_is_input(plan->context) || remote_context_kind(plan->context) != REMOTE_NONE;
    for (size_t i = 0; i < plan->build_contexts.count; i++) {
        is_remote |= remote_kind_of(plan->build_contexts.items[i].value) != REMOTE_NONE;
    }
    return is_remote;
}

int remote_contexts_fetch(const struct invocation *invocation, enum store_access access,
                          struct plan_request *plan, struct remote_contexts *out,
                          struct error *error) {
    struct fetching fetching = { invocation, NULL, invocation->arena, plan, out };
    struct store *store = NULL;
    if (!is_any_remote(plan)) {
        return 0;
    }
    /* A store that cannot be written is no reason not to look at the plan. */
    if (invocation_open_store(invocation, access, NAMESPACE_FOR_TABLES, &store, error) < 0) {
        if (error->code != ERROR_SYSTEM) {
            return -1;
        }
        error_clear(error);
        store = NULL;
    }
    fetching.store = store;
    int result = fetch_all(&fetching, error);
    if (store) {
        store_close(store);
    }
    return result;
}

void remote_contexts_release(struct remote_contexts *contexts) {
    for (size_t i = 0; i < contexts->held.count; i++) {
        fetched_release(&contexts->held.items[i]);
    }
    vec_free(&contexts->held);
}
