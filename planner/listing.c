#include "planner/listing.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* Of one system call; a whole directory of a usual size. */
#define BLOCK (32 << 10)
/* Offsets are kept in 32 bits. Sixteen million names of one directory are more than anybody copies. */
#define MAX_ROOM ((size_t)1 << 31)

static uint64_t prefix_of(const char *name, size_t len) {
    uint64_t prefix = 0;
    memcpy(&prefix, name, len < sizeof(prefix) ? len : sizeof(prefix));
    return be64toh(prefix);
}

static void add(struct listing *listing, const struct dirent64 *entry) {
    const char *name = entry->d_name;
    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) {
        return;
    }
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity > 0 ? listing->capacity * 2 : 256;
        listing->names = xrealloc(listing->names, listing->capacity * sizeof(listing->names[0]));
    }
    size_t len = strlen(name);
    listing->names[listing->count++] = (struct listing_name){
        .prefix = prefix_of(name, len),
        .offset = (uint32_t)(name - listing->room),
        .len = (uint16_t)len,
        .type = entry->d_type,
    };
}

static int compare(const void *a, const void *b, void *room) {
    const struct listing_name *left = a, *right = b;
    if (left->prefix != right->prefix) {
        return left->prefix < right->prefix ? -1 : 1;
    }
    return strcmp((const char *)room + left->offset, (const char *)room + right->offset);
}

/* Names are taken out when all blocks are there: growing moves them. */
static int read_blocks(struct listing *listing, int fd, struct error *error) {
    for (;;) {
        if (listing->room_size - listing->used < BLOCK) {
            listing->room_size = listing->room_size * 2 + BLOCK;
            listing->room = xrealloc(listing->room, listing->room_size);
        }
        size_t space = listing->room_size - listing->used;
        if (listing->used > MAX_ROOM) {
            return error_set(error, ERROR_INPUT, "there are too many files in one directory");
        }
        ssize_t len = getdents64(fd, listing->room + listing->used,
                                 space > INT_MAX / 2 ? INT_MAX / 2 : space);
        if (len < 0) {
            return error_system(error, "cannot list a directory");
        }
        if (len == 0) {
            return 0;
        }
        listing->used += (size_t)len;
    }
}

int listing_read(struct listing *listing, int fd, struct error *error) {
    listing->used = 0;
    listing->count = 0;
    if (read_blocks(listing, fd, error)) {
        return -1;
    }
    for (size_t at = 0; at < listing->used;) {
        const struct dirent64 *entry = (const void *)(listing->room + at);
        add(listing, entry);
        at += entry->d_reclen;
    }
    if (listing->count > 1) {
        qsort_r(listing->names, listing->count, sizeof(listing->names[0]), compare, listing->room);
    }
    return 0;
}

void listing_shrink(struct listing *listing) {
    if (listing->count > 0) {
        listing->room_size = listing->used;
        listing->room = xrealloc(listing->room, listing->used);
        listing->capacity = listing->count;
        listing->names = xrealloc(listing->names, listing->count * sizeof(listing->names[0]));
    }
}

void listing_free(struct listing *listing) {
    free(listing->room);
    free(listing->names);
    *listing = (struct listing)LISTING_INIT;
}
