/* lull: something that is done in the background once nothing has happened for a while.
 *
 *     struct lull *lull = lull_new(1000000000, write_out, file);
 *     lull_touch(lull);      something happened: write_out(file) a second later, unless this is called again before
 *     lull_free(lull);       waits for it, if it is just being done; what is not yet is not done any more
 *
 * Its thread is started by the first lull_touch() and has all signals blocked. lull_touch() may be called by any thread. */
#ifndef BUD_BASE_LULL_H
#define BUD_BASE_LULL_H

#include <stdint.h>

struct lull;

/* LENGTH in ns. */
struct lull *lull_new(uint64_t length, void (*act)(void *context), void *context);
/* Without a thread to be had nothing is done. */
void lull_touch(struct lull *lull);
void lull_free(struct lull *lull);

#endif
