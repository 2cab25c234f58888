/* The instructions that change nothing but the config (OCI image-spec, config.md; Dockerfile reference). */
#include "planner/history.h"
#include "planner/lower.h"
#include "planner/signal_name.h"
#include "planner/values.h"

#include "base/vec.h"

#include <stdlib.h>

static int lower_pairs(struct lowering *lowering, const char *keyword, bool is_env,
                       struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    struct name_values pairs = { 0 };
    for (size_t i = 0; i < instruction->pair_count; i++) {
        struct name_value pair;
        if (lower_word(lowering, &instruction->pairs[i].key, &pair.name, error) ||
            lower_word(lowering, &instruction->pairs[i].value, &pair.value, error)) {
            return -1;
        }
        if (pair.name.len == 0) {
            error_set(error, ERROR_INPUT, "%s names can not be blank", keyword);
            error_hint(error, "`%.*s` expands to nothing here",
                       STR_ARG(instruction->pairs[i].key.text));
            return lower_error_at(lowering, instruction->pairs[i].key.span, error);
        }
        arena_vec_push(lowering->arena, &pairs, pair);
    }
    /* All values were expanded before the first is set: the instruction does not see itself. */
    for (size_t i = 0; i < pairs.count; i++) {
        struct name_value *pair = &pairs.items[i];
        if (is_env) {
            scope_set(&lowering->scope, pair->name, pair->value);
            name_values_set(&lowering->config->env, lowering->arena, pair->name, pair->value);
        } else {
            name_values_set(&lowering->config->labels, lowering->arena, pair->name, pair->value);
        }
    }
    lower_history(lowering, history_pairs(lowering->arena, keyword, &pairs));
    return 0;
}

/* The command of CMD and ENTRYPOINT: the JSON words, or SHELL and the text. */
static struct str_list command_list(const struct lowering *lowering, bool is_json,
                                    const struct ast_word *words, size_t count) {
    struct str_list list = { .is_set = true };
    if (!is_json) {
        list = lower_shell(lowering);
    }
    for (size_t i = 0; i < count; i++) {
        str_list_push(&list, lowering->arena, words[i].text);
    }
    if (!is_json && count == 0) {
        str_list_push(&list, lowering->arena, STR_EMPTY);
    }
    return list;
}

static void lower_cmd(struct lowering *lowering) {
    const struct instruction *instruction = lowering->instruction;
    lowering->config->cmd =
        command_list(lowering, instruction->is_json, instruction->words, instruction->word_count);
    lowering->config->is_args_escaped = true;
    lowering->has_cmd = true;
    lower_history(lowering, history_quoted_list(lowering->arena, "CMD", &lowering->config->cmd));
}

static void lower_entrypoint(struct lowering *lowering) {
    const struct instruction *instruction = lowering->instruction;
    lowering->config->entrypoint =
        command_list(lowering, instruction->is_json, instruction->words, instruction->word_count);
    if (!lowering->has_cmd) { /* the arguments were meant for the base's entry point */
        lowering->config->cmd = (struct str_list){ 0 };
    }
    lower_history(lowering, history_quoted_list(lowering->arena, "ENTRYPOINT",
                                                &lowering->config->entrypoint));
}

static void lower_shell_instruction(struct lowering *lowering) {
    const struct instruction *instruction = lowering->instruction;
    struct str_list shell = { 0 };
    for (size_t i = 0; i < instruction->word_count; i++) {
        str_list_push(&shell, lowering->arena, instruction->words[i].text);
    }
    lowering->config->shell = shell;
    lower_history(lowering, history_plain_list(lowering->arena, "SHELL", &shell));
}

static void lower_healthcheck(struct lowering *lowering) {
    const struct instruction *instruction = lowering->instruction;
    struct healthcheck check = { 0 };
    if (instruction->healthcheck.is_none) {
        str_list_push(&check.test, lowering->arena, STR("NONE"));
    } else {
        str_list_push(&check.test, lowering->arena,
                      instruction->is_json ? STR("CMD") : STR("CMD-SHELL"));
        for (size_t i = 0; i < instruction->healthcheck.command_count; i++) {
            str_list_push(&check.test, lowering->arena, instruction->healthcheck.command[i].text);
        }
        check.interval = instruction->healthcheck.interval;
        check.timeout = instruction->healthcheck.timeout;
        check.start_period = instruction->healthcheck.start_period;
        check.start_interval = instruction->healthcheck.start_interval;
        check.retries = instruction->healthcheck.retries;
    }
    lowering->config->healthcheck = check;
    lower_history(lowering, history_healthcheck(lowering->arena, &check));
}

/* ---- EXPOSE ---- */

