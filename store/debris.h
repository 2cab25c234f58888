/* debris: what a crash while publishing or removing leaves in the shared part of the store. */
#ifndef BUD_STORE_DEBRIS_H
#define BUD_STORE_DEBRIS_H

#include "store/store.h"

/* Takes out layer directories, links and tar-split logs that no layer row names, image directories without a row, and
 * tables half written: under the exclusive locks nobody is just making them. Layers flagged incomplete are finished
 * off, as any tool does that gets the lock. */
int debris_sweep(const struct store *store, struct error *error);

#endif
