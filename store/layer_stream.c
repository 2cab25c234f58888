#include "store/layer_stream.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/vec.h"
#include "store/crc64.h"
#include "store/id_set.h"
#include "store/layer_walk.h"
#include "store/tar_header.h"
#include "store/tar_split.h"
#include "store/whiteout.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define READ_SIZE (256 * 1024) /* stays in the second-level cache: checksums find it there */
#define TAR_BUFFER (1024 * 1024)
#define XATTR_LIST_SIZE (64 * 1024) /* the kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX */

struct stream {
    const struct layer_stream_options *options;
    const atomic_bool *is_cancelled;
    struct hasher hasher;
    uint64_t size;
    struct tar_split *split; /* NULL: no log wanted */
    struct buf tar;          /* bytes not written to options->tar yet */
    struct buf name;         /* full tar name of the present entry */
    struct buf headers;
    struct arena arena; /* names of hard-linked files */
    struct map links;   /* (device, inode) -> struct str: the name it has in the tar */
    struct id_set uids, gids;
    char *data; /* READ_SIZE bytes */
};

static int check_cancelled(const struct stream *stream, struct error *error) {
    if (!stream->is_cancelled || !atomic_load(stream->is_cancelled)) {
        return 0;
    }
    error_set(error, ERROR_INTERRUPTED, "interrupted while computing a layer's digest");
    if (error) {
        error->number = SIGINT;
    }
    return -1;
}

static int flush_tar(struct stream *stream, struct error *error) {
    int result = stream->tar.len == 0 ? 0
                                      : fs_write_all(stream->options->tar, "the layer's tar",
                                                     stream->tar.data, stream->tar.len, error);
    buf_reset(&stream->tar);
    return result;
}

/* The next bytes of the tar. */
static int put(struct stream *stream, const void *data, size_t len, struct error *error) {
    hasher_update(&stream->hasher, data, len);
    stream->size += len;
    if (stream->options->tar < 0) {
        return 0;
    }
    buf_append(&stream->tar, data, len);
    return stream->tar.len < TAR_BUFFER ? 0 : flush_tar(stream, error);
}

/* Bytes that go into the log as they are: everything but file contents. */
static int put_raw(struct stream *stream, const void *data, size_t len, struct error *error) {
    if (stream->split && tar_split_raw(stream->split, data, len, error)) {
        return -1;
    }
    return put(stream, data, len, error);
}

static int put_header(struct stream *stream, const struct tar_header *header, struct error *error) {
    buf_reset(&stream->headers);
    tar_header_write(&stream->headers, header);
    return put_raw(stream, stream->headers.data, stream->headers.len, error);
}

/* An entry without contents. */
static int put_empty(struct stream *stream, const struct tar_header *header, struct error *error) {
    if (put_header(stream, header, error)) {
        return -1;
    }
    return stream->split ? tar_split_file(stream->split, header->name, 0, CRC64_INIT, error) : 0;
}

bool layer_stream_keeps_xattr(struct str name) {
    return str_equal(name, STR("security.capability")) ||
           (str_has_prefix(name, STR("user.")) && !str_has_prefix(name, STR("user.overlay.")) &&
            !str_has_prefix(name, STR("user.containers.")) &&
            !str_has_prefix(name, STR("user.fuseoverlayfs.")));
}

