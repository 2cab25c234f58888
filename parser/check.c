#include "parser/check.h"

#include "parser/scan.h"
#include "parser/state.h"
#include "parser/words.h"

#include <stdlib.h>

int check_fail(const struct check *check, struct span span, const char *format, ...) {
    va_list arguments;
    _cleanup_buf_ struct buf message = BUF_INIT;
    if (!check->error) {
        return -1;
    }
    va_start(arguments, format);
    buf_vprintf(&message, format, arguments);
    va_end(arguments);
    error_set(check->error, ERROR_INPUT, "%s", message.data);
    return error_at(check->error, check->dockerfile->name, check->dockerfile->source, span);
}

const char *check_quote(const struct check *check, struct str text) {
    _cleanup_buf_ struct buf quoted = BUF_INIT;
    words_quote(&quoted, text);
    return str_dup(check->arena, buf_str(&quoted));
}

/* ---- how each instruction is written ------------------------------------------------------------------- */

static const char *const synopses[INSTRUCTION_COUNT] = {
    [INSTRUCTION_ARG] = "ARG NAME[=DEFAULT]",
    [INSTRUCTION_ENV] = "ENV NAME=VALUE",
    [INSTRUCTION_EXPOSE] = "EXPOSE PORT[/PROTOCOL]",
    [INSTRUCTION_FROM] = "FROM IMAGE [AS NAME]",
    [INSTRUCTION_HEALTHCHECK] = "HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE",
    [INSTRUCTION_LABEL] = "LABEL NAME=VALUE",
    [INSTRUCTION_MAINTAINER] = "MAINTAINER NAME",
    [INSTRUCTION_ONBUILD] = "ONBUILD INSTRUCTION",
    [INSTRUCTION_SHELL] = "SHELL [\"/bin/sh\", \"-c\"]",
    [INSTRUCTION_STOPSIGNAL] = "STOPSIGNAL SIGNAL",
    [INSTRUCTION_USER] = "USER NAME[:GROUP]",
    [INSTRUCTION_VOLUME] = "VOLUME PATH",
    [INSTRUCTION_WORKDIR] = "WORKDIR PATH",
};

/* "NAME REST" at the keyword, with the way to write it. */
static int fail_usage(const struct check *check, const char *rest) {
    enum instruction_kind kind = check->instruction->kind;
    check_fail(check, check->instruction->keyword.span, "%s %s", instruction_name(kind), rest);
    return error_hint(check->error, "write %s", synopses[kind]);
}

static int at_least_one(const struct check *check, size_t count) {
    return count > 0 ? 0 : fail_usage(check, "requires at least one argument");
}

/* ---- instruction by instruction ------------------------------------------------------------------------ */

/* "ADD, ARG, CMD" and so on. */
static void list_instructions(struct buf *out) {
    for (int kind = INSTRUCTION_UNKNOWN + 1; kind < INSTRUCTION_COUNT; kind++) {
        buf_printf(out, "%s%s", out->len == 0 ? "" : ", ",
                   instruction_name((enum instruction_kind)kind));
    }
}

static int check_unknown(const struct check *check) {
    const struct ast_word *keyword = &check->instruction->keyword;
    const char *names[INSTRUCTION_COUNT];
    size_t count = 0;
    for (int kind = INSTRUCTION_UNKNOWN + 1; kind < INSTRUCTION_COUNT; kind++) {
        names[count++] = instruction_name((enum instruction_kind)kind);
    }
    if (!check->error) {
        return -1; /* a file of a hundred megabytes may have nothing else */
    }
    const char *nearest = str_nearest_keyword(keyword->text, names, count);
    if (!nearest) {
        _cleanup_buf_ struct buf list = BUF_INIT;
        list_instructions(&list);
        check_fail(check, keyword->span, "unknown instruction: %.*s", STR_ARG(keyword->text));
        return error_hint(
            check->error,
            "instructions are %s; a line that goes on from the one above needs %c at the "
            "end of that",
            list.data, check->dockerfile->escape);
    }
    struct str lower = str_lower(check->arena, keyword->text);
    struct str suggestion = str_of(nearest);
    if (!str_equal(lower, STR_EMPTY) && str_equal(lower, keyword->text)) {
        suggestion = str_lower(check->arena, suggestion);
    }
    return check_fail(check, keyword->span, "unknown instruction: %.*s (did you mean %.*s?)",
                      STR_ARG(keyword->text), STR_ARG(suggestion));
}

static int check_stage(const struct check *check) {
    struct instruction *from = check->instruction;
    bool has_name = from->word_count == 3 && str_equal_nocase(from->words[1].text, STR("AS"));
    if (from->word_count != 1 && !has_name) {
        return fail_usage(check, "requires either one or three arguments");
    }
    from->from.image = from->words[0];
    from->from.platform = check_flag_value(check, "platform");
    if (!has_name) {
        return 0;
    }
    from->from.as = from->words[1];
    from->from.name = from->words[2];
    from->from.name.text = str_lower(check->arena, from->words[2].text);
    if (!scan_stage_name(from->from.name.text)) {
        check_fail(
            check, from->words[2].span,
            "invalid name for build stage: %s, name can't start with a number or contain symbols",
            check_quote(check, from->words[2].text));
        return error_hint(check->error, "use letters, digits, `-`, `_` and `.`, a letter first; "
                                        "variables are not expanded here");
    }
    return 0;
}

