/* table: one of the JSON tables of containers-storage (layers, images, containers) in memory.
 *
 * Rows stay the JSON they were parsed from, so what bud does not know survives a save. Everything bud or another tool
 * relies on is checked for its type when a table is read; a table that is not exactly right is ERROR_CORRUPT and is
 * never saved over: podman 4.3 would silently drop the rows it cannot decode.
 *
 * The caller holds the table's lock: shared while reading, exclusive from reading to saving. A table belongs to one
 * thread. */
#ifndef BUD_STORE_TABLE_H
#define BUD_STORE_TABLE_H

#include "base/json.h"
#include "base/map.h"
#include "store/lock.h"
#include "store/row_scan.h"
#include "store/store.h"

enum table_kind {
    TABLE_LAYERS,
    TABLE_IMAGES,
    TABLE_CONTAINERS,
    TABLE_VOLATILE_LAYERS, /* storage 1.45 and later; bud reads them, never writes them */
    TABLE_VOLATILE_CONTAINERS,
    TABLE_COUNT
};

struct table {
    enum table_kind kind;
    char *path;       /* absolute */
    json_t *rows;     /* an array of objects */
    struct map index; /* id -> row, borrowed */
    bool is_partial;  /* rows have only some of their members: not to be saved */
};

#define TABLE_INIT                                                                                 \
    { TABLE_LAYERS, NULL, NULL, MAP_INIT, false }

/* ROOT is store->root or one of the additional roots. A missing or empty file, or `null`, is a table without rows. */
int table_read(const struct store *store, const char *root, enum table_kind kind, struct table *out,
               struct error *error);
/* Takes the shared lock, reads, releases it. */
int table_read_shared(const struct store *store, const char *root, enum table_kind kind,
                      struct table *out, struct error *error);
/* The same with no other members than MEMBERS (`id` among them): the others cost little, and are not checked. */
int table_read_members(const struct store *store, const char *root, enum table_kind kind,
                       const char *const *members, struct table *out, struct error *error);
/* row_scan() of the table, under the shared lock. *is_scanned: it was; otherwise read it. */
int table_scan(const struct store *store, const char *root, enum table_kind kind,
               const char *const *members, row_visit *visit, void *context, bool *is_scanned,
               struct error *error);
/* Token first, then the table in one durable step. LOCK is the exclusive lock of the table. */
int table_save(const struct table *table, const struct lock *lock, struct error *error);
void table_free(struct table *table);
#define _cleanup_table_ _cleanup_(table_free)

/* The row, borrowed, or NULL. */
json_t *table_find(const struct table *table, const char *id);
/* Appends ROW and takes the reference; its id must not be in the table. */
void table_add(struct table *table, json_t *row);
void table_drop(struct table *table, const char *id);

/* Members of a checked row: "" or NULL (a borrowed value otherwise) when absent. */
const char *row_text(const json_t *row, const char *key);
const json_t *row_list(const json_t *row, const char *key);
int64_t row_time(const json_t *row, const char *key); /* ns; 0 when absent or before 1678 */
/* Is ROW a layer's whose maker died half-way, or that somebody is just making or removing? Not a layer then. */
bool row_is_incomplete(const json_t *row);
bool row_has_name(const json_t *row, const char *name);
/* Removes NAME from `names`; true when it was there. `names` disappears with its last member. */
bool row_remove_name(json_t *row, const char *name);
/* TEXT becomes the first member of the list KEY, without duplicates; true when that changed anything. */
bool row_prepend(json_t *row, const char *key, const char *text);

#define FOR_EACH_ROW(table, i, row)                                                                \
    for (size_t i = 0; i < json_array_size((table)->rows); i++)                                    \
        for (json_t *row = json_array_get((table)->rows, i); row != NULL; row = NULL)

#endif
