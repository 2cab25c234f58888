/* user: USER and --chown texts looked up in a root file system's /etc/passwd and /etc/group.
 *
 * Both files are opened inside the root, must be regular and at most 10 MiB; they are hostile. */
#ifndef BUD_EXECUTOR_USER_H
#define BUD_EXECUTOR_USER_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct user {
    uint32_t uid, gid;
    uint32_t *groups; /* contains gid */
    size_t group_count;
};

/* USER at RUN: BuildKit's rules (numeric uid listed in passwd behaves like its name; unknown name: `unable to find user
 * x: no matching entries in passwd file`). "" is 0:0. */
int user_for_process(int rootfs, struct str text, struct arena *arena, struct user *out,
                     struct error *error);
/* COPY/ADD --chown: user[:group]; numeric user without group: gid = uid; names must exist. */
int user_for_chown(int rootfs, struct str text, uint32_t *uid, uint32_t *gid, struct error *error);
/* Owner of directories WORKDIR makes: numeric n is n:n, an unknown name 0:0. */
int user_for_workdir(int rootfs, struct str text, uint32_t *uid, uint32_t *gid,
                     struct error *error);

#endif
