#include "executor/destination.h"

#include "base/fs.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define MAXIMUM_LINKS 255

struct resolution {
    int rootfs;
    struct arena *arena;
    struct str written; /* for messages */
    struct buf done;    /* resolved so far, "a/b" */
    struct str rest;    /* still to be resolved */
    unsigned links;
};

static int refuse(struct str path, const char *reason, struct error *error) {
    error_set(error, ERROR_INPUT, "cannot use the destination %.*s: %s", STR_ARG(path), reason);
    return error_hint(error, "choose another destination path");
}

static void go_up(struct buf *done) {
    size_t slash = str_rfind_byte(buf_str(done), '/');
    done->len = slash == SIZE_MAX ? 0 : slash;
    if (done->data) {
        done->data[done->len] = '\0';
    }
}

static int go_through_link(struct resolution *resolution, int link, struct error *error) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(link, "", target, sizeof(target));
    if (len < 0) {
        return error_system(error, "cannot read the link /%s", resolution->done.data);
    }
    if (++resolution->links > MAXIMUM_LINKS) {
        return refuse(resolution->written, "too many levels of symbolic links", error);
    }
    if (len && target[0] == '/') {
        buf_reset(&resolution->done);
    } else {
        go_up(&resolution->done);
    }
    resolution->rest =
        str_printf(resolution->arena, "%.*s/%.*s", (int)len, target, STR_ARG(resolution->rest));
    return 0;
}

/* What is missing, or lies below something that is no directory, is kept as it is: making the directories will tell. */
static int step_down(struct resolution *resolution, struct str component, struct error *error) {
    if (resolution->done.len) {
        buf_append_byte(&resolution->done, '/');
    }
    buf_append_str(&resolution->done, component);
    const char *path = resolution->done.data;
    _cleanup_error_ struct error problem = ERROR_INIT;
    _cleanup_fd_ int fd =
        fs_open_beneath(resolution->rootfs, path, O_PATH | O_NOFOLLOW, 0, &problem);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return 0;
    }
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0) {
        return error_system(error, "cannot look at /%s", path);
    }
    return S_ISLNK(stat.st_mode) ? go_through_link(resolution, fd, error) : 0;
}

static int resolve(struct resolution *resolution, struct error *error) {
    struct str component;
    while (str_split(&resolution->rest, '/', &component)) {
        if (!component.len || str_equal(component, STR("."))) {
            continue;
        }
        if (str_equal(component, STR(".."))) {
            go_up(&resolution->done);
        } else if (step_down(resolution, component, error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int look_at(int rootfs, struct destination *destination, struct error *error) {
    const char *path = destination->path.len ? destination->path.data : ".";
    _cleanup_error_ struct error problem = ERROR_INIT;
    _cleanup_fd_ int fd = fs_open_beneath(rootfs, path, O_PATH | O_NOFOLLOW, 0, &problem);
    struct stat stat;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return 0;
    }
    if (fd < 0 || fstat(fd, &stat) < 0) {
        return error_system(error, "cannot look at /%s", path);
    }
    destination->is_directory |= S_ISDIR(stat.st_mode);
    destination->is_occupied = !S_ISDIR(stat.st_mode);
    return 0;
}

int destination_resolve(int rootfs, struct str path, bool is_link, struct arena *arena,
                        struct destination *out, struct error *error) {
    *out = (struct destination){ .path = STR_EMPTY };
    if (str_find_byte(path, '\0') != SIZE_MAX) {
        return refuse(path, "it contains a NUL byte", error);
    }
    if (path.len >= PATH_MAX) {
        return refuse(str_sub(path, 0, 60), "file name too long", error);
    }
    out->is_directory = str_has_suffix(path, STR("/")) || str_has_suffix(path, STR("/."));
    if (is_link) {
        struct str clean = path_clean(arena, path);
        out->path = str_from(clean, 1);
        out->is_directory |= !out->path.len;
        return 0;
    }
    struct resolution resolution = {
        .rootfs = rootfs, .arena = arena, .written = path, .rest = path
    };
    int result = resolve(&resolution, error);
    if (result == 0) {
        out->path = str_copy(arena, buf_str(&resolution.done));
        result = look_at(rootfs, out, error);
    }
    buf_free(&resolution.done);
    return result;
}

static int not_a_directory(const char *path, struct error *error) {
    error_set(error, ERROR_INPUT, "mkdir /%s: not a directory", path);
    return error_hint(error, "something else is there already; remove it in an earlier RUN, or "
                             "choose another destination");
}

static int open_directory(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make(struct directories *directories, int parent, const char *name, struct str path,
                struct error *error) {
    if (mkdirat(parent, name, directories->metadata.mode & 0777) < 0) {
        return error_system(error, "mkdir /%s", path.data);
    }
    arena_vec_push(directories->arena, &directories->made, path);
    int fd = open_directory(parent, name);
    return fd >= 0 ? fd : error_system(error, "cannot open the new directory /%s", path.data);
}

/* The directory NAME of PARENT, made unless it exists; PATH is its path from the root, NUL-terminated. */
static int open_component(struct directories *directories, int parent, const char *name,
                          struct str path, struct error *error) {
    int fd = open_directory(parent, name);
    bool is_made = fd < 0;
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        if (!directories->is_link) {
            return not_a_directory(path.data, error);
        }
        if (unlinkat(parent, name, 0) < 0) {
            return error_system(error, "cannot replace /%s", path.data);
        }
        errno = ENOENT;
    }
    if (fd < 0 && errno != ENOENT) {
        return error_system(error, "cannot open the directory /%s", path.data);
    }
    if (fd < 0 && (fd = make(directories, parent, name, path, error)) < 0) {
        return -1;
    }
    if ((is_made || directories->is_link) &&
        metadata_set(fd, &directories->metadata, path.data, error) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int directories_open(struct directories *directories, struct str path, struct error *error) {
    int fd = fs_open_at(directories->rootfs, ".", O_RDONLY | O_DIRECTORY, 0, error);
    for (size_t at = 0; fd >= 0 && at < path.len;) {
        size_t slash = str_find_byte(str_from(path, at), '/');
        size_t end = slash == SIZE_MAX ? path.len : at + slash;
        const char *prefix = str_dup(directories->arena, str_sub(path, 0, end));
        int next = open_component(directories, fd, prefix + at, str_of(prefix), error);
        close(fd);
        fd = next;
        at = end + 1;
    }
    return fd;
}

int directories_set_time(const struct directories *directories, struct timespec time,
                         struct error *error) {
    const struct timespec times[2] = { time, time };
    for (size_t i = 0; i < directories->made.count; i++) {
        const char *path = directories->made.items[i].data;
        _cleanup_fd_ int fd = fs_open_beneath(directories->rootfs, path,
                                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, error);
        if (fd < 0) {
            return -1;
        }
        if (futimens(fd, times) < 0) {
            return error_system(error, "cannot set the time of /%s", path);
        }
    }
    return 0;
}
