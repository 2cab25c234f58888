#include "parser/check.h"

#include <stdlib.h>

enum flag_type { FLAG_NONE, FLAG_BOOL, FLAG_STRING, FLAG_LIST };

struct flag_rule {
    const char *name;
    enum flag_type type;
};

enum { FLAGS_MAX = 9 };

struct flag_rules {
    bool is_ignored; /* lexed, but nobody looks at them */
    struct flag_rule rules[FLAGS_MAX];
};

/* The Dockerfile reference, instruction by instruction; those not listed take no flags. */
static const struct flag_rules flag_rules[INSTRUCTION_COUNT] = {
    [INSTRUCTION_ADD] = { .rules = { { "chown", FLAG_STRING },
                                     { "chmod", FLAG_STRING },
                                     { "link", FLAG_BOOL },
                                     { "exclude", FLAG_LIST },
                                     { "checksum", FLAG_STRING },
                                     { "keep-git-dir", FLAG_BOOL },
                                     { "unpack", FLAG_BOOL } } },
    [INSTRUCTION_ARG] = { .is_ignored = true },
    [INSTRUCTION_COPY] = { .rules = { { "from", FLAG_STRING },
                                      { "chown", FLAG_STRING },
                                      { "chmod", FLAG_STRING },
                                      { "link", FLAG_BOOL },
                                      { "exclude", FLAG_LIST },
                                      { "parents", FLAG_BOOL } } },
    [INSTRUCTION_FROM] = { .rules = { { "platform", FLAG_STRING } } },
    [INSTRUCTION_HEALTHCHECK] = { .rules = { { "interval", FLAG_STRING },
                                             { "timeout", FLAG_STRING },
                                             { "start-period", FLAG_STRING },
                                             { "start-interval", FLAG_STRING },
                                             { "retries", FLAG_STRING } } },
    [INSTRUCTION_RUN] = { .rules = { { "mount", FLAG_LIST },
                                     { "network", FLAG_STRING },
                                     { "security", FLAG_STRING },
                                     { "device", FLAG_LIST } } },
    [INSTRUCTION_STOPSIGNAL] = { .is_ignored = true },
};

static const struct flag_rules *rules_of(const struct check *check) {
    return &flag_rules[check->instruction->kind];
}

static int fail_unknown(const struct check *check, const struct ast_flag *flag) {
    const struct flag_rules *rules = rules_of(check);
    const char *names[FLAGS_MAX];
    size_t count = 0;
    _cleanup_buf_ struct buf list = BUF_INIT;
    while (count < FLAGS_MAX && rules->rules[count].type != FLAG_NONE) {
        buf_printf(&list, "%s--%s", count == 0 ? "" : ", ", rules->rules[count].name);
        names[count] = rules->rules[count].name;
        count++;
    }
    const char *instruction = instruction_name(check->instruction->kind);
    const char *nearest = str_nearest_keyword(flag->name, names, count);
    if (nearest) {
        check_fail(check, flag->span, "unknown flag: --%.*s (did you mean %s?)",
                   STR_ARG(flag->name), nearest);
    } else {
        check_fail(check, flag->span, "unknown flag: --%.*s", STR_ARG(flag->name));
    }
    if (count == 0) {
        return error_hint(check->error, "%s takes no flags; write `%s -- --%.*s` to pass it on",
                          instruction, instruction, STR_ARG(flag->name));
    }
    return error_hint(check->error, "%s takes %s", instruction, list.data);
}

static int fail_missing_value(const struct check *check, const struct ast_flag *flag) {
    check_fail(check, flag->span, "missing a value on flag: --%.*s", STR_ARG(flag->name));
    return error_hint(check->error, "write --%.*s=VALUE, without a space", STR_ARG(flag->name));
}

static int check_flag(const struct check *check, size_t index) {
    const struct ast_flag *flags = check->instruction->flags, *flag = &flags[index];
    const struct flag_rule *rule = rules_of(check)->rules;
    const struct flag_rule *end = rule + FLAGS_MAX;
    while (rule < end && !(rule->type != FLAG_NONE && str_equal_c(flag->name, rule->name))) {
        rule++;
    }
    if (rule == end) {
        return fail_unknown(check, flag);
    }
    for (size_t i = 0; i < index && rule->type != FLAG_LIST; i++) {
        if (str_equal(flags[i].name, flag->name)) {
            check_fail(check, flag->span, "duplicate flag specified: --%.*s", STR_ARG(flag->name));
            return error_hint(check->error, "keep one of them");
        }
    }
    if (rule->type != FLAG_BOOL) {
        return flag->has_value ? 0 : fail_missing_value(check, flag);
    }
    if (flag->has_value && flag->value.len == 0) {
        return fail_missing_value(check, flag);
    }
    if (flag->has_value && !str_equal_nocase(flag->value, STR("true")) &&
        !str_equal_nocase(flag->value, STR("false"))) {
        check_fail(check, flag->span, "expecting boolean value for flag --%.*s, not: %.*s",
                   STR_ARG(flag->name), STR_ARG(flag->value));
        return error_hint(check->error, "use --%.*s or --%.*s=false", STR_ARG(flag->name),
                          STR_ARG(flag->name));
    }
    return 0;
}

int check_flags(const struct check *check) {
    if (rules_of(check)->is_ignored) {
        return 0;
    }
    for (size_t i = 0; i < check->instruction->flag_count; i++) {
        if (check_flag(check, i) < 0) {
            return -1;
        }
    }
    return 0;
}

static const struct ast_flag *find(const struct check *check, const char *name) {
    for (size_t i = 0; i < check->instruction->flag_count; i++) {
        if (str_equal_c(check->instruction->flags[i].name, name)) {
            return &check->instruction->flags[i];
        }
    }
    return NULL;
}

struct ast_word check_flag_value(const struct check *check, const char *name) {
    const struct ast_flag *flag = find(check, name);
    return flag ? (struct ast_word){ flag->value, flag->span }
                : (struct ast_word){ STR_EMPTY, { 0, 0 } };
}

bool check_flag_bool(const struct check *check, const char *name, bool *value) {
    const struct ast_flag *flag = find(check, name);
    *value = flag && (!flag->has_value || str_equal_nocase(flag->value, STR("true")));
    return flag != NULL;
}

void check_flag_list(const struct check *check, const char *name, struct ast_word **out,
                     size_t *count) {
    const struct instruction *instruction = check->instruction;
    *out = arena_array(check->arena, instruction->flag_count, sizeof(**out));
    *count = 0;
    for (size_t i = 0; i < instruction->flag_count; i++) {
        if (str_equal_c(instruction->flags[i].name, name)) {
            (*out)[(*count)++] =
                (struct ast_word){ instruction->flags[i].value, instruction->flags[i].span };
        }
    }
}
