#include "cli/userns.h"

#include "base/fs.h"
#include "base/subprocess.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel takes 340 lines of a map; nobody has more than a few ranges. */
#define MAXIMUM_RANGES 32
#define MAXIMUM_OUTPUT 4096
/* As useradd has it (login.defs(5), SUB_UID_MIN and SUB_UID_COUNT). */
#define FIRST_SUBORDINATE 100000
#define SUBORDINATE_COUNT 65536

struct id_map {
    const char *program; /* newuidmap, newgidmap */
    const char *file;    /* /etc/subuid, /etc/subgid */
    unsigned own;        /* our ID outside, 0 inside */
    struct id_range ranges[MAXIMUM_RANGES];
    size_t count;
    uint64_t next; /* where nobody's range is yet */
};

bool userns_is_needed(void) {
    if (geteuid() != 0) {
        return true;
    }
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0) {
        return false;
    }
    return (data[0].effective & (1u << CAP_SYS_ADMIN)) == 0;
}

/* NAME:START:COUNT; false for anything else. */
static bool parse_line(struct str line, struct str *name, struct id_range *range) {
    struct str start;
    return str_split(&line, ':', name) && str_split(&line, ':', &start) &&
           str_parse_uint(start, 10, UINT32_MAX, &range->start) &&
           str_parse_uint(str_trim(line), 10, UINT32_MAX, &range->count) && range->count > 0;
}

size_t userns_parse_ranges(struct str text, const char *user, const char *uid,
                           struct id_range *ranges, size_t limit) {
    size_t count = 0;
    struct str line, name;
    struct id_range range;
    while (count < limit && str_split(&text, '\n', &line)) {
        if (parse_line(line, &name, &range) &&
            (str_equal_c(name, user) || str_equal_c(name, uid))) {
            ranges[count++] = range;
        }
    }
    return count;
}

uint64_t userns_next_free(struct str text) {
    uint64_t next = FIRST_SUBORDINATE;
    struct str line, name;
    struct id_range range;
    while (str_split(&text, '\n', &line)) {
        if (parse_line(line, &name, &range) && range.start + range.count > next) {
            next = range.start + range.count;
        }
    }
    return next;
}

static int read_ranges(struct id_map *map, const char *user, const char *uid, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool exists = false;
    if (fs_read_file_if_exists(AT_FDCWD, map->file, 1 << 20, &text, &exists, error) < 0) {
        return -1;
    }
    map->count = userns_parse_ranges(buf_str(&text), user, uid, map->ranges, MAXIMUM_RANGES);
    map->next = userns_next_free(buf_str(&text));
    return 0;
}

/* What is missing, and the command that adds it. */
static int refuse_user(const struct id_map *uids, const struct id_map *gids, const char *user,
                       struct error *error) {
    bool no_uids = uids->count == 0, no_gids = gids->count == 0;
    uint64_t first = no_uids ? uids->next : gids->next;
    if (no_uids && no_gids && gids->next > first) {
        first = gids->next;
    }
    uint64_t last = first + SUBORDINATE_COUNT - 1;
    _cleanup_buf_ struct buf options = BUF_INIT;
    if (no_uids) {
        buf_printf(&options, " --add-subuids %" PRIu64 "-%" PRIu64, first, last);
    }
    if (no_gids) {
        buf_printf(&options, " --add-subgids %" PRIu64 "-%" PRIu64, first, last);
    }
    error_set(
        error, ERROR_FAILED, "not root and no user namespace: %s%s has no subordinate IDs for %s",
        no_uids ? uids->file : gids->file, no_uids && no_gids ? ", like /etc/subgid," : "", user);
    if (last >= UINT32_MAX) {
        return error_hint(error,
                          "see subuid(5) and subgid(5); what is there reaches to the last ID");
    }
    return error_hint(error, "as root: usermod%s %s", options.data, user);
}

/* newuidmap PID 0 OWN 1 1 START COUNT … */
static int run_mapper(const struct id_map *map, pid_t target, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *argv[2 + 3 * (MAXIMUM_RANGES + 1) + 1];
    size_t argc = 0;
    argv[argc++] = map->program;
    argv[argc++] = arena_printf(&arena, "%d", target);
    argv[argc++] = "0";
    argv[argc++] = arena_printf(&arena, "%u", map->own);
    argv[argc++] = "1";
    uint64_t next = 1;
    for (size_t i = 0; i < map->count; i++) {
        argv[argc++] = arena_printf(&arena, "%llu", (unsigned long long)next);
        argv[argc++] = arena_printf(&arena, "%llu", (unsigned long long)map->ranges[i].start);
        argv[argc++] = arena_printf(&arena, "%llu", (unsigned long long)map->ranges[i].count);
        next += map->ranges[i].count;
    }
    argv[argc] = NULL;

    struct subprocess_options options = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
    };
    _cleanup_buf_ struct buf out = BUF_INIT;
    _cleanup_buf_ struct buf messages = BUF_INIT;
    int status;
    if (subprocess_run(&options, &out, &messages, MAXIMUM_OUTPUT, &status, error) < 0) {
        return -1;
    }
    if (status != 0) {
        struct str message = str_trim(buf_str(&messages));
        return error_set(error, ERROR_FAILED, "%s failed with status %d: %.*s", map->program,
                         status, STR_ARG(message));
    }
    return 0;
}

