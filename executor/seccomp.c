#include "executor/seccomp.h"

#include "base/fs.h"
#include "base/json.h"
#include "executor/capability.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#define PROFILE_LIMIT (4u << 20)

static const char *const profile_paths[] = {
    "/etc/containers/seccomp.json",
    "/usr/share/containers/seccomp.json",
};

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#define NATIVE "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#define NATIVE "SCMP_ARCH_AARCH64"
#elif defined(__arm__)
#define ARCHITECTURE "arm"
#define NATIVE "SCMP_ARCH_ARM"
#elif defined(__i386__)
#define ARCHITECTURE "386"
#define NATIVE "SCMP_ARCH_X86"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE "ppc64le"
#define NATIVE "SCMP_ARCH_PPC64LE"
#elif defined(__s390x__)
#define ARCHITECTURE "s390x"
#define NATIVE "SCMP_ARCH_S390X"
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE "riscv64"
#define NATIVE "SCMP_ARCH_RISCV64"
#else
#define ARCHITECTURE NULL
#define NATIVE NULL
#endif

struct seccomp_target seccomp_target_here(uint64_t capabilities) {
    struct seccomp_target target = {
        .architecture = ARCHITECTURE,
        .native = NATIVE,
        .capabilities = capabilities,
    };
    struct utsname name;
    if (uname(&name) == 0) {
        sscanf(name.release, "%u.%u", &target.kernel, &target.kernel_revision);
    }
    return target;
}

/* The native architecture and those it can also run, from archMap; older profiles list them directly. */
static int convert_architectures(const json_t *profile, const struct seccomp_target *target,
                                 json_t *out, struct error *error) {
    json_t *map = NULL;
    json_t *list = NULL;
    json_t *item;
    size_t i;
    if (json_read_array(profile, "archMap", &map, error) < 0 ||
        json_read_array(profile, "architectures", &list, error) < 0) {
        return -1;
    }
    if (list && json_array_size(list)) {
        json_object_set(out, "architectures", list);
        return 0;
    }
    json_t *architectures = json_array();
    json_object_set_new(out, "architectures", architectures);
    json_array_foreach(map, i, item) {
        const char *name = NULL;
        json_t *sub = NULL;
        if (json_read_string(item, "architecture", &name, error) < 0 ||
            json_read_array(item, "subArchitectures", &sub, error) < 0) {
            return -1;
        }
        if (name && target->native && strcmp(name, target->native) == 0) {
            json_array_append(architectures, json_object_get(item, "architecture"));
            json_array_extend(architectures, sub);
        }
    }
    if (!json_array_size(architectures)) {
        json_object_del(out, "architectures"); /* the runtime's own */
    }
    return 0;
}

static bool is_architecture_listed(const json_t *list, const struct seccomp_target *target) {
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        if (target->architecture && json_is_string(item) &&
            strcmp(json_string_value(item), target->architecture) == 0) {
            return true;
        }
    }
    return false;
}

/* How many of the capabilities listed the container has. */
static size_t count_capabilities(const json_t *list, const struct seccomp_target *target) {
    size_t count = 0;
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        int number = capability_number(str_of(json_string_value(item)));
        count += number >= 0 && target->capabilities >> number & 1;
    }
    return count;
}

/* "4.8" or "4.8.0" */
static int is_kernel_at_least(const char *text, const struct seccomp_target *target,
                              bool *is_at_least, struct error *error) {
    unsigned kernel;
    unsigned revision;
    if (sscanf(text, "%u.%u", &kernel, &revision) != 2) {
        return error_set(error, ERROR_CORRUPT, "minKernel \"%s\" is not a version", text);
    }
    *is_at_least = target->kernel > kernel ||
                   (target->kernel == kernel && target->kernel_revision >= revision);
    return 0;
}

struct condition {
    json_t *architectures, *capabilities; /* NULL or arrays */
    const char *kernel;
};

static int read_condition(const json_t *rule, const char *name, struct condition *out,
                          struct error *error) {
    json_t *object = NULL;
    *out = (struct condition){ 0 };
    return json_read_object(rule, name, &object, error) < 0 ||
                   json_read_array(object, "arches", &out->architectures, error) < 0 ||
                   json_read_array(object, "caps", &out->capabilities, error) < 0 ||
                   json_read_string(object, "minKernel", &out->kernel, error) < 0
               ? -1
               : 0;
}

/* Everything listed in `includes` must hold, nothing in `excludes` may. */
static int rule_applies(const json_t *rule, const struct seccomp_target *target, bool *applies,
                        struct error *error) {
    struct condition includes;
    struct condition excludes;
    bool is_at_least = true;
    bool is_excluded = false;
    if (read_condition(rule, "includes", &includes, error) < 0 ||
        read_condition(rule, "excludes", &excludes, error) < 0 ||
        (includes.kernel && is_kernel_at_least(includes.kernel, target, &is_at_least, error) < 0) ||
        (excludes.kernel && is_kernel_at_least(excludes.kernel, target, &is_excluded, error) < 0)) {
        return -1;
    }
    *applies = is_at_least && !is_excluded &&
               (json_array_size(includes.architectures) == 0 ||
                is_architecture_listed(includes.architectures, target)) &&
               count_capabilities(includes.capabilities, target) ==
                   json_array_size(includes.capabilities) &&
               !is_architecture_listed(excludes.architectures, target) &&
               count_capabilities(excludes.capabilities, target) == 0;
    return 0;
}

