#include "executor/bundle.h"

#include "base/json.h"
#include "base/vec.h"
#include "executor/capability.h"

#include <stdlib.h>

/* BuildKit's lists, and what Buildah adds for good reasons. The runtime ignores what does not exist. */
static const char *const masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/fs/selinux",
    "/sys/devices/virtual/powercap",
};
static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

void bundle_mounts_set(struct bundle_mounts *mounts, struct arena *arena,
                       struct bundle_mount mount) {
    for (size_t i = 0; i < mounts->count; i++) {
        if (str_equal(mounts->items[i].destination, mount.destination)) {
            mounts->items[i] = mount;
            return;
        }
    }
    arena_vec_push(arena, mounts, mount);
}

static size_t depth_of(struct str path) {
    size_t depth = 0;
    for (size_t i = 0; i < path.len; i++) {
        depth += path.data[i] == '/' && i + 1 < path.len;
    }
    return depth;
}

/* By insertion: stable, and the lists are short. */
void bundle_mounts_sort(struct bundle_mounts *mounts) {
    for (size_t i = 1; i < mounts->count; i++) {
        struct bundle_mount mount = mounts->items[i];
        size_t j = i;
        for (; j > 0 && depth_of(mounts->items[j - 1].destination) > depth_of(mount.destination);
             j--) {
            mounts->items[j] = mounts->items[j - 1];
        }
        mounts->items[j] = mount;
    }
}

void bundle_mounts_standard(struct bundle_mounts *mounts, struct arena *arena,
                            const struct bundle_host *host) {
    const struct bundle_mount standard[] = {
        { STR("/proc"), "proc", "proc", "nosuid,noexec,nodev" },
        { STR("/dev"), "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
        { STR("/dev/pts"), "devpts", "devpts",
          host->has_tty_group ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"
                              : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620" },
        { STR("/dev/shm"), "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k" },
        { STR("/dev/mqueue"), "mqueue", "mqueue", "nosuid,noexec,nodev" },
    };
    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        bundle_mounts_set(mounts, arena, standard[i]);
    }
    const char *access = host->is_insecure ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro";
    /* A user namespace may mount a fresh sysfs only with a network namespace of its own. */
    bool is_bound = host->is_rootless && !host->is_network_private;
    bundle_mounts_set(mounts, arena,
                      is_bound ? (struct bundle_mount){ STR("/sys"), "bind", "/sys",
                                                        "rbind,rprivate,nosuid,noexec,nodev,ro" }
                               : (struct bundle_mount){ STR("/sys"), "sysfs", "sysfs", access });
    if (!host->is_rootless) {
        bundle_mounts_set(
            mounts, arena,
            (struct bundle_mount){ STR("/sys/fs/cgroup"), "cgroup", "cgroup", access });
    }
}

static const char *const limit_names[] = {
    "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
    "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",
};

static bool parse_limit_value(struct str text, uint64_t *value) {
    if (str_equal(text, STR("-1")) || str_equal(text, STR("unlimited"))) {
        *value = UINT64_MAX;
        return true;
    }
    return str_parse_uint(text, 10, INT64_MAX, value);
}

int bundle_limit_parse(struct str text, struct arena *arena, struct bundle_limit *out,
                       struct error *error) {
    struct str name = STR_EMPTY;
    struct str soft = STR_EMPTY;
    struct str rest = text;
    str_split(&rest, '=', &name);
    str_split(&rest, ':', &soft);
    struct str hard = rest.data ? rest : soft;
    for (size_t i = 0; i < sizeof(limit_names) / sizeof(limit_names[0]); i++) {
        if (!str_equal_nocase(name, str_of(limit_names[i]))) {
            continue;
        }
        if (!parse_limit_value(soft, &out->soft) || !parse_limit_value(hard, &out->hard)) {
            break;
        }
        if (out->soft > out->hard) {
            return error_set(error, ERROR_USAGE,
                             "--ulimit %.*s: the soft limit is above the hard one", STR_ARG(text));
        }
        char *upper = arena_printf(arena, "RLIMIT_%s", limit_names[i]);
        for (char *c = upper; *c; c++) {
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        }
        out->name = upper;
        return 0;
    }
    error_set(error, ERROR_USAGE, "--ulimit %.*s is not NAME=SOFT[:HARD]", STR_ARG(text));
    return error_hint(
        error, "for example nofile=1024:4096; names are as core cpu data fsize locks memlock "
               "msgqueue nice nofile nproc rss rtprio rttime sigpending stack");
}

static json_t *string_list(const struct str_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        json_array_append_new(array, json_from_str(list->items[i]));
    }
    return array;
}

static json_t *literal_list(const char *const *items, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_string(items[i]));
    }
    return array;
}

static json_t *write_user(const struct user *user) {
    json_t *groups = json_array();
    for (size_t i = 0; i < user->group_count; i++) {
        json_array_append_new(groups, json_integer(user->groups[i]));
    }
    return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid,
                     "additionalGids", groups);
}

/* A user other than root holds nothing, but programs with file capabilities may gain what is in the bounding set. */
static json_t *write_capabilities(const struct bundle *bundle) {
    json_t *sets = json_object();
    bool is_root = bundle->user.uid == 0;
    json_object_set_new(sets, "bounding", capability_names(bundle->capabilities));
    if (is_root || bundle->host.is_insecure) {
        json_object_set_new(sets, "permitted", capability_names(bundle->capabilities));
        json_object_set_new(sets, "effective", capability_names(bundle->capabilities));
    }
    if (bundle->host.is_insecure) {
        json_object_set_new(sets, "inheritable", capability_names(bundle->capabilities));
        json_object_set_new(sets, "ambient", capability_names(bundle->capabilities));
    }
    return sets;
}

