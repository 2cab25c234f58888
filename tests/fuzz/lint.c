/* Linting: every place is in the file; what --fix writes parses, says the same otherwise, and there is an end to it. */
#include "parser/lint.h"
#include "parser/parser.h"
#include "tests/fuzz/fuzz.h"

static bool parse_platform(void *context, struct str text, struct lint_platform *out) {
    (void)context;
    *out = (struct lint_platform){ text, STR("amd64"), STR_EMPTY };
    return text.len > 0;
}

static const struct lint_options options = {
    .is_every_stage = true,
    .has_own_rules = true,
    .build_platform = { { "linux", 5 }, { "amd64", 5 }, { "", 0 } },
    .target_platform = { { "linux", 5 }, { "amd64", 5 }, { "", 0 } },
    .world = { .parse_platform = parse_platform },
};

static void check_places(const struct lint_report *report, struct str source) {
    for (size_t i = 0; i < report->count; i++) {
        const struct lint_finding *finding = &report->findings[i];
        fuzz_expect(finding->span.start <= finding->span.end && finding->span.end <= source.len,
                    "a finding of %s is nowhere", lint_rules[finding->rule].name);
        for (size_t j = 0; j < finding->edit_count; j++) {
            struct span span = finding->edits[j].span;
            fuzz_expect(span.start <= span.end && span.end <= source.len,
                        "an edit of %s is nowhere", lint_rules[finding->rule].name);
        }
    }
}

/* False when there is nothing (more) to fix. */
static bool fix_once(struct str *source, struct arena *arena) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct dockerfile *before, *after;
    struct lint_report report;
    if (parser_parse(*source, "Dockerfile", arena, &before, NULL) < 0) {
        return false;
    }
    lint_run(before, &options, arena, &report);
    error_clear(&report.error);
    check_places(&report, *source);
    bool *applied = arena_array(arena, report.count, sizeof(*applied));
    if (lint_apply(&report, *source, &out, applied) == 0) {
        return false;
    }
    struct str fixed = str_copy(arena, buf_str(&out));
    bool is_fine =
        parser_parse(fixed, "Dockerfile", arena, &after, NULL) == 0 && lint_is_same(before, after);
    fuzz_expect(is_fine, "before:\n%.*s\nafter:\n%.*s", STR_ARG(*source), STR_ARG(fixed));
    *source = fixed;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_copy_ struct str copy = fuzz_copy(str_make((const char *)data, size));
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str source = copy;
    int rounds = 0;
    while (fix_once(&source, &arena)) {
        fuzz_expect(++rounds < 10, "there is no end to fixing\n%.*s", STR_ARG(copy));
    }
    return 0;
}