static int compare_xattrs(const void *a, const void *b) {
    return str_compare(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int read_xattr(int fd, const char *name, struct arena *arena, struct str *value,
                      const char *path, struct error *error) {
    char text[XATTR_LIST_SIZE];
    ssize_t len = fgetxattr(fd, name, text, sizeof(text));
    if (len < 0) {
        return error_system(error, "cannot read extended attribute %s of '%s'", name, path);
    }
    *value = str_make(arena_memdup(arena, text, (size_t)len), (size_t)len);
    return 0;
}

/* Those xattrs of the file or directory FD that belong into a layer. (Links and devices can't have any of them.) The
 * mounts of bud are made without metacopy and redirect_dir; a directory that has them isn't a plain diff. */
static int read_xattrs(const struct stream *stream, int fd, struct arena *arena,
                       struct tar_header *header, struct error *error) {
    char list[XATTR_LIST_SIZE];
    ssize_t len = flistxattr(fd, list, sizeof(list));
    if (len < 0 && errno != ENOTSUP) {
        return error_system(error, "cannot list extended attributes of '%s'", stream->name.data);
    }
    VEC(struct tar_xattr) found = VEC_INIT;
    for (char *at = list; at < list + len; at += strlen(at) + 1) {
        struct tar_xattr xattr = { str_of(at), STR_EMPTY };
        if (str_has_suffix(xattr.name, STR("overlay.redirect")) ||
            str_has_suffix(xattr.name, STR("overlay.metacopy"))) {
            error_set(error, ERROR_UNSUPPORTED,
                      "'%s' of the layer carries %s: only part of it is there", stream->name.data,
                      at);
            return error_hint(error, "mount overlays with metacopy=off,redirect_dir=off");
        }
        if (!layer_stream_keeps_xattr(xattr.name)) {
            continue;
        }
        if (strchr(at, '=')) {
            return error_set(error, ERROR_INPUT,
                             "'%s' has an extended attribute '%s': a tar cannot hold a '=' in "
                             "its name",
                             stream->name.data, at);
        }
        if (read_xattr(fd, at, arena, &xattr.value, stream->name.data, error)) {
            return -1;
        }
        xattr.name = str_copy(arena, xattr.name);
        arena_vec_push(arena, &found, xattr);
    }
    if (found.count > 1) {
        qsort(found.items, found.count, sizeof(*found.items), compare_xattrs);
    }
    header->xattrs = found.items;
    header->xattr_count = found.count;
    return 0;
}

static int put_directory(struct stream *stream, int fd, struct tar_header *header,
                         struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    header->type = TAR_DIRECTORY;
    if (read_xattrs(stream, fd, &arena, header, error) || put_empty(stream, header, error)) {
        return -1;
    }
    if (!whiteout_is_opaque(fd, stream->options->is_rootless)) {
        return 0;
    }
    /* First of what the directory holds, so that a reader in order clears it before filling it. */
    buf_append_c(&stream->name, ".wh..wh..opq");
    const struct tar_header marker = { .name = buf_str(&stream->name),
                                       .link = STR_EMPTY,
                                       .type = TAR_FILE };
    return put_empty(stream, &marker, error);
}

static int file_changed(const struct stream *stream, struct error *error) {
    error_set(error, ERROR_CHANGED, "file '%s' changed while the layer was read",
              stream->name.data);
    return error_hint(error, "something still writes to the directory of a finished step");
}

static int put_contents(struct stream *stream, int fd, const struct layer_entry *entry,
                        struct error *error) {
    uint64_t crc = CRC64_INIT;
    if (entry->size > READ_SIZE) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    for (uint64_t left = entry->size; left > 0;) {
        ssize_t len = read(fd, stream->data, left < READ_SIZE ? left : READ_SIZE);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0) {
            return error_system(error, "cannot read '%s' of the layer", stream->name.data);
        }
        if (len == 0) {
            return file_changed(stream, error);
        }
        if (stream->split) {
            crc = crc64_update(crc, stream->data, (size_t)len);
        }
        if (put(stream, stream->data, (size_t)len, error) || check_cancelled(stream, error)) {
            return -1;
        }
        left -= (uint64_t)len;
    }
    struct stat now;
    if (fstat(fd, &now) || (uint64_t)now.st_size != entry->size ||
        now.st_mtim.tv_sec != entry->mtime.tv_sec || now.st_mtim.tv_nsec != entry->mtime.tv_nsec) {
        return file_changed(stream, error);
    }
    if (stream->split &&
        tar_split_file(stream->split, buf_str(&stream->name), entry->size, crc, error)) {
        return -1;
    }
    static const char zeros[TAR_BLOCK];
    return put_raw(stream, zeros, -entry->size % TAR_BLOCK, error);
}

static int put_file(struct stream *stream, int directory, const struct layer_entry *entry,
                    struct tar_header *header, struct error *error) {
    _cleanup_fd_ int fd = openat(directory, entry->name.data,
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ELOOP
                   ? file_changed(stream, error)
                   : error_system(error, "cannot read '%s' of the layer", stream->name.data);
    }
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    header->type = TAR_FILE;
    header->size = entry->size;
    if (read_xattrs(stream, fd, &arena, header, error) || put_header(stream, header, error)) {
        return -1;
    }
    return put_contents(stream, fd, entry, error);
}

static int put_symlink(struct stream *stream, int directory, const struct layer_entry *entry,
                       const struct tar_header *header, struct error *error) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(directory, entry->name.data, target, sizeof(target));
    if (len < 0) {
        return error_system(error, "cannot read link '%s' of the layer", stream->name.data);
    }
    struct tar_header symlink = *header;
    symlink.type = TAR_SYMLINK;
    symlink.link = str_make(target, (size_t)len);
    return put_empty(stream, &symlink, error);
}

/* The name under which this file is in the tar already; NULL, and remembered, when it is its first. */
static const struct str *find_link(struct stream *stream, const struct layer_entry *entry) {
    uint64_t identity[2] = { entry->device, entry->inode };
    const struct str *first =
        map_get(&stream->links, str_make((const char *)identity, sizeof(identity)));
    if (!first) {
        struct str *name = arena_new(&stream->arena, struct str);
        *name = str_copy(&stream->arena, buf_str(&stream->name));
        const char *key = arena_memdup(&stream->arena, identity, sizeof(identity));
        map_set(&stream->links, str_make(key, sizeof(identity)), name);
    }
    return first;
}

