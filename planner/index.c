#include "planner/index.h"

#include "base/time.h"
#include "base/vec.h"

#include <fcntl.h>
#include <stdlib.h>

/* The format of a node: MAGIC, then for every leaf, sorted by name: length of the name (2 bytes), the fields below, the
 * name. Numbers are the machine's own: the cache does not move between machines. */
static const char magic[8] = { 'b', 'u', 'd', 'n', 'o', 'd', 'e', 1 };

struct stored_leaf {
    uint64_t device, inode, size;
    int64_t mtime, ctime;
    uint32_t mode;
    uint32_t name_len;
    struct digest digest;
};

struct digest index_key(const struct digest *identity, struct str directory) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update(&hasher, "bud-index-v1", 12);
    hasher_update(&hasher, identity->bytes, sizeof(identity->bytes));
    hasher_update_str(&hasher, directory);
    return hasher_finish(&hasher);
}

/* False when the node is not what index_encode() writes: it is then forgotten. */
static bool decode(struct str data, struct arena *arena, struct index_node *node) {
    if (data.len < sizeof(magic) || memcmp(data.data, magic, sizeof(magic)) != 0) {
        return false;
    }
    data = str_from(data, sizeof(magic));
    struct str previous = STR_EMPTY;
    while (data.len > 0) {
        struct stored_leaf stored;
        if (data.len < sizeof(stored)) {
            return false;
        }
        memcpy(&stored, data.data, sizeof(stored));
        data = str_from(data, sizeof(stored));
        if (stored.name_len > data.len) {
            return false;
        }
        struct str name = str_sub(data, 0, stored.name_len);
        if (node->count > 0 && str_compare(previous, name) >= 0) {
            return false;
        }
        previous = name;
        data = str_from(data, stored.name_len);
        if (node->count == node->capacity) {
            node->leaves =
                vec_grow(arena, node->leaves, node->count, &node->capacity, sizeof(*node->leaves));
        }
        node->leaves[node->count++] = (struct index_leaf){
            .name = name,
            .device = stored.device,
            .inode = stored.inode,
            .size = stored.size,
            .mtime = stored.mtime,
            .ctime = stored.ctime,
            .mode = stored.mode,
            .digest = stored.digest,
        };
    }
    return true;
}

void index_load(struct cache *cache, const struct digest *identity, struct str directory,
                struct arena *arena, struct index_node *out) {
    *out = (struct index_node){ .directory = str_copy(arena, directory) };
    struct digest key = index_key(identity, directory);
    struct str data;
    if (cache_node_get(cache, &key, arena, &data) && !decode(data, arena, out)) {
        out->count = 0;
        out->is_changed = true;
    }
    out->sorted = out->count;
}

/* Names come in order, so the next one is nearly always right behind the last. */
static struct index_leaf *find_name(struct index_node *node, struct str name) {
    size_t low = 0, high = node->sorted;
    if (node->cursor < node->sorted) {
        int order = str_compare(node->leaves[node->cursor].name, name);
        if (order == 0) {
            return &node->leaves[node->cursor++];
        }
        low = order < 0 ? node->cursor + 1 : 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(node->leaves[middle].name, name);
        if (order == 0) {
            node->cursor = middle + 1;
            return &node->leaves[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool is_same(const struct index_leaf *leaf, const struct stat *stat) {
    return leaf->device == stat->st_dev && leaf->inode == stat->st_ino &&
           leaf->mode == stat->st_mode && leaf->size == (uint64_t)stat->st_size &&
           leaf->mtime == time_of(stat->st_mtim) && leaf->ctime == time_of(stat->st_ctim);
}

struct index_leaf *index_find(struct index_node *node, struct str name, const struct stat *stat) {
    struct index_leaf *leaf = find_name(node, name);
    if (!leaf) {
        return NULL;
    }
    leaf->is_seen = true;
    return is_same(leaf, stat) ? leaf : NULL;
}

/* A file system that keeps whole seconds only needs two of them between change and digest. */
static bool is_racy(const struct stat *stat, int64_t begun) {
    int64_t changed = time_of(stat->st_ctim);
    bool is_coarse = stat->st_ctim.tv_nsec == 0 && stat->st_mtim.tv_nsec == 0;
    return changed >= begun - (is_coarse ? 2000000000 : 0);
}

void index_learn(struct index_node *node, struct arena *arena, struct str name,
                 const struct stat *stat, int64_t begun, const struct digest *digest) {
    if (is_racy(stat, begun)) {
        return;
    }
    struct index_leaf *leaf = find_name(node, name);
    if (!leaf) {
        if (node->count == node->capacity) {
            node->leaves =
                vec_grow(arena, node->leaves, node->count, &node->capacity, sizeof(*node->leaves));
        }
        leaf = &node->leaves[node->count++];
        leaf->name = str_copy(arena, name);
    }
    leaf->device = stat->st_dev;
    leaf->inode = stat->st_ino;
    leaf->mode = stat->st_mode;
    leaf->size = (uint64_t)stat->st_size;
    leaf->mtime = time_of(stat->st_mtim);
    leaf->ctime = time_of(stat->st_ctim);
    leaf->digest = *digest;
    leaf->is_seen = true;
    node->is_changed = true;
}

/* A file selected twice was learned twice; the later one wins. */
static int compare_leaves(const void *a, const void *b) {
    const struct index_leaf *left = *(const struct index_leaf *const *)a;
    const struct index_leaf *right = *(const struct index_leaf *const *)b;
    int order = str_compare(left->name, right->name);
    return order != 0 ? order : (left > right) - (left < right);
}

static bool still_exists(int directory, struct str name, struct arena *arena) {
    struct stat stat;
    return directory >= 0 &&
           fstatat(directory, str_dup(arena, name), &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

static void encode_leaf(struct buf *out, const struct index_leaf *leaf) {
    struct stored_leaf stored = {
        .device = leaf->device,
        .inode = leaf->inode,
        .size = leaf->size,
        .mtime = leaf->mtime,
        .ctime = leaf->ctime,
        .mode = leaf->mode,
        .name_len = (uint32_t)leaf->name.len,
        .digest = leaf->digest,
    };
    buf_append(out, &stored, sizeof(stored));
    buf_append_str(out, leaf->name);
}

struct str index_encode(struct index_node *node, int directory, struct arena *arena) {
    const struct index_leaf **order = xcalloc(node->count + 1, sizeof(struct index_leaf *));
    for (size_t i = 0; i < node->count; i++) {
        order[i] = &node->leaves[i];
    }
    qsort(order, node->count, sizeof(*order), compare_leaves);
    _cleanup_buf_ struct buf out = BUF_INIT;
    buf_append(&out, magic, sizeof(magic));
    for (size_t i = 0; i < node->count; i++) {
        bool is_replaced = i + 1 < node->count && str_equal(order[i]->name, order[i + 1]->name);
        if (!is_replaced && (order[i]->is_seen || still_exists(directory, order[i]->name, arena))) {
            encode_leaf(&out, order[i]);
        }
    }
    free(order);
    return str_copy(arena, buf_str(&out));
}
