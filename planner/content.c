#include "planner/content.h"

#include "base/log.h"
#include "base/map.h"
#include "base/thread_pool.h"
#include "base/time.h"
#include "base/vec.h"
#include "planner/index.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Starting threads pays only when there is more to read than this. */
#define PARALLEL_BYTES (4 << 20)
#define PARALLEL_FILES 256
#define MAX_THREADS 8
#define READ_SIZE (256 << 10)

/* What is needed only until an entry's digest is known. */
struct unknown {
    struct stat stat;
    struct fs_xattrs xattrs;
    struct index_node *node; /* NULL: no index */
    int64_t begun;
};

enum item_kind { ITEM_ENTRY, ITEM_FILE_RESULT, ITEM_DIRECTORY_RESULT };

/* An entry as the walk found it, or the beginning of a result. Kept small: there may be a million. */
struct item {
    const char *tree_path;
    const char *path; /* as it will be copied */
    uint32_t tree_path_len, path_len;
    uint32_t mode, uid, gid;
    enum item_kind kind;
    struct digest digest;
    struct unknown *unknown; /* NULL: the digest came from the index */
};

struct reading {
    const struct tree *tree;
    struct arena *arena;
    struct arena scratch;
    VEC(struct item) items;
    struct map nodes; /* directory -> struct index_node */
    struct index_node *node;
    uint64_t files, bytes;
    size_t unknown_count; /* regular files to read */
    uint64_t unknown_bytes;

    /* Shared by the threads that read files. */
    atomic_size_t next;
    atomic_bool is_failed;
    pthread_mutex_t mutex; /* guards error */
    struct error *error;
};

static int64_t coarse_now(void) {
    struct timespec now; /* the clock file systems stamp with */
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return time_of(now);
}

/* ---- one entry ---- */

/* Attributes that are copied, and so count (the header says which). */
static bool is_counted(struct str name) {
    if (str_equal_c(name, "security.capability")) {
        return true;
    }
    return !str_has_prefix(name, STR("security.")) && !str_has_prefix(name, STR("system.")) &&
           !str_has_prefix(name, STR("trusted.overlay.")) &&
           !str_has_prefix(name, STR("user.overlay."));
}

static void hash_xattrs(struct hasher *hasher, const struct fs_xattrs *xattrs) {
    uint64_t count = 0;
    for (size_t i = 0; i < xattrs->count; i++) {
        count += is_counted(xattrs->items[i].name);
    }
    hasher_update_u64(hasher, count);
    for (size_t i = 0; i < xattrs->count; i++) {
        if (is_counted(xattrs->items[i].name)) {
            hasher_update_str(hasher, xattrs->items[i].name);
            hasher_update_str(hasher, xattrs->items[i].value);
        }
    }
}

/* Everything but regular files is digested on the spot: it costs no open. */
static int digest_special(struct item *item, const struct selection_entry *entry,
                          struct error *error) {
    struct hasher hasher;
    hasher_init(&hasher);
    hash_xattrs(&hasher, &item->unknown->xattrs);
    if (S_ISLNK(item->mode)) {
        char target[PATH_MAX];
        ssize_t len = readlinkat(entry->directory, entry->name, target, sizeof(target));
        if (len < 0) {
            return error_system(error, "cannot read link %.*s", STR_ARG(entry->tree_path));
        }
        hasher_update_str(&hasher, str_make(target, (size_t)len));
    } else if (S_ISBLK(item->mode) || S_ISCHR(item->mode)) {
        hasher_update_u64(&hasher, entry->stat.st_rdev);
    }
    item->digest = hasher_finish(&hasher);
    return 0;
}

static int changed(struct str path, struct error *error) {
    error_set(error, ERROR_CHANGED, "%.*s changed while the build was reading it", STR_ARG(path));
    return error_hint(error, "build again when nothing writes to the files any more");
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           time_of(a->st_mtim) == time_of(b->st_mtim) && time_of(a->st_ctim) == time_of(b->st_ctim);
}

static struct str item_path(const struct item *item) {
    return str_make(item->tree_path, item->tree_path_len);
}

