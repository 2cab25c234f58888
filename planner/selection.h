/* selection: which entries of a tree a COPY or ADD takes, in a fixed order.
 *
 * One walk serves both the content digest (planner) and the copying (executor), so that what is hashed is exactly
 * what is copied. Paths are resolved inside the tree's root, links never lead out of it. */
#ifndef BUD_PLANNER_SELECTION_H
#define BUD_PLANNER_SELECTION_H

#include "base/digest.h"
#include "base/fs.h"
#include "parser/pattern.h"
#include "store/cache.h"

/* Where files are taken from: the build context, another stage's or an image's root file system. */
struct tree {
    int fd;                      /* its root directory */
    const char *name;            /* for messages: the context's path, "stage build" */
    const struct ignore *ignore; /* .dockerignore, or NULL */
    const char *ignore_name;     /* its path, for messages */
    bool has_no_files;           /* a Dockerfile came, and nothing with it: for messages */
    bool is_context;             /* owners count as 0:0 (host ownership is irrelevant) */
    struct cache *cache;    /* keeps the index of a context; NULL: digests are computed each time */
    struct digest identity; /* names the tree in the index */
    bool is_paranoid;       /* every file is read, whatever the index knows */
};

struct selection {
    const struct str *sources; /* expanded, as written otherwise */
    size_t source_count;
    const struct ignore *excludes;   /* --exclude, or NULL */
    const struct str *exclude_texts; /* the patterns it was made of */
    size_t exclude_count;
    bool is_parents; /* --parents */
    bool is_literal; /* no wildcards in sources: a bind mount's source */
};

/* One matched source, announced before its entries. */
struct selection_result {
    struct str path;   /* inside the tree, no leading '/', links resolved; "" is the root */
    struct str base;   /* last component as written or matched, for DEST/BASE */
    struct str source; /* the source argument it came from */
    bool is_directory; /* its contents are copied, not itself */
    bool is_wildcard;  /* matched by a pattern */
    struct stat stat;
};

struct selection_entry {
    struct str path; /* relative to the result directory; for a file result its base */
    int directory;   /* descriptor of the directory that holds it (borrowed during the call) */
    uint64_t
        directory_id; /* of that directory; larger for those entered later, equal for its entries */
    const char *name; /* its name there, NUL-terminated */
    struct stat stat; /* not following links */
    struct str tree_path; /* from the tree's root, for messages and the index */
};

/* Starting threads pays only when there is more to look at than this. */
#define SELECTION_LOOK_AHEAD 2000

struct selection_visitor {
    int (*result)(void *context, const struct selection_result *result, struct error *error);
    int (*entry)(void *context, const struct selection_entry *entry,
                 struct error *error); /* parents first */
    /* SOURCE is a pattern, and nothing is there that it matches, --exclude or not. May be NULL. */
    void (*unmatched)(void *context, struct str source);
    void *context;
    bool takes_special; /* sockets and devices of a context are told like others, not refused */
    size_t look_ahead_after; /* see selection_walk(); 0: never */
};

/* Walks the selected entries: sources in order, the results of a pattern and the entries of a directory in bytewise order
 * of their names, each directory followed by what is in it. A literal source that does not exist is ERROR_NOT_FOUND (`"/x":
 * not found`, with the deciding .dockerignore rule or the nearest name as hint); one that is excluded gives no result, and
 * neither does a pattern that matches nothing. Sockets and devices in a context that are selected are refused by name, unless
 * the visitor takes them. After LOOK_AHEAD_AFTER entries other threads begin to list and stat(2) what comes next: the visitor
 * is called as ever, by the caller's thread, but what it is told of an entry may be a moment older. */
int selection_walk(const struct tree *tree, const struct selection *selection,
                   const struct selection_visitor *visitor, struct error *error);

/* The content digest of everything selected: path, type, mode, owner, link target, xattrs, data; never mtime. For a
 * context, file digests come from the index where the file's stat is unchanged and not racy, and what was learned is
 * written back (only if something was). */
int selection_digest(const struct tree *tree, const struct selection *selection, struct digest *out,
                     struct error *error);

/* STAMPS (0: none yet) with that of ENTRY: two walks with the same sum saw the same files in the same state. */
uint64_t selection_stamp(uint64_t stamps, const struct selection_entry *entry);
/* Were the files that a walk with the sum STAMPS took those of the content digest EXPECTED, and are they still? DETAILS:
 * their list, for the message, or NULL. ERROR_CHANGED, naming the file where that can be told, when not. */
struct content;
int selection_check(const struct tree *tree, const struct selection *selection,
                    const struct digest *expected, const struct content *details, uint64_t stamps,
                    struct error *error);

#endif
