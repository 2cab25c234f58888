#include "store/fetched.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define ORIGIN "origin"
#define NEW_PREFIX ".new-"
#define REMOVED_PREFIX ".removed-"
#define NOTE_SUFFIX ".note"
#define OUTSIDE_PREFIX "bud-context-"
#define RANDOM_LEN 12
#define NOTE_LIMIT ((size_t)64 << 10)
#define ATTEMPTS 10

/* ---- directories and their locks ---- */

static int open_directory(int at, const char *name) {
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_same(int fd, int at, const char *name) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && fstatat(at, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* NAME with the lock, and still called so; -1 with errno. */
static int open_locked(int at, const char *name, int operation) {
    int fd = open_directory(at, name);
    int locked;
    if (fd < 0) {
        return -1;
    }
    do {
        locked = flock(fd, operation);
    } while (locked < 0 && errno == EINTR);
    if (locked == 0 && is_same(fd, at, name)) {
        return fd;
    }
    int number = locked < 0 ? errno : ENOENT;
    close(fd);
    errno = number;
    return -1;
}

/* Does anybody use NAME? Nobody can ask flock(2): the lock is taken if it can be had, and let go at once. */
static bool is_in_use(int at, const char *name) {
    _cleanup_fd_ int fd = open_locked(at, name, LOCK_EX | LOCK_NB);
    return fd < 0 && errno == EWOULDBLOCK;
}

/* Removes every PREFIX… of our own in AT whose maker is gone, and adds what it took to *BYTES. IS_DRY: only that. */
static void sweep_prefix(int at, const char *prefix, bool is_dry, uint64_t *bytes) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct str *names;
    size_t count;
    if (fs_list(at, &arena, &names, &count, &error) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        if (!str_has_prefix(names[i], str_of(prefix)) ||
            fstatat(at, names[i].data, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            status.st_uid != geteuid() || !S_ISDIR(status.st_mode)) {
            continue;
        }
        _cleanup_fd_ int fd = open_locked(at, names[i].data, LOCK_EX | LOCK_NB);
        if (fd < 0) {
            continue;
        }
        if (is_dry) {
            flock(fd, LOCK_UN); /* nobody waits for the walk of who only looks */
        }
        disk_usage_add(&disk, at, names[i].data, bytes, NULL);
        if (!is_dry && fs_remove_tree(at, names[i].data, &error) < 0) {
            log_warn("cannot remove %s, which a dead build left: %s", names[i].data, error.message);
            error_clear(&error);
        }
    }
}

/* Where entries are; -1 with errno. IS_MADE: made where it is missing, in a store that has been written to before. */
static int open_place(const struct store *store, bool is_made) {
    if (!store || store->root_fd < 0) {
        errno = ENOENT;
        return -1;
    }
    if (is_made && mkdirat(store->root_fd, FETCHED_DIRECTORY, 0700) < 0 && errno != EEXIST) {
        return -1;
    }
    return open_directory(store->root_fd, FETCHED_DIRECTORY);
}

static const char *outside(void) {
    const char *directory = getenv("TMPDIR");
    return directory && directory[0] == '/' ? directory : "/var/tmp";
}

/* ---- one entry ---- */

int fetched_open(const struct store *store, const struct digest *key, struct fetched *out,
                 struct error *error) {
    struct digest_hex hex = digest_hex(key);
    _cleanup_fd_ int place = open_place(store, false);
    *out = (struct fetched)FETCHED_INIT;
    for (int i = 0; place >= 0 && i < ATTEMPTS; i++) {
        out->fd = open_locked(place, hex.text, LOCK_SH);
        if (out->fd >= 0) {
            out->path = xasprintf("%s/" FETCHED_DIRECTORY "/%s", store->root, hex.text);
            futimens(out->fd, NULL); /* for people: `bud cache du` */
            return 0;
        }
        if (errno != ENOENT) {
            return error_system(error, "cannot use %s/" FETCHED_DIRECTORY "/%s", store->root,
                                hex.text);
        }
    }
    return 0;
}

/* A directory PREFIX… in AT that nobody sweeps; its NAME. -1 with errno. */
static int make_locked(int at, const char *prefix, char *name, size_t size) {
    for (int i = 0; i < ATTEMPTS; i++) {
        char random[RANDOM_LEN + 1];
        fs_random_name(random, RANDOM_LEN);
        snprintf(name, size, "%s%s", prefix, random);
        if (mkdirat(at, name, 0700) < 0) {
            return -1;
        }
        int fd = open_locked(at, name, LOCK_EX | LOCK_NB);
        if (fd >= 0) {
            return fd;
        }
    }
    return -1;
}

int fetched_new(const struct store *store, struct fetched *out, struct error *error) {
    char name[sizeof(OUTSIDE_PREFIX) + RANDOM_LEN + 1];
    uint64_t bytes = 0;
    _cleanup_fd_ int place = open_place(store, true);
    *out = (struct fetched){ .fd = -1, .is_temporary = true };
    if (place >= 0) {
        sweep_prefix(place, NEW_PREFIX, false, &bytes);
        out->fd = make_locked(place, NEW_PREFIX, name, sizeof(name));
        out->path = xasprintf("%s/" FETCHED_DIRECTORY "/%s", store->root, name);
    }
    if (out->fd < 0) {
        cleanup_fd(&place);
        free(out->path);
        place = fs_open(outside(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
        if (place < 0) {
            out->path = NULL;
            return error_hint(error, "name a directory for temporary files in TMPDIR");
        }
        sweep_prefix(place, OUTSIDE_PREFIX, false, &bytes);
        out->fd = make_locked(place, OUTSIDE_PREFIX, name, sizeof(name));
        out->path = xasprintf("%s/%s", outside(), name);
    }
    /* Whatever the umask is. */
    if (out->fd < 0 || mkdirat(out->fd, "files", 0700) < 0 ||
        fchmodat(out->fd, "files", 0755, 0) < 0) {
        error_system(error, "cannot make %s", out->path);
        fetched_release(out);
        return -1;
    }
    return 0;
}

void fetched_release(struct fetched *fetched) {
    _cleanup_error_ struct error error = ERROR_INIT;
    if (fetched->is_temporary && fetched->fd >= 0 &&
        fs_remove_tree(AT_FDCWD, fetched->path, &error) < 0) {
        log_warn("cannot remove %s: %s", fetched->path, error.message);
    }
    cleanup_fd(&fetched->fd);
    free(fetched->path);
    *fetched = (struct fetched)FETCHED_INIT;
}

/* Nobody has it, or it is out of sight first: whoever opens it meanwhile sees that it has lost its name. */
static int remove_entry(int place, const char *name, bool *is_busy, struct error *error) {
    char doomed[sizeof(REMOVED_PREFIX) + RANDOM_LEN], random[RANDOM_LEN + 1];
    _cleanup_fd_ int fd = open_locked(place, name, LOCK_EX | LOCK_NB);
    *is_busy = fd < 0 && errno == EWOULDBLOCK;
    if (fd < 0) {
        return *is_busy || errno == ENOENT
                   ? 0
                   : error_system(error, "cannot remove the fetched context %s", name);
    }
    fs_random_name(random, RANDOM_LEN);
    snprintf(doomed, sizeof(doomed), REMOVED_PREFIX "%s", random);
    if (renameat(place, name, place, doomed) < 0) {
        return error_system(error, "cannot remove the fetched context %s", name);
    }
    return fs_remove_tree(place, doomed, error);
}

static struct str read_origin(int place, const char *name, struct arena *arena) {
    _cleanup_buf_ struct buf origin = BUF_INIT;
    const char *path = arena_printf(arena, "%s/" ORIGIN, name);
    bool exists;
    return fs_read_file_if_exists(place, path, NOTE_LIMIT, &origin, &exists, NULL) == 0
               ? str_copy(arena, buf_str(&origin))
               : STR_EMPTY;
}

/* Of one origin the newest is kept: a repository that moves every day must not fill the disk. */
static void drop_former(int place, const char *newest, struct str origin) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *names;
    size_t count;
    if (fs_list(place, &arena, &names, &count, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        bool is_busy;
        if (digest_is_hex_id(names[i]) && !str_equal_c(names[i], newest) &&
            str_equal(read_origin(place, names[i].data, &arena), origin) &&
            remove_entry(place, names[i].data, &is_busy, &error) < 0) {
            log_warn("%s", error.message);
        }
    }
}

static bool is_in_store(const struct store *store, const struct fetched *fetched) {
    return store && store->root_fd >= 0 &&
           str_has_prefix(str_of(fetched->path), str_of(store->root)) &&
           str_find(str_of(fetched->path), STR("/" FETCHED_DIRECTORY "/" NEW_PREFIX)) != SIZE_MAX;
}

int fetched_keep(const struct store *store, struct fetched *fetched, const struct digest *key,
                 struct str origin, struct error *error) {
    struct digest_hex hex = digest_hex(key);
    if (!is_in_store(store, fetched)) {
        return 0;
    }
    _cleanup_fd_ int place = open_place(store, false);
    if (place < 0) {
        return error_system(error, "cannot open %s/" FETCHED_DIRECTORY, store->root);
    }
    /* The name says that all is there, also after the machine went down. */
    if (fs_write_atomic(fetched->fd, ORIGIN, origin.data, origin.len, 0600, FS_NO_SYNC, error) <
            0 ||
        (syncfs(fetched->fd) < 0 && error_system(error, "cannot write %s", fetched->path) < 0)) {
        return -1;
    }
    const char *name = strrchr(fetched->path, '/') + 1;
    if (renameat(place, name, place, hex.text) == 0) {
        fetched->is_temporary = false;
    } else if (errno != EEXIST && errno != ENOTEMPTY) {
        return error_system(error, "cannot rename %s", fetched->path);
    }
    /* Not by turning one lock into the other, which is two steps: by the name, as everybody. */
    fetched_release(fetched);
    if (fetched_open(store, key, fetched, error) < 0) {
        return -1;
    }
    if (fetched->fd < 0) {
        error_set(error, ERROR_CHANGED, "what was fetched is gone: a prune removed it");
        return error_hint(error, "try again");
    }
    drop_former(place, hex.text, origin);
    return 0;
}

/* ---- notes ---- */

static void note_name(struct str origin, char *out, size_t size) {
    struct digest digest = digest_of(origin.data, origin.len);
    snprintf(out, size, "%s" NOTE_SUFFIX, digest_hex(&digest).text);
}

int fetched_recall(const struct store *store, struct str origin, struct arena *arena,
                   struct digest *key, const char **tag, bool *found, struct error *error) {
    char name[DIGEST_HEX_LEN + sizeof(NOTE_SUFFIX)];
    _cleanup_fd_ int place = open_place(store, false);
    _cleanup_buf_ struct buf text = BUF_INIT;
    *found = false;
    if (place < 0) {
        return 0;
    }
    note_name(origin, name, sizeof(name));
    if (fs_read_file_if_exists(place, name, NOTE_LIMIT, &text, found, error) < 0) {
        return -1;
    }
    struct str rest = buf_str(&text), hex;
    str_split(&rest, '\n', &hex);
    *found = *found && rest.data && rest.len > 0 && digest_parse(hex, key);
    *tag = *found ? str_dup(arena, rest) : NULL;
    return 0;
}

int fetched_note(const struct store *store, struct str origin, const struct digest *key,
                 struct str tag, struct error *error) {
    char name[DIGEST_HEX_LEN + sizeof(NOTE_SUFFIX)];
    _cleanup_fd_ int place = open_place(store, false);
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (place < 0) {
        return 0;
    }
    note_name(origin, name, sizeof(name));
    buf_printf(&text, "%s\n%.*s", digest_hex(key).text, STR_ARG(tag));
    return fs_write_atomic(place, name, text.data, text.len, 0600, FS_NO_SYNC, error);
}

/* ---- all of them ---- */

static int list(const struct store *store, struct arena *arena, int *place, struct str **names,
                size_t *count, struct error *error) {
    *count = 0;
    *place = open_place(store, false);
    if (*place < 0) {
        return errno == ENOENT
                   ? 0
                   : error_system(error, "cannot read %s/" FETCHED_DIRECTORY, store->root);
    }
    return fs_list(*place, arena, names, count, error);
}

static int describe(int place, struct arena *arena, struct fetched_item *item,
                    struct error *error) {
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    struct stat status;
    if (fstatat(place, item->name.data, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        item->last_used = time_of(status.st_mtim);
    }
    item->origin = read_origin(place, item->name.data, arena);
    item->is_busy = is_in_use(place, item->name.data);
    return disk_usage_add(&disk, place, item->name.data, &item->size, error);
}

int fetched_list(const struct store *store, struct arena *arena, struct fetched_list *out,
                 struct error *error) {
    _cleanup_fd_ int place = -1;
    struct str *names;
    size_t count;
    *out = (struct fetched_list){ NULL, 0 };
    if (list(store, arena, &place, &names, &count, error) < 0) {
        return -1;
    }
    out->items = arena_array(arena, count, sizeof(*out->items));
    for (size_t i = 0; i < count; i++) {
        if (!digest_is_hex_id(names[i])) {
            continue;
        }
        struct fetched_item *item = &out->items[out->count++];
        *item = (struct fetched_item){ .name = names[i] };
        if (describe(place, arena, item, error) < 0) {
            return -1;
        }
    }
    return 0;
}

int fetched_remove(const struct store *store, const struct fetched_item *item, bool *is_busy,
                   struct error *error) {
    _cleanup_fd_ int place = open_place(store, false);
    *is_busy = false;
    return place < 0 ? 0 : remove_entry(place, item->name.data, is_busy, error);
}

/* A note is nothing without its entry, and a file that was being written nothing without its writer. */
static bool is_stale(int place, struct str name) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (str_has_prefix(name, STR(".tmp-"))) {
        struct stat status;
        return fstatat(place, name.data, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
               time_now() - time_of(status.st_mtim) > (int64_t)60 * 1000000000;
    }
    if (!str_has_suffix(name, STR(NOTE_SUFFIX)) ||
        fs_read_file(place, name.data, NOTE_LIMIT, &text, NULL) < 0 || text.len < DIGEST_HEX_LEN) {
        return false;
    }
    text.data[DIGEST_HEX_LEN] = '\0';
    return faccessat(place, text.data, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

void fetched_sweep(const struct store *store, bool is_dry, uint64_t *bytes) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_fd_ int place = -1;
    struct str *names;
    size_t count;
    if (list(store, &arena, &place, &names, &count, NULL) < 0 || place < 0) {
        return;
    }
    sweep_prefix(place, NEW_PREFIX, is_dry, bytes);
    sweep_prefix(place, REMOVED_PREFIX, is_dry, bytes);
    for (size_t i = 0; !is_dry && i < count; i++) {
        if (is_stale(place, names[i])) {
            unlinkat(place, names[i].data, 0);
        }
    }
}
