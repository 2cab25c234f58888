#include "base/json.h"

#include <stdlib.h>

json_t *json_parse(struct str text, const char *name, struct error *error) {
    json_error_t problem;
    json_t *value = json_loadb(text.data ? text.data : "", text.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!value) {
        error_set(error, ERROR_CORRUPT, "%s is not valid JSON: line %d, column %d: %s", name,
                  problem.line, problem.column, problem.text);
    }
    return value;
}

static const char *kind_of(const json_t *value) {
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return names[json_typeof(value)];
}

/* *member is NULL when absent or null; an absent object has no members. */
static int find_member(const json_t *object, const char *key, json_t **member,
                       struct error *error) {
    *member = NULL;
    if (object && !json_is_object(object)) {
        return error_set(error, ERROR_CORRUPT, "%s stands where an object with \"%s\" is needed",
                         kind_of(object), key);
    }
    json_t *value = json_object_get(object, key);
    *member = json_is_null(value) ? NULL : value;
    return 0;
}

static int wrong_type(const char *key, const char *wanted, const json_t *value,
                      struct error *error) {
    return error_set(error, ERROR_CORRUPT, "\"%s\" is %s where %s is needed", key, kind_of(value),
                     wanted);
}

int json_read_string(const json_t *object, const char *key, const char **out, struct error *error) {
    json_t *value;
    if (find_member(object, key, &value, error) < 0) {
        return -1;
    }
    if (!value) {
        return 0;
    }
    if (!json_is_string(value)) {
        return wrong_type(key, "a string", value, error);
    }
    /* As C text it would end early, and mean something else than to whoever wrote it. */
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        return error_set(error, ERROR_CORRUPT, "\"%s\" holds a NUL character", key);
    }
    *out = json_string_value(value);
    return 0;
}

int json_read_integer(const json_t *object, const char *key, int64_t *out, struct error *error) {
    json_t *value;
    if (find_member(object, key, &value, error) < 0) {
        return -1;
    }
    if (!value) {
        return 0;
    }
    if (!json_is_integer(value)) {
        return wrong_type(key, "an integer", value, error);
    }
    *out = json_integer_value(value);
    return 0;
}

int json_read_bool(const json_t *object, const char *key, bool *out, struct error *error) {
    json_t *value;
    if (find_member(object, key, &value, error) < 0) {
        return -1;
    }
    if (!value) {
        return 0;
    }
    if (!json_is_boolean(value)) {
        return wrong_type(key, "true or false", value, error);
    }
    *out = json_is_true(value);
    return 0;
}

int json_read_array(const json_t *object, const char *key, json_t **out, struct error *error) {
    json_t *value;
    if (find_member(object, key, &value, error) < 0) {
        return -1;
    }
    if (!value) {
        return 0;
    }
    if (!json_is_array(value)) {
        return wrong_type(key, "an array", value, error);
    }
    *out = value;
    return 0;
}

int json_read_object(const json_t *object, const char *key, json_t **out, struct error *error) {
    json_t *value;
    if (find_member(object, key, &value, error) < 0) {
        return -1;
    }
    if (!value) {
        return 0;
    }
    if (!json_is_object(value)) {
        return wrong_type(key, "an object", value, error);
    }
    *out = value;
    return 0;
}

static int append(const char *data, size_t len, void *out) {
    buf_append(out, data, len);
    return 0;
}

/* A value that is not nested in itself can fail to be written only for want of memory. */
static void dump(struct buf *out, const json_t *value, size_t flags) {
    if (json_dump_callback(value, append, out, flags | JSON_ENCODE_ANY) != 0) {
        out_of_memory();
    }
}

void json_write(struct buf *out, const json_t *value) {
    dump(out, value, JSON_COMPACT);
}

void json_write_indented(struct buf *out, const json_t *value, unsigned spaces) {
    dump(out, value, JSON_INDENT(spaces));
    buf_append_byte(out, '\n');
}

json_t *json_from_str(struct str s) {
    json_t *value = s.data ? json_stringn(s.data, s.len) : json_string("");
    if (value) {
        return value;
    }
    _cleanup_buf_ struct buf clean = BUF_INIT;
    while (s.len) {
        uint32_t code;
        size_t len = str_decode_utf8(s, &code);
        if (len) {
            buf_append(&clean, s.data, len);
        } else {
            buf_append_c(&clean, "\xef\xbf\xbd");
        }
        s = str_from(s, len ? len : 1);
    }
    value = json_stringn(buf_str(&clean).data, clean.len);
    if (!value) {
        out_of_memory();
    }
    return value;
}

struct str json_text(const json_t *string) {
    return str_make(json_string_value(string), json_string_length(string));
}

void json_set_str(json_t *object, const char *key, struct str value) {
    json_object_set_new(object, key, json_from_str(value));
}

void json_set_integer(json_t *object, const char *key, uint64_t value) {
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

void json_quote(struct buf *out, struct str s) {
    _cleanup_json_ json_t *value = json_from_str(s);
    json_write(out, value);
}

void cleanup_json(json_t **value) {
    json_decref(*value);
}
