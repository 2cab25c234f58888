#include "planner/content.h"

#include "base/log.h"
#include "base/map.h"
#include "base/thread_pool.h"
#include "base/vec.h"
#include "planner/entry_digest.h"
#include "planner/index.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Starting threads pays only when there is more to read than this. */
#define PARALLEL_BYTES (4 << 20)
#define PARALLEL_FILES 256
#define MAX_THREADS 8
/* How often a walk begins again when directories change under it. */
#define ATTEMPTS 3
/* The index is written in transactions of about so many bytes. */
#define WRITE_SIZE (4 << 20)

/* An entry of a directory that is not as the index knows it. Kept small: there may be a million. */
struct item {
    struct str name; /* as it will be copied */
    uint32_t mode, uid, gid;
    struct digest digest;
    struct unknown_entry *unknown; /* NULL: the digest came from the index */
};

/* A directory of the index, as long as it may have to be written back. */
struct kept_node {
    struct index_node node;
    struct group *groups, *last; /* that have unknown entries of it, in order */
};

/* The entries that are taken of one directory. */
struct group {
    uint64_t id;
    struct str path;        /* of its entries, as copied; "" without one */
    struct str tree_path;   /* of the directory */
    struct str found;       /* see content_directory */
    struct kept_node *node; /* NULL: no index, or done */
    struct group *next;     /* of kept_node.groups */
    bool has_unknown;
    bool is_whole; /* so far the leaves of the node, one after the other, and nothing else */
    bool has_digest;
    size_t count;
    struct digest digest;
    struct {
        struct item *items;
        size_t count;
        size_t capacity;
    } items; /* when it is not whole */
};

enum part_kind { PART_FILE_RESULT, PART_DIRECTORY_RESULT, PART_GROUP };

struct part {
    enum part_kind kind;
    struct group *group;
    uint32_t mode, uid, gid; /* of a directory that is mounted itself, else 0 */
    struct digest
        xattrs; /* the same, of one that is not a context's: of that the RUN gets a copy */
};

struct reading {
    const struct tree *tree;
    bool is_literal; /* for a bind mount */
    bool is_listing; /* all files are wanted in the answer */
    struct arena *arena;
    struct arena scratch;
    VEC(struct part) parts;
    VEC(struct group *) open;      /* the directories we are in */
    struct map changed;            /* tree path -> struct kept_node that will be written back */
    struct kept_node *spare;       /* done with, and memory for the next */
    VEC(struct kept_node *) nodes; /* all, to be freed */
    VEC(struct unknown_entry *) to_read;
    uint64_t files, bytes, bytes_to_read;
    uint64_t stamps;
    struct str_list unmatched;

    /* Shared by the threads that read files. */
    atomic_size_t next;
    atomic_size_t failed; /* the first of to_read that could not be read; its count while none is */
    pthread_mutex_t mutex; /* guards error, and writes of failed */
    struct error *error;
};

/* ---- all files that are not known ---- */

/* Of several files that cannot be read the first in order of the walk is told of, whichever thread was faster. */
static void keep_failure(struct reading *reading, size_t i, struct error *error) {
    pthread_mutex_lock(&reading->mutex);
    if (i < atomic_load(&reading->failed)) {
        atomic_store(&reading->failed, i);
        error_move(reading->error, error);
    } else {
        error_clear(error);
    }
    pthread_mutex_unlock(&reading->mutex);
}

/* Files are begun in order: none before the one that failed is left out. */
static void read_files(void *context) {
    struct reading *reading = context;
    char *room = xmalloc(ENTRY_READ_SIZE);
    for (;;) {
        size_t i = atomic_fetch_add(&reading->next, 1);
        if (i >= atomic_load(&reading->failed)) {
            break;
        }
        struct error error = ERROR_INIT;
        if (entry_digest_file(reading->tree, reading->to_read.items[i], room, &error)) {
            keep_failure(reading, i, &error);
            break;
        }
    }
    free(room);
}

static unsigned thread_count(const struct reading *reading) {
    size_t count = reading->to_read.count;
    if (count < 2 || (reading->bytes_to_read < PARALLEL_BYTES && count < PARALLEL_FILES)) {
        return 1;
    }
    unsigned cores = thread_pool_cores();
    return cores < MAX_THREADS ? cores : MAX_THREADS;
}

