/* listing: the names in one directory, sorted. Internal to this folder.
 *
 * A walk lists a thousand directories for one no-op build: the memory of a listing is used again for the next. */
#ifndef BUD_PLANNER_LISTING_H
#define BUD_PLANNER_LISTING_H

#include "base/error.h"
#include "base/str.h"

struct listing_name {
    uint64_t prefix; /* its first eight bytes, to be compared as a number */
    uint32_t offset;
    uint16_t len;
    uint8_t type; /* DT_… of dirent.h; DT_UNKNOWN where the file system does not tell */
};

struct listing {
    char *room; /* what getdents64(2) gave, one block after the other */
    size_t used, room_size;
    struct listing_name *names;
    size_t count, capacity;
};

#define LISTING_INIT                                                                               \
    { 0 }

/* Fills LISTING (which may hold an older one) with what the directory FD, open for reading, holds, without `.` and `..`,
 * sorted bytewise. Reads from where FD is. */
int listing_read(struct listing *listing, int fd, struct error *error);
/* NUL-terminated; valid until the listing is read again or freed. */
static inline const char *listing_name(const struct listing *listing, size_t i) {
    return listing->room + listing->names[i].offset;
}
/* Gives back the memory it does not need now. */
void listing_shrink(struct listing *listing);
void listing_free(struct listing *listing);

#endif
