/* row_scan: some members of the rows of a JSON table, without parsing the rest. Internal to this folder.
 *
 * A build with nothing to do looks a few rows up. Making values of everything a table of a thousand layers says would take it
 * several times as long as all it does besides. */
#ifndef BUD_STORE_ROW_SCAN_H
#define BUD_STORE_ROW_SCAN_H

#include "base/str.h"

#include <stdbool.h>

#define ROW_MEMBERS 8 /* that can be asked for */

/* VALUES: of each member its JSON as it is written, within the text; empty where the row has none. False ends the scan. */
typedef bool row_visit(void *context, const struct str *values);
/* Calls VISIT for every object of the array TEXT, behind which a NUL stands. MEMBERS: the names, NULL after the last. False when
 * VISIT said so, and when TEXT is not such an array, as far as that shows, or is written in an unusual way: what is left out
 * is looked at no closer than to know its end. Parse all of TEXT then. */
bool row_scan(struct str text, const char *const *members, row_visit *visit, void *context);

#endif