static int read_unknown(struct reading *reading, struct error *error) {
    if (reading->to_read.count == 0) {
        return 0;
    }
    reading->error = error;
    atomic_store(&reading->failed, reading->to_read.count);
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
    return atomic_load(&reading->failed) < reading->to_read.count ? -1 : 0;
}

/* ---- nodes of the index ---- */

static struct kept_node *take_node(struct reading *reading, struct str directory) {
    struct kept_node *kept = map_get(&reading->changed, directory);
    if (!kept) {
        kept = reading->spare;
        reading->spare = NULL;
        if (kept && str_equal(kept->node.directory, directory)) {
            return kept;
        }
        if (!kept) {
            kept = arena_new(&reading->scratch, struct kept_node);
            vec_push(&reading->nodes, kept);
        }
        index_load(reading->tree->cache, &reading->tree->identity, directory, &kept->node);
    }
    return kept;
}

static void release_node(struct reading *reading, struct kept_node *kept) {
    if (kept->groups) {
        map_set(&reading->changed, kept->node.directory, kept);
    } else {
        reading->spare = kept;
    }
}

/* ---- directories ---- */

/* GROUP is not what the node holds: its entries are kept one by one from here on. */
static void list_items(struct reading *reading, struct group *group) {
    size_t at = 0;
    struct item item = { .uid = 0 };
    group->is_whole = false;
    for (size_t i = 0; i < group->count; i++) {
        if (index_next(&group->node->node, &at, &item.name, &item.mode, &item.digest)) {
            item.name = str_copy(reading->arena, item.name);
            arena_vec_push(&reading->scratch, &group->items, item);
        }
    }
}

static void close_group(struct reading *reading, struct group *group) {
    struct kept_node *kept = group->node;
    if (group->is_whole && group->count == kept->node.count) {
        group->digest = kept->node.digest;
        group->has_digest = true;
    } else if (group->is_whole) {
        list_items(reading, group);
    }
    group->node = NULL;
    if (kept) {
        release_node(reading, kept);
    }
}

static void close_groups(struct reading *reading, uint64_t id) {
    while (reading->open.count > 0 && reading->open.items[reading->open.count - 1]->id > id) {
        close_group(reading, reading->open.items[--reading->open.count]);
    }
}

static struct group *open_group(struct reading *reading, const struct selection_entry *entry) {
    struct group *group = arena_new(&reading->scratch, struct group);
    group->id = entry->directory_id;
    group->tree_path = str_copy(reading->arena, path_above(entry->tree_path));
    group->path = str_copy(&reading->scratch, path_above(entry->path));
    if (!str_equal_c(path_base(entry->path), entry->name)) {
        group->found = str_copy(reading->arena, str_of(entry->name));
    }
    if (reading->tree->cache) {
        group->node = take_node(reading, group->tree_path);
        /* A file that is copied under another name is not a leaf of the node. */
        group->is_whole = !reading->tree->is_paranoid && !reading->is_listing &&
                          group->found.len == 0 &&
                          index_begins_with(&group->node->node, str_of(entry->name));
    }
    vec_push(&reading->open, group);
    vec_push(&reading->parts, (struct part){ .kind = PART_GROUP, .group = group });
    return group;
}

static struct group *group_of(struct reading *reading, const struct selection_entry *entry) {
    if (reading->open.count > 0) {
        struct group *top = reading->open.items[reading->open.count - 1];
        if (top->id == entry->directory_id) {
            return top;
        }
        close_groups(reading, entry->directory_id);
        top = reading->open.count > 0 ? reading->open.items[reading->open.count - 1] : NULL;
        if (top && top->id == entry->directory_id) {
            return top;
        }
    }
    return open_group(reading, entry);
}

/* ---- the walk ---- */

