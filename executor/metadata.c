#include "executor/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot_own(const struct metadata *wanted, const char *name, struct error *error) {
    error_system(error, "cannot give %s to %u:%u", name, wanted->uid, wanted->gid);
    if (errno == EINVAL || errno == EPERM) {
        error_hint(error,
                   "the id must be mapped in the user namespace: see /etc/subuid and /etc/subgid");
    }
    return -1;
}

/* A change of owner takes the set-id bits away, whatever the mode was. */
static bool is_mode_wrong(const struct metadata *wanted, mode_t mode, bool is_given) {
    return (mode & 07777) != wanted->mode || (is_given && (wanted->mode & (S_ISUID | S_ISGID)));
}

int metadata_set(int fd, const struct metadata *wanted, const char *name, struct error *error) {
    struct stat stat;
    if (fstat(fd, &stat) < 0) {
        return error_system(error, "cannot examine %s", name);
    }
    bool is_given = stat.st_uid != wanted->uid || stat.st_gid != wanted->gid;
    if (is_given && fchown(fd, wanted->uid, wanted->gid) < 0) {
        return cannot_own(wanted, name, error);
    }
    if (is_mode_wrong(wanted, stat.st_mode, is_given) && fchmod(fd, wanted->mode) < 0) {
        return error_system(error, "cannot set the mode of %s", name);
    }
    return 0;
}

int metadata_set_at(int directory, const char *name, const struct metadata *wanted,
                    struct error *error) {
    struct stat stat;
    if (fstatat(directory, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
        return error_system(error, "cannot examine %s", name);
    }
    bool is_given = stat.st_uid != wanted->uid || stat.st_gid != wanted->gid;
    if (is_given && fchownat(directory, name, wanted->uid, wanted->gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return cannot_own(wanted, name, error);
    }
    if (!S_ISLNK(stat.st_mode) && is_mode_wrong(wanted, stat.st_mode, is_given) &&
        fchmodat(directory, name, wanted->mode, AT_SYMLINK_NOFOLLOW) < 0) {
        return error_system(error, "cannot set the mode of %s", name);
    }
    return 0;
}
