/* metadata: owner and mode of something just made, set only where they are not already right. */
#ifndef BUD_EXECUTOR_METADATA_H
#define BUD_EXECUTOR_METADATA_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

struct metadata {
    uint32_t uid, gid;
    mode_t mode; /* 12 bits */
};

/* FD is open for more than O_PATH. NAME is for messages. An examination costs a fraction of a change, and a file
 * created with its mode by root needs none. */
int metadata_set(int fd, const struct metadata *wanted, const char *name, struct error *error);
/* The same for NAME in DIRECTORY, a symlink (whose mode means nothing) or a special file. */
int metadata_set_at(int directory, const char *name, const struct metadata *wanted,
                    struct error *error);

#endif
