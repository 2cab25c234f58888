/* check: is this store what the format says? Invariants I1 to I10 of docs/store.md. */
#ifndef BUD_STORE_CHECK_H
#define BUD_STORE_CHECK_H

#include "store/store.h"

/* Holds the shared locks while reading; appends one line per finding to REPORT and counts them. With IS_DEEP every
 * layer's tar is reassembled from its tar-split log and compared with its digest. */
int check_store(const struct store *store, bool is_deep, struct buf *report, size_t *findings,
                struct error *error);

#endif
