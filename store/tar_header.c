#include "store/tar_header.h"

#include <stdio.h>

/* Field offsets and widths of a ustar header, POSIX.1-2017 pax, "ustar Interchange Format". */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    MTIME = 136,
    CHECKSUM = 148,
    TYPE = 156,
    LINK = 157,
    LINK_SIZE = 100,
    MAGIC = 257,
    MAJOR = 329,
    MINOR = 337,
    PREFIX = 345,
    PREFIX_SIZE = 155,
    SHORT_NUMBER = 8,
    LONG_NUMBER = 12,
};

#define SHORT_LIMIT UINT64_C(07777777)    /* largest number in SHORT_NUMBER bytes */
#define LONG_LIMIT UINT64_C(077777777777) /* and in LONG_NUMBER */

/* A number too large is written as 0: its PAX record says what it is. */
static void put_octal(char *block, size_t offset, size_t width, uint64_t value) {
    uint64_t limit = width == SHORT_NUMBER ? SHORT_LIMIT : LONG_LIMIT;
    value = value > limit ? 0 : value;
    for (size_t i = width - 1; i-- > 0; value >>= 3) {
        block[offset + i] = (char)('0' + (value & 7));
    }
    block[offset + width - 1] = '\0';
}

static void put_checksum(char *block) {
    memset(block + CHECKSUM, ' ', SHORT_NUMBER);
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        sum += (unsigned char)block[i];
    }
    char text[SHORT_NUMBER + 1];
    snprintf(text, sizeof(text), "%06o", sum);
    memcpy(block + CHECKSUM, text, 7); /* six digits, NUL, and the blank that is there */
}

/* Where NAME is cut into prefix and name: the offset of the '/' between them, 0 when it fits as it is, SIZE_MAX
 * when it does not fit at all. */
static size_t split_name(struct str name) {
    if (name.len <= NAME_SIZE) {
        return 0;
    }
    size_t last = name.len - 2; /* the name must not be empty, nor just a directory's final '/' */
    for (size_t i = last < PREFIX_SIZE ? last : PREFIX_SIZE; i > 0; i--) {
        if (name.data[i] == '/') {
            return name.len - i - 1 <= NAME_SIZE ? i : SIZE_MAX;
        }
    }
    return SIZE_MAX;
}

static void put_name(char *block, struct str name) {
    size_t cut = split_name(name);
    if (cut == SIZE_MAX) {
        name = str_sub(
            name, 0,
            NAME_SIZE); /* for readers without PAX; no '/' may end what is not a directory */
        while (name.len > 0 && name.data[name.len - 1] == '/') {
            name.len--;
        }
    } else if (cut > 0) {
        memcpy(block + PREFIX, name.data, cut);
        name = str_from(name, cut + 1);
    }
    memcpy(block + NAME, name.data, name.len);
}

static void append_block(struct buf *out, const struct tar_header *header) {
    char block[TAR_BLOCK] = { 0 };
    put_name(block, header->name);
    put_octal(block, MODE, SHORT_NUMBER, header->mode);
    put_octal(block, UID, SHORT_NUMBER, header->uid);
    put_octal(block, GID, SHORT_NUMBER, header->gid);
    put_octal(block, SIZE, LONG_NUMBER, header->size);
    put_octal(block, MTIME, LONG_NUMBER, header->mtime < 0 ? 0 : (uint64_t)header->mtime);
    block[TYPE] = (char)header->type;
    memcpy(block + LINK, header->link.data,
           header->link.len < LINK_SIZE ? header->link.len : LINK_SIZE);
    memcpy(block + MAGIC, "ustar\00000", 8);
    put_octal(block, MAJOR, SHORT_NUMBER, header->major);
    put_octal(block, MINOR, SHORT_NUMBER, header->minor);
    put_checksum(block);
    buf_append(out, block, TAR_BLOCK);
}

/* "LENGTH KEY=VALUE\n", LENGTH counting all of it and itself. */
static void append_record(struct buf *out, struct str prefix, struct str key, struct str value) {
    size_t rest = prefix.len + key.len + value.len + 3;
    size_t length;
    for (size_t digits = 1, power = 10;; digits++, power *= 10) {
        if (rest + digits < power) {
            length = rest + digits;
            break;
        }
    }
    buf_printf(out, "%zu ", length);
    buf_append_str(out, prefix);
    buf_append_str(out, key);
    buf_append_byte(out, '=');
    buf_append_str(out, value);
    buf_append_byte(out, '\n');
}

static void append_number(struct buf *out, struct str key, int64_t value) {
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);
    append_record(out, STR(""), key, str_make(text, (size_t)len));
}

/* In bytewise order of the keys. */
static void append_records(struct buf *out, const struct tar_header *header) {
    for (size_t i = 0; i < header->xattr_count; i++) {
        append_record(out, STR("SCHILY.xattr."), header->xattrs[i].name, header->xattrs[i].value);
    }
    if (header->gid > SHORT_LIMIT) {
        append_number(out, STR("gid"), header->gid);
    }
    if (header->link.len > LINK_SIZE) {
        append_record(out, STR(""), STR("linkpath"), header->link);
    }
    if (header->mtime < 0 || (uint64_t)header->mtime > LONG_LIMIT) {
        append_number(out, STR("mtime"), header->mtime);
    }
    if (split_name(header->name) == SIZE_MAX) {
        append_record(out, STR(""), STR("path"), header->name);
    }
    if (header->size > LONG_LIMIT) {
        append_number(out, STR("size"), (int64_t)header->size);
    }
    if (header->uid > SHORT_LIMIT) {
        append_number(out, STR("uid"), header->uid);
    }
}

void tar_header_write(struct buf *out, const struct tar_header *header) {
    _cleanup_buf_ struct buf records = BUF_INIT;
    append_records(&records, header);
    if (records.len > 0) {
        const struct tar_header extended = { .name = STR("PaxHeaders.0/x"),
                                             .link = STR_EMPTY,
                                             .type = 'x',
                                             .mode = 0644,
                                             .size = records.len };
        append_block(out, &extended);
        buf_append_str(out, buf_str(&records));
        static const char zeros[TAR_BLOCK];
        buf_append(out, zeros, -records.len % TAR_BLOCK);
    }
    append_block(out, header);
}
