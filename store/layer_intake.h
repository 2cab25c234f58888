/* layer_intake: what the store wants to know of a layer's tar, learned while it is unpacked.
 *
 * The stream, without its compression, passes by in blocks that run ahead of the entries; what was not told yet is kept. The
 * data of files goes by: the log (tar_split.h) finds it in their files. Everything else is in the log as it is, so that the
 * tar is put together again byte for byte whatever wrote it.
 *
 *     for every block: layer_intake_block()
 *     for every entry: layer_intake_begin(), layer_intake_data() for what its file gets, layer_intake_end(); where the stream
 *     has other data than the file, layer_intake_raw() in between
 *     at the end: layer_intake_flush()
 *
 * A name may be there twice; what comes last is in its file. That is known at the end only, and no reader of a log takes a name
 * twice: then the tar is read a second time for the log alone, in which the data of what was replaced is as it is. */
#ifndef BUD_STORE_LAYER_INTAKE_H
#define BUD_STORE_LAYER_INTAKE_H

#include "base/vec.h"
#include "store/archive_input.h"
#include "store/id_set.h"
#include "store/tar_split.h"
#include "store/whiteout.h"

#include <stdatomic.h>

struct layer_intake {
    struct tar_split *split;         /* borrowed */
    const atomic_bool *is_cancelled; /* may be NULL */
    struct archive_tap tap;          /* the blob as it is */
    struct hasher hasher;            /* of the stream; initialised by the caller */
    uint64_t size;                   /* of it so far */
    enum compression compression;    /* of the blob */
    bool has_root;                   /* an entry of the root gave it its owner and mode */
    struct id_set uids, gids;

    /* Of the stream's bytes up to SIZE those from LOGGED on are in KEPT, from HEAD. */
    struct buf kept;
    size_t head;
    uint64_t logged;    /* may be ahead of SIZE: the data of a file that comes by */
    bool is_after_data; /* it ends where the next header may not begin before the block is full */
    uint64_t crc;       /* of the present file's data */

    VEC(uint64_t) names; /* checksums of all, cleaned */
    VEC(uint64_t) files; /* inodes of the regular files that were made, in order */
    /* In the second reading: the first, settled. */
    const struct layer_intake *first;
    size_t file; /* the next of its files */
};

/* Where an entry is in the stream. */
struct layer_intake_entry {
    struct str name; /* as it is in the tar */
    uint64_t header; /* offset of its first header block */
    uint64_t data;   /* of what follows the last one */
    uint64_t size;   /* of the data that is in a file afterwards */
};

/* ERROR_INTERRUPTED, ERROR_INPUT when too much is neither an entry nor a file's data. */
int layer_intake_block(struct layer_intake *intake, const void *data, size_t len,
                       struct error *error);
/* ERROR_INPUT when the data of the entry before was longer in the stream than in the file. */
int layer_intake_begin(struct layer_intake *intake, const struct layer_intake_entry *entry,
                       struct error *error);
void layer_intake_data(struct layer_intake *intake, const void *data, size_t len);
/* The stream up to END, an offset, is none of a file's data: it goes into the log. */
int layer_intake_raw(struct layer_intake *intake, uint64_t end, struct error *error);
int layer_intake_end(struct layer_intake *intake, const struct layer_intake_entry *entry,
                     struct error *error);
/* The entry is called NAME, cleaned. */
void layer_intake_name(struct layer_intake *intake, struct str name);
/* A name may have been there twice. */
bool layer_intake_is_repeated(struct layer_intake *intake);
/* Before it is the first of a second reading: files whose inode was used again are gone, 0. */
void layer_intake_settle(struct layer_intake *intake);
void layer_intake_owner(struct layer_intake *intake, uint32_t uid, uint32_t gid);
/* All that passed by so far goes into the log. */
int layer_intake_flush(struct layer_intake *intake, struct error *error);
void layer_intake_free(struct layer_intake *intake);

#endif
