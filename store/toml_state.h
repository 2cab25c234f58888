/* toml_state: what scanner, grammar and actions of TOML share while one file is read. Private to store/toml. */
#ifndef BUD_STORE_TOML_STATE_H
#define BUD_STORE_TOML_STATE_H

#include "base/map.h"
#include "base/vec.h"
#include "store/toml.h"

enum { TOML_DEPTH = 64 };

struct toml_key {
    struct str text; /* decoded, in the arena */
    struct span span;
};

/* An inline table while its pairs are read. */
struct toml_scope {
    json_t *table;     /* owned */
    json_t *enclosing; /* borrowed */
};

struct toml_parser {
    struct arena arena;
    struct error *error;
    struct str source;
    const char *name;

    /* scanner: grammar/toml.re */
    const char *cursor;
    bool wants_value;      /* behind `=` or in an array: `1` is a number there, not a key */
    bool is_finished;      /* the last line's end has been handed out */
    char open[TOML_DEPTH]; /* the `[` and `{` of values */
    unsigned depth;

    /* actions: store/toml.c */
    json_t *root;
    json_t *table; /* where `key = value` goes; borrowed */
    VEC(struct toml_key) path;
    struct map
        kinds; /* address of a value -> how it came to be, for what must not be defined again */
};

/* ---- actions ---- */
/* Adds a name to the stack of names; where it lies there. */
size_t toml_push(struct toml_parser *parser, struct toml_key key);
/* `key = value` with the key from PATH on; takes VALUE, also when it fails. */
int toml_set(struct toml_parser *parser, size_t path, json_t *value);
int toml_open_table(struct toml_parser *parser, size_t path);            /* [path] */
int toml_open_element(struct toml_parser *parser, size_t path);          /* [[path]] */
struct toml_scope toml_enter(struct toml_parser *parser);                /* { */
json_t *toml_leave(struct toml_parser *parser, struct toml_scope scope); /* }; the finished table */

/* ERROR_INPUT at SPAN; -1. */
int toml_fail(struct toml_parser *parser, struct span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