/* The runtime reads unsigned 64-bit numbers, jansson writes signed ones: "unlimited" goes out as -1 and is put right by
 * write_unlimited(). */
static json_t *write_limits(const struct bundle *bundle) {
    json_t *list = json_array();
    for (size_t i = 0; i < bundle->limit_count; i++) {
        const struct bundle_limit *limit = &bundle->limits[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I}", "type", limit->name, "soft",
                                        (json_int_t)limit->soft, "hard", (json_int_t)limit->hard));
    }
    return list;
}

static json_t *write_process(const struct bundle *bundle) {
    json_t *process = json_object();
    json_object_set_new(process, "terminal", json_false());
    json_object_set_new(process, "user", write_user(&bundle->user));
    json_object_set_new(process, "args", string_list(bundle->argv));
    json_object_set_new(process, "env", string_list(bundle->env));
    json_object_set_new(process, "cwd", json_from_str(bundle->cwd));
    json_object_set_new(process, "capabilities", write_capabilities(bundle));
    if (bundle->limit_count) {
        json_object_set_new(process, "rlimits", write_limits(bundle));
    }
    json_object_set_new(process, "noNewPrivileges", json_boolean(bundle->has_no_new_privileges));
    if (bundle->apparmor.len && !bundle->host.is_insecure) {
        json_object_set_new(process, "apparmorProfile", json_from_str(bundle->apparmor));
    }
    return process;
}

static json_t *write_mounts(const struct bundle_mounts *mounts) {
    json_t *list = json_array();
    for (size_t i = 0; i < mounts->count; i++) {
        const struct bundle_mount *mount = &mounts->items[i];
        json_t *options = json_array();
        struct str rest = str_of(mount->options);
        struct str option;
        while (rest.len && str_split(&rest, ',', &option)) {
            json_array_append_new(options, json_from_str(option));
        }
        json_t *item = json_object();
        json_object_set_new(item, "destination", json_from_str(mount->destination));
        json_object_set_new(item, "type", json_string(mount->type));
        json_object_set_new(item, "source", json_from_str(str_of(mount->source)));
        json_object_set_new(item, "options", options);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *write_namespaces(const struct bundle_host *host) {
    json_t *list = json_array();
    const char *const names[] = {
        "pid",
        "ipc",
        "uts",
        "mount",
        host->is_network_private ? "network" : NULL,
        host->is_unified ? "cgroup" : NULL,
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i]) {
            json_array_append_new(list, json_pack("{s:s}", "type", names[i]));
        }
    }
    return list;
}

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static json_t *write_linux(const struct bundle *bundle) {
    json_t *linux_part = json_object();
    /* Without cgroups there is nothing that could hold the device rule. */
    if (bundle->cgroups_path) {
        json_object_set_new(linux_part, "resources",
                            json_pack("{s:[{s:b, s:s}]}", "devices", "allow",
                                      bundle->host.is_insecure, "access", "rwm"));
        json_object_set_new(linux_part, "cgroupsPath", json_from_str(str_of(bundle->cgroups_path)));
    }
    json_object_set_new(linux_part, "namespaces", write_namespaces(&bundle->host));
    if (!bundle->host.is_insecure) {
        if (bundle->seccomp) {
            json_object_set(linux_part, "seccomp", bundle->seccomp);
        }
        json_object_set_new(linux_part, "maskedPaths",
                            literal_list(masked_paths, COUNT(masked_paths)));
        json_object_set_new(linux_part, "readonlyPaths",
                            literal_list(readonly_paths, COUNT(readonly_paths)));
    }
    return linux_part;
}

/* Inside a JSON string every quote has a backslash before it, so that this text can only be a member of ours. */
static void write_unlimited(struct str text, struct buf *out) {
    const struct str marks[] = { STR("\"soft\":-1"), STR("\"hard\":-1") };
    for (;;) {
        size_t first = SIZE_MAX;
        for (size_t i = 0; i < COUNT(marks); i++) {
            size_t at = str_find(text, marks[i]);
            first = at < first ? at : first;
        }
        if (first == SIZE_MAX) {
            buf_append_str(out, text);
            return;
        }
        size_t value = first + strlen("\"soft\":");
        buf_append_str(out, str_sub(text, 0, value));
        buf_printf(out, "%llu", (unsigned long long)UINT64_MAX);
        text = str_from(text, value + strlen("-1"));
    }
}

void bundle_write(const struct bundle *bundle, struct buf *out) {
    _cleanup_json_ json_t *config = json_object();
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_object_set_new(config, "ociVersion", json_string("1.0.2"));
    json_object_set_new(config, "process", write_process(bundle));
    json_object_set_new(
        config, "root",
        json_pack("{s:o, s:b}", "path", json_from_str(str_of(bundle->root)), "readonly", 0));
    json_object_set_new(config, "hostname", json_from_str(bundle->hostname));
    json_object_set_new(config, "mounts", write_mounts(bundle->mounts));
    json_object_set_new(config, "linux", write_linux(bundle));
    json_write(&text, config);
    write_unlimited(buf_str(&text), out);
}
