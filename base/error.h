/* error: what failed, where, why, and what to do about it.
 *
 * The last parameter of every function that can fail is a `struct error *`; such a function returns 0, or -1
 * after filling the error. A caller that has nothing to add returns -1 at once; one that knows more wraps the
 * error with error_wrap(), which keeps the first as the cause. Errors are freed by whoever prints them.
 * NULL may be passed where only the failure matters. */
#ifndef BUD_BASE_ERROR_H
#define BUD_BASE_ERROR_H

#include "base/str.h"

#include <stdarg.h>

/* What kind of failure; decides the exit status (see error_exit_status). */
enum error_code {
    ERROR_NONE = 0,
    ERROR_FAILED,      /* bud or the system failed: 125 */
    ERROR_SYSTEM,      /* a system call failed; `number` is errno: 125 */
    ERROR_USAGE,       /* the command line is wrong: 2 */
    ERROR_INPUT,       /* the Dockerfile, context or archive is wrong: 125 */
    ERROR_NOT_FOUND,   /* an image, file, stage or record does not exist: 125 */
    ERROR_CORRUPT,     /* stored data is not what it should be: 125 */
    ERROR_UNSUPPORTED, /* known, but not done by this version: 125 */
    ERROR_EXIT, /* a RUN ended with `number` as its status: that status when 1..125 or 126/127, else 1 */
    ERROR_FOUND, /* nothing failed: what a check looks for is there, and the message says how much: 1 */
    ERROR_INTERRUPTED, /* by signal `number`: 128 + number */
    ERROR_CHANGED, /* somebody else changed what we were working on; trying again may help: 125 */
};

/* A range of a source file. Offsets count bytes from the start of the file, lines and columns count from 1,
 * columns in bytes. */
struct span {
    uint32_t start;
    uint32_t end; /* one past the last byte */
};

/* Where in which file. The error owns its copies: it is printed when what it tells of is long freed. */
struct error_place {
    char *file; /* as the user named it; NULL: no place */
    struct str
        line; /* the line the span starts in, without its end, for quoting; data NULL: unknown */
    struct str
        more; /* the lines after it that the span covers, the first few; part of the same copy */
    bool has_rest;        /* the span goes on after those */
    unsigned line_number; /* of that line */
    unsigned column;      /* of the span's first byte */
    unsigned end_line;    /* of the byte after the span's last */
    unsigned end_column;
    struct span span;
};

struct error {
    enum error_code code;
    int number; /* errno, exit status or signal, by code; of ERROR_INPUT how many errors it sums up, or 0 */
    char *message;
    char *hint; /* what to do, or NULL */
    struct error_place place;
    struct error *cause; /* owned; why it happened, or NULL */
    struct error *next;  /* owned; another error found in the same pass, or NULL */
};

#define ERROR_INIT                                                                                 \
    { ERROR_NONE, 0, NULL, NULL, { 0 }, NULL, NULL }

/* All of these return -1, so that `return error_set(...)` reads well. An error that was already set is replaced. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Like error_set with ERROR_SYSTEM and `: strerror(errno)` appended. */
int error_system(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The present content becomes the cause of a new error; code, number and place stay those of the cause.
 * Where nothing was set yet, it is ERROR_FAILED without a cause. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int error_hint(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets the place unless one is set. FILE and the line of SOURCE (the whole text of the file) are copied. */
int error_at(struct error *error, const char *file, struct str source, struct span span);
/* Forgets the place, for one that means nothing to who will read the error. */
void error_forget_place(struct error *error);
/* Takes what MORE says, which is empty afterwards, as one more error of the same pass. An empty ERROR becomes it. */
void error_append(struct error *error, struct error *more);
/* Instead of what ERROR says it says what MORE does, which is empty afterwards; with ERROR NULL that is dropped. */
int error_move(struct error *error, struct error *more);
void error_clear(struct error *error);
#define _cleanup_error_ _cleanup_(error_clear)

/* What every caller relies on and clang's analyzer cannot see from here. */
#if defined(__clang_analyzer__) && !defined(BUD_BASE_ERROR_C)
#define error_set(...) (error_set(__VA_ARGS__), -1)
#define error_system(...) (error_system(__VA_ARGS__), -1)
#define error_wrap(...) (error_wrap(__VA_ARGS__), -1)
#define error_hint(...) (error_hint(__VA_ARGS__), -1)
#define error_at(...) (error_at(__VA_ARGS__), -1)
#endif

/* The whole story as text: `error: message` (the message alone for ERROR_FOUND), the place with the line quoted and a caret line, `because: cause`
 * for every cause, `hint: ...`, and so on for every further error. IS_COLOURED adds ANSI colours. */
void error_print(struct buf *out, const struct error *error, bool is_coloured);
/* A place by itself, for what is not an error; to be freed with error_place_clear(). Without a FILE it is empty. */
struct error_place error_place_of(const char *file, struct str source, struct span span);
void error_place_clear(struct error_place *place);
/* The lines of a place: ` --> file:line:column`, the line quoted, carets under the span, the next lines of the span. */
void error_print_place(struct buf *out, const struct error_place *place, bool is_coloured);
/* TEXT with what would steer a terminal or hide what follows shown as `?`; line ends are kept. */
void error_print_text(struct buf *out, const char *text);
/* Line and column (from 1) of OFFSET in SOURCE. */
void error_line_of(struct str source, uint32_t offset, unsigned *line, unsigned *column);
int error_exit_status(const struct error *error);

#endif
