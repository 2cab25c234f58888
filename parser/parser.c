#include "parser/parser.h"

#include "grammar/dockerfile.tab.h"
#include "parser/state.h"

#include <stdlib.h>

/* Offsets are 32 bits wide. */
enum { SOURCE_LIMIT = 1 << 30 };

int parser_fail(struct parser *parser, struct span span, const char *format, ...) {
    va_list arguments;
    _cleanup_buf_ struct buf message = BUF_INIT;
    va_start(arguments, format);
    buf_vprintf(&message, format, arguments);
    va_end(arguments);
    error_set(parser->error, ERROR_INPUT, "%s", message.data);
    return error_at(parser->error, parser->dockerfile->name, parser->dockerfile->source, span);
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
}

static int parse(struct parser *parser, bool has_directives) {
    static const struct span nowhere = { 0, 0 };
    struct dockerfile *dockerfile = parser->dockerfile;
    struct str text = dockerfile->source;
    if (text.len == 0) {
        parser_fail(parser, nowhere, "the Dockerfile cannot be empty");
        return error_hint(parser->error, "the smallest one is `FROM scratch`");
    }
    if (text.len > SOURCE_LIMIT) {
        return parser_fail(parser, nowhere, "the Dockerfile is larger than %d bytes", SOURCE_LIMIT);
    }
    if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) {
        text = str_from(text, 3);
    }
    parser->source = scan_of(text);
    parser->is_directives = has_directives;
    dockerfile->escape = '\\';
    if (dockerfile_parse(parser) != 0) {
        return -1;
    }
    if (parser->instructions.count == 0) {
        parser_fail(parser, nowhere, "file with no instructions");
        return error_hint(parser->error, "a Dockerfile begins with FROM");
    }
    return 0;
}

static int parse_text(struct str source, const char *name, bool has_directives, struct arena *arena,
                      struct dockerfile **out, struct error *error) {
    struct error ignored = ERROR_INIT;
    _cleanup_(parser_free) struct parser parser = { .arena = arena,
                                                    .error = error ? error : &ignored };
    parser.dockerfile = arena_new(arena, struct dockerfile);
    parser.dockerfile->name = name;
    parser.dockerfile->source = source;
    int result = parse(&parser, has_directives);
    error_clear(&ignored);
    if (result < 0) {
        return -1;
    }
    struct dockerfile *dockerfile = parser.dockerfile;
    dockerfile->directive_count = parser.directives.count;
    dockerfile->directives =
        arena_array(arena, parser.directives.count, sizeof(*dockerfile->directives));
    dockerfile->instruction_count = parser.instructions.count;
    dockerfile->instructions =
        arena_array(arena, parser.instructions.count, sizeof(*dockerfile->instructions));
    for (size_t i = 0; i < parser.directives.count; i++) {
        dockerfile->directives[i] = parser.directives.items[i];
    }
    memcpy(dockerfile->instructions, parser.instructions.items,
           parser.instructions.count * sizeof(*dockerfile->instructions));
    *out = dockerfile;
    return 0;
}

int parser_parse_syntax(struct str source, const char *name, struct arena *arena,
                        struct dockerfile **out, struct error *error) {
    return parse_text(source, name, true, arena, out, error);
}

int parser_parse(struct str source, const char *name, struct arena *arena, struct dockerfile **out,
                 struct error *error) {
    struct dockerfile *dockerfile;
    if (parser_parse_syntax(source, name, arena, &dockerfile, error) < 0 ||
        check_dockerfile(dockerfile, arena, error) < 0) {
        return -1;
    }
    *out = dockerfile;
    return 0;
}

int parser_parse_trigger(struct str source, const char *name, struct arena *arena,
                         struct dockerfile **out, struct error *error) {
    struct dockerfile *dockerfile;
    if (parse_text(source, name, false, arena, &dockerfile, error) < 0) {
        return -1;
    }
    struct instruction *trigger = &dockerfile->instructions[0];
    if (dockerfile->instruction_count != 1) {
        error_set(error, ERROR_INPUT, "an ONBUILD trigger is one instruction, this has %zu",
                  dockerfile->instruction_count);
        return error_at(error, name, source, dockerfile->instructions[1].span);
    }
    if (check_trigger_kind(dockerfile, trigger, error) < 0 ||
        check_instruction(dockerfile, trigger, arena, error) < 0) {
        return -1;
    }
    *out = dockerfile;
    return 0;
}
