/* tar_split: the log from which a layer's tar stream is put together again, byte for byte.
 *
 * The format is containers-storage's ID.tar-split.gz: gzip of JSON objects, one a line. Raw bytes of the stream
 * (headers, padding) are type 2, "segments"; an entry's data is type 1, its name, size and CRC-64 only, as the bytes
 * themselves are in the layer's directory.
 *
 *     tar_split_create(path, &split, error)
 *     for every entry: tar_split_raw(headers); tar_split_file(name, size, crc); tar_split_raw(padding)
 *     tar_split_raw(end); tar_split_finish(split, error); tar_split_free(split)
 *
 * One thread at a time may use a log. */
#ifndef BUD_STORE_TAR_SPLIT_H
#define BUD_STORE_TAR_SPLIT_H

#include "base/error.h"

struct tar_split;

/* Creates or truncates PATH, mode 0600. The caller frees *out. */
int tar_split_create(const char *path, struct tar_split **out, struct error *error);
/* The next LEN bytes of the stream are DATA. Long ones are written in parts. */
int tar_split_raw(struct tar_split *split, const void *data, size_t len, struct error *error);
/* Next in the stream is the data of entry NAME, SIZE bytes (0 for all but files with contents) with checksum CRC. */
int tar_split_file(struct tar_split *split, struct str name, uint64_t size, uint64_t crc,
                   struct error *error);
/* Writes what is buffered. It is not synced: whoever makes the layer visible does that. */
int tar_split_finish(struct tar_split *split, struct error *error);
/* Removes the file unless the log was finished. NULL is fine. */
void tar_split_free(struct tar_split *split);

/* Receives the stream in order; returns 0, or -1 with the error set. */
typedef int tar_split_sink(void *context, const void *data, size_t len, struct error *error);

/* Puts the stream together again: the gzip'ed log is read from descriptor LOG, contents from the first of the COUNT
 * directories DIFFS (the layer's own, then its lower ones) that has the file. NAME is for messages. ERROR_CORRUPT for
 * a malformed log, a missing file or contents that do not match their CRC. */
int tar_split_assemble(int log, const char *name, const int *diffs, size_t count,
                       tar_split_sink *sink, void *context, struct error *error);

#endif
