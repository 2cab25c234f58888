#include "executor/run_options.h"

#include "base/json.h"
#include "base/log.h"
#include "executor/capability.h"
#include "executor/etc.h"
#include "executor/runtime.h"
#include "executor/seccomp.h"

/* --security-opt, but for seccomp=, which seccomp_load reads. Both `=` and docker's old `:` divide. */
static int apply_security_option(struct bundle *bundle, struct str option, struct error *error) {
    struct str value = option;
    struct str name = STR_EMPTY;
    str_split(&value, str_find_byte(option, '=') == SIZE_MAX ? ':' : '=', &name);
    if (str_equal(name, STR("seccomp"))) {
        return 0;
    }
    if (str_equal(name, STR("no-new-privileges")) &&
        (!value.len || str_equal(value, STR("true")) || str_equal(value, STR("false")))) {
        bundle->has_no_new_privileges = !str_equal(value, STR("false"));
        return 0;
    }
    if (str_equal(name, STR("apparmor")) && value.len) {
        bundle->apparmor = str_equal(value, STR("unconfined")) ? STR_EMPTY : value;
        return 0;
    }
    if (str_equal(name, STR("label")) && str_equal(value, STR("disable"))) {
        return 0; /* bud sets no labels */
    }
    /* The other names of podman-build(1). */
    static const char *const undone[] = { "label",    "mask",   "proc-opts",       "systempaths",
                                          "apparmor", "unmask", "writable-cgroups" };
    error_set(error, ERROR_USAGE, "--security-opt: there is no `%.*s`", STR_ARG(option));
    for (size_t i = 0; i < sizeof(undone) / sizeof(undone[0]); i++) {
        if (str_equal_c(name, undone[i])) {
            error_set(error, ERROR_UNSUPPORTED, "--security-opt %.*s is not done yet",
                      STR_ARG(option));
        }
    }
    return error_hint(
        error, "known are seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE|unconfined "
               "and label=disable");
}

static int apply_security_options(const struct run_options *options, struct bundle *bundle,
                                  struct error *error) {
    for (size_t i = 0; i < options->security_options.count; i++) {
        if (apply_security_option(bundle, options->security_options.items[i], error) < 0) {
            return -1;
        }
    }
    return 0;
}

int run_options_security(const struct run_options *options, struct bundle *bundle,
                         struct error *error) {
    uint64_t available = capability_available();
    bool is_missing;
    if (apply_security_options(options, bundle, error) < 0) {
        return -1;
    }
    if (bundle->host.is_insecure) {
        bundle->capabilities = available;
        return 0;
    }
    if (capability_apply(CAPABILITY_DEFAULT, &options->cap_add, &options->cap_drop, available,
                         &bundle->capabilities, error) < 0) {
        return -1;
    }
    struct seccomp_target target = seccomp_target_here(bundle->capabilities);
    if (seccomp_load(&options->security_options, &target, &bundle->seccomp, &is_missing, error) <
        0) {
        return -1;
    }
    if (is_missing) {
        log_warn("no seccomp profile found (/usr/share/containers/seccomp.json): RUN may use every "
                 "system call");
    }
    return 0;
}

int run_options_limits(const struct run_options *options, struct arena *arena,
                       struct bundle *bundle, struct error *error) {
    const struct str_list *texts = &options->ulimits;
    struct bundle_limit *limits = arena_array(arena, texts->count, sizeof(*limits));
    for (size_t i = 0; i < texts->count; i++) {
        if (bundle_limit_parse(texts->items[i], arena, &limits[i], error) < 0) {
            return -1;
        }
    }
    bundle->limits = limits;
    bundle->limit_count = texts->count;
    return 0;
}

/* The profile is read only where one is named: a build in which nothing runs has no use for the default. */
static int check_seccomp(const struct run_options *options, struct error *error) {
    struct seccomp_target target = seccomp_target_here(CAPABILITY_DEFAULT);
    _cleanup_json_ json_t *profile = NULL;
    bool is_missing;
    return options->security_options.count == 0
               ? 0
               : seccomp_load(&options->security_options, &target, &profile, &is_missing, error);
}

int run_options_check(const struct run_options *options, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf hosts = BUF_INIT;
    struct bundle bundle = { 0 };
    struct runtime runtime = { 0 };
    /* Which capabilities there are is known in the namespace of the build only. */
    return apply_security_options(options, &bundle, error) < 0 ||
                   check_seccomp(options, error) < 0 ||
                   capability_apply(0, &options->cap_add, &options->cap_drop, UINT64_MAX,
                                    &bundle.capabilities, error) < 0 ||
                   run_options_limits(options, &arena, &bundle, error) < 0 ||
                   etc_hosts(STR("localhost"), &options->add_hosts, &hosts, error) < 0 ||
                   (options->runtime != NULL &&
                    runtime_find(options->runtime, &arena, &runtime, error) < 0)
               ? -1
               : 0;
}
