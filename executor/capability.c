#include "executor/capability.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = {
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

uint64_t capability_available(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { 0 } };
    uint64_t bounding = 0;
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        bounding |= prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1 ? UINT64_C(1) << i : 0;
    }
    if (syscall(SYS_capget, &header, data) < 0) {
        return bounding;
    }
    return bounding & (data[0].permitted | (uint64_t)data[1].permitted << 32);
}

static struct str without_prefix(struct str name) {
    return name.len > 4 && str_equal_nocase(str_sub(name, 0, 4), STR("CAP_")) ? str_from(name, 4)
                                                                              : name;
}

int capability_number(struct str name) {
    name = without_prefix(name);
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if (str_equal_nocase(name, str_of(names[i]))) {
            return (int)i;
        }
    }
    return -1;
}

static int parse_list(const struct str_list *list, uint64_t *set, bool *has_all,
                      struct error *error) {
    *set = 0;
    *has_all = false;
    for (size_t i = 0; i < list->count; i++) {
        struct str name = without_prefix(list->items[i]);
        int number = capability_number(name);
        if (str_equal_nocase(name, STR("ALL"))) {
            *has_all = true;
        } else if (number >= 0) {
            *set |= UINT64_C(1) << number;
        } else {
            const char *nearest = str_nearest(name, names, NAME_COUNT);
            error_set(error, ERROR_USAGE, "unknown capability %.*s", STR_ARG(list->items[i]));
            return nearest ? error_hint(error, "did you mean CAP_%s?", nearest) : -1;
        }
    }
    return 0;
}

static int refuse(uint64_t set, enum error_code code, const char *why, struct error *error) {
    return error_set(error, code, "capability CAP_%s %s", names[__builtin_ctzll(set)], why);
}

int capability_apply(uint64_t base, const struct str_list *add, const struct str_list *drop,
                     uint64_t available, uint64_t *out, struct error *error) {
    uint64_t added;
    uint64_t dropped;
    bool is_all_added;
    bool is_all_dropped;
    if (parse_list(add, &added, &is_all_added, error) < 0 ||
        parse_list(drop, &dropped, &is_all_dropped, error) < 0) {
        return -1;
    }
    if (is_all_added && is_all_dropped) {
        return error_set(error, ERROR_USAGE, "all capabilities are both added and dropped");
    }
    if (added & dropped) {
        return refuse(added & dropped, ERROR_USAGE, "is both added and dropped", error);
    }
    if (added & ~available) {
        refuse(added & ~available, ERROR_FAILED, "cannot be added: bud does not have it itself",
               error);
        return error_hint(error, "run bud with it, or as root outside a container");
    }
    base = is_all_added ? available : is_all_dropped ? 0 : base & available;
    *out = (base | added) & ~dropped;
    return 0;
}

json_t *capability_names(uint64_t set) {
    json_t *list = json_array();
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if (set & UINT64_C(1) << i) {
            json_array_append_new(list, json_sprintf("CAP_%s", names[i]));
        }
    }
    return list;
}
