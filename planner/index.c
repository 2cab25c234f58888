#include "planner/index.h"

#include "base/time.h"
#include "base/vec.h"

#include <endian.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>

/* The format of a node: the header below, then for every leaf, sorted by name: the fields below, the name. Numbers are the
 * machine's own: the cache does not move between machines. A node is used as it is stored: decoding fifty thousand leaves
 * would cost more than comparing them. */
static const char magic[8] = { 'b', 'u', 'd', 'n', 'o', 'd', 'e', 3 };

struct stored_header {
    char magic[8];
    uint64_t count;
    struct digest digest;
};

struct stored_leaf {
    struct index_stamp stamp;
    struct digest digest;
    uint64_t name_len;
};

struct index_stamp index_stamp_of(const struct stat *stat) {
    return (struct index_stamp){
        .device = stat->st_dev,
        .inode = stat->st_ino,
        .size = (uint64_t)stat->st_size,
        .mtime = time_of(stat->st_mtim),
        .ctime = time_of(stat->st_ctim),
        .mode = stat->st_mode,
        .is_coarse = stat->st_ctim.tv_nsec == 0 && stat->st_mtim.tv_nsec == 0,
    };
}

bool index_stamp_equal(const struct index_stamp *a, const struct index_stamp *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

void index_hash_entry(struct hasher *hasher, struct str name, uint32_t mode, uint32_t uid,
                      uint32_t gid, const struct digest *digest) {
    struct {
        uint32_t name_len, mode, uid, gid;
        struct digest digest;
    } fixed = { htole32((uint32_t)name.len), htole32(mode), htole32(uid), htole32(gid), *digest };
    hasher_update(hasher, &fixed, sizeof(fixed));
    hasher_update(hasher, name.data, name.len);
}

struct digest index_key(const struct digest *identity, struct str directory) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update(&hasher, "bud-index-v1", 12);
    hasher_update(&hasher, identity->bytes, sizeof(identity->bytes));
    hasher_update_str(&hasher, directory);
    return hasher_finish(&hasher);
}

/* The leaf at *AT, which moves behind it; NULL at the end and when there is no whole leaf. Not aligned. */
static const char *next_leaf(struct str stored, size_t *at, struct str *name) {
    size_t start = *at + sizeof(struct stored_leaf);
    uint64_t len;
    if (start > stored.len) {
        return NULL;
    }
    const char *leaf = stored.data + *at;
    memcpy(&len, leaf + offsetof(struct stored_leaf, name_len), sizeof(len));
    if (len > stored.len - start) {
        return NULL;
    }
    *name = str_make(stored.data + start, len);
    *at = start + len;
    return leaf;
}

static struct digest leaf_digest(const char *leaf) {
    struct digest digest;
    memcpy(&digest, leaf + offsetof(struct stored_leaf, digest), sizeof(digest));
    return digest;
}

static bool is_stamped(const char *leaf, const struct index_stamp *stamp) {
    return memcmp(leaf + offsetof(struct stored_leaf, stamp), stamp, sizeof(*stamp)) == 0;
}

static struct str leaves_of(const struct index_node *node) {
    return str_from(buf_str(&node->stored), sizeof(struct stored_header));
}

void index_load(struct cache *cache, const struct digest *identity, struct str directory,
                struct index_node *out) {
    struct buf room = out->stored;
    *out = (struct index_node){ .directory = directory, .stored = room };
    buf_reset(&out->stored);
    struct digest key = index_key(identity, directory);
    struct stored_header header;
    if (!cache_node_get(cache, &key, &out->stored)) {
        buf_reset(&out->stored);
        return;
    }
    if (out->stored.len < sizeof(header) || memcmp(out->stored.data, magic, sizeof(magic)) != 0) {
        buf_reset(&out->stored);
        out->is_changed = true;
        return;
    }
    memcpy(&header, out->stored.data, sizeof(header));
    out->count = header.count;
    out->digest = header.digest;
}

void index_free(struct index_node *node) {
    buf_free(&node->stored);
}

bool index_take_next(struct index_node *node, struct str name, const struct index_stamp *stamp) {
    size_t at = node->cursor;
    struct str found;
    const char *leaf = next_leaf(leaves_of(node), &at, &found);
    if (!leaf || !str_equal(found, name) || !is_stamped(leaf, stamp)) {
        return false;
    }
    node->previous = node->cursor;
    node->cursor = at;
    return true;
}

bool index_begins_with(struct index_node *node, struct str name) {
    size_t at = 0;
    struct str first;
    if (!next_leaf(leaves_of(node), &at, &first) || !str_equal(first, name)) {
        return false;
    }
    node->cursor = 0;
    return true;
}

