/* The file format is that of LMDB 0.9 (MDB_DATA_VERSION 1), on machines of 64 bits; see "struct MDB_page", "MDB_node",
 * "MDB_meta" and "MDB_db" in LMDB's mdb.c. Numbers have the byte order of the machine. */
#include "store/cache_verify.h"

#include "base/str.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0xBEEFC0DEu
#define DATA_VERSION 1

#define PAGE_HEADER                                                                                \
    16 /* number 8, pad 2, flags 2, lower 2, upper 2 (or pages 4); then the places of the entries */
#define PAGE_BRANCH 0x01
#define PAGE_LEAF 0x02
#define PAGE_OVERFLOW 0x04
#define PAGE_META 0x08

#define NODE_HEADER                                                                                \
    8 /* size 2 + 2, flags 2, size of the key 2; in a branch the first three are a page number */
#define NODE_OVERFLOW 0x01
#define NODE_TABLE 0x02
#define MAX_KEY 511

#define META_SIZE 136
#define TABLE_SIZE 48
#define TABLE_INTEGER_KEYS 0x08
#define TABLE_FLAGS 0xff /* the others are flags of the file, kept in the same place */
#define NO_PAGE UINT64_MAX
#define MAX_DEPTH 32 /* LMDB's CURSOR_STACK */

#define NO_KEY ((struct str){ NULL, 0 })

#define SMALLEST_PAGE 512
#define LARGEST_PAGE 65536

/* MDB_db: the root of a tree. */
struct tree {
    uint32_t pad; /* of the list of free pages: the page size */
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages, leaf_pages, overflow_pages;
    uint64_t entries;
    uint64_t root;
};

struct meta {
    uint32_t magic;
    uint32_t version;
    uint64_t address, map_size;
    struct tree free, main;
    uint64_t last_page;
    uint64_t id;
};

_Static_assert(sizeof(struct meta) == META_SIZE && sizeof(struct tree) == TABLE_SIZE,
               "the layout of LMDB's heads");

enum contents { CONTENTS_FREE, CONTENTS_TABLES, CONTENTS_VALUES };

struct verifier {
    int fd;
    size_t page_size;
    uint64_t last_page;
    unsigned char *seen;    /* a bit a page */
    unsigned char *buffers; /* a page for each level */
    enum contents contents;
    uint16_t depth;
    uint64_t entries;
    struct tree *tables; /* those named by the main tree */
    size_t table_count;
};

