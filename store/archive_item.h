/* archive_item: one entry of an archive on its way to the disk: its metadata, and the errors that name it. Internal to
 * store/archive.c. */
#ifndef BUD_STORE_ARCHIVE_ITEM_H
#define BUD_STORE_ARCHIVE_ITEM_H

#include "store/archive.h"

#include <time.h>

struct archive_entry;

struct archive_item {
    struct archive_entry *entry;
    const struct archive_options *options; /* of unpacking it */
    const char *archive;                   /* its name, for messages */
    const char *shown;                     /* the entry's as in the archive, for messages */
    struct str path;                       /* cleaned; "" is the target itself */
    int parent; /* O_PATH descriptor of the directory it goes into; -1 for the target itself */
    const char *base; /* last component */
    bool is_raw;      /* its data is not that of its file: the log of a layer has it */
};

/* A system call failed, at WHAT was to be done with it; what the archive is to blame for is ERROR_INPUT. */
int archive_item_failed(const struct archive_item *item, const char *what, struct error *error);
/* ERROR_INPUT: the entry WHY. */
int archive_item_bad(const struct archive_item *item, const char *why, struct error *error);
/* Times of the entry for utimensat(2): access time as it is, modification time from the archive. */
void archive_item_times(const struct archive_item *item, struct timespec times[2]);
/* Owner, mode and extended attributes of the file or directory FD. */
int archive_item_set_metadata(const struct archive_item *item, int fd, struct error *error);
/* Owner, mode and times of links, pipes and devices, which are not opened. The name was made a moment ago in a directory that
 * nobody but us works in. */
int archive_item_set_metadata_by_name(const struct archive_item *item, struct error *error);

#endif
