/* toml: the configuration files of containers-storage, containers-common and registries, as JSON values.
 *
 * TOML 1.0 without dates: comments, tables, arrays of tables, dotted and quoted keys, all four kinds of strings,
 * integers, floats, booleans, arrays over several lines, inline tables. No state: any thread may call it. */
#ifndef BUD_STORE_TOML_H
#define BUD_STORE_TOML_H

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>

/* The file as one object; the caller owns the reference. NULL with ERROR_INPUT `NAME:LINE:COLUMN: why` and a hint
 * when it is no TOML, a key is set twice, or brackets nest more than 64 deep. The error does not refer to TEXT:
 * configuration files are read and freed at once. */
json_t *toml_parse(struct str text, const char *name, struct error *error);

#endif
