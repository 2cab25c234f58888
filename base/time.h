/* time: nanoseconds since 1970 UTC, and their RFC 3339 form. */
#ifndef BUD_BASE_TIME_H
#define BUD_BASE_TIME_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Longest text of time_format with its NUL. */
#define TIME_TEXT_SIZE 40

int64_t time_now(void);        /* wall clock */
uint64_t time_monotonic(void); /* for durations */
/* "2026-11-24T02:19:27.509638485Z": up to nine fractional digits, trailing zeros dropped (Go's RFC3339Nano). */
void time_format(char out[TIME_TEXT_SIZE], int64_t nanoseconds);
/* Accepts any RFC 3339 text with Z or an offset; false when it is not one.
 * Times int64 nanoseconds cannot hold become INT64_MIN or INT64_MAX. INT64_MIN formats as Go's zero time
 * 0001-01-01T00:00:00Z, so that the "no time" other tools write survives a round trip. */
bool time_parse(struct str text, int64_t *nanoseconds);
/* A file may claim any time: beyond 1678 and 2261 the number wraps, which keeps different times different. */
static inline int64_t time_of(struct timespec t) {
    return (int64_t)((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
}

#endif
