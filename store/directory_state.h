/* directory_state: is a directory that nobody should have touched still as it was?
 *
 * Told for a few system calls, so that every build can ask it of every result it finds: by the times of the directory itself,
 * and by its mode and the names, types, modes, sizes and times of the first entries in it, the upper ones first. One of the
 * times is that of the last change of any kind, so owners, attributes and links are seen, too. What is further down in a
 * large directory would take a walk over all of it. */
#ifndef BUD_STORE_DIRECTORY_STATE_H
#define BUD_STORE_DIRECTORY_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* So many entries are looked at. */
#define DIRECTORY_STATE_ENTRIES 200

struct directory_state {
    uint64_t inode;   /* 0: nothing is known */
    int64_t modified; /* ns */
    int64_t changed;  /* st_ctime, ns; 0: others may have had it in hand, as by a rename */
    uint64_t shape;   /* checksum of the entries; 0: not known, as where the caller may not look */
};

/* That of the directory PATH, all zero when it is none. */
struct directory_state directory_state_read(const char *path);
/* Does the directory PATH, whose STATUS is known, contradict BEFORE? A copy, which has another inode, is compared by the time
 * of its modification alone: others are not copied, and the order of its entries may be another. */
bool directory_state_differs(const struct directory_state *before, const char *path,
                             const struct stat *status);

#endif
