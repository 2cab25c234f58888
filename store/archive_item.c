#include "store/archive_item.h"

#include "base/log.h"
#include "store/layer_intake.h"
#include "store/layer_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

int archive_item_failed(const struct archive_item *item, const char *what, struct error *error) {
    int number = errno;
    if (number == ENAMETOOLONG || number == ELOOP || number == ENOTDIR) {
        return error_set(error, ERROR_INPUT, "archive '%s': cannot %s '%s': %s", item->archive,
                         what, item->shown, strerror(number));
    }
    error_system(error, "archive '%s': cannot %s '%s'", item->archive, what, item->shown);
    if (number == EINVAL && item->options->is_rootless) {
        error_hint(
            error,
            "its owner may lie outside the ids that /etc/subuid and /etc/subgid give this user");
    }
    return -1;
}

int archive_item_bad(const struct archive_item *item, const char *why, struct error *error) {
    return error_set(error, ERROR_INPUT, "archive '%s': entry '%s' %s", item->archive, item->shown,
                     why);
}

static int owner_of(const struct archive_item *item, uid_t *uid, gid_t *gid, struct error *error) {
    if (item->options->has_owner) {
        *uid = item->options->uid;
        *gid = item->options->gid;
        return 0;
    }
    la_int64_t user = archive_entry_uid(item->entry), group = archive_entry_gid(item->entry);
    if (user < 0 || user >= UINT32_MAX || group < 0 || group >= UINT32_MAX) {
        return archive_item_bad(item, "has an owner that is no 32-bit number", error);
    }
    *uid = (uid_t)user;
    *gid = (gid_t)group;
    if (item->options->layer) {
        layer_intake_owner(item->options->layer, *uid, *gid);
    }
    return 0;
}

void archive_item_times(const struct archive_item *item, struct timespec times[2]) {
    long nanoseconds = archive_entry_mtime_nsec(item->entry);
    times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
    times[1] = (struct timespec){ .tv_nsec = UTIME_OMIT };
    if (archive_entry_mtime_is_set(item->entry)) {
        times[1].tv_sec = archive_entry_mtime(item->entry);
        times[1].tv_nsec = nanoseconds >= 0 && nanoseconds < 1000000000 ? nanoseconds : 0;
    }
}

static void set_xattrs(const struct archive_item *item, int fd) {
    const char *name;
    const void *value;
    size_t len;
    archive_entry_xattr_reset(item->entry);
    while (archive_entry_xattr_next(item->entry, &name, &value, &len) == ARCHIVE_OK) {
        if (!layer_stream_keeps_xattr(str_of(name)) || fsetxattr(fd, name, value, len, 0) < 0) {
            log_debug("extended attribute %s of '%s' is not unpacked", name, item->shown);
        }
    }
}

/* Owner first: it clears set-id bits and capabilities. */
int archive_item_set_metadata(const struct archive_item *item, int fd, struct error *error) {
    uid_t uid = 0;
    gid_t gid = 0;
    if (owner_of(item, &uid, &gid, error)) {
        return -1;
    }
    if (fchown(fd, uid, gid) < 0) {
        return archive_item_failed(item, "set the owner of", error);
    }
    if (fchmod(fd, archive_entry_perm(item->entry) & 07777) < 0) {
        return archive_item_failed(item, "set the mode of", error);
    }
    set_xattrs(item, fd);
    return 0;
}

int archive_item_set_metadata_by_name(const struct archive_item *item, struct error *error) {
    uid_t uid = 0;
    gid_t gid = 0;
    if (owner_of(item, &uid, &gid, error)) {
        return -1;
    }
    if (fchownat(item->parent, item->base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return archive_item_failed(item, "set the owner of", error);
    }
    if (archive_entry_filetype(item->entry) != AE_IFLNK &&
        fchmodat(item->parent, item->base, archive_entry_perm(item->entry) & 07777, 0) < 0) {
        return archive_item_failed(item, "set the mode of", error);
    }
    struct timespec times[2];
    archive_item_times(item, times);
    if (utimensat(item->parent, item->base, times, AT_SYMLINK_NOFOLLOW) < 0) {
        return archive_item_failed(item, "set the time of", error);
    }
    return 0;
}
