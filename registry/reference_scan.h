/* reference_scan: the scanner of grammar/reference.re. Private to registry/reference.c. */
#ifndef BUD_REGISTRY_REFERENCE_SCAN_H
#define BUD_REGISTRY_REFERENCE_SCAN_H

#include "base/str.h"

/* PATH[:TAG][@DIGEST] as a whole; missing parts are empty. */
bool reference_scan(struct str text, struct str *path, struct str *tag, struct str *digest);
/* HOST[:PORT] as a whole. */
bool reference_scan_domain(struct str text);

#endif
