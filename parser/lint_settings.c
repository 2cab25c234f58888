/* lint_settings: `# check=skip=…;error=true`, for the file and for one instruction. */
#include "parser/lint_state.h"
#include "parser/scan.h"
#include "parser/words.h"

static uint64_t parse_rules(struct str list) {
    uint64_t rules = 0;
    struct str name;
    if (str_equal_c(scan_trim(list), "all")) {
        return UINT64_MAX;
    }
    while (str_split(&list, ',', &name)) {
        for (unsigned i = 0; i < LINT_RULE_COUNT; i++) {
            if (str_equal_c(scan_trim(name), lint_rules[i].name)) {
                rules |= (uint64_t)1 << i;
            }
        }
    }
    return rules;
}

static int invalid(struct str option, struct error *error) {
    _cleanup_buf_ struct buf quoted = BUF_INIT;
    words_quote(&quoted, option);
    error_set(error, ERROR_INPUT, "invalid check option %s", quoted.data);
    return error_wrap(error, "failed to parse check options");
}

static int invalid_bool(struct str option, struct str value, struct error *error) {
    _cleanup_buf_ struct buf quoted = BUF_INIT, quoted_value = BUF_INIT;
    words_quote(&quoted, option);
    words_quote(&quoted_value, value);
    error_set(error, ERROR_INPUT,
              "failed to parse check option %s: strconv.ParseBool: parsing %s: invalid syntax",
              quoted.data, quoted_value.data);
    return error_wrap(error, "failed to parse check options");
}

int lint_settings_parse(struct str text, struct lint_settings *out, struct error *error) {
    struct str rest = scan_trim(text), option;
    if (rest.len == 0) {
        return 0;
    }
    for (size_t i = 0; rest.data; i++) {
        if (i == 2) { /* three options at most: what follows belongs to the third */
            option = rest;
            rest.data = NULL;
        } else if (!str_split(&rest, ';', &option)) {
            break;
        }
        struct str value = option, key;
        bool has_value = str_find_byte(option, '=') != SIZE_MAX;
        str_split(&value, '=', &key);
        key = scan_trim(key);
        if (!has_value) {
            return invalid(option, error);
        }
        if (str_equal_c(key, "skip")) {
            out->skipped |= parse_rules(value);
        } else if (str_equal_c(key, "experimental")) {
            out->enabled |= parse_rules(value);
        } else if (!str_equal_c(key, "error")) {
            return invalid(key, error);
        } else if (!str_parse_bool(scan_trim(value), &out->is_fatal)) {
            return invalid_bool(option, scan_trim(value), error);
        }
    }
    return 0;
}

static const struct directive *find_directive(const struct dockerfile *dockerfile) {
    for (size_t i = 0; i < dockerfile->directive_count; i++) {
        if (dockerfile->directives[i].kind == DIRECTIVE_CHECK) {
            return &dockerfile->directives[i];
        }
    }
    return NULL;
}

static int hint_options(struct error *error) {
    return error_hint(error, "write `skip=RULE,...`, `error=true` and `experimental=RULE,...`, "
                             "separated by `;`; a list may be `all`");
}

int lint_settings_read(struct lint *lint, struct error *error) {
    const struct dockerfile *dockerfile = lint->dockerfile;
    const struct directive *directive = find_directive(dockerfile);
    const struct lint_variable *given = lint_build_arg(lint, STR("BUILDKIT_DOCKERFILE_CHECK"));
    if (given) {
        return lint_settings_parse(given->value, &lint->settings, error) < 0 ? hint_options(error)
                                                                             : 0;
    }
    if (directive && lint_settings_parse(directive->value, &lint->settings, error) < 0) {
        hint_options(error);
        return error_at(error, dockerfile->name, dockerfile->source, directive->span);
    }
    return 0;
}

struct lint_settings lint_settings_of(const struct lint *lint,
                                      const struct instruction *instruction) {
    struct lint_settings settings = lint->settings, local = { 0 };
    for (size_t i = 0; i < instruction->comment_count; i++) {
        struct str text = instruction->comments[i];
        if (!str_has_prefix(text, STR("check=")) || str_find_byte(text, ' ') != SIZE_MAX) {
            continue;
        }
        if (lint_settings_parse(str_from(text, 6), &local, NULL) == 0) {
            settings.skipped |= local.skipped;
            settings.enabled |= local.enabled;
        }
        break;
    }
    return settings;
}
