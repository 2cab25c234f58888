#define BUD_BASE_ERROR_C
#include "base/error.h"

#include "base/remote.h"

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

/* Messages quote words of the command line and of Dockerfiles, and end in logs that many read. */
static char *format_message(const char *format, va_list arguments) {
    struct buf message = BUF_INIT;
    buf_vprintf(&message, format, arguments);
    remote_mask(message.data, message.len);
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
        va_list arguments;
        va_start(arguments, format);
        _cleanup_free_ char *message = format_message(format, arguments);
        va_end(arguments);
        replace(error, ERROR_SYSTEM, number, xasprintf("%s: %s", message, strerror(number)));
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

/* Bytes of the first line behind the start of a span, and of all others: a line may have a hundred megabytes. */
enum { QUOTE_BEHIND = 4096 };

/* Of a span that goes over more lines, that many after the first are quoted. */
enum { LINES_MORE = 5 };

/* Where the line of SOURCE that holds the byte AT begins and ends. */
static size_t line_start(struct str source, size_t at) {
    size_t before = str_rfind_byte(str_sub(source, 0, at), '\n');
    return before == SIZE_MAX ? 0 : before + 1;
}

static size_t line_end(struct str source, size_t at) {
    size_t len = str_find_byte(str_from(source, at), '\n');
    return len == SIZE_MAX ? source.len : at + len;
}

/* Copies the lines of SOURCE that SPAN covers, from the first on. */
static void copy_lines(struct error_place *place, struct str source, struct span span) {
    size_t at = span.start < source.len ? span.start : source.len;
    size_t last = span.end > span.start && span.end <= source.len ? span.end - 1 : at;
    size_t start = line_start(source, at);
    size_t first_end = line_end(source, at);
    if (first_end - at > QUOTE_BEHIND) {
        first_end = last = at + QUOTE_BEHIND;
    }
    size_t end = first_end;
    for (int i = 0; i < LINES_MORE && end < last; i++) {
        end = line_end(source, end + 1);
    }
    if (end - first_end > QUOTE_BEHIND) {
        end = first_end + QUOTE_BEHIND;
    }
    place->has_rest = end < last;
    char *copy = xmalloc(end - start + 1);
    memcpy(copy, source.data + start, end - start);
    copy[end - start] = '\0';
    remote_mask(copy, end - start);
    place->line = str_make(copy, first_end - start);
    if (end > first_end) {
        place->more = str_make(copy + place->line.len + 1, end - first_end - 1);
    }
    if (str_has_suffix(place->line, STR("\r"))) {
        place->line.len--;
    }
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
    copy_lines(&place, source, span);
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
        error_move(error, more);
        return;
    }
    struct error *last = error;
    while (last->next) {
        last = last->next;
    }
    last->next = xmalloc(sizeof(*last->next));
    *last->next = *more;
    *more = (struct error)ERROR_INIT;
}

int error_move(struct error *error, struct error *more) {
    error_clear(error ? error : more);
    if (error) {
        *error = *more;
        *more = (struct error)ERROR_INIT;
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
    case ERROR_FOUND:
        return 1;
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
