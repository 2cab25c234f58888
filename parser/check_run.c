/* RUN: mounts split into their options, network, security, devices. */
#include "base/vec.h"
#include "parser/check.h"
#include "parser/scan.h"

static int fail_csv(const struct check *check, struct ast_word value, const char *what) {
    check_fail(check, value.span, "failed to parse csv %s: %s", what,
               value.text.len == 0 ? "EOF" : "wrong use of \" in a field");
    return error_hint(check->error,
                      "fields are separated by commas; quote a field that has one: %s",
                      "--mount='type=bind,\"target=/a,b\"'");
}

/* `$` may only be the last character. */
static bool has_variable(struct str value) {
    size_t at = str_find_byte(value, '$');
    return at != SIZE_MAX && at + 1 < value.len;
}

static struct ast_mount_option split_option(const struct check *check, struct str field,
                                            struct span span) {
    size_t equals = str_find_byte(field, '=');
    bool has_value = equals != SIZE_MAX;
    return (struct ast_mount_option){
        .key = { str_lower(check->arena, str_sub(field, 0, has_value ? equals : field.len)), span },
        .value = { has_value ? str_from(field, equals + 1) : STR_EMPTY, span },
        .has_value = has_value,
    };
}

static int check_mount(const struct check *check, struct ast_word value, struct ast_mount *mount) {
    VEC(struct ast_mount_option) options = VEC_INIT;
    struct scan scan = scan_of(value.text);
    struct str field;
    bool is_last = value.text.len == 0;
    if (is_last) {
        return fail_csv(check, value, "mounts");
    }
    while (!is_last) {
        if (!scan_csv_field(&scan, check->arena, &field, &is_last)) {
            return fail_csv(check, value, "mounts");
        }
        struct ast_mount_option option = split_option(check, field, value.span);
        if (str_equal(option.key.text, STR("from")) && has_variable(option.value.text)) {
            check_fail(check, value.span,
                       "'from' doesn't support variable expansion, define alias stage instead");
            return error_hint(check->error, "add `FROM %.*s AS name` above and use from=name",
                              STR_ARG(option.value.text));
        }
        arena_vec_push(check->arena, &options, option);
    }
    *mount = (struct ast_mount){ options.items, options.count, value.span };
    return 0;
}

/* [name=]NAME[,required[=bool]]; names of CDI devices contain `=`. */
static int check_device(const struct check *check, struct ast_word value) {
    struct scan scan = scan_of(value.text);
    struct str field, name = STR_EMPTY;
    bool is_last = value.text.len == 0;
    if (is_last) {
        return fail_csv(check, value, "devices");
    }
    while (!is_last) {
        if (!scan_csv_field(&scan, check->arena, &field, &is_last)) {
            return fail_csv(check, value, "devices");
        }
        struct ast_mount_option option = split_option(check, field, value.span);
        if (str_equal(option.key.text, STR("required"))) {
            bool is_required;
            if (option.has_value && !str_parse_bool(option.value.text, &is_required)) {
                check_fail(check, value.span, "invalid value for required: %.*s",
                           STR_ARG(option.value.text));
                return error_hint(check->error, "use true or false");
            }
        } else if (option.has_value && str_equal(option.key.text, STR("name"))) {
            name = option.value.text;
        } else if (name.len == 0) {
            name = field;
        } else if (!option.has_value) {
            check_fail(check, value.span, "device name already set to %.*s", STR_ARG(name));
            return error_hint(check->error, "use one --device for each device");
        } else {
            check_fail(check, value.span, "unexpected key '%.*s' in '%.*s'",
                       STR_ARG(option.key.text), STR_ARG(field));
            return error_hint(check->error, "--device=[name=]NAME[,required]");
        }
    }
    return 0;
}

static bool is_one_of(struct str text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_c(text, words[i])) {
            return true;
        }
    }
    return false;
}

static int check_modes(const struct check *check) {
    static const char *const networks[] = { "default", "none", "host" };
    static const char *const securities[] = { "sandbox", "insecure" };
    struct instruction *run = check->instruction;
    run->run.network = check_flag_value(check, "network");
    run->run.security = check_flag_value(check, "security");
    for (size_t i = 0; i < run->flag_count; i++) {
        const struct ast_flag *flag = &run->flags[i];
        if (str_equal(flag->name, STR("network")) && !is_one_of(flag->value, networks, 3)) {
            check_fail(check, flag->span, "invalid network mode %s",
                       check_quote(check, flag->value));
            return error_hint(check->error, "use default, none or host");
        }
        if (str_equal(flag->name, STR("security")) && !is_one_of(flag->value, securities, 2)) {
            check_fail(check, flag->span, "security %s is not valid",
                       check_quote(check, flag->value));
            return error_hint(check->error, "use sandbox or insecure");
        }
    }
    return 0;
}

int check_run(const struct check *check) {
    struct instruction *run = check->instruction;
    struct ast_word *mounts;
    if (check_modes(check) < 0) {
        return -1;
    }
    check_flag_list(check, "mount", &mounts, &run->run.mount_count);
    run->run.mounts = arena_array(check->arena, run->run.mount_count, sizeof(*run->run.mounts));
    for (size_t i = 0; i < run->run.mount_count; i++) {
        if (check_mount(check, mounts[i], &run->run.mounts[i]) < 0) {
            return -1;
        }
    }
    check_flag_list(check, "device", &run->run.devices, &run->run.device_count);
    for (size_t i = 0; i < run->run.device_count; i++) {
        if (check_device(check, run->run.devices[i]) < 0) {
            return -1;
        }
    }
    if (run->is_json && run->word_count == 0) {
        check_fail(check, run->keyword.span, "arguments are required");
        return error_hint(check->error, "write RUN [\"program\", \"argument\"]");
    }
    return 0;
}
