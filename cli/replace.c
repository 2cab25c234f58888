#include "cli/replace.h"

#include "base/fs.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int replace_file(const char *path, struct str text, struct error *error) {
    _cleanup_free_ char *real = realpath(path, NULL);
    struct stat stat_;
    if (!real || stat(real, &stat_) < 0 || faccessat(AT_FDCWD, real, W_OK, AT_EACCESS) < 0) {
        return error_system(error, "cannot write %s", path);
    }
    if (!S_ISREG(stat_.st_mode)) {
        error_set(error, ERROR_INPUT, "%s is not a regular file", path);
        return error_hint(error, "give its text on standard input; the result is then printed");
    }
    if (fs_write_atomic(AT_FDCWD, real, text.data, text.len, stat_.st_mode & 07777, FS_SYNC,
                        error) < 0) {
        return -1;
    }
    struct stat now;
    if (stat(real, &now) == 0 && (now.st_uid != stat_.st_uid || now.st_gid != stat_.st_gid) &&
        lchown(real, stat_.st_uid, stat_.st_gid) < 0) {
        log_warn("%s is yours now: it cannot be given to its owner", path);
    }
    return 0;
}