static int check_pairs(const struct check *check) {
    const struct instruction *instruction = check->instruction;
    if (at_least_one(check, instruction->pair_count) < 0) {
        return -1;
    }
    for (size_t i = 0; i < instruction->pair_count; i++) {
        if (instruction->pairs[i].key.text.len == 0) {
            check_fail(check, instruction->pairs[i].value.span, "%s names can not be blank",
                       instruction_name(instruction->kind));
            return error_hint(check->error, "write %s, without a space before `=`",
                              synopses[instruction->kind]);
        }
    }
    return 0;
}

static int check_volume(const struct check *check) {
    struct instruction *volume = check->instruction;
    if (at_least_one(check, volume->word_count) < 0) {
        return -1;
    }
    for (size_t i = 0; i < volume->word_count; i++) {
        volume->words[i].text = scan_trim(volume->words[i].text);
        if (volume->words[i].text.len == 0) {
            check_fail(check, volume->words[i].span, "VOLUME specified can not be an empty string");
            return error_hint(check->error, "name a path");
        }
    }
    return 0;
}

static int check_shell(const struct check *check) {
    if (!check->instruction->is_json) {
        return fail_usage(check, "requires the arguments to be in JSON form");
    }
    return at_least_one(check, check->instruction->word_count);
}

static int check_one(const struct check *check) {
    return check->instruction->word_count == 1 ? 0
                                               : fail_usage(check, "requires exactly one argument");
}

/* ---- HEALTHCHECK --------------------------------------------------------------------------------------- */

static int fail_duration(const struct check *check, struct ast_word value,
                         enum duration_error reason, struct str unit) {
    const char *quoted = check_quote(check, value.text);
    switch (reason) {
    case DURATION_NO_UNIT:
        check_fail(check, value.span, "time: missing unit in duration %s", quoted);
        break;
    case DURATION_BAD_UNIT:
        check_fail(check, value.span, "time: unknown unit %s in duration %s",
                   check_quote(check, unit), quoted);
        break;
    default:
        check_fail(check, value.span, "time: invalid duration %s", quoted);
        break;
    }
    return error_hint(check->error, "write numbers with ns, us, ms, s, m or h, such as 1m30s");
}

static int check_duration(const struct check *check, const char *name, int64_t *out) {
    struct ast_word value = check_flag_value(check, name);
    struct str unit = STR_EMPTY;
    *out = 0;
    if (value.text.len == 0) {
        return 0;
    }
    enum duration_error reason = scan_duration(value.text, out, &unit);
    if (reason != DURATION_OK) {
        return fail_duration(check, value, reason, unit);
    }
    if (*out != 0 && *out < 1000000) {
        check_fail(check, value.span, "Interval \"%s\" cannot be less than 1ms", name);
        return error_hint(check->error, "use 0 to inherit the base image's value");
    }
    return 0;
}

static int check_retries(const struct check *check, int64_t *out) {
    struct ast_word value = check_flag_value(check, "retries");
    struct str digits = value.text;
    uint64_t number = 0;
    *out = 0;
    if (value.text.len == 0) {
        return 0;
    }
    bool is_negative = digits.data[0] == '-';
    if (is_negative || digits.data[0] == '+') {
        digits = str_from(digits, 1);
    }
    if (!str_parse_uint(digits, 10, INT32_MAX, &number)) {
        bool is_number = str_parse_uint(digits, 10, UINT64_MAX, &number);
        check_fail(check, value.span, "strconv.ParseInt: parsing %s: %s",
                   check_quote(check, value.text),
                   is_number ? "value out of range" : "invalid syntax");
        return error_hint(check->error, "--retries takes a number from 0 to %d", INT32_MAX);
    }
    if (is_negative && number > 0) {
        check_fail(check, value.span, "--retries cannot be negative (-%llu)",
                   (unsigned long long)number);
        return error_hint(check->error, "use 0 to inherit the base image's value");
    }
    *out = (int64_t)number;
    return 0;
}

