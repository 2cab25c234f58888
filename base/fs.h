/* fs: files and directories, with paths from outside never trusted.
 *
 * fs_open_beneath() and fs_open_in_root() resolve with openat2(2) or, where it is missing, an equivalent walk, so that no symlink, `..` or absolute target
 * leaves the directory the caller named. Everything opened is close-on-exec. */
#ifndef BUD_BASE_FS_H
#define BUD_BASE_FS_H

#include "base/error.h"
#include "base/str.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

void cleanup_fd(int *fd); /* closes when >= 0 */
#define _cleanup_fd_ _cleanup_(cleanup_fd)

/* Resolves PATH inside DIRECTORY as if that were the root: symlinks are followed, absolute targets and `..`
 * restart or stop at DIRECTORY (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). An fd, or -1 with errno and error. */
int fs_open_in_root(int directory, const char *path, int flags, mode_t mode, struct error *error);
/* Refuses anything that leaves DIRECTORY, also by a symlink (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS). */
int fs_open_beneath(int directory, const char *path, int flags, mode_t mode, struct error *error);
int fs_open(const char *path, int flags, mode_t mode, struct error *error);
int fs_open_at(int directory, const char *path, int flags, mode_t mode, struct error *error);

/* The whole file appended to OUT; more than LIMIT bytes is ERROR_INPUT. */
int fs_read_fd(int fd, const char *name, size_t limit, struct buf *out, struct error *error);
int fs_read_file(int directory, const char *path, size_t limit, struct buf *out,
                 struct error *error);
/* True when the file exists; *out filled. A missing file is not an error here: returns 0 and *exists false. */
int fs_read_file_if_exists(int directory, const char *path, size_t limit, struct buf *out,
                           bool *exists, struct error *error);
int fs_write_all(int fd, const char *name, const void *data, size_t len, struct error *error);

enum fs_durability { FS_NO_SYNC, FS_SYNC };
/* PATH is replaced in one step: temporary `.tmp-NAME` + random beside it, written, mode set, with FS_SYNC
 * fdatasync'ed, renamed, directory fsync'ed. On failure the old file is untouched and no temporary is left. */
int fs_write_atomic(int directory, const char *path, const void *data, size_t len, mode_t mode,
                    enum fs_durability durability, struct error *error);

/* Like mkdir -p; existing directories are left as they are. */
int fs_make_directories(int directory, const char *path, mode_t mode, struct error *error);
/* Removes PATH and everything below it, never following a symlink or crossing into a mount. A missing PATH is
 * fine. Depth is not limited by the C stack or the number of descriptors. */
int fs_remove_tree(int directory, const char *path, struct error *error);

/* Copies all data of SOURCE to the empty TARGET by the cheapest means: reflink, then copy_file_range, then
 * read/write; holes stay holes. SIZE is the expected size in bytes; a different amount is ERROR_CHANGED. */
int fs_copy_data(int source, int target, const char *name, uint64_t size, struct error *error);
/* All xattrs of one entry, by /proc/self/fd path or plain path with l*xattr; unsupported names are skipped. */
struct fs_xattr {
    struct str name;
    struct str value;
};
struct fs_xattrs {
    struct fs_xattr *items; /* sorted by name */
    size_t count;
};
/* Reads the xattrs of NAME in DIRECTORY (not followed when it is a symlink) into ARENA. A file system without
 * xattrs gives none. */
int fs_read_xattrs(int directory, const char *name, struct arena *arena, struct fs_xattrs *out,
                   struct error *error);
int fs_set_xattr(int directory, const char *name, struct str key, struct str value,
                 struct error *error);

/* Random lower-case base32-like id text of LEN characters plus NUL into OUT. */
void fs_random_name(char *out, size_t len);
/* A directory's entry names without . and .., sorted bytewise, in ARENA. */
int fs_list(int directory, struct arena *arena, struct str **names, size_t *count,
            struct error *error);
/* The name in DIRECTORY that NAME may have been meant to be (str_nearest()), in ARENA; NULL: there is none, or the directory
 * cannot be read or has too many for a guess. */
const char *fs_nearest(int directory, struct str name, struct arena *arena);

/* Lexical cleaning as Go's path.Clean: no `//`, `.`, inner `..`; rooted paths stay rooted; "" becomes ".". */
struct str path_clean(struct arena *arena, struct str path);
/* BASE and PATH joined and cleaned; an absolute PATH replaces BASE. */
struct str path_join(struct arena *arena, struct str base, struct str path);
/* Does a `..` in PATH lead above where the path begins? */
bool path_climbs_out(struct str path);
struct str path_base(struct str path); /* last component of a cleaned path */
struct str path_parent(struct str path);
/* The same of a relative path, empty without a directory in it. */
struct str path_above(struct str path);

#endif
