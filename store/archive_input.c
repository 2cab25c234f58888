#include "store/archive_input.h"

#include <archive.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_SIZE (1024 * 1024)
#define GZIP_WINDOW (15 + 16) /* zlib: largest window, gzip framing */

/* The next bytes of the file itself. */
static int read_block(struct archive_input *input, struct error *error) {
    if (input->is_pending) {
        input->is_pending = false;
        return 0;
    }
    ssize_t len;
    do {
        len = read(input->fd, input->data, BLOCK_SIZE);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return error_system(error, "cannot read archive '%s'", input->name);
    }
    input->len = (size_t)len;
    struct archive_tap *tap = input->tap;
    if (tap) {
        hasher_update(&tap->hasher, input->data, input->len);
        tap->size += input->len;
    }
    return !tap || tap->size <= tap->limit
               ? 0
               : error_set(error, ERROR_CORRUPT,
                           "'%s' is larger than the %llu bytes it should have", input->name,
                           (unsigned long long)tap->limit);
}

/* Leading bytes as the formats define them; a zstd stream may begin with a skippable frame (RFC 8878, 3.1.2). */
static enum compression recognise(const unsigned char *data, size_t len) {
    if (len >= 3 && memcmp(data, "\x1f\x8b\x08", 3) == 0) {
        return COMPRESSION_GZIP;
    }
    if (len >= 3 && memcmp(data, "BZh", 3) == 0) {
        return COMPRESSION_BZIP2;
    }
    if (len >= 6 && memcmp(data,
                           "\xfd"
                           "7zXZ\0",
                           6) == 0) {
        return COMPRESSION_XZ;
    }
    if (len >= 4 && (memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0 ||
                     ((data[0] & 0xf0) == 0x50 && memcmp(data + 1, "\x2a\x4d\x18", 3) == 0))) {
        return COMPRESSION_ZSTD;
    }
    return COMPRESSION_NONE;
}

static int damaged(const struct archive_input *input, const char *why, struct error *error) {
    error_set(error, ERROR_INPUT, "archive '%s' is damaged: %s", input->name, why);
    return error_hint(
        error, "fetch or make the archive again; 'tar -tf' should list it without complaint");
}

static ssize_t give_raw(struct archive *raw, void *context, const void **block) {
    struct archive_input *input = context;
    if (read_block(input, &input->callback_error)) {
        archive_set_error(raw, EIO, "reading failed");
        return -1;
    }
    *block = input->data;
    return (ssize_t)input->len;
}

static int raw_failed(struct archive_input *input, struct error *error) {
    if (input->callback_error.code != ERROR_NONE) {
        return error_move(error, &input->callback_error);
    }
    const char *why = archive_error_string(input->raw);
    return damaged(input, why ? why : "its compression cannot be read", error);
}

/* libarchive's raw format over one filter, named rather than guessed: no filter on a filter, and no external
 * programs. */
static int open_raw(struct archive_input *input, struct error *error) {
    static const int filters[] = {
        [COMPRESSION_BZIP2] = ARCHIVE_FILTER_BZIP2,
        [COMPRESSION_XZ] = ARCHIVE_FILTER_XZ,
        [COMPRESSION_ZSTD] = ARCHIVE_FILTER_ZSTD,
    };
    input->raw = archive_read_new();
    struct archive_entry *entry;
    if (!input->raw) {
        return error_set(error, ERROR_FAILED, "out of memory while reading archive '%s'",
                         input->name);
    }
    if (archive_read_support_format_raw(input->raw) != ARCHIVE_OK ||
        archive_read_support_format_empty(input->raw) != ARCHIVE_OK ||
        archive_read_append_filter(input->raw, filters[input->compression]) != ARCHIVE_OK ||
        archive_read_open(input->raw, input, NULL, give_raw, NULL) != ARCHIVE_OK) {
        return raw_failed(input, error);
    }
    int status = archive_read_next_header(input->raw, &entry);
    if (status == ARCHIVE_EOF) {
        input->is_ended = true;
        return 0;
    }
    return status == ARCHIVE_OK ? 0 : raw_failed(input, error);
}

