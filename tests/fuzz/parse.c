/* The whole of the parser: all errors of a file, told as a person reads them, and the dump of what has none. */
#include "parser/dump.h"
#include "parser/parser.h"
#include "tests/fuzz/fuzz.h"

static void check_error(struct str source, const struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    error_print(&text, error, false);
    fuzz_expect(text.len > 0, "an error without a text");
    error_print(&text, error, true);
    for (; error; error = error->next) {
        const struct error_place *place = &error->place;
        fuzz_expect(error->message && error->message[0], "an error without a message");
        fuzz_expect(!place->file ||
                        (place->span.start <= place->span.end && place->span.end <= source.len),
                    "%s at %u to %u of %zu", error->message, place->span.start, place->span.end,
                    source.len);
    }
}

static void check_ast(struct str source, const struct dockerfile *dockerfile) {
    uint32_t end = 0;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        struct span span = dockerfile->instructions[i]->span;
        fuzz_expect(end <= span.start && span.start <= span.end && span.end <= source.len,
                    "instruction %zu is at %u to %u, the one before it ends at %u", i, span.start,
                    span.end, end);
        end = span.end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_copy_ struct str source = fuzz_copy(str_make((const char *)data, size));
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf dump = BUF_INIT;
    struct dockerfile *dockerfile;
    struct error error = ERROR_INIT;
    if (parser_parse_syntax(source, "Dockerfile", &arena, &dockerfile, &error) == 0) {
        check_ast(source, dockerfile);
        dump_sexpr(&dump, dockerfile);
    } else {
        check_error(source, &error);
    }
    error_clear(&error);
    if (parser_parse(source, "Dockerfile", &arena, &dockerfile, &error) == 0) {
        check_ast(source, dockerfile);
    } else {
        check_error(source, &error);
    }
    error_clear(&error);
    if (parser_parse_trigger(source, "trigger", &arena, &dockerfile, &error) < 0) {
        check_error(source, &error);
    }
    error_clear(&error);
    return 0;
}
