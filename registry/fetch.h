/* fetch: one file by HTTP or HTTPS, by libcurl.
 *
 * The library is loaded when the first request is made: a build that asks nobody does not pay for it, and bud starts where it
 * is not installed. Certificates are verified; redirects lead to http and https only, and credentials do not follow them to
 * other hosts. Proxies are those of the environment, as curl(1) has them. Blocks; for any thread. */
#ifndef BUD_REGISTRY_FETCH_H
#define BUD_REGISTRY_FETCH_H

#include "base/error.h"
#include "base/remote.h"

#include <stdbool.h>
#include <stdint.h>

struct fetch_request {
    const struct remote *remote; /* REMOTE_HTTP */
    const char *etag;            /* only if it is another one now; NULL: in any case */
    int fd;                      /* where the body goes */
    uint64_t limit;              /* of the body, in bytes */
};

struct fetch_result {
    bool is_unchanged;     /* nothing was written */
    struct str etag;       /* as the server gave it, in the arena; empty: none */
    int64_t last_modified; /* seconds since 1970; -1: the server did not say */
};

/* ERROR_NOT_FOUND without libcurl or for status 404 and 410; ERROR_FAILED for other statuses than 200, for a server that
 * cannot be reached or falls silent for a minute, and for a body above the limit; ERROR_SYSTEM when FD cannot be written.
 * What was written then is for the caller to discard. No message has credentials in it. */
int fetch_file(const struct fetch_request *request, struct arena *arena, struct fetch_result *out,
               struct error *error);

#endif
