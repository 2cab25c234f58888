#include "store/archive_place.h"

#include "base/fs.h"

#include <errno.h>
#include <unistd.h>

bool archive_place_clean(const char *name, struct buf *out) {
    buf_reserve(out, 1);
    struct str rest = str_of(name), part;
    while (str_split(&rest, '/', &part)) {
        if (part.len == 0 || str_equal(part, STR("."))) {
            continue;
        }
        if (!str_equal(part, STR(".."))) {
            if (out->len > 0) {
                buf_append_byte(out, '/');
            }
            buf_append_str(out, part);
            continue;
        }
        if (out->len == 0) {
            return false;
        }
        size_t slash = str_rfind_byte(buf_str(out), '/');
        out->len = slash == SIZE_MAX ? 0 : slash;
        out->data[out->len] = '\0';
    }
    return true;
}

static int make_directory(int parent, const char *name, struct error *error) {
    if (mkdirat(parent, name, 0755) < 0) {
        if (errno != EEXIST) {
            return error_system(error, "cannot create directory '%s'", name);
        }
        return error_set(error, ERROR_INPUT, "'%s' is a symbolic link that leads nowhere", name);
    }
    /* Neither the umask nor a set-group-ID parent has a say. Who is not root has files of his own only. */
    if ((geteuid() == 0 && fchownat(parent, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0) ||
        fchmodat(parent, name, 0755, 0) < 0) {
        return error_system(error, "cannot create directory '%s'", name);
    }
    return 0;
}

static int open_directory(const struct archive_place *place, const char *path,
                          struct error *error) {
    int fd = fs_open_in_root(place->target, path, O_PATH | O_DIRECTORY, 0, error);
    int number = errno;
    if (fd < 0 && number == ENOTDIR) {
        error_set(error, ERROR_INPUT, "'%s' is not a directory", path);
    } else if (fd < 0 && (number == ELOOP || number == ENAMETOOLONG)) {
        error_set(error, ERROR_INPUT, "'%s' is not a directory: %s", path, strerror(number));
    }
    errno = number;
    return fd;
}

/* Makes the directories of PATH that are missing, from the first on. */
static int make_parents(const struct archive_place *place, struct str path, struct error *error) {
    int parent = fs_open_at(place->target, ".", O_PATH | O_DIRECTORY, 0, error);
    _cleanup_buf_ struct buf prefix = BUF_INIT;
    struct str part;
    while (parent >= 0 && str_split(&path, '/', &part)) {
        if (prefix.len > 0) {
            buf_append_byte(&prefix, '/');
        }
        size_t base = prefix.len;
        buf_append_str(&prefix, part);
        int fd = open_directory(place, prefix.data, error);
        if (fd < 0 && errno == ENOENT && make_directory(parent, prefix.data + base, error) == 0) {
            if (error) {
                error_clear(error);
            }
            fd = open_directory(place, prefix.data, error);
        }
        close(parent);
        parent = fd;
    }
    return parent;
}

int archive_place_parent(struct archive_place *place, struct str path, struct error *error) {
    size_t slash = str_rfind_byte(path, '/');
    struct str wanted = slash == SIZE_MAX ? STR(".") : str_sub(path, 0, slash);
    if (place->parent >= 0 && str_equal(buf_str(&place->path), wanted)) {
        return place->parent;
    }
    archive_place_forget(place, -1);
    buf_reset(&place->path);
    buf_append_str(&place->path, wanted);
    place->parent = open_directory(place, place->path.data, error);
    if (place->parent < 0 && errno == ENOENT) {
        if (error) {
            error_clear(error);
        }
        place->parent = make_parents(place, wanted, error);
    }
    return place->parent;
}

void archive_place_forget(struct archive_place *place, int keep) {
    if (place->parent >= 0 && place->parent != keep) {
        cleanup_fd(&place->parent);
        place->parent = -1;
    }
    buf_reset(&place->path);
}

void archive_place_close(struct archive_place *place) {
    archive_place_forget(place, -1);
    buf_free(&place->path);
}
