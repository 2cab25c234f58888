/* check_files: the part of the check that looks at files and directories. */
#ifndef BUD_STORE_CHECK_FILES_H
#define BUD_STORE_CHECK_FILES_H

#include "store/layer.h"
#include "store/table.h"

struct check {
    const struct store *store;
    struct arena arena;
    struct lock locks[3];
    struct table tables[TABLE_COUNT];
    struct layer_list all_layers; /* with those of additional stores */
    struct buf *report;
    size_t findings;
    bool is_broken; /* a table could not be read */
};

/* One line: the invariant's number and what is wrong. */
void check_finding(struct check *check, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Our own row, plain or volatile; NULL when there is none. */
const json_t *check_layer_row(const struct check *check, const char *id);
bool check_layer_exists(const struct check *check,
                        const char *id); /* here or in an additional store */

/* I2, I3, I10 for one layer, I9 for its contents; fails only when the disk does. */
int check_layer_files(struct check *check, const json_t *row, bool is_deep, struct error *error);
/* I4 and I5 for all images. */
void check_images(struct check *check);
/* I9: nothing unknown lies in the driver's directory. */
int check_home(struct check *check, struct error *error);

#endif