/* The helper stays outside and writes the maps once the parent says it is inside; what goes wrong is told through
 * REPORT, where nothing means success. */
static void help_from_outside(int go, int report, pid_t target, const struct id_map *uids,
                              const struct id_map *gids) {
    char byte;
    if (read(go, &byte, 1) != 1) {
        _exit(0); /* the parent could not enter, or died */
    }
    _cleanup_error_ struct error error = ERROR_INIT;
    if (run_mapper(uids, target, &error) < 0 || run_mapper(gids, target, &error) < 0) {
        fs_write_all(report, "pipe", error.message, strlen(error.message), NULL);
    }
    _exit(0);
}

static int refuse_namespace(struct error *error) {
    int number = errno;
    error_system(error, "not root and no user namespace: the kernel refuses one");
    if (number == ENOSPC || number == EUSERS) {
        return error_hint(error, "user.max_user_namespaces is too low: sysctl "
                                 "user.max_user_namespaces=15000");
    }
    return error_hint(error, "run bud as root, or allow user namespaces: sysctl "
                             "kernel.unprivileged_userns_clone=1 (Debian), "
                             "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); inside a "
                             "container its seccomp profile may forbid unshare");
}

static int wait_for_maps(int go, int report, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (fs_write_all(go, "pipe", "", 1, error) < 0 ||
        fs_read_fd(report, "pipe", 2 * MAXIMUM_OUTPUT, &text, error) < 0) {
        return -1;
    }
    if (text.len > 0) {
        error_set(error, ERROR_FAILED, "not root and no user namespace: %s", text.data);
        return error_hint(
            error, "newuidmap and newgidmap (package uidmap) must be set-user-ID root "
                   "and /etc/subuid, /etc/subgid must be theirs to give; they cannot work where "
                   "no_new_privs is set");
    }
    if (geteuid() != 0 || getegid() != 0) {
        return error_set(error, ERROR_FAILED, "the user namespace does not map our IDs to root");
    }
    return 0;
}

static void tell_environment(unsigned uid, unsigned gid) {
    char text[16];
    /* What containers/storage's unshare package sets: paths stay those of the user outside. */
    setenv("_CONTAINERS_USERNS_CONFIGURED", "done", 1);
    snprintf(text, sizeof(text), "%u", uid);
    setenv("_CONTAINERS_ROOTLESS_UID", text, 1);
    snprintf(text, sizeof(text), "%u", gid);
    setenv("_CONTAINERS_ROOTLESS_GID", text, 1);
}

static int enter_with_maps(const struct id_map *uids, const struct id_map *gids,
                           struct error *error) {
    int go[2], report[2];
    if (pipe2(go, O_CLOEXEC) < 0) {
        return error_system(error, "cannot make a pipe");
    }
    _cleanup_fd_ int go_read = go[0], go_write = go[1];
    if (pipe2(report, O_CLOEXEC) < 0) {
        return error_system(error, "cannot make a pipe");
    }
    _cleanup_fd_ int report_read = report[0], report_write = report[1];
    pid_t self = getpid();
    pid_t helper = fork();
    if (helper < 0) {
        return error_system(error, "cannot start a process");
    }
    if (helper == 0) {
        close(go_write);
        close(report_read);
        help_from_outside(go_read, report_write, self, uids, gids);
    }
    close(report_write);
    report_write = -1;
    int result = unshare(CLONE_NEWUSER) == 0 ? wait_for_maps(go_write, report_read, error)
                                             : refuse_namespace(error);
    close(go_write);
    go_write = -1;
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR) {
    }
    return result;
}

/* Our own maps. USER borrows from the user database, or is the text of our ID in NUMBER. */
static int read_maps(struct id_map *uids, struct id_map *gids, char number[16], const char **user,
                     struct error *error) {
    *uids = (struct id_map){ .program = "newuidmap", .file = "/etc/subuid", .own = geteuid() };
    *gids = (struct id_map){ .program = "newgidmap", .file = "/etc/subgid", .own = getegid() };
    snprintf(number, 16, "%u", uids->own);
    const struct passwd *entry = getpwuid(uids->own);
    *user = entry != NULL ? entry->pw_name : number;
    return read_ranges(uids, *user, number, error) < 0 ||
                   read_ranges(gids, *user, number, error) < 0
               ? -1
               : 0;
}

bool userns_is_possible(void) {
    struct id_map uids, gids;
    char number[16];
    const char *user;
    return read_maps(&uids, &gids, number, &user, NULL) == 0 && uids.count > 0 && gids.count > 0;
}

int userns_enter(struct error *error) {
    struct id_map uids, gids;
    char number[16];
    const char *user;
    if (read_maps(&uids, &gids, number, &user, error) < 0) {
        return -1;
    }
    if (uids.count == 0 || gids.count == 0) {
        return refuse_user(&uids, &gids, user, error);
    }
    if (enter_with_maps(&uids, &gids, error) < 0) {
        return -1;
    }
    tell_environment(uids.own, gids.own);
    return 0;
}
