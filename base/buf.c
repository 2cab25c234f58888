#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *buf) {
    free(buf->data);
    *buf = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *buf) {
    buf->len = 0;
    if (buf->data) {
        buf->data[0] = '\0';
    }
}

void buf_reserve(struct buf *buf, size_t more) {
    size_t needed;
    if (__builtin_add_overflow(buf->len, more, &needed) ||
        __builtin_add_overflow(needed, 1, &needed)) {
        out_of_memory();
    }
    if (needed <= buf->capacity) {
        return;
    }
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < needed) {
        if (__builtin_mul_overflow(capacity, 2, &capacity)) {
            capacity = needed;
        }
    }
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
    buf->data[buf->len] = '\0';
}

void buf_append(struct buf *buf, const void *data, size_t len) {
    buf_reserve(buf, len);
    if (len) {
        memcpy(buf->data + buf->len, data, len);
    }
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_append_str(struct buf *buf, struct str s) {
    buf_append(buf, s.data, s.len);
}

void buf_append_c(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

void buf_append_byte(struct buf *buf, char byte) {
    buf_append(buf, &byte, 1);
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    buf_reserve(buf, 64);
    size_t room = buf->capacity - buf->len;
    int len = vsnprintf(buf->data + buf->len, room, format, arguments);
    if (len < 0) {
        out_of_memory();
    }
    if ((size_t)len >= room) {
        buf_reserve(buf, (size_t)len);
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
    }
    buf->len += (size_t)len;
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

char *buf_take(struct buf *buf) {
    buf_reserve(buf, 0);
    char *text = buf->data;
    *buf = (struct buf)BUF_INIT;
    return text;
}