static int visit_result(void *context, const struct selection_result *result, struct error *error) {
    struct reading *reading = context;
    close_groups(reading, 0);
    struct part part = { .kind = result->is_directory ? PART_DIRECTORY_RESULT : PART_FILE_RESULT };
    /* A bind mount shows the directory itself, too; that the context's own is made by the build, not the user's. */
    bool is_own = reading->tree->is_context && result->path.len == 0;
    if (reading->is_literal && result->is_directory && !is_own) {
        part.mode = result->stat.st_mode;
        part.uid = reading->tree->is_context ? 0 : result->stat.st_uid;
        part.gid = reading->tree->is_context ? 0 : result->stat.st_gid;
    }
    if (reading->is_literal && result->is_directory && !reading->tree->is_context &&
        entry_digest_mounted(reading->tree, result, &reading->scratch, &part.xattrs, error)) {
        return -1;
    }
    vec_push(&reading->parts, part);
    return 0;
}

static int add_item(struct reading *reading, struct group *group, const struct index_stamp *stamp,
                    const struct selection_entry *entry, struct error *error) {
    const struct tree *tree = reading->tree;
    bool is_asked = group->node && !tree->is_paranoid;
    struct item item = {
        .name = str_copy(reading->arena, path_base(entry->path)),
        .mode = stamp->mode,
        .uid = tree->is_context ? 0 : entry->stat.st_uid,
        .gid = tree->is_context ? 0 : entry->stat.st_gid,
    };
    if (!is_asked || !index_find(&group->node->node, str_of(entry->name), stamp, &item.digest)) {
        const char *path = str_dup(&reading->scratch, entry->tree_path);
        bool is_mounted = reading->is_literal && !tree->is_context; /* of a context a copy is */
        if (entry_digest_begin(tree, entry, path, is_mounted, &reading->scratch, &item.unknown,
                               error)) {
            return -1;
        }
        if (group->node && !group->has_unknown) {
            struct kept_node *kept = group->node;
            group->has_unknown = true;
            *(kept->groups ? &kept->last->next : &kept->groups) = group;
            kept->last = group;
        }
        if (S_ISREG(stamp->mode)) {
            vec_push(&reading->to_read, item.unknown);
            reading->bytes_to_read += stamp->size;
        }
    }
    arena_vec_push(&reading->scratch, &group->items, item);
    return 0;
}

static void visit_unmatched(void *context, struct str source) {
    struct reading *reading = context;
    str_list_push(&reading->unmatched, reading->arena, source);
}

static int visit_entry(void *context, const struct selection_entry *entry, struct error *error) {
    struct reading *reading = context;
    struct group *group = group_of(reading, entry);
    struct index_stamp stamp = index_stamp_of(&entry->stat);
    reading->stamps = selection_stamp(reading->stamps, entry);
    if (S_ISREG(stamp.mode)) {
        reading->files++;
        reading->bytes += stamp.size;
    }
    if (group->is_whole) {
        if (index_take_next(&group->node->node, str_of(entry->name), &stamp)) {
            group->count++;
            return 0;
        }
        list_items(reading, group);
    }
    group->count++;
    return add_item(reading, group, &stamp, entry, error);
}

/* ---- what was learned ---- */

/* The node as it is to be stored, with what was learned of it. */
static struct cache_node encode_node(const struct reading *reading, struct kept_node *kept,
                                     struct arena *arena) {
    struct index_node *node = &kept->node;
    for (const struct group *group = kept->groups; group; group = group->next) {
        for (size_t i = 0; i < group->items.count; i++) {
            const struct unknown_entry *unknown = group->items.items[i].unknown;
            if (unknown) {
                index_learn(node, arena, path_base(str_of(unknown->tree_path)), &unknown->stamp,
                            unknown->begun, &unknown->digest);
            }
        }
    }
    struct cache_node stored = { .directory =
                                     index_key(&reading->tree->identity, node->directory) };
    if (node->is_changed) {
        const char *path = node->directory.len > 0 ? str_dup(arena, node->directory) : ".";
        _cleanup_fd_ int directory =
            fs_open_in_root(reading->tree->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, NULL);
        stored.node = index_encode(node, directory, arena);
    }
    return stored;
}

