#include "base/fs.h"
#include "store/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#define MOUNTINFO_LIMIT ((size_t)64 << 20)

/* One line of /proc/self/mountinfo: ID PARENT MAJOR:MINOR ROOT MOUNTPOINT … */
struct mount_line {
    struct str device;
    struct str root;  /* what of the file system is mounted; octal escapes undone, in the arena */
    struct str point; /* where; the same */
};

static struct str unescape(struct arena *arena, struct str text) {
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint64_t code;

        if (text.data[i] == '\\' && str_parse_uint(str_sub(text, i + 1, i + 4), 8, 255, &code)) {
            out[len++] = (char)code;
            i += 3;
        } else {
            out[len++] = text.data[i];
        }
    }
    return str_make(out, len);
}

static bool read_line(struct arena *arena, struct str line, struct mount_line *out) {
    struct str fields[5];

    for (size_t i = 0; i < 5; i++) {
        if (!str_split(&line, ' ', &fields[i])) {
            return false;
        }
    }
    out->device = fields[2];
    out->root = unescape(arena, fields[3]);
    out->point = unescape(arena, fields[4]);
    return true;
}

static bool is_below(struct str path, struct str point) {
    return str_equal_c(point, "/") ||
           (str_has_prefix(path, point) && (path.len == point.len || path.data[point.len] == '/'));
}

/* Does ON show, at HOME, the very directory it hides, which belongs to UNDER? */
static bool is_same_directory(const struct mount_line *on, const struct mount_line *under,
                              struct str home) {
    struct str above = str_equal(under->root, STR("/")) ? STR_EMPTY : under->root;
    struct str below = str_equal(under->point, STR("/")) ? home : str_from(home, under->point.len);

    return str_equal(on->device, under->device) && on->root.len == above.len + below.len &&
           str_has_prefix(on->root, above) && str_has_suffix(on->root, below);
}

/* Is the top mount at HOME its own directory once more? Any other, of another file system or another directory, is not
 * the library's but an administrator's: what it hides is not the store. ROOT is the parent directory. */
static int is_bound_on_itself(struct str root, struct str home, bool *out, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct mount_line under = { STR_EMPTY, STR_EMPTY, STR_EMPTY }, on = under;
    struct str rest, line;
    size_t longest = 0;

    *out = false;
    if (fs_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, &text, error) < 0) {
        return -1;
    }
    rest = buf_str(&text);
    while (str_split(&rest, '\n', &line)) {
        struct mount_line mount;

        if (!read_line(&arena, line, &mount)) {
            continue;
        }
        if (str_equal(mount.point, home)) {
            on = mount; /* later lines lie on top */
        } else if (is_below(root, mount.point) && mount.point.len >= longest) {
            longest = mount.point.len;
            under = mount;
        }
    }
    *out = on.device.len > 0 && is_same_directory(&on, &under, home);
    return 0;
}

int publish_detach(const struct store *store, struct error *error) {
    _cleanup_free_ char *root = realpath(store->root, NULL);
    _cleanup_free_ char *home = root ? xasprintf("%s/%s", root, store->driver_name) : NULL;

    while (root) {
        bool is_bind;

        if (is_bound_on_itself(str_of(root), str_of(home), &is_bind, error) < 0) {
            return -1;
        }
        if (!is_bind) {
            return 0;
        }
        if (umount2(home, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
            error_system(error, "cannot detach the bind mount of %s", home);
            return error_hint(error, "bud needs a mount namespace of its own for this");
        }
    }
    return 0;
}
