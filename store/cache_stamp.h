/* cache_stamp: has anybody but bud written to the cache's file?
 *
 * Beside the file there is one with what changes whenever somebody writes to it and cannot be set back: its inode, size and
 * times, as they were when the last bud that wrote had closed it. */
#ifndef BUD_STORE_CACHE_STAMP_H
#define BUD_STORE_CACHE_STAMP_H

#include <stdbool.h>

#define CACHE_STAMP_SUFFIX "-stamp"

/* Is NAME in DIRECTORY as the last bud left it? True for a missing file. */
bool cache_stamp_is_current(int directory, const char *name);
/* It is from now on. Only while nobody else may write to the file. A stamp that cannot be written costs a check. */
void cache_stamp_write(int directory, const char *name);

#endif