static uint16_t get16(const unsigned char *at) {
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t get64(const unsigned char *at) {
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static bool read_at(int fd, void *out, size_t size, uint64_t offset) {
    return pread(fd, out, size, (off_t)offset) == (ssize_t)size;
}

/* ---- the heads ---- */

static bool is_page_size(uint32_t size) {
    return size >= SMALLEST_PAGE && size <= LARGEST_PAGE && (size & (size - 1)) == 0;
}

/* False when there is nothing sensible at page NUMBER. */
static bool read_meta(int fd, unsigned number, uint32_t page_size, struct meta *out) {
    unsigned char header[PAGE_HEADER];
    uint64_t offset = (uint64_t)number * page_size;
    return read_at(fd, header, sizeof(header), offset) &&
           read_at(fd, out, sizeof(*out), offset + PAGE_HEADER) && get64(header) == number &&
           (get16(header + 10) & PAGE_META) != 0 && out->magic == MAGIC;
}

const char *cache_verify_head(int fd) {
    struct meta metas[2];
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_size == 0) {
        return NULL;
    }
    if (!read_meta(fd, 0, 0, &metas[0])) {
        return "it is no LMDB file";
    }
    if (metas[0].version != DATA_VERSION) {
        return "it is of another LMDB version";
    }
    uint32_t page_size = metas[0].free.pad;
    if (!is_page_size(page_size) || !read_meta(fd, 1, page_size, &metas[1]) ||
        metas[1].free.pad != page_size || metas[1].version != DATA_VERSION) {
        return "its head is damaged";
    }
    for (unsigned i = 0; i < 2; i++) {
        if ((metas[i].main.flags & TABLE_FLAGS) != 0 ||
            (metas[i].free.flags & TABLE_FLAGS) != TABLE_INTEGER_KEYS) {
            return "its head is damaged";
        }
        if (fstat(fd, &status) || metas[i].last_page >= (uint64_t)status.st_size / page_size) {
            return "it is truncated";
        }
    }
    return NULL;
}

uint64_t cache_verify_newest(int fd) {
    struct meta metas[2];
    if (!read_meta(fd, 0, 0, &metas[0]) || !is_page_size(metas[0].free.pad) ||
        !read_meta(fd, 1, metas[0].free.pad, &metas[1])) {
        return 0;
    }
    return metas[0].id > metas[1].id ? metas[0].id : metas[1].id;
}

/* ---- the trees ---- */

/* Every page belongs to one place. */
static const char *claim(struct verifier *v, uint64_t page, uint64_t count) {
    if (page < 2 || count > v->last_page || page > v->last_page - (count - 1)) {
        return "a page is beyond its end";
    }
    for (uint64_t i = page; i < page + count; i++) {
        unsigned char bit = (unsigned char)(1u << (i & 7));
        if (v->seen[i >> 3] & bit) {
            return "a page is used twice";
        }
        v->seen[i >> 3] |= bit;
    }
    return NULL;
}

struct node {
    struct str key;
    uint16_t flags;
    uint64_t child;            /* branch */
    uint32_t size;             /* leaf: of the value */
    const unsigned char *data; /* leaf: the value, or the number of its overflow page */
    size_t total;              /* bytes of the page it takes */
};

static bool get_node(const struct verifier *v, const unsigned char *page, unsigned index,
                     bool is_leaf, struct node *out) {
    size_t upper = get16(page + 14), at = get16(page + PAGE_HEADER + 2 * (size_t)index);
    if (at < upper || (at & 1) != 0 || at + NODE_HEADER > v->page_size) {
        return false;
    }
    const unsigned char *node = page + at;
    size_t key_size = get16(node + 6), room = v->page_size - at - NODE_HEADER;
    *out = (struct node){ .flags = get16(node + 4) };
    out->size = get16(node) | (uint32_t)get16(node + 2) << 16;
    out->child = out->size | (uint64_t)out->flags << 32;
    size_t inside = !is_leaf ? 0 : out->flags & NODE_OVERFLOW ? sizeof(uint64_t) : out->size;
    if (key_size > MAX_KEY || key_size > room || inside > room - key_size) {
        return false;
    }
    out->key = str_make((const char *)node + NODE_HEADER, key_size);
    out->data = node + NODE_HEADER + key_size;
    out->total = (NODE_HEADER + key_size + inside + 1) & ~(size_t)1;
    return true;
}

static int compare_keys(const struct verifier *v, struct str a, struct str b) {
    if (v->contents != CONTENTS_FREE) {
        return str_compare(a, b);
    }
    uint64_t left = get64((const unsigned char *)a.data),
             right = get64((const unsigned char *)b.data);
    return left < right ? -1 : left > right;
}

static const char *verify_overflow(struct verifier *v, const struct node *node, uint64_t *page) {
    unsigned char header[PAGE_HEADER];
    *page = get64(node->data);
    if (*page > v->last_page || !read_at(v->fd, header, sizeof(header), *page * v->page_size)) {
        return "a page is beyond its end";
    }
    uint32_t pages;
    memcpy(&pages, header + 12, sizeof(pages));
    if (get64(header) != *page || get16(header + 10) != PAGE_OVERFLOW ||
        pages < (PAGE_HEADER - 1 + (uint64_t)node->size) / v->page_size + 1) {
        return "a page is not what it should be";
    }
    return claim(v, *page, pages);
}

/* The value is a count and as many page numbers. */
static const char *verify_free(struct verifier *v, const struct node *node, uint64_t overflow) {
    _cleanup_free_ unsigned char *copy = NULL;
    const unsigned char *list = node->data;
    if (overflow) {
        copy = xmalloc(node->size + 1);
        list = copy;
        if (!read_at(v->fd, copy, node->size, overflow * v->page_size + PAGE_HEADER)) {
            return "a page is beyond its end";
        }
    }
    size_t room = node->size / sizeof(uint64_t);
    uint64_t count = room > 0 ? get64(list) : 0;
    if (room == 0 || count > room - 1) {
        return "its list of free pages is damaged";
    }
    const char *why = NULL;
    for (uint64_t i = 1; !why && i <= count; i++) {
        why = claim(v, get64(list + i * sizeof(uint64_t)), 1);
    }
    return why;
}

static const char *verify_leaf_node(struct verifier *v, const struct node *node) {
    uint64_t overflow = 0;
    const char *why = NULL;
    bool is_table = v->contents == CONTENTS_TABLES;
    if (node->key.len == 0 || (v->contents == CONTENTS_FREE && node->key.len != sizeof(uint64_t)) ||
        (is_table ? node->flags != NODE_TABLE || node->size != sizeof(struct tree)
                  : (node->flags & ~NODE_OVERFLOW) != 0)) {
        return "an entry is not what it should be";
    }
    if (node->flags & NODE_OVERFLOW) {
        why = verify_overflow(v, node, &overflow);
    }
    if (!why && v->contents == CONTENTS_FREE) {
        why = verify_free(v, node, overflow);
    }
    if (!why && is_table) {
        v->tables = xrealloc(v->tables, (v->table_count + 1) * sizeof(*v->tables));
        memcpy(&v->tables[v->table_count++], node->data, sizeof(struct tree));
    }
    v->entries++;
    return why;
}

/* The page and what is below it, whose keys are from LOW (data NULL: no limit) to before HIGH. */
static const char *verify_page(struct verifier *v, uint64_t number, unsigned level, struct str low,
                               struct str high) {
    unsigned char *page = v->buffers + level * v->page_size;
    bool is_leaf = level + 1 == v->depth;
    const char *why = claim(v, number, 1);
    if (why) {
        return why;
    }
    if (!read_at(v->fd, page, v->page_size, number * v->page_size)) {
        return "a page is beyond its end";
    }
    size_t lower = get16(page + 12), upper = get16(page + 14), used = 0;
    if (get64(page) != number || get16(page + 10) != (is_leaf ? PAGE_LEAF : PAGE_BRANCH) ||
        lower < PAGE_HEADER + 2 || (lower & 1) != 0 || upper < lower || upper > v->page_size) {
        return "a page is not what it should be";
    }
    unsigned count = (unsigned)(lower - PAGE_HEADER) / 2;
    struct node node, next;
    for (unsigned i = 0; i < count; i++) {
        if (!get_node(v, page, i, is_leaf, &node)) {
            return "an entry is not what it should be";
        }
        used += node.total;
    }
    if (used != v->page_size - upper) { /* they lie side by side */
        return "a page is not what it should be";
    }
    get_node(v, page, 0, is_leaf, &node);
    if (!is_leaf) { /* the first key of a branch is not looked at by anybody */
        node.key = low;
    }
    for (unsigned i = 0; i < count; i++, node = next) {
        bool is_last = i + 1 == count;
        if (!is_last) {
            get_node(v, page, i + 1, is_leaf, &next);
        }
        struct str end = is_last ? high : next.key;
        if (v->contents == CONTENTS_FREE && ((node.key.data && node.key.len != sizeof(uint64_t)) ||
                                             (end.data && end.len != sizeof(uint64_t)))) {
            return "an entry is not what it should be";
        }
        if ((i == 0 && node.key.data && low.data && compare_keys(v, node.key, low) < 0) ||
            (node.key.data && end.data && compare_keys(v, node.key, end) >= 0)) {
            return "its entries are not in order";
        }
        why = is_leaf ? verify_leaf_node(v, &node)
                      : verify_page(v, node.child, level + 1, node.key, end);
        if (why) {
            return why;
        }
    }
    return NULL;
}

static const char *verify_tree(struct verifier *v, const struct tree *tree,
                               enum contents contents) {
    v->contents = contents;
    v->depth = tree->depth;
    v->entries = 0;
    if (tree->root == NO_PAGE) {
        return tree->depth == 0 && tree->entries == 0 ? NULL : "a root is not what it should be";
    }
    if (tree->depth == 0 || tree->depth > MAX_DEPTH ||
        (tree->flags & TABLE_FLAGS) != (contents == CONTENTS_FREE ? TABLE_INTEGER_KEYS : 0)) {
        return "a root is not what it should be";
    }
    const char *why = verify_page(v, tree->root, 0, NO_KEY, NO_KEY);
    return !why && v->entries != tree->entries ? "a root is not what it should be" : why;
}

static const char *verify_trees(struct verifier *v, const struct meta *meta) {
    const char *why = verify_tree(v, &meta->main, CONTENTS_TABLES);
    for (size_t i = 0; !why && i < v->table_count; i++) {
        why = verify_tree(v, &v->tables[i], CONTENTS_VALUES);
    }
    return why ? why : verify_tree(v, &meta->free, CONTENTS_FREE);
}

static const char *verify_below(int fd, uint32_t page_size, const struct meta *meta) {
    struct stat status;
    struct verifier v = { .fd = fd, .page_size = page_size, .last_page = meta->last_page };
    if (fstat(fd, &status) || meta->last_page < 1 ||
        meta->last_page >= (uint64_t)status.st_size / v.page_size) {
        return "it is truncated";
    }
    v.seen = xcalloc(1, meta->last_page / 8 + 1);
    v.buffers = xmalloc(MAX_DEPTH * v.page_size);
    const char *why = verify_trees(&v, meta);
    free(v.seen);
    free(v.buffers);
    free(v.tables);
    return why;
}

const char *cache_verify_pages(int fd, uint64_t id, bool *is_overtaken) {
    struct meta first, meta;
    *is_overtaken = false;
    if (!read_meta(fd, 0, 0, &first) || !is_page_size(first.free.pad) ||
        !read_meta(fd, id & 1, first.free.pad, &meta)) {
        return "its head is damaged";
    }
    const char *why =
        meta.id == id ? verify_below(fd, first.free.pad, &meta) : "its head is damaged";
    /* The transaction has the newest head there was. Where a newer one is now, somebody has committed; what was read of it
     * may be of both. */
    if (why && read_meta(fd, id & 1, first.free.pad, &meta) && meta.id > id) {
        *is_overtaken = true;
        return NULL;
    }
    return why;
}
