/* json: a thin layer over jansson with errors that name the member, and output that is stable.
 *
 * Values are jansson's; `_cleanup_json_` drops a reference. The getters leave *out untouched and return 0 when
 * the member is absent or null; a member of the wrong type is ERROR_CORRUPT naming it. */
#ifndef BUD_BASE_JSON_H
#define BUD_BASE_JSON_H

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>

/* Strict JSON, any top-level value; duplicates of a key are refused. NAME is for the message. NULL and error
 * (ERROR_CORRUPT) on failure. The caller owns the reference. */
json_t *json_parse(struct str text, const char *name, struct error *error);
int json_read_string(const json_t *object, const char *key, const char **out, struct error *error);
int json_read_integer(const json_t *object, const char *key, int64_t *out, struct error *error);
int json_read_bool(const json_t *object, const char *key, bool *out, struct error *error);
int json_read_array(const json_t *object, const char *key, json_t **out,
                    struct error *error); /* borrowed */
int json_read_object(const json_t *object, const char *key, json_t **out,
                     struct error *error); /* borrowed */
/* Compact, members in insertion order, as UTF-8; the caller frees the text through the buf. */
void json_write(struct buf *out, const json_t *value);
/* A document for people: members on lines of their own, indented, with an end of line. */
void json_write_indented(struct buf *out, const json_t *value, unsigned spaces);
/* A string that may hold any bytes: invalid UTF-8 becomes U+FFFD, as Go's encoder does. New reference. */
json_t *json_from_str(struct str s);
/* The text of a string, borrowed; of anything else, NULL included, none. */
struct str json_text(const json_t *string);
/* A member that is such a string, or a number. */
void json_set_str(json_t *object, const char *key, struct str value);
void json_set_integer(json_t *object, const char *key, uint64_t value);
/* The text as a quoted JSON string appended to OUT, same rule. */
void json_quote(struct buf *out, struct str s);

void cleanup_json(json_t **value);
#define _cleanup_json_ _cleanup_(cleanup_json)

#endif