static int read_file(const struct tree *tree, struct item *item, char *room, struct error *error) {
    struct str path = item_path(item);
    _cleanup_fd_ int fd = fs_open_in_root(tree->fd, item->tree_path,
                                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, error);
    if (fd < 0) {
        error_wrap(error, "cannot read %.*s of %s", STR_ARG(path), tree->name);
        return error_hint(error, tree->is_context
                                     ? "make the file readable, or leave it out with .dockerignore"
                                     : "check the file system of the store");
    }
    struct stat stat;
    struct hasher hasher;
    hasher_init(&hasher);
    hash_xattrs(&hasher, &item->unknown->xattrs);
    if (fstat(fd, &stat)) {
        return error_system(error, "cannot stat %.*s", STR_ARG(path));
    }
    if (!is_same_file(&stat, &item->unknown->stat)) {
        return changed(path, error);
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    uint64_t total = 0;
    ssize_t len;
    while ((len = read(fd, room, READ_SIZE)) != 0) {
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0) {
            return error_system(error, "cannot read %.*s of %s", STR_ARG(path), tree->name);
        }
        hasher_update(&hasher, room, (size_t)len);
        total += (uint64_t)len;
    }
    if (fstat(fd, &stat)) {
        return error_system(error, "cannot stat %.*s", STR_ARG(path));
    }
    if (!is_same_file(&stat, &item->unknown->stat) || total != (uint64_t)stat.st_size) {
        return changed(path, error);
    }
    item->digest = hasher_finish(&hasher);
    return 0;
}

/* ---- all files that are not known ---- */

static void read_files(void *context) {
    struct reading *reading = context;
    char *room = xmalloc(READ_SIZE);
    for (;;) {
        size_t i = atomic_fetch_add(&reading->next, 1);
        if (i >= reading->items.count || atomic_load(&reading->is_failed)) {
            break;
        }
        struct item *item = &reading->items.items[i];
        if (!item->unknown || !S_ISREG(item->mode)) {
            continue;
        }
        struct error error = ERROR_INIT;
        if (read_file(reading->tree, item, room, &error)) {
            pthread_mutex_lock(&reading->mutex);
            if (!atomic_exchange(&reading->is_failed, true) && reading->error) {
                error_clear(reading->error);
                *reading->error = error;
            } else {
                error_clear(&error);
            }
            pthread_mutex_unlock(&reading->mutex);
            break;
        }
    }
    free(room);
}

