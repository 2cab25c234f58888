/* human: sizes, ages and tables as Podman and Buildah print them. */
#ifndef BUD_CLI_HUMAN_H
#define BUD_CLI_HUMAN_H

#include "base/str.h"

/* "6.3 MB": decimal units, three significant digits. */
const char *human_size(struct arena *arena, uint64_t bytes);
/* "2 minutes ago", for TIME seen at NOW, both ns. */
const char *human_age(struct arena *arena, int64_t time, int64_t now);
/* TEXT in at most WIDTH bytes, the rest replaced by `...`; control characters become spaces. */
const char *human_line(struct arena *arena, struct str text, size_t width);

/* Cells in rows of WIDTH, padded to columns that stand GAP spaces apart. No spaces at line ends. */
struct columns {
    struct arena *arena;
    size_t width; /* cells a row */
    size_t gap;
    const char **cells;
    size_t cell_count, cell_capacity;
};
void columns_add(struct columns *columns, const char *cell);
void columns_print(const struct columns *columns, struct buf *out);

#endif
