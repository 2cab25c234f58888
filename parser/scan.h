/* scan: the scanners of grammar/dockerfile.re, which know bytes and nothing of what they mean.
 *
 * A scanner reads between `cursor` and `limit`, never beyond, and moves `cursor` behind what it took. None of
 * them allocates except into the arena or buf it is given, and none can fail unless its comment says how.
 * Sets of white space are those of the Dockerfile language: SP is Unicode White_Space, WS is [\t\v\f\r ]. */
#ifndef BUD_PARSER_SCAN_H
#define BUD_PARSER_SCAN_H

#include "base/arena.h"
#include "parser/ast.h"

struct scan {
    const char *cursor;
    const char *limit;
};

static inline struct scan scan_of(struct str text) {
    return (struct scan){ text.data, text.data + text.len };
}
static inline struct str scan_rest(const struct scan *scan) {
    return str_make(scan->cursor, (size_t)(scan->limit - scan->cursor));
}

/* ---- physical lines ---- */
enum line_kind {
    LINE_NONE, /* the end of the text */
    LINE_BLANK,
    LINE_COMMENT,
    LINE_TEXT,
    LINE_BACKSLASH, /* text, and it would continue if the escape were a backslash */
    LINE_BACKTICK,
};

struct physical_line {
    enum line_kind kind;
    struct str raw;     /* without its '\n' */
    const char *first;  /* first byte that is not SP */
    const char *end;    /* behind the last byte that is not \r or \n */
    const char *escape; /* LINE_BACKSLASH, LINE_BACKTICK: the escape at the end */
};

void scan_line(struct scan *scan, struct physical_line *line);
/* A line of a heredoc: RAW with its line end, FIRST behind leading tabs, LAST behind the last byte that is not
 * a line end. False at the end of the text. */
bool scan_body_line(struct scan *scan, struct str *raw, const char **first, const char **last);
/* `# NAME = VALUE`, COMMENT starting at the '#'; false when it is no directive. */
bool scan_directive(struct str comment, struct str *name, struct str *value);

/* ---- within a logical line ---- */
struct str scan_trim(struct str text); /* without SP at both ends */
enum instruction_kind scan_keyword(struct scan *scan, struct str *keyword);
/* One flag word, RAW as written and TEXT without quotes and escapes; false when no `--` comes next. */
bool scan_flag(struct scan *scan, char escape, struct arena *arena, struct str *raw,
               struct str *text);
bool scan_word(struct scan *scan, struct str *word);       /* separated by WS */
bool scan_first_word(struct scan *scan, struct str *word); /* ends at SP */
/* A word of ENV, LABEL, ARG: quotes and escapes kept; false at the end. */
bool scan_pair_word(struct scan *scan, char escape, struct str *word);

/* ---- JSON form, grammar/json.re ---- */
enum json_form {
    JSON_NONE,    /* not a JSON array: the shell form */
    JSON_STRINGS, /* an array of strings */
    JSON_OTHER,   /* an array with something else in it */
};
/* What TEXT as a whole is; with JSON_OTHER, *OFFENDER is the first element that is not a string. */
enum json_form scan_json_form(struct str text, struct str *offender);
/* The next string of an array that scan_json_form approved: RAW with its quotes, TEXT decoded. */
bool scan_json_string(struct scan *scan, struct arena *arena, struct str *raw, struct str *text);

/* ---- values of flags ---- */
enum duration_error { DURATION_OK, DURATION_INVALID, DURATION_NO_UNIT, DURATION_BAD_UNIT };
/* A duration as Go writes it ("1m30s", "0", "-1.5h"). *UNIT is the unit when it is unknown. */
enum duration_error scan_duration(struct str text, int64_t *nanoseconds, struct str *unit);
/* One field of a comma-separated line (RFC 4180); false when it is malformed. At the end of the text *IS_LAST. */
bool scan_csv_field(struct scan *scan, struct arena *arena, struct str *field, bool *is_last);
bool scan_stage_name(struct str name); /* [a-z][a-z0-9-_.]* as a whole */

#endif
