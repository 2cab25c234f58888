/* bundle: config.json of the OCI runtime-spec 1.0.2, from plain values. Pure: reads nothing, decides little. */
#ifndef BUD_EXECUTOR_BUNDLE_H
#define BUD_EXECUTOR_BUNDLE_H

#include "executor/user.h"
#include "planner/image_config.h"

#include <jansson.h>

struct bundle_mount {
    struct str destination; /* absolute, cleaned */
    const char *type;       /* "bind", "tmpfs", ... */
    const char *source;
    const char *options; /* separated by commas; bud's own words only */
};

struct bundle_mounts {
    struct bundle_mount *items;
    size_t count, capacity;
};

/* Replaces the one with the same destination, or appends. */
void bundle_mounts_set(struct bundle_mounts *mounts, struct arena *arena,
                       struct bundle_mount mount);
/* Parents before what is below them, otherwise in the order added. */
void bundle_mounts_sort(struct bundle_mounts *mounts);

/* What the mounts every container gets depend on. */
struct bundle_host {
    bool is_rootless; /* in a user namespace that the container shares */
    bool is_network_private;
    bool is_insecure;
    bool has_tty_group; /* gid 5 is mapped */
    bool is_unified;    /* cgroup v2 only, with cgroup namespaces */
};

/* /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys, /sys/fs/cgroup. */
void bundle_mounts_standard(struct bundle_mounts *mounts, struct arena *arena,
                            const struct bundle_host *host);

struct bundle_limit {
    const char *name;    /* "RLIMIT_NOFILE" */
    uint64_t soft, hard; /* UINT64_MAX: unlimited */
};
/* name=soft[:hard], the number -1 or "unlimited" too; ERROR_USAGE with the names there are. */
int bundle_limit_parse(struct str text, struct arena *arena, struct bundle_limit *out,
                       struct error *error);

struct bundle {
    struct bundle_host host;
    const char *root; /* absolute path */
    const struct str_list *argv, *env;
    struct str cwd;
    struct user user;
    uint64_t capabilities;
    bool has_no_new_privileges;
    struct str apparmor; /* "" none */
    struct str hostname;
    const struct bundle_mounts *mounts;
    const struct bundle_limit *limits;
    size_t limit_count;
    const char *cgroups_path; /* NULL without cgroups */
    json_t *seccomp;          /* borrowed, NULL: unconfined */
};

/* The text of config.json appended to OUT. Strings that are not UTF-8 lose the offending bytes (U+FFFD), as they do in
 * every builder: JSON cannot carry them. */
void bundle_write(const struct bundle *bundle, struct buf *out);

#endif
