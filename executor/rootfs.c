#include "executor/rootfs.h"

#include "base/fs.h"
#include "base/log.h"
#include "executor/copied_up.h"
#include "store/publish.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The kernel reads one page of options, and takes so many layers (fs/overlayfs: OVL_MAX_STACK). */
#define OPTIONS_SIZE 4096
#define LAYERS_MAX 500

int rootfs_enter_namespace(const struct store *store, struct error *error) {
    if (unshare(CLONE_NEWNS) < 0) {
        error_system(error, "cannot make a mount namespace");
        if (errno == EPERM) {
            error_hint(error,
                       "run bud as root, or where user namespaces are allowed; in a container it "
                       "needs CAP_SYS_ADMIN or an unmasked user namespace");
        }
        return -1;
    }
    /* What is mounted from here on is seen by nobody else and goes when the last process of ours does. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        error_system(error, "cannot make the mounts private");
        return errno == EINVAL
                   ? error_hint(error, "/ is a plain directory, as after chroot(1): make it a "
                                       "mount point first (mount --bind DIR DIR), then chroot")
                   : -1;
    }
    return publish_detach(store, error);
}

static int make_directory(const struct build *build, const char *prefix, char **path,
                          struct error *error) {
    char name[9];
    for (;;) {
        fs_random_name(name, 8);
        *path = xasprintf("%s/%s-%s", build->run_directory, prefix, name);
        if (mkdir(*path, 0700) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            error_system(error, "cannot make directory %s", *path);
            free(*path);
            *path = NULL;
            return -1;
        }
        free(*path);
    }
}

/* Names the directories by short links in DIRECTORY: any characters in the paths are fine then, and the options of 128
 * lower directories fit into a page. */
static int link_directories(int directory, const char *const *lowers, size_t count,
                            const char *upper, const char *work, struct error *error) {
    char name[24];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        if (symlinkat(lowers[i], directory, name) < 0) {
            return error_system(error, "cannot name %s for the overlay", lowers[i]);
        }
    }
    if (upper && (symlinkat(upper, directory, "u") < 0 || symlinkat(work, directory, "w") < 0)) {
        return error_system(error, "cannot name %s for the overlay", upper);
    }
    return 0;
}

static void write_options(char options[OPTIONS_SIZE], size_t count, bool has_upper,
                          bool is_volatile, bool is_rootless) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    buf_append_c(&text, "lowerdir=");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, i ? ":%zu" : "%zu", i);
    }
    if (has_upper) {
        buf_append_c(&text, ",upperdir=u,workdir=w");
    }
    /* The upper directory must hold plain files only. With userxattr the kernel turns redirects off itself, and
     * refuses to be told so. */
    buf_append_c(&text, ",index=off,metacopy=off");
    buf_append_c(&text, is_rootless ? ",userxattr" : ",redirect_dir=off");
    if (is_volatile) {
        buf_append_c(&text, ",volatile");
    }
    assert(text.len < OPTIONS_SIZE); /* LAYERS_MAX names of four bytes are half of it */
    memcpy(options, text.data, text.len + 1);
}

static int mount_failed(const char *const *lowers, size_t count, const char *upper,
                        struct error *error) {
    int problem = errno;
    struct stat there;
    for (size_t i = 0; i < count; i++) {
        if (stat(lowers[i], &there) < 0 && errno == ENOENT) {
            error_set(error, ERROR_CHANGED, "the layer in %s is gone", lowers[i]);
            return error_hint(error, "it was removed while bud was working; run bud again");
        }
    }
    errno = problem;
    error_system(error, "cannot mount an overlay of %zu layers%s%s", count, upper ? " under " : "",
                 upper ? upper : "");
    if (problem == EINVAL && upper) {
        error_hint(
            error,
            "the file system of %s may not serve as an upper directory (it needs d_type and "
            "extended attributes; another overlay or NFS will not do); choose another --root, or "
            "--storage-driver vfs",
            upper);
    } else if (problem == EPERM) {
        error_hint(error, "mounting needs root, or Linux 5.11 in a user namespace");
    }
    return -1;
}