static void add_to_set(struct str_list *set, struct arena *arena, struct str item) {
    for (size_t i = 0; i < set->count; i++) {
        if (str_equal(set->items[i], item)) {
            return;
        }
    }
    str_list_push(set, arena, item);
}

static int bad_port(struct str spec, const char *what, struct str part, struct error *error) {
    error_set(error, ERROR_INPUT, "invalid port: \"%.*s\": %s: %.*s", STR_ARG(spec), what,
              STR_ARG(part));
    return error_hint(error, "write PORT, PORT-PORT, or either with /tcp, /udp or /sctp");
}

static bool parse_range(struct str text, uint64_t *first, uint64_t *last) {
    size_t dash = str_find_byte(text, '-');
    if (dash == SIZE_MAX) {
        return str_parse_uint(text, 10, 65535, first) && (*last = *first, true);
    }
    return str_parse_uint(str_sub(text, 0, dash), 10, 65535, first) &&
           str_parse_uint(str_from(text, dash + 1), 10, 65535, last) && *first <= *last;
}

struct port_range {
    uint64_t first, last;
    const char *protocol;
};

/* Of [ip:][hostport[-range]:]port[-port][/proto] the host's part is dropped. */
static int parse_port(struct str spec, struct port_range *out, struct error *error) {
    static const char *const protocols[] = { "tcp", "udp", "sctp" };
    struct str protocol = spec, text;
    str_split(&protocol, '/', &text);
    out->protocol = protocol.len > 0 ? NULL : "tcp";
    for (size_t i = 0; i < 3 && !out->protocol; i++) {
        out->protocol = str_equal_nocase(protocol, str_of(protocols[i])) ? protocols[i] : NULL;
    }
    if (!out->protocol) {
        _cleanup_arena_ struct arena scratch = ARENA_INIT;
        return bad_port(spec, "invalid proto", str_lower(&scratch, protocol), error);
    }
    size_t colon = str_rfind_byte(text, ':');
    struct str container = colon == SIZE_MAX ? text : str_from(text, colon + 1);
    uint64_t first, last;
    if (colon != SIZE_MAX) { /* what precedes it may be an address or a port; a port must be one */
        struct str host = str_sub(text, 0, colon);
        size_t before = str_rfind_byte(host, ':');
        struct str host_port = before == SIZE_MAX ? host : str_from(host, before + 1);
        bool is_address = str_find_byte(host_port, '.') != SIZE_MAX ||
                          str_has_suffix(host_port, STR("]")) || host_port.len == 0;
        if (!is_address && !parse_range(host_port, &first, &last)) {
            return bad_port(spec, "invalid hostPort", host_port, error);
        }
    }
    if (!parse_range(container, &out->first, &out->last)) {
        return bad_port(spec, "invalid containerPort", container, error);
    }
    return 0;
}

int value_check_port(struct str spec, struct error *error) {
    struct port_range range;
    return parse_port(spec, &range, error);
}

/* A range is one key a port. */
static int expose(struct str spec, struct arena *arena, struct str_list *ports,
                  struct error *error) {
    struct port_range range;
    if (parse_port(spec, &range, error)) {
        return -1;
    }
    for (uint64_t port = range.first; port <= range.last; port++) {
        str_list_push(ports, arena, str_printf(arena, "%u/%s", (unsigned)port, range.protocol));
    }
    return 0;
}

static int compare_words(const void *a, const void *b) {
    return str_compare(((const struct ast_word *)a)->text, ((const struct ast_word *)b)->text);
}

enum { PORTS_MAX = 3 << 16 }; /* every port of every protocol */

static int lower_expose(struct lowering *lowering, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    struct arena *arena = lowering->arena;
    struct ast_word *sorted = arena_array(arena, instruction->word_count, sizeof(*sorted));
    for (size_t i = 0; i < instruction->word_count; i++) {
        sorted[i] = instruction->words[i];
    }
    qsort(sorted, instruction->word_count, sizeof(*sorted), compare_words);
    struct str_list ports = { 0 };
    for (size_t i = 0; i < instruction->word_count; i++) {
        struct str *words;
        size_t count;
        if (scope_expand_words(&lowering->scope, lowering->escape, sorted[i].text, &words, &count,
                               error)) {
            return lower_error_at(lowering, sorted[i].span, error);
        }
        for (size_t j = 0; j < count; j++) {
            if (expose(words[j], arena, &ports, error)) {
                return lower_error_at(lowering, sorted[i].span, error);
            }
            if (ports.count > PORTS_MAX) {
                error_set(error, ERROR_INPUT, "EXPOSE of more than %d ports", PORTS_MAX);
                error_hint(error, "that is more than there are; name each once");
                return lower_error_at(lowering, sorted[i].span, error);
            }
        }
    }
    struct str_list shown = { 0 };
    struct str_list *exposed = &lowering->config->exposed_ports;
    _cleanup_map_ struct map known = MAP_INIT; /* a range may be 65,536 ports long */
    _cleanup_map_ struct map here = MAP_INIT;
    for (size_t i = 0; i < exposed->count; i++) {
        map_set(&known, exposed->items[i], exposed);
    }
    for (size_t i = 0; i < ports.count; i++) {
        if (map_set(&here, ports.items[i], exposed)) {
            str_list_push(&shown, arena, ports.items[i]);
        }
        if (map_set(&known, ports.items[i], exposed)) {
            str_list_push(exposed, arena, ports.items[i]);
        }
    }
    lower_history(lowering, history_plain_list(arena, "EXPOSE", &shown));
    return 0;
}

