/* Formatting: what comes out says the same as what went in, and formatting it again changes nothing. */
#include "parser/format.h"

#include "parser/dump.h"
#include "parser/parser.h"
#include "tests/fuzz/fuzz.h"

static void dump(struct str source, struct buf *out) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *dockerfile;
    int result = parser_parse_syntax(source, "Dockerfile", &arena, &dockerfile, NULL);
    fuzz_expect(result == 0, "what was formatted does not parse");
    dump_sexpr(out, dockerfile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_copy_ struct str source = fuzz_copy(str_make((const char *)data, size));
    _cleanup_buf_ struct buf once = BUF_INIT, twice = BUF_INIT, before = BUF_INIT, after = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    if (format_dockerfile(source, "Dockerfile", &once, &error) < 0) {
        fuzz_expect(error.code == ERROR_INPUT, "%s", error.message);
        return 0;
    }
    int result = format_dockerfile(buf_str(&once), "Dockerfile", &twice, &error);
    fuzz_expect(result == 0, "%s", error.message);
    fuzz_expect(str_equal(buf_str(&once), buf_str(&twice)), "once:\n%.*s\ntwice:\n%.*s",
                STR_ARG(buf_str(&once)), STR_ARG(buf_str(&twice)));
    dump(source, &before);
    dump(buf_str(&once), &after);
    /* AS, CMD and NONE become upper case; format_dockerfile() itself saw that nothing else did. */
    fuzz_expect(str_equal_nocase(buf_str(&before), buf_str(&after)), "before:\n%.*s\nafter:\n%.*s",
                STR_ARG(buf_str(&before)), STR_ARG(buf_str(&after)));
    return 0;
}
