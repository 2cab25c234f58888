#include "store/toml.h"

#include "base/json.h"
#include "grammar/toml.tab.h"
#include "store/toml_state.h"

#include <stdlib.h>

/* How a table or array came to be, and so whether it may be defined again or added to. */
enum toml_kind {
    KIND_IMPLICIT, /* named on the way to another table */
    KIND_HEADER,   /* [a] */
    KIND_DOTTED,   /* a.b = 1 */
    KIND_ELEMENTS, /* [[a]] */
    KIND_INLINE,   /* { } */
};

int toml_fail(struct toml_parser *parser, struct span span, const char *format, ...) {
    va_list arguments;
    _cleanup_buf_ struct buf message = BUF_INIT;
    va_start(arguments, format);
    buf_vprintf(&message, format, arguments);
    va_end(arguments);
    unsigned line, column;
    error_line_of(parser->source, span.start, &line, &column);
    return error_set(parser->error, ERROR_INPUT, "%s:%u:%u: %s", parser->name, line, column,
                     message.data);
}

static enum toml_kind kind_of(const struct toml_parser *parser, const json_t *value) {
    return (enum toml_kind)(uintptr_t)map_get(&parser->kinds,
                                              str_make((const char *)&value, sizeof(value)));
}

static void set_kind(struct toml_parser *parser, const json_t *value, enum toml_kind kind) {
    const char *key = arena_memdup(&parser->arena, &value, sizeof(value));
    map_set(&parser->kinds, str_make(key, sizeof(value)), (void *)(uintptr_t)kind);
}

size_t toml_push(struct toml_parser *parser, struct toml_key key) {
    vec_push(&parser->path, key);
    return parser->path.count - 1;
}

static int fail_twice(struct toml_parser *parser, const struct toml_key *key) {
    toml_fail(parser, key->span, "`%.*s` is defined a second time", STR_ARG(key->text));
    return error_hint(parser->error, "keep one of the definitions");
}

static int fail_no_table(struct toml_parser *parser, const struct toml_key *key) {
    toml_fail(parser, key->span, "`%.*s` is not a table that can be added to", STR_ARG(key->text));
    return error_hint(parser->error, "it has been given a value before");
}

static int insert(struct toml_parser *parser, json_t *table, const struct toml_key *key,
                  json_t *value) {
    if (json_object_setn_new(table, key->text.data, key->text.len, value) < 0) {
        return toml_fail(parser, key->span, "the key is not valid UTF-8");
    }
    return 0;
}

/* The table KEY of TABLE, made with KIND when it is missing; of an array of tables its last element. NULL and
 * error when it is something else. */
static json_t *descend(struct toml_parser *parser, json_t *table, const struct toml_key *key,
                       enum toml_kind kind) {
    json_t *next = json_object_getn(table, key->text.data, key->text.len);
    if (!next) {
        next = json_object();
        set_kind(parser, next, kind);
        return insert(parser, table, key, next) < 0 ? NULL : next;
    }
    if (json_is_array(next) && kind_of(parser, next) == KIND_ELEMENTS) {
        next = json_array_get(next, json_array_size(next) - 1);
    }
    if (!json_is_object(next) || kind_of(parser, next) == KIND_INLINE) {
        fail_no_table(parser, key);
        return NULL;
    }
    return next;
}

/* The table that holds the last name of the path, which starts at PATH. */
static json_t *descend_to_last(struct toml_parser *parser, json_t *table, size_t path,
                               enum toml_kind kind) {
    for (size_t i = path; table && i + 1 < parser->path.count; i++) {
        table = descend(parser, table, &parser->path.items[i], kind);
    }
    return table;
}

int toml_set(struct toml_parser *parser, size_t path, json_t *value) {
    json_t *table = descend_to_last(parser, parser->table, path, KIND_DOTTED);
    struct toml_key key = parser->path.items[parser->path.count - 1];
    parser->path.count = path;
    if (!table || json_object_getn(table, key.text.data, key.text.len)) {
        json_decref(value);
        return table ? fail_twice(parser, &key) : -1;
    }
    return insert(parser, table, &key, value);
}

int toml_open_table(struct toml_parser *parser, size_t path) {
    json_t *outer = descend_to_last(parser, parser->root, path, KIND_IMPLICIT);
    struct toml_key key = parser->path.items[parser->path.count - 1];
    parser->path.count = path;
    if (!outer) {
        return -1;
    }
    json_t *table = json_object_getn(outer, key.text.data, key.text.len);
    if (table && (!json_is_object(table) || kind_of(parser, table) != KIND_IMPLICIT)) {
        return fail_twice(parser, &key);
    }
    table = descend(parser, outer, &key, KIND_HEADER);
    if (!table) {
        return -1;
    }
    set_kind(parser, table, KIND_HEADER);
    parser->table = table;
    return 0;
}

int toml_open_element(struct toml_parser *parser, size_t path) {
    json_t *outer = descend_to_last(parser, parser->root, path, KIND_IMPLICIT);
    struct toml_key key = parser->path.items[parser->path.count - 1];
    parser->path.count = path;
    if (!outer) {
        return -1;
    }
    json_t *array = json_object_getn(outer, key.text.data, key.text.len);
    if (!array) {
        array = json_array();
        set_kind(parser, array, KIND_ELEMENTS);
        if (insert(parser, outer, &key, array) < 0) {
            return -1;
        }
    } else if (!json_is_array(array) || kind_of(parser, array) != KIND_ELEMENTS) {
        return fail_twice(parser, &key);
    }
    parser->table = json_object();
    set_kind(parser, parser->table, KIND_HEADER);
    json_array_append_new(array, parser->table);
    return 0;
}

struct toml_scope toml_enter(struct toml_parser *parser) {
    struct toml_scope scope = { json_object(), parser->table };
    parser->table = scope.table;
    return scope;
}

json_t *toml_leave(struct toml_parser *parser, struct toml_scope scope) {
    parser->table = scope.enclosing;
    set_kind(parser, scope.table, KIND_INLINE);
    return scope.table;
}

json_t *toml_parse(struct str text, const char *name, struct error *error) {
    struct error ignored = ERROR_INIT;
    struct toml_parser parser = {
        .error = error ? error : &ignored,
        .source = text,
        .name = name,
        .cursor = text.data,
        .root = json_object(),
    };
    parser.table = parser.root;
    if (toml_grammar_parse(&parser) != 0) {
        json_decref(parser.root);
        parser.root = NULL;
    }
    vec_free(&parser.path);
    map_free(&parser.kinds);
    arena_free(&parser.arena);
    error_clear(&ignored);
    return parser.root;
}
