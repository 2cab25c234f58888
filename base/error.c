#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything here keeps errno, so that a caller may look at it after setting the error. */

void error_forget_place(struct error *error) {
    free(error->place.file);
    free((char *)error->place.source.data);
    error->place = (struct error_place){ 0 };
}

static void error_free_content(struct error *error) {
    struct error *cause = error->cause;
    free(error->message);
    free(error->hint);
    error_forget_place(error);
    while (cause) {
        struct error *next = cause->cause;
        free(cause->message);
        free(cause->hint);
        free(cause);
        cause = next;
    }
}

/* MESSAGE is taken; it was formatted before the old content goes, which it may quote. */
static void replace(struct error *error, enum error_code code, int number, char *message) {
    error_free_content(error);
    *error = (struct error)ERROR_INIT;
    error->code = code;
    error->number = number;
    error->message = message;
}

static char *format_message(const char *format, va_list arguments) {
    struct buf message = BUF_INIT;
    buf_vprintf(&message, format, arguments);
    return buf_take(&message);
}

int error_set(struct error *error, enum error_code code, const char *format, ...) {
    if (error) {
        int saved = errno;
        va_list arguments;
        va_start(arguments, format);
        replace(error, code, 0, format_message(format, arguments));
        va_end(arguments);
        errno = saved;
    }
    return -1;
}

int error_system(struct error *error, const char *format, ...) {
    if (error) {
        int number = errno;
        struct buf message = BUF_INIT;
        va_list arguments;
        va_start(arguments, format);
        buf_vprintf(&message, format, arguments);
        va_end(arguments);
        buf_printf(&message, ": %s", strerror(number));
        replace(error, ERROR_SYSTEM, number, buf_take(&message));
        errno = number;
    }
    return -1;
}

int error_wrap(struct error *error, const char *format, ...) {
    if (error) {
        int saved = errno;
        va_list arguments;
        va_start(arguments, format);
        char *message = format_message(format, arguments);
        va_end(arguments);
        if (error->code == ERROR_NONE) {
            replace(error, ERROR_FAILED, 0, message);
            return -1;
        }
        struct error *cause = xmalloc(sizeof(*cause));
        *cause = *error;
        cause->place = (struct error_place){ 0 };
        error->message = message;
        error->hint = NULL;
        error->cause = cause;
        errno = saved;
    }
    return -1;
}

int error_hint(struct error *error, const char *format, ...) {
    if (error) {
        int saved = errno;
        va_list arguments;
        va_start(arguments, format);
        char *hint = format_message(format, arguments);
        va_end(arguments);
        free(error->hint);
        error->hint = hint;
        errno = saved;
    }
    return -1;
}

int error_at(struct error *error, const char *file, struct str source, struct span span) {
    if (error && file && !error->place.file) {
        char *copy = xmalloc(source.len + 1);
        if (source.len > 0) {
            memcpy(copy, source.data, source.len);
        }
        copy[source.len] = '\0';
        error->place = (struct error_place){ .file = xstrdup(file),
                                             .source = str_make(copy, source.len),
                                             .span = span };
    }
    return -1;
}

void error_clear(struct error *error) {
    int saved = errno;
    error_free_content(error);
    *error = (struct error)ERROR_INIT;
    errno = saved;
}

void error_line_of(struct str source, uint32_t offset, unsigned *line, unsigned *column) {
    struct str before = str_sub(source, 0, offset);
    size_t start = 0;
    *line = 1;
    for (size_t at; (at = str_find_byte(str_from(before, start), '\n')) != SIZE_MAX;) {
        start += at + 1;
        ++*line;
    }
    *column = (unsigned)(before.len - start) + 1;
}

int error_exit_status(const struct error *error) {
    switch (error->code) {
    case ERROR_NONE:
        return 0;
    case ERROR_USAGE:
        return 2;
    case ERROR_EXIT:
        return error->number >= 1 && error->number <= 127 ? error->number : 1;
    case ERROR_INTERRUPTED:
        return 128 + error->number;
    case ERROR_FAILED:
    case ERROR_SYSTEM:
    case ERROR_INPUT:
    case ERROR_NOT_FOUND:
    case ERROR_CORRUPT:
    case ERROR_UNSUPPORTED:
    case ERROR_CHANGED:
        break;
    }
    return 125;
}
