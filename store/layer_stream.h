/* layer_stream: a diff directory as the canonical tar stream of its layer, with digest and tar-split log.
 *
 * The stream is bud's own: its bytes decide diff IDs, so they must not change with the version of a library.
 * Entries in bytewise order of their paths, parents first; names relative, directories with '/'; numeric ids; ustar
 * headers with a PAX record only where ustar cannot say it (long names, large numbers, xattrs; sub-second times are
 * dropped); hard links to the first name; whiteouts and opaque markers as OCI image-spec layer.md says.
 * GNU sparse entries are never written. */
#ifndef BUD_STORE_LAYER_STREAM_H
#define BUD_STORE_LAYER_STREAM_H

#include "base/digest.h"
#include "store/cache.h"
#include "store/store.h"

#include <stdatomic.h>

struct layer_stream_options {
    const char *tar_split; /* path of the gzip'ed log to write, or NULL */
    int tar;               /* descriptor that receives the tar itself, or -1 */
    bool is_rootless;      /* opaque marker is user.overlay.opaque */
};

/* Walks the directory behind DIFF once. uids/gids of *out live in ARENA. ERROR_CHANGED when a file changes
 * while being read; ERROR_INPUT for what a tar cannot hold. Interrupted by *IS_CANCELLED (may be NULL). */
int layer_stream_digest(int diff, const struct layer_stream_options *options, struct arena *arena,
                        const atomic_bool *is_cancelled, struct cache_layer *out,
                        struct error *error);

/* Does extended attribute NAME belong into an image? What the other tools store does: user.* and file capabilities.
 * Not: the overlay's and fuse-overlayfs's own bookkeeping, which a hostile archive could forge; security.selinux, .ima
 * and .evm, which describe the host; trusted.*, which no user namespace can set; POSIX ACLs (system.*), whose binary
 * form holds the host's ids. */
bool layer_stream_keeps_xattr(struct str name);

#endif