static int convert_rule(const json_t *rule, json_t *out, struct error *error) {
    json_t *names = NULL;
    json_t *arguments = NULL;
    const char *name = NULL;
    const char *action = NULL;
    int64_t number = -1;
    if (json_read_array(rule, "names", &names, error) < 0 ||
        json_read_string(rule, "name", &name, error) < 0 ||
        json_read_string(rule, "action", &action, error) < 0 ||
        json_read_array(rule, "args", &arguments, error) < 0 ||
        json_read_integer(rule, "errnoRet", &number, error) < 0) {
        return -1;
    }
    json_t *all = names ? json_copy(names) : json_array();
    if (name) {
        json_array_append(all, json_object_get(rule, "name"));
    }
    json_t *converted = json_pack("{s:o}", "names", all);
    json_array_append_new(out, converted);
    if (!json_array_size(all) || !action) {
        return error_set(error, ERROR_CORRUPT, "a rule has no names or no action");
    }
    json_object_set_new(converted, "action", json_string(action));
    if (number >= 0) {
        json_object_set_new(converted, "errnoRet", json_integer(number));
    }
    if (json_array_size(arguments)) {
        json_object_set(converted, "args", arguments);
    }
    return 0;
}

static int convert(json_t *profile, const struct seccomp_target *target, json_t *out,
                   struct error *error) {
    const char *action = NULL;
    int64_t number = -1;
    json_t *rules = NULL;
    json_t *rule;
    size_t i;
    if (json_read_string(profile, "defaultAction", &action, error) < 0 ||
        json_read_integer(profile, "defaultErrnoRet", &number, error) < 0 ||
        json_read_array(profile, "syscalls", &rules, error) < 0) {
        return -1;
    }
    if (!action) {
        return error_set(error, ERROR_CORRUPT, "\"defaultAction\" is missing");
    }
    json_object_set_new(out, "defaultAction", json_string(action));
    if (number >= 0) {
        json_object_set_new(out, "defaultErrnoRet", json_integer(number));
    }
    if (convert_architectures(profile, target, out, error) < 0) {
        return -1;
    }
    json_t *converted = json_array();
    json_object_set_new(out, "syscalls", converted);
    json_array_foreach(rules, i, rule) {
        bool applies;
        if (rule_applies(rule, target, &applies, error) < 0 ||
            (applies && convert_rule(rule, converted, error) < 0)) {
            return error_wrap(error, "rule %zu of \"syscalls\" is wrong", i + 1);
        }
    }
    return 0;
}

json_t *seccomp_convert(json_t *profile, const char *name, const struct seccomp_target *target,
                        struct error *error) {
    json_t *out = json_object();
    int result = json_is_object(profile)
                     ? convert(profile, target, out, error)
                     : error_set(error, ERROR_CORRUPT, "it is not a JSON object");
    if (result < 0) {
        error_wrap(error, "the seccomp profile %s is not usable", name);
        json_decref(out);
        return NULL;
    }
    return out;
}

/* seccomp=VALUE or, as docker once wrote it, seccomp:VALUE; the last one counts. */
static struct str requested(const struct str_list *options) {
    struct str value = STR_EMPTY;
    for (size_t i = 0; i < options->count; i++) {
        struct str option = options->items[i];
        if (str_has_prefix(option, STR("seccomp=")) || str_has_prefix(option, STR("seccomp:"))) {
            value = str_from(option, strlen("seccomp="));
        }
    }
    return value;
}

static int read_profile(const char *path, bool is_required, struct buf *text, bool *exists,
                        struct error *error) {
    if (is_required) {
        *exists = true;
        return fs_read_file(AT_FDCWD, path, PROFILE_LIMIT, text, error) < 0
                   ? error_wrap(error, "cannot use the seccomp profile %s", path)
                   : 0;
    }
    return fs_read_file_if_exists(AT_FDCWD, path, PROFILE_LIMIT, text, exists, error);
}

int seccomp_load(const struct str_list *security_options, const struct seccomp_target *target,
                 json_t **out, bool *is_missing, struct error *error) {
    struct str request = requested(security_options);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *path = str_dup(&arena, request);
    bool exists = false;
    *out = NULL;
    *is_missing = false;
    if (str_equal(request, STR("unconfined"))) {
        return 0;
    }
    if (request.len) {
        if (read_profile(path, true, &text, &exists, error) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; !exists && i < sizeof(profile_paths) / sizeof(profile_paths[0]); i++) {
        path = profile_paths[i];
        if (read_profile(path, false, &text, &exists, error) < 0) {
            return -1;
        }
    }
    if (!exists) {
        *is_missing = true;
        return 0;
    }
    _cleanup_json_ json_t *profile = json_parse(buf_str(&text), path, error);
    *out = profile ? seccomp_convert(profile, path, target, error) : NULL;
    return *out ? 0 : -1;
}

int seccomp_digest(const struct str_list *security_options, struct digest *out,
                   struct error *error) {
    struct str request = requested(security_options);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool exists;
    if (request.len > 0 && !str_equal(request, STR("unconfined")) &&
        read_profile(str_dup(&arena, request), true, &text, &exists, error) < 0) {
        return -1;
    }
    *out = digest_of(text.data, text.len);
    return 0;
}
