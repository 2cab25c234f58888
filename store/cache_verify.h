/* cache_verify: is an LMDB file sound enough to be given to LMDB?
 *
 * LMDB trusts its pages: one wrong bit in a pointer is a segmentation fault in whoever follows it. So a file that
 * somebody other than a bud that closed it properly has written to is read through once, by plain reads that nothing in the
 * file can lead astray, before LMDB maps it. It costs about a microsecond a page. */
#ifndef BUD_STORE_CACHE_VERIFY_H
#define BUD_STORE_CACHE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

/* What is wrong with the two heads of FD, as far as LMDB believes them when it opens the file, or NULL. An empty file is
 * fine: it is new. */
const char *cache_verify_head(int fd);

/* The ID of the newest transaction of FD; 0 when its heads make no sense. */
uint64_t cache_verify_newest(int fd);

/* What is wrong with the trees that transaction ID sees, or NULL: every page is where its parent says and nowhere else, of the
 * kind it has to be, with its entries within it and in order; none is free at the same time. The caller has a read
 * transaction with that ID, which keeps the pages as they are, but not their head: *is_overtaken when others have committed so
 * often that it is gone, and nothing can be said. Try again with a new one. Values are not looked at: they have checksums. */
const char *cache_verify_pages(int fd, uint64_t id, bool *is_overtaken);

#endif
