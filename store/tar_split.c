#include "store/tar_split.h"

#include "base/fs.h"
#include "base/json.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib: largest window, gzip framing */
#define LINES_SIZE (64 * 1024)
#define OUTPUT_SIZE (64 * 1024)
#define SEGMENT_SIZE ((size_t)1 << 20) /* what follows goes into another segment */

struct tar_split {
    char *path;
    int fd;
    bool is_finished;
    uint64_t position;
    struct buf pending; /* raw bytes since the last entry */
    struct buf lines;   /* JSON not compressed yet */
    z_stream gzip;
    unsigned char output[OUTPUT_SIZE];
};

int tar_split_create(const char *path, struct tar_split **out, struct error *error) {
    int fd = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, error);
    if (fd < 0) {
        return -1;
    }
    struct tar_split *split = xcalloc(1, sizeof(*split));
    split->fd = fd;
    split->path = xstrdup(path);
    /* Nine tenths of the log are zeros of tar headers; the fastest level takes them all. */
    if (deflateInit2(&split->gzip, 1, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        tar_split_free(split);
        return error_set(error, ERROR_FAILED, "cannot start compressing %s", path);
    }
    *out = split;
    return 0;
}

static int compress_lines(struct tar_split *split, int flush, struct error *error) {
    split->gzip.next_in = (unsigned char *)split->lines.data;
    split->gzip.avail_in = (unsigned)split->lines.len;
    int status = Z_OK;
    do {
        split->gzip.next_out = split->output;
        split->gzip.avail_out = OUTPUT_SIZE;
        status = deflate(&split->gzip, flush);
        size_t len = OUTPUT_SIZE - split->gzip.avail_out;
        if (len > 0 && fs_write_all(split->fd, split->path, split->output, len, error)) {
            return -1;
        }
    } while (split->gzip.avail_out == 0 || (flush == Z_FINISH && status == Z_OK));
    buf_reset(&split->lines);
    return 0;
}

static void append_base64(struct buf *out, const void *data, size_t len) {
    buf_reserve(out, len / 3 * 4 + 8);
    out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, data, (int)len);
}

static int flush_segment(struct tar_split *split, struct error *error) {
    if (split->pending.len == 0) {
        return 0;
    }
    buf_append_c(&split->lines, "{\"type\":2,\"payload\":\"");
    append_base64(&split->lines, split->pending.data, split->pending.len);
    buf_printf(&split->lines, "\",\"position\":%" PRIu64 "}\n", split->position++);
    buf_reset(&split->pending);
    return split->lines.len < LINES_SIZE ? 0 : compress_lines(split, Z_NO_FLUSH, error);
}

int tar_split_raw(struct tar_split *split, const void *data, size_t len, struct error *error) {
    buf_append(&split->pending, data, len);
    return split->pending.len < SEGMENT_SIZE ? 0 : flush_segment(split, error);
}

int tar_split_file(struct tar_split *split, struct str name, uint64_t size, uint64_t crc,
                   struct error *error) {
    if (flush_segment(split, error)) {
        return -1;
    }
    struct buf *lines = &split->lines;
    if (str_is_utf8(name)) {
        buf_append_c(lines, "{\"type\":1,\"name\":");
        json_quote(lines, name);
    } else {
        buf_append_c(lines, "{\"type\":1,\"name_raw\":\"");
        append_base64(lines, name.data, name.len);
        buf_append_byte(lines, '"');
    }
    if (size > 0) {
        unsigned char sum[8];
        for (int i = 0; i < 8; i++) {
            sum[i] = (unsigned char)(crc >> (56 - 8 * i));
        }
        buf_printf(lines, ",\"size\":%" PRIu64 ",\"payload\":\"", size);
        append_base64(lines, sum, sizeof(sum));
        buf_append_byte(lines, '"');
    } else {
        buf_append_c(lines, ",\"payload\":null");
    }
    buf_printf(lines, ",\"position\":%" PRIu64 "}\n", split->position++);
    return 0;
}

int tar_split_finish(struct tar_split *split, struct error *error) {
    if (flush_segment(split, error) || compress_lines(split, Z_FINISH, error)) {
        return -1;
    }
    split->is_finished = true;
    return 0;
}

void tar_split_free(struct tar_split *split) {
    if (!split) {
        return;
    }
    if (!split->is_finished) {
        unlink(split->path);
    }
    deflateEnd(&split->gzip);
    close(split->fd);
    buf_free(&split->pending);
    buf_free(&split->lines);
    free(split->path);
    free(split);
}
