/* archive_input: the bytes of a file with one known compression removed.
 *
 * Which one is told by the first bytes, never by a name: gzip, bzip2, xz, zstd, or none. gzip goes through zlib, whose
 * reader checks the checksum and length at the end (libarchive's does not); the others through libarchive. */
#ifndef BUD_STORE_ARCHIVE_INPUT_H
#define BUD_STORE_ARCHIVE_INPUT_H

#include "base/error.h"

#include <zlib.h>

struct archive;

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_BZIP2,
    COMPRESSION_XZ,
    COMPRESSION_ZSTD,
};

struct archive_input {
    int fd;           /* borrowed */
    const char *name; /* for messages, borrowed */
    enum compression compression;
    unsigned char *data; /* what was read from fd last */
    size_t len;
    bool is_pending; /* DATA was not consumed yet */
    bool is_ended;
    bool is_in_member; /* gzip: between a member's header and its trailer */
    z_stream gzip;
    unsigned char *output;       /* what gzip gave last */
    struct archive *raw;         /* the other compressions */
    struct error callback_error; /* what went wrong inside libarchive's call of our reader */
};

/* Reads the beginning of FD (from where it stands; a pipe will do) and recognises the compression. Close it in any
 * case. */
int archive_input_open(struct archive_input *input, int fd, const char *name, struct error *error);
/* The next bytes without compression, valid until the next call; *len 0 at the end. ERROR_INPUT for a corrupt or
 * truncated stream, ERROR_SYSTEM when reading fails. */
int archive_input_read(struct archive_input *input, const void **block, size_t *len,
                       struct error *error);
void archive_input_close(struct archive_input *input);
#define _cleanup_archive_input_ _cleanup_(archive_input_close)

#endif
