#include "base/fs.h"
#include "base/vec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

/* There are no l*xattr calls relative to a directory before Linux 6.13: the path goes through /proc. */
static char *path_of(int directory, const char *name, char *room, size_t size) {
    int len = directory == AT_FDCWD || name[0] == '/'
                  ? snprintf(room, size, "%s", name)
                  : snprintf(room, size, "/proc/self/fd/%d/%s", directory, name);
    return len >= 0 && (size_t)len < size ? room : NULL;
}

static bool is_unsupported(int number) {
    return number == ENOTSUP || number == ENOSYS;
}

/* Without /proc no file is there at all, which must not be taken for one that vanished: errno is no ENOENT then. */
static int cannot_list(const char *name, struct error *error) {
    if (errno != ENOENT || access("/proc/self/fd", F_OK) == 0) {
        return error_system(error, "cannot list the extended attributes of %s", name);
    }
    error_set(error, ERROR_UNSUPPORTED,
              "cannot list the extended attributes of %s: /proc is not mounted", name);
    errno = ENOSYS;
    return error_hint(error, "mount it: mount -t proc proc /proc");
}

/* The list of names or, with KEY, a value. Its size may change between the calls. */
static ssize_t read_growing(const char *path, const char *key, struct buf *out) {
    buf_reset(out);
    buf_reserve(out, 1024);
    for (;;) {
        size_t room = out->capacity - 1;
        ssize_t len =
            key ? lgetxattr(path, key, out->data, room) : llistxattr(path, out->data, room);
        if (len >= 0) {
            out->len = (size_t)len;
            out->data[len] = '\0';
            return len;
        }
        if (errno != ERANGE || room > ((size_t)1 << 20)) {
            return -1;
        }
        buf_reserve(out, room * 2);
    }
}

static int compare_xattrs(const void *a, const void *b) {
    return str_compare(((const struct fs_xattr *)a)->name, ((const struct fs_xattr *)b)->name);
}

int fs_read_xattrs(int directory, const char *name, struct arena *arena, struct fs_xattrs *out,
                   struct error *error) {
    *out = (struct fs_xattrs){ NULL, 0 };
    char room[PATH_MAX];
    const char *path = path_of(directory, name, room, sizeof(room));
    if (!path) {
        errno = ENAMETOOLONG;
        return error_system(error, "cannot read the extended attributes of %s", name);
    }
    /* Most files have none: one call, nothing allocated. */
    ssize_t any = llistxattr(path, NULL, 0);
    if (any == 0 || (any < 0 && is_unsupported(errno))) {
        return 0;
    }
    _cleanup_buf_ struct buf names = BUF_INIT;
    _cleanup_buf_ struct buf value = BUF_INIT;
    if (any < 0 || read_growing(path, NULL, &names) < 0) {
        return cannot_list(name, error);
    }
    VEC(struct fs_xattr) list = VEC_INIT;
    for (size_t at = 0; at < names.len; at += strlen(names.data + at) + 1) {
        const char *key = names.data + at;
        if (read_growing(path, key, &value) < 0) {
            /* Gone since it was listed, or listed by a layer below that does not give it. */
            if (errno == ENODATA || is_unsupported(errno)) {
                continue;
            }
            return error_system(error, "cannot read the extended attribute %s of %s", key, name);
        }
        struct fs_xattr xattr = { str_copy(arena, str_of(key)), str_copy(arena, buf_str(&value)) };
        arena_vec_push(arena, &list, xattr);
    }
    if (list.count) {
        qsort(list.items, list.count, sizeof(list.items[0]), compare_xattrs);
    }
    out->items = list.items;
    out->count = list.count;
    return 0;
}

int fs_set_xattr(int directory, const char *name, struct str key, struct str value,
                 struct error *error) {
    char room[PATH_MAX];
    char key_text[XATTR_NAME_MAX + 1];
    const char *path = path_of(directory, name, room, sizeof(room));
    if (!path || key.len > XATTR_NAME_MAX || str_find_byte(key, '\0') != SIZE_MAX) {
        errno = path ? EINVAL : ENAMETOOLONG;
        return error_system(error, "cannot set an extended attribute of %s", name);
    }
    memcpy(key_text, key.data, key.len);
    key_text[key.len] = '\0';
    if (lsetxattr(path, key_text, value.data, value.len, 0) < 0) {
        return error_system(error, "cannot set the extended attribute %s of %s", key_text, name);
    }
    return 0;
}