bool index_next(const struct index_node *node, size_t *at, struct str *name, uint32_t *mode,
                struct digest *digest) {
    const char *leaf = next_leaf(leaves_of(node), at, name);
    if (!leaf) {
        return false;
    }
    memcpy(mode, leaf + offsetof(struct stored_leaf, stamp.mode), sizeof(*mode));
    *digest = leaf_digest(leaf);
    return true;
}

/* Names come in order, so the next one is nearly always where the last search ended: only one that comes before that
 * is looked for from the beginning. A directory costs as many steps as it has names, not their square. */
static size_t start_of_search(const struct index_node *node, struct str name) {
    size_t at = node->previous;
    struct str before = STR_EMPTY;
    if (node->cursor == 0) {
        return 0;
    }
    next_leaf(leaves_of(node), &at, &before);
    int order = str_compare(before, name);
    return order < 0 ? node->cursor : order == 0 ? node->previous : 0;
}

static const char *find_leaf(struct index_node *node, struct str name) {
    struct str leaves = leaves_of(node), found;
    size_t at = start_of_search(node, name);
    if (at == 0) {
        node->cursor = 0;
    }
    for (;;) {
        size_t start = at;
        const char *leaf = next_leaf(leaves, &at, &found);
        int order = leaf ? str_compare(found, name) : 1;
        if (order > 0) { /* the next name asked for is probably behind this one */
            return NULL;
        }
        node->previous = start;
        node->cursor = at;
        if (order == 0) {
            return leaf;
        }
    }
}

bool index_find(struct index_node *node, struct str name, const struct index_stamp *stamp,
                struct digest *digest) {
    const char *leaf = find_leaf(node, name);
    if (!leaf || !is_stamped(leaf, stamp)) {
        return false;
    }
    *digest = leaf_digest(leaf);
    return true;
}

/* A file system that keeps whole seconds only needs two of them between change and digest. */
static bool is_racy(const struct index_stamp *stamp, int64_t begun) {
    return stamp->ctime >= begun - (stamp->is_coarse ? 2000000000 : 0);
}

void index_learn(struct index_node *node, struct arena *arena, struct str name,
                 const struct index_stamp *stamp, int64_t begun, const struct digest *digest) {
    if (is_racy(stamp, begun)) {
        return;
    }
    struct index_leaf leaf = { str_copy(arena, name), *stamp, *digest };
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

struct encoding {
    struct buf *out;
    struct hasher hasher;
    uint64_t count;
};

static void encode(struct encoding *encoding, struct str name, const struct index_stamp *stamp,
                   const struct digest *digest) {
    struct stored_leaf leaf = { *stamp, *digest, name.len };
    buf_append(encoding->out, &leaf, sizeof(leaf));
    buf_append_str(encoding->out, name);
    index_hash_entry(&encoding->hasher, name, stamp->mode, 0, 0, digest);
    encoding->count++;
}

static void encode_stored(struct encoding *encoding, struct str name, const char *stored) {
    struct stored_leaf leaf;
    memcpy(&leaf, stored, sizeof(leaf));
    encode(encoding, name, &leaf.stamp, &leaf.digest);
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
static void merge(struct encoding *encoding, const struct index_node *node, int directory,
                  const struct index_leaf **learned) {
    struct str leaves = leaves_of(node), name;
    size_t at = 0, i = 0, count = node->learned.count;
    const char *stored = next_leaf(leaves, &at, &name);
    while (stored || i < count) {
        int order = !stored ? 1 : i == count ? -1 : str_compare(name, learned[i]->name);
        if (order < 0) {
            if (still_exists(directory, name)) {
                encode_stored(encoding, name, stored);
            }
        } else {
            encode(encoding, learned[i]->name, &learned[i]->stamp, &learned[i]->digest);
            while (i + 1 < count && str_equal(learned[i]->name, learned[i + 1]->name)) {
                i++;
            }
            i++;
        }
        if (order <= 0) {
            stored = next_leaf(leaves, &at, &name);
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
    struct stored_header header = { .count = 0 };
    struct encoding encoding = { .out = &out };
    hasher_init(&encoding.hasher);
    buf_append(&out, &header, sizeof(header));
    merge(&encoding, node, directory, learned);
    free(learned);
    memcpy(header.magic, magic, sizeof(magic));
    header.count = encoding.count;
    header.digest = hasher_finish(&encoding.hasher);
    memcpy(out.data, &header, sizeof(header));
    return str_copy(arena, buf_str(&out));
}
