/* archive_input: the bytes of a file with one known compression removed.
 *
 * Which one is told by the first bytes, never by a name: gzip, bzip2, xz, zstd, or none. gzip goes through zlib, whose
 * reader checks the checksum and length at the end (libarchive's does not); the others through libarchive. */
#ifndef BUD_STORE_ARCHIVE_INPUT_H
#define BUD_STORE_ARCHIVE_INPUT_H

#include "base/digest.h"

#include <zlib.h>

struct archive;

/* The numbers are those of "compression" in layers.json. */
enum compression {
    COMPRESSION_NONE,
    COMPRESSION_BZIP2,
    COMPRESSION_GZIP,
    COMPRESSION_XZ,
    COMPRESSION_ZSTD,
};

/* What passes by of a file whose digest and size are known beforehand, as it is: before anything is decompressed. */
struct archive_tap {
    struct hasher hasher; /* initialised by the caller */
    uint64_t size;        /* read so far */
    uint64_t limit;       /* what is larger is ERROR_CORRUPT */
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
    struct archive_tap *tap;     /* borrowed, or NULL */
};

/* Reads the beginning of FD (from where it stands; a pipe will do) and recognises the compression. Close it in any
 * case. */
int archive_input_open(struct archive_input *input, int fd, const char *name, struct error *error);
/* The same; TAP sees all that is read. */
int archive_input_open_tapped(struct archive_input *input, int fd, const char *name,
                              struct archive_tap *tap, struct error *error);
/* Reads what is left of the file, for its TAP. */
int archive_input_drain(struct archive_input *input, struct error *error);
/* The next bytes without compression, valid until the next call; *len 0 at the end. ERROR_INPUT for a corrupt or
 * truncated stream, ERROR_SYSTEM when reading fails. */
int archive_input_read(struct archive_input *input, const void **block, size_t *len,
                       struct error *error);
void archive_input_close(struct archive_input *input);
#define _cleanup_archive_input_ _cleanup_(archive_input_close)

#endif
