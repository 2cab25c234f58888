#include "planner/index.h"

#include "base/time.h"
#include "base/vec.h"

#include <fcntl.h>
#include <stdlib.h>

/* The format of a node: MAGIC, then for every leaf, sorted by name: the fields below, the name. Numbers are the
 * machine's own: the cache does not move between machines. A node is used as it is stored: decoding fifty thousand leaves
 * would cost more than comparing them. */
static const char magic[8] = { 'b', 'u', 'd', 'n', 'o', 'd', 'e', 2 };

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

/* The leaf at *AT, which moves behind it; false at the end and when there is no whole leaf. */
static bool next_leaf(struct str stored, size_t *at, struct stored_leaf *leaf, struct str *name) {
    if (stored.len - *at < sizeof(*leaf)) {
        return false;
    }
    memcpy(leaf, stored.data + *at, sizeof(*leaf));
    size_t start = *at + sizeof(*leaf);
    if (leaf->name_len > stored.len - start) {
        return false;
    }
    *name = str_make(stored.data + start, leaf->name_len);
    *at = start + leaf->name_len;
    return true;
}

/* Is this what index_encode() writes? */
static bool is_sound(struct str stored) {
    struct stored_leaf leaf;
    struct str name, previous = STR_EMPTY;
    size_t at = 0;
    while (next_leaf(stored, &at, &leaf, &name)) {
        if (str_compare(previous, name) >= 0) {
            return false;
        }
        previous = name;
    }
    return at == stored.len;
}

void index_load(struct cache *cache, const struct digest *identity, struct str directory,
                struct arena *arena, struct index_node *out) {
    *out = (struct index_node){ .directory = str_copy(arena, directory) };
    struct digest key = index_key(identity, directory);
    struct str data;
    if (!cache_node_get(cache, &key, arena, &data)) {
        return;
    }
    bool is_ours = data.len >= sizeof(magic) && memcmp(data.data, magic, sizeof(magic)) == 0;
    struct str leaves = str_from(data, sizeof(magic));
    if (is_ours && is_sound(leaves)) {
        out->stored = leaves;
    } else {
        out->is_changed = true;
    }
}

/* Names come in order, so the next one is nearly always where the last search ended. */
static bool find_leaf(struct index_node *node, struct str name, struct stored_leaf *leaf) {
    struct str found;
    size_t at = node->cursor;
    for (bool is_again = node->cursor == 0;; is_again = true) {
        size_t start = at;
        while (next_leaf(node->stored, &at, leaf, &found)) {
            int order = str_compare(found, name);
            if (order == 0) {
                node->cursor = at;
                return true;
            }
            if (order > 0) {
                at = start;
                break;
            }
            start = at;
        }
        if (is_again) { /* the next name asked for is probably behind this one */
            node->cursor = start;
            return false;
        }
        at = 0;
    }
}

static bool is_same(const struct stored_leaf *leaf, const struct stat *stat) {
    return leaf->device == stat->st_dev && leaf->inode == stat->st_ino &&
           leaf->mode == stat->st_mode && leaf->size == (uint64_t)stat->st_size &&
           leaf->mtime == time_of(stat->st_mtim) && leaf->ctime == time_of(stat->st_ctim);
}

bool index_find(struct index_node *node, struct str name, const struct stat *stat,
                struct digest *digest) {
    struct stored_leaf leaf;
    if (!find_leaf(node, name, &leaf) || !is_same(&leaf, stat)) {
        return false;
    }
    *digest = leaf.digest;
    return true;
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
    struct index_leaf leaf = {
        .name = str_copy(arena, name),
        .device = stat->st_dev,
        .inode = stat->st_ino,
        .size = (uint64_t)stat->st_size,
        .mtime = time_of(stat->st_mtim),
        .ctime = time_of(stat->st_ctim),
        .mode = stat->st_mode,
        .digest = *digest,
    };
    arena_vec_push(arena, &node->learned, leaf);
    node->is_changed = true;
}

/* ---- writing ---- */

/* By name; a file selected twice was learned twice, the later one comes first. */
static int compare_leaves(const void *a, const void *b) {
    const struct index_leaf *left = *(const struct index_leaf *const *)a;
    const struct index_leaf *right = *(const struct index_leaf *const *)b;
    int order = str_compare(left->name, right->name);
    return order != 0 ? order : (left < right) - (left > right);
}

static void encode(struct buf *out, const struct stored_leaf *leaf, struct str name) {
    buf_append(out, leaf, sizeof(*leaf));
    buf_append_str(out, name);
}

static void encode_learned(struct buf *out, const struct index_leaf *leaf) {
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
    encode(out, &stored, leaf->name);
}

static bool still_exists(int directory, struct str name) {
    char text[256]; /* NAME_MAX and its NUL */
    struct stat stat;
    if (directory < 0 || name.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return fstatat(directory, text, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Both lists are sorted: they are merged, what was learned replaces what was stored. */
static void merge(struct buf *out, const struct index_node *node, int directory,
                  const struct index_leaf **learned) {
    struct stored_leaf leaf;
    struct str name;
    size_t at = 0, i = 0, count = node->learned.count;
    bool has_stored = next_leaf(node->stored, &at, &leaf, &name);
    while (has_stored || i < count) {
        int order = !has_stored ? 1 : i == count ? -1 : str_compare(name, learned[i]->name);
        if (order < 0) {
            if (still_exists(directory, name)) {
                encode(out, &leaf, name);
            }
        } else {
            encode_learned(out, learned[i]);
            while (i + 1 < count && str_equal(learned[i]->name, learned[i + 1]->name)) {
                i++;
            }
            i++;
        }
        if (order <= 0) {
            has_stored = next_leaf(node->stored, &at, &leaf, &name);
        }
    }
}

struct str index_encode(const struct index_node *node, int directory, struct arena *arena) {
    const struct index_leaf **learned =
        xcalloc(node->learned.count + 1, sizeof(struct index_leaf *));
    for (size_t i = 0; i < node->learned.count; i++) {
        learned[i] = &node->learned.items[i];
    }
    qsort(learned, node->learned.count, sizeof(*learned), compare_leaves);
    _cleanup_buf_ struct buf out = BUF_INIT;
    buf_append(&out, magic, sizeof(magic));
    merge(&out, node, directory, learned);
    free(learned);
    return str_copy(arena, buf_str(&out));
}
