#include "store/tar_split.h"

#include "base/fs.h"
#include "base/json.h"
#include "store/archive_input.h"
#include "store/crc64.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_LINE ((size_t)256 << 20) /* a segment holds headers only; xattrs make the largest */
#define READ_SIZE (256 * 1024)

enum { TYPE_FILE = 1, TYPE_SEGMENT = 2 };

struct assembly {
    const char *name;
    const int *diffs;
    size_t count;
    tar_split_sink *sink;
    void *context;
    uint64_t line;  /* its number, for messages */
    struct buf raw; /* what base64 gave last */
    char *data;     /* READ_SIZE bytes */
};

static int malformed(const struct assembly *assembly, const char *why, struct error *error) {
    return error_set(error, ERROR_CORRUPT, "tar-split log %s, line %llu: %s", assembly->name,
                     (unsigned long long)assembly->line, why);
}

static int decode_base64(struct assembly *assembly, const char *text, struct error *error) {
    size_t len = strlen(text);
    buf_reset(&assembly->raw);
    buf_reserve(&assembly->raw, len / 4 * 3 + 4);
    int decoded = len % 4 == 0 ? EVP_DecodeBlock((unsigned char *)assembly->raw.data,
                                                 (const unsigned char *)text, (int)len)
                               : -1;
    if (decoded < 0) {
        return malformed(assembly, "bad base64", error);
    }
    assembly->raw.len = (size_t)decoded;
    while (len > 0 && text[len - 1] == '=') { /* decoded as zeros */
        len--;
        assembly->raw.len--;
    }
    assembly->raw.data[assembly->raw.len] = '\0';
    return 0;
}

static int open_contents(const struct assembly *assembly, const char *file, struct error *error) {
    for (size_t i = 0; i < assembly->count; i++) {
        int fd = fs_open_in_root(assembly->diffs[i], file,
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, NULL);
        if (fd >= 0) {
            return fd;
        }
        if (errno != ENOENT && errno != ENOTDIR) {
            return error_system(error, "tar-split log %s: cannot open '%s'", assembly->name, file);
        }
    }
    return error_set(error, ERROR_CORRUPT, "'%s' of the layer is missing", file);
}

static int copy_contents(const struct assembly *assembly, const char *file, uint64_t size,
                         uint64_t crc, struct error *error) {
    _cleanup_fd_ int fd = open_contents(assembly, file, error);
    if (fd < 0) {
        return -1;
    }
    uint64_t have = 0, sum = CRC64_INIT;
    for (;;) {
        ssize_t len = read(fd, assembly->data, READ_SIZE);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0) {
            return error_system(error, "cannot read '%s' of the layer", file);
        }
        if (len == 0) {
            break;
        }
        have += (uint64_t)len;
        sum = crc64_update(sum, assembly->data, (size_t)len);
        if (have <= size && assembly->sink(assembly->context, assembly->data, (size_t)len, error)) {
            return -1;
        }
    }
    if (have != size || sum != crc) {
        return error_set(error, ERROR_CORRUPT,
                         "'%s' of the layer was changed: its checksum is not that in %s", file,
                         assembly->name);
    }
    return 0;
}

static int put_segment(struct assembly *assembly, const json_t *object, struct error *error) {
    const char *payload = NULL;
    if (json_read_string(object, "payload", &payload, error)) {
        return -1;
    }
    if (!payload || !*payload) {
        return 0;
    }
    if (decode_base64(assembly, payload, error)) {
        return -1;
    }
    return assembly->sink(assembly->context, assembly->raw.data, assembly->raw.len, error);
}

static int put_contents(struct assembly *assembly, const json_t *object, struct error *error) {
    const char *name = NULL, *raw_name = NULL, *payload = NULL;
    int64_t size = 0;
    if (json_read_string(object, "name", &name, error) ||
        json_read_string(object, "name_raw", &raw_name, error) ||
        json_read_string(object, "payload", &payload, error) ||
        json_read_integer(object, "size", &size, error)) {
        return -1;
    }
    if (size == 0) {
        return 0;
    }
    if (size < 0 || !payload || (!name && !raw_name)) {
        return malformed(assembly, "an entry without name or checksum", error);
    }
    if (decode_base64(assembly, payload, error)) {
        return -1;
    }
    if (assembly->raw.len != 8) {
        return malformed(assembly, "a checksum that is not 64 bits", error);
    }
    uint64_t crc = 0;
    for (int i = 0; i < 8; i++) {
        crc = crc << 8 | (unsigned char)assembly->raw.data[i];
    }
    if (!name) {
        if (decode_base64(assembly, raw_name, error)) {
            return -1;
        }
        if (memchr(assembly->raw.data, '\0', assembly->raw.len)) {
            return malformed(assembly, "a NUL in a name", error);
        }
        name = assembly->raw.data;
    }
    return copy_contents(assembly, name, (uint64_t)size, crc, error);
}

static int put_line(struct assembly *assembly, struct str line, struct error *error) {
    assembly->line++;
    if (str_trim(line).len == 0) {
        return 0;
    }
    _cleanup_json_ json_t *object = json_parse(line, assembly->name, error);
    int64_t type = 0;
    if (!object || json_read_integer(object, "type", &type, error)) {
        return -1;
    }
    switch (type) {
    case TYPE_FILE:
        return put_contents(assembly, object, error);
    case TYPE_SEGMENT:
        return put_segment(assembly, object, error);
    default:
        return malformed(assembly, "an object of unknown type", error);
    }
}

/* Lines that end within BLOCK; PARTIAL keeps the beginning of one that does not. */
static int put_lines(struct assembly *assembly, struct buf *partial, struct str block,
                     struct error *error) {
    for (size_t end; (end = str_find_byte(block, '\n')) != SIZE_MAX;
         block = str_from(block, end + 1)) {
        struct str line = str_sub(block, 0, end);
        if (partial->len > 0) {
            buf_append_str(partial, line);
            line = buf_str(partial);
        }
        if (put_line(assembly, line, error)) {
            return -1;
        }
        buf_reset(partial);
    }
    if (partial->len + block.len > MAX_LINE) {
        return malformed(assembly, "too long", error);
    }
    buf_append_str(partial, block);
    return 0;
}

static int put_log(struct assembly *assembly, int log, struct error *error) {
    _cleanup_archive_input_ struct archive_input input;
    _cleanup_buf_ struct buf partial = BUF_INIT;
    if (archive_input_open(&input, log, assembly->name, error)) {
        return -1;
    }
    for (;;) {
        const void *block;
        size_t len;
        if (archive_input_read(&input, &block, &len, error)) {
            return -1;
        }
        if (len == 0) {
            return put_line(assembly, buf_str(&partial), error);
        }
        if (put_lines(assembly, &partial, str_make(block, len), error)) {
            return -1;
        }
    }
}

int tar_split_assemble(int log, const char *name, const int *diffs, size_t count,
                       tar_split_sink *sink, void *context, struct error *error) {
    struct assembly assembly = { .name = name,
                                 .diffs = diffs,
                                 .count = count,
                                 .sink = sink,
                                 .context = context,
                                 .raw = BUF_INIT,
                                 .data = xmalloc(READ_SIZE) };
    struct error reason = ERROR_INIT;
    int result = put_log(&assembly, log, &reason);
    if (reason.code ==
        ERROR_INPUT) { /* a damaged gzip stream; to the store that is damage of its own */
        reason.code = ERROR_CORRUPT;
    }
    if (error) {
        *error = reason;
    } else {
        error_clear(&reason);
    }
    buf_free(&assembly.raw);
    free(assembly.data);
    return result;
}