/* A part at a time: a million files that nothing was known of would take hundreds of megabytes. */
static void write_index(struct reading *reading) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error problem = ERROR_INIT;
    VEC(struct cache_node) nodes = VEC_INIT;
    size_t size = 0, count = reading->changed.count;
    for (size_t i = 0; i < count; i++) {
        struct cache_node stored = encode_node(reading, reading->changed.entries[i].value, &arena);
        if (stored.node.len > 0) {
            vec_push(&nodes, stored);
            size += stored.node.len;
        }
        if (size < WRITE_SIZE && i + 1 < count) {
            continue;
        }
        if (cache_nodes_put(reading->tree->cache, nodes.items, nodes.count, &problem)) {
            log_warn("the context index was not kept: %s", problem.message); /* it is only slower */
            break;
        }
        nodes.count = size = 0;
        arena_free(&arena);
    }
    vec_free(&nodes);
}

/* ---- the answer ---- */

static void finish_group(struct reading *reading, struct group *group, bool is_listed,
                         struct content_directory *out) {
    *out = (struct content_directory){ .path = group->tree_path,
                                       .count = group->count,
                                       .found = group->found };
    if (!group->has_digest) {
        struct content_file *files =
            is_listed ? arena_array(reading->arena, group->items.count, sizeof(*files)) : NULL;
        struct hasher hasher;
        hasher_init(&hasher);
        for (size_t i = 0; i < group->items.count; i++) {
            struct item *item = &group->items.items[i];
            if (item->unknown) { /* it may have been read in a later state than it was found in */
                item->digest = item->unknown->digest;
                item->mode = item->unknown->stamp.mode;
            }
            index_hash_entry(&hasher, item->name, item->mode, item->uid, item->gid, &item->digest);
            if (files) {
                files[i] = (struct content_file){ item->name, item->mode, item->unknown != NULL,
                                                  item->digest };
            }
        }
        group->digest = hasher_finish(&hasher);
        out->files = files;
    }
    out->digest = group->digest;
}

/* Was a file read in a later state than the walk found it in? */
static bool has_later(const struct reading *reading) {
    for (size_t i = 0; i < reading->to_read.count; i++) {
        if (reading->to_read.items[i]->is_later) {
            return true;
        }
    }
    return false;
}

static void summarise(struct reading *reading, struct content *out) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update(&hasher, "bud-content-v4", 14);
    out->tree = reading->tree;
    for (size_t i = 0; i < reading->parts.count; i++) {
        const struct group *group = reading->parts.items[i].group;
        out->count += group ? group->count : 0;
    }
    out->unmatched = reading->unmatched;
    out->files = reading->files;
    out->bytes = reading->bytes;
    out->stamps = has_later(reading) ? 0 : reading->stamps;
    out->directories = arena_array(reading->arena, reading->parts.count, sizeof(*out->directories));
    for (size_t i = 0; i < reading->parts.count; i++) {
        const struct part *part = &reading->parts.items[i];
        if (part->kind != PART_GROUP) {
            hasher_update(&hasher, part->kind == PART_DIRECTORY_RESULT ? "RD" : "RF", 2);
            if (reading->is_literal) {
                hasher_update_u64(&hasher, part->mode);
                hasher_update_u64(&hasher, part->uid);
                hasher_update_u64(&hasher, part->gid);
                hasher_update(&hasher, part->xattrs.bytes, sizeof(part->xattrs.bytes));
            }
            continue;
        }
        struct content_directory *directory = &out->directories[out->directory_count++];
        assert(part->group); /* of a part that is a directory */
        finish_group(reading, part->group, out->count <= CONTENT_LISTED, directory);
        hasher_update(&hasher, "G", 1);
        hasher_update_str(&hasher, part->group->path);
        hasher_update(&hasher, directory->digest.bytes, sizeof(directory->digest.bytes));
    }
    out->digest = hasher_finish(&hasher);
}

static void free_reading(struct reading *reading) {
    for (size_t i = 0; i < reading->nodes.count; i++) {
        index_free(&reading->nodes.items[i]->node);
    }
    vec_free(&reading->nodes);
    vec_free(&reading->parts);
    vec_free(&reading->open);
    vec_free(&reading->to_read);
    map_free(&reading->changed);
    arena_free(&reading->scratch);
}

