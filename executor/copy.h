/* copy: one result of a COPY or ADD, a tree or a single file, written below one directory of a root file system.
 *
 *     struct copy copy;
 *     copy_begin(&copy, &rules, directory, "/usr/src");
 *     for (every selected entry, parents first)
 *         if (copy_entry(&copy, path, entry, &error) < 0) break;
 *     copy_end(&copy);
 *
 * The descriptor of the directory being written is kept while the entries come, so that a file costs no path
 * resolution. Nothing in the target is trusted: every step down is by name and without following links, so what is
 * written stays below the directory. One thread at a time. */
#ifndef BUD_EXECUTOR_COPY_H
#define BUD_EXECUTOR_COPY_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "executor/chmod.h"
#include "executor/copy_data.h"
#include "planner/plan.h"

#include <time.h>

struct copy_rules {
    bool
        has_owner; /* everything gets UID and GID: --chown, or a context (0:0); else the source's ids */
    uint32_t uid, gid;
    struct chmod chmod;
    /* The owners and modes in the source are a context's: times changed without the data are noticed too. */
    bool is_context;
    /* COPY --link: as if the target were empty and merged afterwards; whatever is in the way is replaced. */
    bool is_link;
};

struct copy_level;

struct copy {
    const struct copy_rules *rules;
    const char *name;              /* absolute path of the base directory, for messages */
    VEC(struct copy_level) levels; /* from the base to the directory being written */
    struct buf path;               /* of that directory, from the base */
    struct copy_buffer buffer;
    struct arena arena; /* of what follows */
    struct map links;   /* device and inode of sources with several links -> their copy's path */
};

/* DIRECTORY and NAME are borrowed until copy_end. */
void copy_begin(struct copy *copy, const struct copy_rules *rules, int directory, const char *name);
/* Writes ENTRY as PATH, relative to the base. Missing parents are made 0755. A source that changed since it was
 * examined is ERROR_CHANGED; what is in the way of the wrong type ERROR_INPUT with BuildKit's text (`cannot copy to
 * non-directory: /x`, `cannot replace to directory /x with file`). */
int copy_entry(struct copy *copy, struct str path, const struct selection_entry *entry,
               struct error *error);
/* Writes a file of DATA as PATH, mode 0644 and owner 0:0 unless the rules say otherwise; TIME NULL: now. */
int copy_inline(struct copy *copy, struct str path, struct str data, const struct timespec *time,
                struct error *error);
/* Sets the times of the directories still open and frees everything; also after a failure, when errors do not matter
 * any more. The base directory's own time is the caller's business. */
int copy_end(struct copy *copy, struct error *error);

#endif
