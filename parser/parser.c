#include "parser/parser.h"

#include "grammar/dockerfile.tab.h"
#include "parser/state.h"

#include <limits.h>
#include <stdlib.h>

/* Offsets are 32 bits wide. */
enum { SOURCE_LIMIT = 1 << 30 };

int parser_fail(struct parser *parser, struct span span, const char *format, ...) {
    va_list arguments;
    _cleanup_buf_ struct buf message = BUF_INIT;
    if (!parser->error) {
        return -1;
    }
    va_start(arguments, format);
    buf_vprintf(&message, format, arguments);
    va_end(arguments);
    error_set(parser->error, ERROR_INPUT, "%s", message.data);
    return error_at(parser->error, parser->dockerfile->name, parser->dockerfile->source, span);
}

void parser_report(struct parser *parser) {
    parser->error_count++;
    if (parser->error) {
        error_append(parser->errors, parser->error);
    }
    parser->arena = &parser->scratch;
    if (parser->error_count == ERROR_LIMIT) {
        parser->error = NULL;
    } else if (parser->error_count == ERROR_COUNT_LIMIT) {
        parser_stop(parser);
    }
}

void parser_stop(struct parser *parser) {
    parser->source.cursor = parser->source.limit;
}

void parser_tell_rest(struct error *errors, size_t rest, bool is_at_least) {
    struct error more = ERROR_INIT;
    error_set(&more, ERROR_INPUT, "%s%zu more error%s not shown", is_at_least ? "at least " : "",
              rest, rest == 1 ? " is" : "s are");
    error_hint(&more, "the first error may be the cause of others");
    more.number = rest < INT_MAX ? (int)rest : INT_MAX;
    error_append(errors, &more);
}

/* After the last line: what is wrong with the file as a whole, and how many errors were not kept. */
static int finish_errors(struct parser *parser) {
    static const struct span nowhere = { 0, 0 };
    if (parser->error_count > ERROR_LIMIT) {
        parser_tell_rest(parser->errors, parser->error_count - ERROR_LIMIT,
                         parser->error_count >= ERROR_COUNT_LIMIT);
    } else if (parser->error_count == 0 && parser->instructions.count == 0) {
        parser_fail(parser, nowhere, "file with no instructions");
        error_hint(parser->error, "a Dockerfile begins with FROM");
        parser_report(parser);
    } else if (parser->error_count == 0 && parser->order && !parser->order->has_stage) {
        parser_fail(parser, parser->instructions.items[0]->span,
                    "dockerfile contains no stages to build");
        error_hint(parser->error, "add `FROM IMAGE`");
        parser_report(parser);
    }
    return parser->error_count > 0 ? -1 : 0;
}

static void parser_free(struct parser *parser) {
    buf_free(&parser->joined);
    vec_free(&parser->line.segments);
    vec_free(&parser->comments);
    vec_free(&parser->directives);
    vec_free(&parser->flags);
    vec_free(&parser->words);
    vec_free(&parser->pairs);
    vec_free(&parser->instructions);
    error_clear(&parser->found);
    arena_free(&parser->scratch);
}

static int parse(struct parser *parser, bool has_directives) {
    static const struct span nowhere = { 0, 0 };
    struct dockerfile *dockerfile = parser->dockerfile;
    struct str text = dockerfile->source;
    if (text.len == 0) {
        parser_fail(parser, nowhere, "the Dockerfile cannot be empty");
        error_hint(parser->error, "the smallest one is `FROM scratch`");
        parser_report(parser);
        return -1;
    }
    if (text.len > SOURCE_LIMIT) {
        parser_fail(parser, nowhere, "the Dockerfile is larger than %d bytes", SOURCE_LIMIT);
        error_hint(parser->error, "put data into files of their own and COPY them");
        parser_report(parser);
        return -1;
    }
    if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) {
        text = str_from(text, 3);
    }
    parser->source = scan_of(text);
    parser->is_directives = has_directives;
    dockerfile->escape = '\\';
    dockerfile_parse(parser); /* what it could not parse is reported */
    return finish_errors(parser);
}

static int parse_text(struct str source, const char *name, bool has_directives,
                      struct check_order *order, struct arena *arena, struct dockerfile **out,
                      struct error *error) {
    struct error ignored = ERROR_INIT;
    _cleanup_(parser_free) struct parser parser = { .arena = arena, .order = order };
    error_clear(error ? error : &ignored);
    parser.errors = error ? error : &ignored;
    parser.error = &parser.found;
    parser.allocated_before = arena->allocated;
    parser.dockerfile = arena_new(arena, struct dockerfile);
    parser.dockerfile->name = name;
    parser.dockerfile->source = source;
    int result = parse(&parser, has_directives);
    error_clear(&ignored);
    if (result < 0) {
        return -1;
    }
    struct dockerfile *dockerfile = parser.dockerfile;
    size_t count = dockerfile->directive_count = parser.directives.count;
    dockerfile->directives = arena_array(arena, count, sizeof(*dockerfile->directives));
    for (size_t i = 0; i < count; i++) {
        dockerfile->directives[i] = parser.directives.items[i];
    }
    count = dockerfile->instruction_count = parser.instructions.count;
    dockerfile->instructions = arena_array(arena, count, sizeof(*dockerfile->instructions));
    memcpy(dockerfile->instructions, parser.instructions.items,
           count * sizeof(*dockerfile->instructions));
    *out = dockerfile;
    return 0;
}

int parser_parse_syntax(struct str source, const char *name, struct arena *arena,
                        struct dockerfile **out, struct error *error) {
    return parse_text(source, name, true, NULL, arena, out, error);
}

int parser_parse(struct str source, const char *name, struct arena *arena, struct dockerfile **out,
                 struct error *error) {
    struct check_order order = { false };
    return parse_text(source, name, true, &order, arena, out, error);
}

int parser_parse_trigger(struct str source, const char *name, struct arena *arena,
                         struct dockerfile **out, struct error *error) {
    struct dockerfile *dockerfile;
    if (parse_text(source, name, false, NULL, arena, &dockerfile, error) < 0) {
        return -1;
    }
    struct instruction *trigger = dockerfile->instructions[0];
    if (dockerfile->instruction_count != 1) {
        error_set(error, ERROR_INPUT, "an ONBUILD trigger is one instruction, this has %zu",
                  dockerfile->instruction_count);
        error_hint(error, "build the base image with an ONBUILD for each");
        return error_at(error, name, source, dockerfile->instructions[1]->span);
    }
    if (check_trigger_kind(dockerfile, trigger, error) < 0 ||
        check_instruction(dockerfile, trigger, arena, error) < 0) {
        return -1;
    }
    *out = dockerfile;
    return 0;
}
