/* context: the build context as a tree, with its ignore file and its index.
 *
 * The index keeps one node a directory in the cache: for every file its stat (inode, size, mtime, ctime, mode) and
 * digest. A file whose stat is unchanged is not opened. The racy-git rule: the digest of a file whose ctime is not older
 * than the moment it was begun is not kept (planner/index.h). */
#ifndef BUD_PLANNER_CONTEXT_H
#define BUD_PLANNER_CONTEXT_H

#include "planner/selection.h"

/* Opens DIRECTORY. The ignore file is IGNORE_FILE if given, else DOCKERFILE.dockerignore beside it, else
 * .containerignore, else .dockerignore in the directory. TREE borrows everything from ARENA; close tree->fd. */
int context_open(const char *directory, const char *dockerfile, const char *ignore_file,
                 struct cache *cache, struct arena *arena, struct tree *tree, struct error *error);
/* The same for what was fetched from ORIGIN to DIRECTORY: no ignore file but IGNORE_FILE counts, as in BuildKit. */
int context_open_fetched(const char *directory, const char *origin, const char *ignore_file,
                         struct cache *cache, struct arena *arena, struct tree *tree,
                         struct error *error);
/* The ignore file PATH alone, which must exist; TREE gets its rules and its name. */
int context_read_ignore(const char *path, struct arena *arena, struct tree *tree,
                        struct error *error);

#endif