static unsigned thread_count(const struct reading *reading) {
    if (reading->unknown_count < 2 ||
        (reading->unknown_bytes < PARALLEL_BYTES && reading->unknown_count < PARALLEL_FILES)) {
        return 1;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (unsigned)cores;
}

static int read_unknown(struct reading *reading, struct error *error) {
    if (reading->unknown_count == 0) {
        return 0;
    }
    reading->error = error;
    unsigned threads = thread_count(reading);
    if (threads == 1) {
        read_files(reading);
    } else {
        struct thread_pool *pool;
        if (thread_pool_new(threads, &pool, error)) {
            return -1;
        }
        for (unsigned i = 0; i < threads; i++) {
            thread_pool_submit(pool, read_files, reading);
        }
        thread_pool_free(pool);
    }
    return atomic_load(&reading->is_failed) ? -1 : 0;
}

/* ---- the walk ---- */

static struct index_node *node_of(struct reading *reading, struct str tree_path) {
    size_t slash = str_rfind_byte(tree_path, '/');
    struct str directory = slash == SIZE_MAX ? STR_EMPTY : str_sub(tree_path, 0, slash);
    if (reading->node && str_equal(reading->node->directory, directory)) {
        return reading->node;
    }
    struct index_node *node = map_get(&reading->nodes, directory);
    if (!node) {
        node = arena_new(&reading->scratch, struct index_node);
        index_load(reading->tree->cache, &reading->tree->identity, directory, &reading->scratch,
                   node);
        map_set(&reading->nodes, node->directory, node);
    }
    reading->node = node;
    return node;
}

static int visit_result(void *context, const struct selection_result *result, struct error *error) {
    (void)error;
    struct reading *reading = context;
    struct item item = {
        .kind = result->is_directory ? ITEM_DIRECTORY_RESULT : ITEM_FILE_RESULT,
    };
    vec_push(&reading->items, item);
    return 0;
}

/* The index does not know ITEM, or knows another state of it. */
static int note_unknown(struct reading *reading, struct item *item, struct index_node *node,
                        const struct selection_entry *entry, struct error *error) {
    struct unknown *unknown = arena_new(&reading->scratch, struct unknown);
    unknown->stat = entry->stat;
    unknown->node = node;
    unknown->begun = coarse_now();
    item->unknown = unknown;
    if (fs_read_xattrs(entry->directory, entry->name, &reading->scratch, &unknown->xattrs, error)) {
        return error_wrap(error, "cannot read %.*s of %s", STR_ARG(entry->tree_path),
                          reading->tree->name);
    }
    if (S_ISREG(item->mode)) {
        reading->unknown_count++;
        reading->unknown_bytes += (uint64_t)entry->stat.st_size;
        return 0;
    }
    return digest_special(item, entry, error);
}

static int visit_entry(void *context, const struct selection_entry *entry, struct error *error) {
    struct reading *reading = context;
    const struct stat *stat = &entry->stat;
    struct str tree_path = str_copy(reading->arena, entry->tree_path);
    struct str path = str_has_suffix(tree_path, entry->path)
                          ? str_from(tree_path, tree_path.len - entry->path.len)
                          : str_copy(reading->arena, entry->path);
    struct item item = {
        .tree_path = tree_path.data,
        .path = path.data,
        .tree_path_len = (uint32_t)tree_path.len,
        .path_len = (uint32_t)path.len,
        .mode = stat->st_mode,
        .uid = reading->tree->is_context ? 0 : stat->st_uid,
        .gid = reading->tree->is_context ? 0 : stat->st_gid,
    };
    if (S_ISREG(stat->st_mode)) {
        reading->files++;
        reading->bytes += (uint64_t)stat->st_size;
    }
    struct index_node *node = reading->tree->cache ? node_of(reading, entry->tree_path) : NULL;
    if (!(node && index_find(node, str_of(entry->name), stat, &item.digest)) &&
        note_unknown(reading, &item, node, entry, error)) {
        return -1;
    }
    vec_push(&reading->items, item);
    return 0;
}

/* ---- what was learned ---- */

static struct str item_name(const struct item *item) {
    struct str path = item_path(item);
    size_t slash = str_rfind_byte(path, '/');
    return slash == SIZE_MAX ? path : str_from(path, slash + 1);
}

static void write_index(struct reading *reading) {
    bool is_changed = false;
    for (size_t i = 0; i < reading->items.count; i++) {
        struct item *item = &reading->items.items[i];
        if (item->unknown && item->unknown->node) {
            struct index_node *node = item->unknown->node;
            index_learn(node, &reading->scratch, item_name(item), &item->unknown->stat,
                        item->unknown->begun, &item->digest);
            is_changed |= node->is_changed;
        }
    }
    if (!is_changed) {
        return;
    }
    VEC(struct cache_node) nodes = VEC_INIT;
    for (size_t i = 0; i < reading->nodes.count; i++) {
        struct index_node *node = reading->nodes.entries[i].value;
        if (!node->is_changed) {
            continue;
        }
        _cleanup_fd_ int directory = fs_open_in_root(
            reading->tree->fd,
            node->directory.len > 0 ? str_dup(&reading->scratch, node->directory) : ".",
            O_PATH | O_DIRECTORY | O_CLOEXEC, 0, NULL);
        struct cache_node stored = {
            .directory = index_key(&reading->tree->identity, node->directory),
            .node = index_encode(node, directory, &reading->scratch),
        };
        arena_vec_push(&reading->scratch, &nodes, stored);
    }
    _cleanup_error_ struct error problem = ERROR_INIT;
    if (cache_nodes_put(reading->tree->cache, nodes.items, nodes.count, &problem)) {
        log_warn("the context index was not kept: %s", problem.message); /* it is only slower */
    }
}

/* ---- the answer ---- */

static void hash_item(struct hasher *hasher, const struct item *item) {
    if (item->kind != ITEM_ENTRY) {
        hasher_update(hasher, item->kind == ITEM_DIRECTORY_RESULT ? "RD" : "RF", 2);
        return;
    }
    uint32_t numbers[3] = { htole32(item->mode), htole32(item->uid), htole32(item->gid) };
    hasher_update(hasher, "E", 1);
    hasher_update_str(hasher, str_make(item->path, item->path_len));
    hasher_update(hasher, numbers, sizeof(numbers));
    hasher_update(hasher, item->digest.bytes, sizeof(item->digest.bytes));
}

static void summarise(struct reading *reading, struct content *out) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update(&hasher, "bud-content-v1", 14);
    out->files = reading->files;
    out->bytes = reading->bytes;
    out->items = arena_array(reading->arena, reading->items.count, sizeof(*out->items));
    for (size_t i = 0; i < reading->items.count; i++) {
        const struct item *item = &reading->items.items[i];
        hash_item(&hasher, item);
        if (item->kind == ITEM_ENTRY) {
            out->items[out->count++] =
                (struct content_file){ item_path(item), item->mode, item->digest };
        } else {
            out->result_count++;
        }
    }
    out->digest = hasher_finish(&hasher);
}

int content_read(const struct tree *tree, const struct selection *selection, struct arena *arena,
                 struct content *out, struct error *error) {
    *out = (struct content){ 0 };
    struct reading reading = {
        .tree = tree,
        .arena = arena,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
    };
    const struct selection_visitor visitor = { visit_result, visit_entry, &reading };
    int result = selection_walk(tree, selection, &visitor, NULL, error);
    if (result == 0) {
        result = read_unknown(&reading, error);
    }
    if (result == 0 && tree->cache) {
        write_index(&reading);
    }
    if (result == 0) {
        summarise(&reading, out);
    }
    vec_free(&reading.items);
    map_free(&reading.nodes);
    arena_free(&reading.scratch);
    return result;
}