static struct tar_header header_of(const struct stream *stream, const struct layer_entry *entry) {
    return (struct tar_header){
        .name = buf_str(&stream->name),
        .link = STR_EMPTY,
        .mode = entry->mode & 07777,
        .uid = entry->uid,
        .gid = entry->gid,
        .mtime = entry->mtime.tv_sec,
    };
}

static int put_entry(struct stream *stream, const struct layer_walk *walk,
                     const struct layer_entry *entry, struct error *error) {
    buf_reset(&stream->name);
    buf_append_str(&stream->name, buf_str(&walk->path));
    if (!S_ISDIR(entry->mode)) {
        buf_append_str(&stream->name, entry->tar_name);
    }
    if (stream->name.len >= PATH_MAX) {
        error_set(error, ERROR_INPUT, "a path in the layer has %zu bytes: '%.60s…'",
                  stream->name.len, stream->name.data);
        return error_hint(error, "no tool could open it by its name; keep paths below %d bytes",
                          PATH_MAX);
    }
    /* Before hard links: the kernel makes all whiteouts of a mount one inode. */
    if (entry->is_whiteout) {
        const struct tar_header marker = { .name = buf_str(&stream->name),
                                           .link = STR_EMPTY,
                                           .type = TAR_FILE };
        return put_empty(stream, &marker, error);
    }
    id_set_add(&stream->uids, entry->uid);
    id_set_add(&stream->gids, entry->gid);
    struct tar_header header = header_of(stream, entry);
    if (S_ISDIR(entry->mode)) {
        return put_directory(stream, walk->fd, &header, error);
    }
    const struct str *first = entry->links > 1 ? find_link(stream, entry) : NULL;
    if (first) {
        header.type = TAR_HARD_LINK;
        header.link = *first;
        return put_empty(stream, &header, error);
    }
    switch (entry->mode & S_IFMT) {
    case S_IFREG:
        return put_file(stream, walk->fd, entry, &header, error);
    case S_IFLNK:
        return put_symlink(stream, walk->fd, entry, &header, error);
    case S_IFIFO:
        header.type = TAR_FIFO;
        return put_empty(stream, &header, error);
    default:
        header.type = S_ISCHR(entry->mode) ? TAR_CHARACTER : TAR_BLOCK_DEVICE;
        header.major = major(entry->rdev);
        header.minor = minor(entry->rdev);
        return put_empty(stream, &header, error);
    }
}

static int put_all(struct stream *stream, int diff, struct error *error) {
    _cleanup_layer_walk_ struct layer_walk walk = LAYER_WALK_INIT;
    if (layer_walk_open(&walk, diff, error)) {
        return -1;
    }
    const struct layer_entry *entry;
    while (layer_walk_next(&walk, &entry, error) == 0) {
        if (!entry) {
            static const char end[2 * TAR_BLOCK];
            return put_raw(stream, end, sizeof(end), error);
        }
        if (put_entry(stream, &walk, entry, error) || check_cancelled(stream, error)) {
            return -1;
        }
    }
    return -1;
}

static void stream_free(struct stream *stream) {
    tar_split_free(stream->split);
    buf_free(&stream->tar);
    buf_free(&stream->name);
    buf_free(&stream->headers);
    map_free(&stream->links);
    arena_free(&stream->arena);
    id_set_free(&stream->uids);
    id_set_free(&stream->gids);
    free(stream->data);
}

int layer_stream_digest(int diff, const struct layer_stream_options *options, struct arena *arena,
                        const atomic_bool *is_cancelled, struct cache_layer *out,
                        struct error *error) {
    _cleanup_(stream_free) struct stream stream = {
        .options = options,
        .is_cancelled = is_cancelled,
        .arena = ARENA_INIT,
        .links = MAP_INIT,
        .data = xmalloc(READ_SIZE),
    };
    hasher_init(&stream.hasher);
    if ((options->tar_split && tar_split_create(options->tar_split, &stream.split, error)) ||
        put_all(&stream, diff, error) || flush_tar(&stream, error) ||
        (stream.split && tar_split_finish(stream.split, error))) {
        return -1;
    }
    *out =
        (struct cache_layer){ .diff_id = hasher_finish(&stream.hasher), .diff_size = stream.size };
    id_set_copy(&stream.uids, arena, &out->uids, &out->uid_count);
    id_set_copy(&stream.gids, arena, &out->gids, &out->gid_count);
    return 0;
}