/* With the working directory where the links are. */
static int mount_overlay(const struct store *store, const char *const *lowers, size_t count,
                         const char *upper, const char *target, struct error *error) {
    char options[OPTIONS_SIZE];
    unsigned long flags = upper ? 0 : MS_RDONLY;
    if (count > LAYERS_MAX) {
        error_set(error, ERROR_UNSUPPORTED, "%zu layers are too many to mount: the kernel takes %d",
                  count, LAYERS_MAX);
        return error_hint(error,
                          "join RUN and COPY instructions, or build the first part as a base "
                          "image with --squash");
    }
    /* volatile: no sync to disk on behalf of the RUN; bud syncs what it publishes. Only writing mounts, Linux 5.10. */
    for (int is_volatile = upper != NULL; is_volatile >= 0; is_volatile--) {
        write_options(options, count, upper != NULL, is_volatile, store->is_rootless);
        if (mount("overlay", target, "overlay", flags, options) == 0) {
            return 0;
        }
        if (errno != EINVAL) {
            break;
        }
    }
    return mount_failed(lowers, count, upper, error);
}

static int mount_stack(const struct store *store, const struct build *build,
                       const char *const *lowers, size_t count, const char *upper,
                       const char *target, struct error *error) {
    _cleanup_free_ char *links = NULL;
    _cleanup_free_ char *work =
        upper ? xasprintf("%.*s/work", (int)(strrchr(upper, '/') - upper), upper) : NULL;
    if (make_directory(build, "lower", &links, error) < 0) {
        return -1;
    }
    _cleanup_fd_ int old = fs_open(".", O_PATH | O_DIRECTORY, 0, error);
    _cleanup_fd_ int directory = fs_open(links, O_RDONLY | O_DIRECTORY, 0, error);
    int result = old < 0 || directory < 0 ? -1 : 0;
    if (result == 0) {
        result = link_directories(directory, lowers, count, upper, work, error);
    }
    if (result == 0 && fchdir(directory) < 0) {
        result = error_system(error, "cannot enter %s", links);
    }
    if (result == 0) {
        result = mount_overlay(store, lowers, count, upper, target, error);
        if (fchdir(old) < 0 && result == 0) {
            result = error_system(error, "cannot go back to the working directory");
        }
    }
    fs_remove_tree(AT_FDCWD, links, NULL); /* the kernel has looked the links up */
    return result;
}

static int mount_bind(const char *source, const char *target, struct error *error) {
    if (mount(source, target, NULL, MS_BIND, NULL) < 0) {
        return mount_failed(&source, 1, NULL, error);
    }
    /* In a user namespace the flags a mount came with are locked and must be repeated. */
    struct statvfs stat;
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
    if (statvfs(target, &stat) == 0) {
        flags |= stat.f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
        flags |= stat.f_flag & ST_RELATIME ? MS_RELATIME : 0;
    }
    if (mount(NULL, target, NULL, flags, NULL) < 0) {
        error_system(error, "cannot make %s read-only", target);
        umount2(target, MNT_DETACH);
        return -1;
    }
    return 0;
}

int rootfs_mount(const struct store *store, const struct build *build, const char *const *lowers,
                 size_t count, const char *upper, struct rootfs *out, struct error *error) {
    *out = (struct rootfs)ROOTFS_INIT;
    if (count == 0 && upper) {
        out->path = xstrdup(upper);
    } else {
        if (make_directory(build, "root", &out->path, error) < 0) {
            return -1;
        }
        /* An empty root (no lowers, no upper) is the empty directory just made. */
        int result = 0;
        if (count == 1 && !upper) {
            result = mount_bind(lowers[0], out->path, error);
        } else if (count) {
            result = mount_stack(store, build, lowers, count, upper, out->path, error);
        }
        if (result < 0) {
            rmdir(out->path);
            free(out->path);
            *out = (struct rootfs)ROOTFS_INIT;
            return -1;
        }
        out->is_mounted = true;
    }
    out->fd = fs_open(out->path, O_RDONLY | O_DIRECTORY, 0, error);
    if (out->fd < 0) {
        rootfs_unmount(out);
        return -1;
    }
    if (count && upper) {
        out->copied_up = copied_up_new(upper);
    }
    return 0;
}

void rootfs_unmount(struct rootfs *rootfs) {
    cleanup_fd(&rootfs->fd);
    if (rootfs->is_mounted) {
        /* Not lazily at first: what copied_up_finish does relies on the mount being gone. */
        bool is_gone = umount2(rootfs->path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL;
        if (!is_gone && umount2(rootfs->path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0) {
            log_warn("cannot unmount %s: %m", rootfs->path);
        }
        rmdir(rootfs->path);
    }
    copied_up_finish(rootfs->copied_up);
    free(rootfs->path);
    *rootfs = (struct rootfs)ROOTFS_INIT;
}