static int open_gzip(struct archive_input *input, struct error *error) {
    input->output = xmalloc(BLOCK_SIZE);
    if (inflateInit2(&input->gzip, GZIP_WINDOW) != Z_OK) {
        return error_set(error, ERROR_FAILED, "cannot start decompressing '%s'", input->name);
    }
    input->is_in_member = true;
    return 0;
}

int archive_input_open_tapped(struct archive_input *input, int fd, const char *name,
                              struct archive_tap *tap, struct error *error) {
    *input = (struct archive_input){ .fd = fd,
                                     .name = name,
                                     .data = xmalloc(BLOCK_SIZE),
                                     .callback_error = ERROR_INIT,
                                     .tap = tap };
    if (read_block(input, error)) {
        return -1;
    }
    input->is_pending = true;
    input->compression = recognise(input->data, input->len);
    switch (input->compression) {
    case COMPRESSION_NONE:
        return 0;
    case COMPRESSION_GZIP:
        return open_gzip(input, error);
    default:
        return open_raw(input, error);
    }
}

int archive_input_open(struct archive_input *input, int fd, const char *name, struct error *error) {
    return archive_input_open_tapped(input, fd, name, NULL, error);
}

int archive_input_drain(struct archive_input *input, struct error *error) {
    input->is_pending = false;
    do {
        if (read_block(input, error)) {
            return -1;
        }
    } while (input->len > 0);
    return 0;
}

static int read_plain(struct archive_input *input, const void **block, size_t *len,
                      struct error *error) {
    if (read_block(input, error)) {
        return -1;
    }
    *block = input->data;
    *len = input->len;
    return 0;
}

/* Gzip files may be concatenated; anything else after a member (tapes' zeros) is ignored, as gzip(1) does. */
static int read_gzip(struct archive_input *input, const void **block, size_t *len,
                     struct error *error) {
    z_stream *gzip = &input->gzip;
    *block = input->output;
    *len = 0;
    while (*len == 0 && !input->is_ended) {
        if (gzip->avail_in == 0) {
            if (read_block(input, error)) {
                return -1;
            }
            gzip->next_in = input->data;
            gzip->avail_in = (unsigned)input->len;
            if (input->len == 0 && input->is_in_member) {
                return damaged(input, "it ends early (truncated gzip stream)", error);
            }
        }
        if (!input->is_in_member) {
            if (gzip->avail_in == 0 || gzip->next_in[0] != 0x1f) {
                input->is_ended = true;
                break;
            }
            inflateReset(gzip);
            input->is_in_member = true;
        }
        gzip->next_out = input->output;
        gzip->avail_out = BLOCK_SIZE;
        int status = inflate(gzip, Z_NO_FLUSH);
        if (status == Z_STREAM_END) {
            input->is_in_member = false;
        } else if (status != Z_OK && status != Z_BUF_ERROR && gzip->avail_out == BLOCK_SIZE) {
            /* Bytes from before the damage come first: they tell whether it is an archive. */
            return damaged(input, gzip->msg ? gzip->msg : "bad gzip data", error);
        }
        *len = BLOCK_SIZE - gzip->avail_out;
    }
    return 0;
}

static int read_raw(struct archive_input *input, const void **block, size_t *len,
                    struct error *error) {
    *len = 0;
    while (*len == 0 && !input->is_ended) {
        la_int64_t offset;
        int status = archive_read_data_block(input->raw, block, len, &offset);
        if (status == ARCHIVE_EOF) {
            *len = 0;
            input->is_ended = true;
        } else if (status != ARCHIVE_OK) {
            return raw_failed(input, error);
        }
    }
    return 0;
}

int archive_input_read(struct archive_input *input, const void **block, size_t *len,
                       struct error *error) {
    switch (input->compression) {
    case COMPRESSION_NONE:
        return read_plain(input, block, len, error);
    case COMPRESSION_GZIP:
        return read_gzip(input, block, len, error);
    default:
        return read_raw(input, block, len, error);
    }
}

void archive_input_close(struct archive_input *input) {
    if (input->raw) {
        archive_read_free(input->raw);
    }
    if (input->compression == COMPRESSION_GZIP) {
        inflateEnd(&input->gzip);
    }
    free(input->data);
    free(input->output);
    error_clear(&input->callback_error);
}
