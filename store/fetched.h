/* fetched: directories with what was fetched from elsewhere to be a build context, kept for the next build.
 *
 * ROOT/bud/contexts/KEY/files, where KEY is the digest of what it is (a commit of a repository, the bytes of an archive): an
 * entry never changes. It comes to be under a temporary name and gets its own by a rename. Whoever uses an entry or makes one
 * holds a flock(2) on its directory; what nobody holds may be removed at any time, and a temporary one is swept. Where the
 * store cannot be written, an entry is a directory of TMPDIR which goes when it is released. For any thread. */
#ifndef BUD_STORE_FETCHED_H
#define BUD_STORE_FETCHED_H

#include "base/digest.h"
#include "store/disk_usage.h"
#include "store/store.h"

#define FETCHED_DIRECTORY "bud/contexts"

struct fetched {
    int fd;            /* the entry, locked; -1: none */
    char *path;        /* of it, absolute */
    bool is_temporary; /* without a key: removed when it is released */
};
#define FETCHED_INIT                                                                               \
    { -1, NULL, false }

/* The entry of KEY, marked as used; out->fd is -1 when there is none. STORE may be NULL. */
int fetched_open(const struct store *store, const struct digest *key, struct fetched *out,
                 struct error *error);
/* A new temporary entry with an empty directory `files`. Sweeps what dead ones left. */
int fetched_new(const struct store *store, struct fetched *out, struct error *error);
/* It becomes the entry of KEY, unless that is there: then it becomes that one. ORIGIN, one line without credentials, is
 * what people are shown; former entries of the same origin go, unless they are in use. An entry outside of the store stays
 * what it is. ERROR_CHANGED: a prune was faster. */
int fetched_keep(const struct store *store, struct fetched *fetched, const struct digest *key,
                 struct str origin, struct error *error);
void fetched_release(struct fetched *fetched);

/* What was noted of an origin, to ask for changes only: the key and the server's tag. *FOUND is false when nothing is. */
int fetched_recall(const struct store *store, struct str origin, struct arena *arena,
                   struct digest *key, const char **tag, bool *found, struct error *error);
int fetched_note(const struct store *store, struct str origin, const struct digest *key,
                 struct str tag, struct error *error);

struct fetched_item {
    struct str name;   /* the key in hex */
    struct str origin; /* empty: not readable */
    int64_t last_used; /* ns */
    uint64_t size;     /* bytes on disk */
    bool is_busy;
    bool is_victim; /* chosen for removal by the caller */
};
struct fetched_list {
    struct fetched_item *items;
    size_t count;
};
/* All of them, measured, in ARENA. */
int fetched_list(const struct store *store, struct arena *arena, struct fetched_list *out,
                 struct error *error);
/* Removes the entry unless somebody uses it: *is_busy then. */
int fetched_remove(const struct store *store, const struct fetched_item *item, bool *is_busy,
                   struct error *error);
/* Removes what was left half made or half removed, but not what somebody is making, and notes of entries that are gone. Adds
 * what the former took on the disk to *BYTES. IS_DRY: only that. */
void fetched_sweep(const struct store *store, bool is_dry, uint64_t *bytes);

#endif
