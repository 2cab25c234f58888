#include "store/whiteout.h"

#include "base/fs.h"

#include <errno.h>
#include <sys/xattr.h>

#define PREFIX ".wh."

static enum whiteout whiteout_of(struct str name) {
    if (!str_has_prefix(name, STR(PREFIX))) {
        return WHITEOUT_NONE;
    }
    if (str_equal_c(name, ".wh..wh..opq")) {
        return WHITEOUT_OPAQUE;
    }
    struct str hidden = str_from(name, sizeof(PREFIX) - 1);
    if (str_has_prefix(hidden, STR(PREFIX))) {
        return WHITEOUT_SKIPPED;
    }
    bool is_bad = hidden.len == 0 || str_equal_c(hidden, ".") || str_equal_c(hidden, "..");
    return is_bad ? WHITEOUT_BAD : WHITEOUT_FILE;
}

enum whiteout whiteout_of_path(struct str path) {
    enum whiteout kind = WHITEOUT_NONE;
    struct str component;
    while (kind != WHITEOUT_SKIPPED && str_split(&path, '/', &component)) {
        if (component.len == 0) {
            continue;
        }
        if (kind != WHITEOUT_NONE) {
            return WHITEOUT_BAD; /* something in what is deleted */
        }
        kind = whiteout_of(component);
    }
    return kind;
}

/* User namespaces may not write to `trusted` (overlayfs.rst, "userxattr"). */
static const char *opaque_name(bool is_rootless) {
    return is_rootless ? "user.overlay.opaque" : "trusted.overlay.opaque";
}

int whiteout_make_opaque(int directory, bool is_rootless, struct error *error) {
    return fs_set_xattr(directory, ".", str_of(opaque_name(is_rootless)), STR("y"), error);
}

bool whiteout_is_opaque(int directory, bool is_rootless) {
    char value[2];
    return fgetxattr(directory, opaque_name(is_rootless), value, sizeof(value)) == 1 &&
           value[0] == 'y';
}

int whiteout_apply(enum whiteout kind, int parent, const char *name, bool is_rootless,
                   struct error *error) {
    if (kind == WHITEOUT_OPAQUE) {
        return whiteout_make_opaque(parent, is_rootless, error);
    }
    name += sizeof(PREFIX) - 1;
    if (mknodat(parent, name, S_IFCHR, 0) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return error_system(error, "cannot make a whiteout");
    }
    _cleanup_fd_ int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? 0 : whiteout_make_opaque(fd, is_rootless, error);
}

bool whiteout_is(const struct stat *status) {
    return S_ISCHR(status->st_mode) && status->st_rdev == 0;
}