static int check_healthcheck(const struct check *check) {
    struct instruction *health = check->instruction;
    if (at_least_one(check, health->word_count) < 0) {
        return -1;
    }
    struct ast_word type = health->words[0];
    health->healthcheck.command = health->words + 1;
    health->healthcheck.command_count = health->word_count - 1;
    if (str_equal_nocase(type.text, STR("NONE"))) {
        health->healthcheck.is_none = true;
        return health->word_count == 1 ? 0 : fail_usage(check, "NONE takes no arguments");
    }
    if (check_flags(check) < 0 ||
        check_duration(check, "interval", &health->healthcheck.interval) < 0 ||
        check_duration(check, "timeout", &health->healthcheck.timeout) < 0 ||
        check_duration(check, "start-period", &health->healthcheck.start_period) < 0 ||
        check_duration(check, "start-interval", &health->healthcheck.start_interval) < 0 ||
        check_retries(check, &health->healthcheck.retries) < 0) {
        return -1;
    }
    if (!str_equal_nocase(type.text, STR("CMD"))) {
        check_fail(check, type.span, "Unknown type %s in HEALTHCHECK (try CMD)",
                   check_quote(check, type.text));
        return error_hint(check->error, "write %s", synopses[INSTRUCTION_HEALTHCHECK]);
    }
    if (health->healthcheck.command_count == 0) {
        check_fail(check, type.span, "Missing command after HEALTHCHECK CMD");
        return error_hint(check->error, "write %s", synopses[INSTRUCTION_HEALTHCHECK]);
    }
    return 0;
}

/* ---- ONBUILD ------------------------------------------------------------------------------------------- */

int check_trigger_kind(const struct dockerfile *dockerfile, const struct instruction *trigger,
                       struct error *error) {
    struct check check = { .dockerfile = dockerfile, .error = error };
    switch (trigger->kind) {
    case INSTRUCTION_ONBUILD:
        check_fail(&check, trigger->keyword.span,
                   "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
        return error_hint(error, "remove one: triggers run in builds FROM this image, and in no "
                                 "build FROM those");
    case INSTRUCTION_FROM:
    case INSTRUCTION_MAINTAINER:
        check_fail(&check, trigger->keyword.span, "%s isn't allowed as an ONBUILD trigger",
                   instruction_name(trigger->kind));
        return error_hint(
            error, trigger->kind == INSTRUCTION_FROM
                       ? "triggers run behind the FROM that names this image; it has its own base"
                       : "write ONBUILD LABEL org.opencontainers.image.authors=\"...\"");
    default:
        return 0;
    }
}

/* The trigger's own arguments are checked when it runs. */
static int check_onbuild(const struct check *check) {
    const struct instruction *trigger = check->instruction->onbuild.trigger;
    if (!trigger) {
        return fail_usage(check, "requires at least one argument");
    }
    return check_trigger_kind(check->dockerfile, trigger, check->error);
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static int check_any(const struct check *check) {
    switch (check->instruction->kind) {
    case INSTRUCTION_UNKNOWN:
        return check_unknown(check);
    case INSTRUCTION_ADD:
    case INSTRUCTION_COPY:
        return check_copy(check);
    case INSTRUCTION_ARG:
    case INSTRUCTION_ENV:
    case INSTRUCTION_LABEL:
        return check_pairs(check);
    case INSTRUCTION_EXPOSE:
        return at_least_one(check, check->instruction->word_count);
    case INSTRUCTION_FROM:
        return check_stage(check);
    case INSTRUCTION_HEALTHCHECK:
        return check_healthcheck(check);
    case INSTRUCTION_MAINTAINER:
    case INSTRUCTION_STOPSIGNAL:
    case INSTRUCTION_USER:
    case INSTRUCTION_WORKDIR:
        return check_one(check);
    case INSTRUCTION_ONBUILD:
        return check_onbuild(check);
    case INSTRUCTION_RUN:
        return check_run(check);
    case INSTRUCTION_SHELL:
        return check_shell(check);
    case INSTRUCTION_VOLUME:
        return check_volume(check);
    case INSTRUCTION_CMD:
    case INSTRUCTION_ENTRYPOINT:
    case INSTRUCTION_COUNT:
        break;
    }
    return 0;
}

int check_instruction(const struct dockerfile *dockerfile, struct instruction *instruction,
                      struct arena *arena, struct error *error) {
    struct check check = { dockerfile, instruction, arena, error };
    /* HEALTHCHECK NONE ignores its flags, an unknown instruction has more to say than they have. */
    if (instruction->kind != INSTRUCTION_HEALTHCHECK && instruction->kind != INSTRUCTION_UNKNOWN &&
        check_flags(&check) < 0) {
        return -1;
    }
    return check_any(&check);
}

int check_next(struct check_order *order, const struct dockerfile *dockerfile,
               struct instruction *instruction, struct arena *arena, struct error *error) {
    bool had_stage = order->has_stage;
    /* One error is enough, and what is unknown may be a FROM with a slip of the pen. */
    order->has_stage = had_stage || instruction->kind != INSTRUCTION_ARG;
    if (check_instruction(dockerfile, instruction, arena, error) < 0) {
        return -1;
    }
    if (!had_stage && instruction->kind != INSTRUCTION_ARG &&
        instruction->kind != INSTRUCTION_FROM) {
        struct check check = { .dockerfile = dockerfile, .error = error };
        check_fail(&check, instruction->keyword.span, "no build stage in current context");
        return error_hint(error, "only ARG may come before the first FROM");
    }
    return 0;
}