static int read_content(const struct tree *tree, const struct selection *selection, bool is_listing,
                        struct arena *arena, struct content *out, struct error *error) {
    *out = (struct content){ .selection = selection };
    struct reading reading = {
        .tree = tree,
        .is_literal = selection->is_literal,
        .is_listing = is_listing,
        .arena = arena,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
    };
    const struct selection_visitor visitor = {
        .result = visit_result,
        .entry = visit_entry,
        .unmatched = visit_unmatched,
        .context = &reading,
        .look_ahead_after = SELECTION_LOOK_AHEAD,
    };
    int result = selection_walk(tree, selection, &visitor, error);
    if (result == 0) {
        close_groups(&reading, 0);
        result = read_unknown(&reading, error);
    }
    if (result == 0 && reading.changed.count > 0) {
        write_index(&reading);
    }
    if (result == 0) {
        summarise(&reading, out);
    }
    free_reading(&reading);
    return result;
}

int content_read(const struct tree *tree, const struct selection *selection, struct arena *arena,
                 struct content *out, struct error *error) {
    _cleanup_error_ struct error problem = ERROR_INIT;
    int result = -1;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        error_clear(&problem);
        result = read_content(tree, selection, false, arena, out, &problem);
        if (result == 0 || problem.code != ERROR_CHANGED) {
            break;
        }
    }
    return result ? error_move(error, &problem) : 0;
}

static bool has_files(const struct content *content) {
    bool result = true;
    for (size_t i = 0; i < content->directory_count; i++) {
        result = result && content->directories[i].files != NULL;
    }
    return result;
}

const struct content *content_listed(const struct content *content, struct arena *arena) {
    if (content->count > CONTENT_LISTED || has_files(content)) {
        return content;
    }
    struct content *listed = arena_new(arena, struct content);
    return read_content(content->tree, content->selection, true, arena, listed, NULL) ? content
                                                                                      : listed;
}

/* ---- what differs ---- */

static struct str path_in(const struct content_directory *directory, struct str name,
                          struct arena *arena) {
    name = directory->found.len > 0 ? directory->found : name;
    return str_printf(arena, "%.*s%s%.*s", STR_ARG(directory->path),
                      directory->path.len > 0 ? "/" : "", STR_ARG(name));
}

/* Of a directory that is not as it was: the first file that was read, where the index knew the others. */
static struct str first_read(const struct content_directory *directory, struct arena *arena) {
    for (size_t i = 0; directory->files && i < directory->count; i++) {
        if (directory->files[i].is_read) {
            return path_in(directory, directory->files[i].name, arena);
        }
    }
    return directory->path;
}

/* The same directory before and now. */
static struct str entry_difference(const struct content_directory *was,
                                   const struct content_directory *is, struct arena *arena) {
    const struct content_file *old = was->files, *new = is->files;
    if (!old || !new) {
        return first_read(is, arena);
    }
    for (size_t i = 0; i < was->count && i < is->count; i++) {
        int order = str_compare(old[i].name, new[i].name);
        if (order != 0 || old[i].mode != new[i].mode ||
            !digest_equal(&old[i].digest, &new[i].digest)) {
            return path_in(was, order > 0 ? new[i].name : old[i].name, arena);
        }
    }
    return was->count == is->count  ? was->path
           : was->count > is->count ? path_in(was, old[is->count].name, arena)
                                    : path_in(is, new[was->count].name, arena);
}

struct str content_difference(const struct content *before, const struct content *now,
                              struct arena *arena) {
    size_t count = before->directory_count < now->directory_count ? before->directory_count
                                                                  : now->directory_count;
    for (size_t i = 0; i < count; i++) {
        const struct content_directory *was = &before->directories[i], *is = &now->directories[i];
        if (!str_equal(was->path, is->path)) {
            return str_compare(was->path, is->path) < 0 ? was->path : is->path;
        }
        if (!digest_equal(&was->digest, &is->digest)) {
            return entry_difference(was, is, arena);
        }
    }
    return count < before->directory_count ? before->directories[count].path
           : count < now->directory_count  ? now->directories[count].path
                                           : STR_EMPTY;
}