static int lower_volume(struct lowering *lowering, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    struct str_list volumes = { 0 };
    for (size_t i = 0; i < instruction->word_count; i++) {
        struct str path;
        if (lower_word(lowering, &instruction->words[i], &path, error)) {
            return -1;
        }
        path = str_trim(path);
        if (path.len == 0) {
            error_set(error, ERROR_INPUT, "VOLUME specified can not be an empty string");
            return lower_error_at(lowering, instruction->words[i].span, error);
        }
        str_list_push(&volumes, lowering->arena, path);
        add_to_set(&lowering->config->volumes, lowering->arena, path);
    }
    lower_history(lowering, history_plain_list(lowering->arena, "VOLUME", &volumes));
    return 0;
}

/* USER, STOPSIGNAL: one expanded word. */
static int lower_single(struct lowering *lowering, const char *keyword, struct str *field,
                        struct error *error) {
    const struct ast_word *word = &lowering->instruction->words[0];
    if (lower_word(lowering, word, field, error)) {
        return -1;
    }
    lower_history(lowering, str_printf(lowering->arena, "%s %.*s", keyword, STR_ARG(*field)));
    return 0;
}

int value_check_signal(struct str signal, struct error *error) {
    if (signal_name_is_valid(signal)) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "invalid signal: %.*s", STR_ARG(signal));
    return error_hint(error, "name one as SIGTERM or TERM, or give its number");
}

static int lower_stop_signal(struct lowering *lowering, struct error *error) {
    struct str signal;
    if (lower_single(lowering, "STOPSIGNAL", &signal, error)) {
        return -1;
    }
    if (value_check_signal(signal, error)) {
        return lower_error_at(lowering, lowering->instruction->words[0].span, error);
    }
    lowering->config->stop_signal = signal;
    return 0;
}

static void lower_on_build(struct lowering *lowering) {
    const struct instruction *instruction = lowering->instruction;
    str_list_push(&lowering->config->on_build, lowering->arena, instruction->onbuild.text);
    struct stage_line line = { lower_text(lowering), instruction->line, NULL };
    arena_vec_push(lowering->arena, &lowering->stage->lines, line);
}

static void lower_maintainer(struct lowering *lowering) {
    struct str author = lowering->instruction->words[0].text;
    lowering->config->author = author;
    lower_history(lowering, str_printf(lowering->arena, "MAINTAINER %.*s", STR_ARG(author)));
}

int lower_config(struct lowering *lowering, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    switch (instruction->kind) {
    case INSTRUCTION_ENV:
        return lower_pairs(lowering, "ENV", true, error);
    case INSTRUCTION_LABEL:
        return lower_pairs(lowering, "LABEL", false, error);
    case INSTRUCTION_CMD:
        lower_cmd(lowering);
        return 0;
    case INSTRUCTION_ENTRYPOINT:
        lower_entrypoint(lowering);
        return 0;
    case INSTRUCTION_SHELL:
        lower_shell_instruction(lowering);
        return 0;
    case INSTRUCTION_HEALTHCHECK:
        lower_healthcheck(lowering);
        return 0;
    case INSTRUCTION_EXPOSE:
        return lower_expose(lowering, error);
    case INSTRUCTION_VOLUME:
        return lower_volume(lowering, error);
    case INSTRUCTION_USER:
        return lower_single(lowering, "USER", &lowering->config->user, error);
    case INSTRUCTION_STOPSIGNAL:
        return lower_stop_signal(lowering, error);
    case INSTRUCTION_MAINTAINER:
        lower_maintainer(lowering);
        return 0;
    case INSTRUCTION_ONBUILD:
        lower_on_build(lowering);
        return 0;
    default:
        error_set(error, ERROR_UNSUPPORTED, "%.*s cannot be built",
                  STR_ARG(instruction->keyword.text));
        return lower_error_at(lowering, instruction->keyword.span, error);
    }
}
