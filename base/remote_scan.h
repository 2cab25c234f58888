/* remote_scan: the scanner of grammar/remote.re. Private to base/remote.c. */
#ifndef BUD_BASE_REMOTE_SCAN_H
#define BUD_BASE_REMOTE_SCAN_H

#include "base/str.h"

enum remote_form { REMOTE_FORM_NONE, REMOTE_FORM_HTTP, REMOTE_FORM_GIT, REMOTE_FORM_SCP };

struct remote_parts {
    struct str before_secret; /* scheme, and the user of ssh */
    struct str secret;        /* user info of an http URL, without its @ */
    struct str host_and_path;
    struct str query; /* with its ? */
    struct str url;   /* all of it but the fragment */
    struct str ref, directory;
};

/* By its beginning alone. *PATH is that of an http URL. */
enum remote_form remote_scan_form(struct str text, struct str *path);
/* False: TEXT is none as a whole. */
bool remote_scan(struct str text, struct remote_parts *out);
/* Of the first URL in TEXT, at or behind AT, that has credentials: the user info of an http URL, the password of another, as
 * offsets. False: there is none. */
bool remote_scan_secret(struct str text, size_t at, size_t *secret, size_t *end);

#endif
