#define BUD_BASE_ERROR_C
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything here keeps errno, so that a caller may look at it after setting the error. */

void error_place_clear(struct error_place *place) {
    free(place->file);
    free((char *)place->line.data);
    *place = (struct error_place){ 0 };
}

void error_forget_place(struct error *error) {
    error_place_clear(&error->place);
}

static void free_parts(struct error *error) {
    free(error->message);
    free(error->hint);
    error_place_clear(&error->place);
}

/* Causes and further errors: a list each, so that a long one costs no stack. Only the first error has further ones. */
static void error_free_content(struct error *error) {
    struct error *each = error;
    while (each) {
        struct error *next = each->next;
        struct error *cause = each->cause;
        while (cause) {
            struct error *deeper = cause->cause;
            free_parts(cause);
            free(cause);
            cause = deeper;
        }
        free_parts(each);
        if (each != error) {
            free(each);
        }
        each = next;
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
        cause->next = NULL;
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

/* Bytes behind the start of a span. */
enum { QUOTE_BEHIND = 4096 };

/* The line of SOURCE that holds the byte AT, without its end. */
static struct str line_around(struct str source, size_t at) {
    size_t before = str_rfind_byte(str_sub(source, 0, at), '\n');
    struct str line = str_from(source, before == SIZE_MAX ? 0 : before + 1);
    size_t len = str_find_byte(line, '\n');
    if (len != SIZE_MAX) {
        line.len = len;
    }
    if (str_has_suffix(line, STR("\r"))) {
        line.len--;
    }
    return line;
}

struct error_place error_place_of(const char *file, struct str source, struct span span) {
    struct error_place place = { 0 };
    if (!file) {
        return place;
    }
    place.file = xstrdup(file);
    place.span = span;
    if (source.len == 0) {
        return place;
    }
    struct str line = line_around(source, span.start < source.len ? span.start : source.len);
    /* Nobody quotes more of what comes behind; a line may have a hundred megabytes. */
    size_t enough = (size_t)(source.data + span.start - line.data) + QUOTE_BEHIND;
    line.len = line.len < enough ? line.len : enough;
    char *copy = xmalloc(line.len + 1);
    memcpy(copy, line.data, line.len);
    copy[line.len] = '\0';
    place.line = str_make(copy, line.len);
    error_line_of(source, span.start, &place.line_number, &place.column);
    struct str rest = str_sub(source, span.start, span.end);
    error_line_of(rest, (uint32_t)rest.len, &place.end_line, &place.end_column);
    place.end_column += place.end_line == 1 ? place.column - 1 : 0;
    place.end_line += place.line_number - 1;
    return place;
}

int error_at(struct error *error, const char *file, struct str source, struct span span) {
    if (error && file && !error->place.file) {
        error->place = error_place_of(file, source, span);
    }
    return -1;
}

void error_append(struct error *error, struct error *more) {
    if (error->code == ERROR_NONE) {
        error_clear(error);
        *error = *more;
    } else {
        struct error *last = error;
        while (last->next) {
            last = last->next;
        }
        last->next = xmalloc(sizeof(*last->next));
        *last->next = *more;
    }
    *more = (struct error)ERROR_INIT;
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
