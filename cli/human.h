/* human: sizes, ages and tables as Podman and Buildah print them. */
#ifndef BUD_CLI_HUMAN_H
#define BUD_CLI_HUMAN_H

#include "base/str.h"

/* "6.3 MB": decimal units, three significant digits. */
const char *human_size(struct arena *arena, uint64_t bytes);
/* "2 minutes ago", for TIME seen at NOW, both ns. */
const char *human_age(struct arena *arena, int64_t time, int64_t now);
/* "0.4 ms", "13 ms", "4.25 s", "3 m 20 s", "2 h 5 m". */
const char *human_duration(struct arena *arena, uint64_t nanoseconds);
/* "24h", "90m", "1h30m", "7d", "2w": whole numbers of s, m, h, d and w. False for anything else. */
bool human_parse_duration(const char *text, int64_t *nanoseconds);
/* "1GB", "500 kB", "1.5GiB", "4096": bytes, rounded down; the letter B may be left out, and case does not matter. */
bool human_parse_size(const char *text, uint64_t *bytes);
/* TEXT in at most WIDTH bytes, the rest replaced by `...`; control characters become spaces. */
const char *human_line(struct arena *arena, struct str text, size_t width);
/* All of TEXT on one line, its line ends as ⏎, which is no blank: for scripts. */
const char *human_script(struct arena *arena, struct str text);

/* Cells in rows of WIDTH, padded to columns that stand GAP spaces apart. No spaces at line ends. */
struct columns {
    struct arena *arena;
    size_t width; /* cells a row */
    size_t gap;
    const char **cells;
    size_t cell_count, cell_capacity;
};
/* With the row of HEADINGS, which NULL ends. */
struct columns columns_of(struct arena *arena, size_t gap, const char *const *headings);
void columns_add(struct columns *columns, const char *cell);
void columns_print(const struct columns *columns, struct buf *out);

#endif
