/* Dockerfiles as people write them (tests/data/dockerfiles): each parses, keeps what it says when it is formatted, and lowers
 * to a plan. Their base images and the files they copy are made up here. */
#include "tests/unit/planner_fixture.h"

#include "parser/dump.h"
#include "parser/format.h"
#include "planner/outline.h"
#include "registry/reference.h"

#define DIRECTORY "tests/data/dockerfiles"

/* What this version does not do yet; the rest of the file is still planned up to there. */
static bool is_undone(const struct error *error) {
    return error->code == ERROR_UNSUPPORTED;
}

/* ---- a context and base images ------------------------------------------------------------------------- */

/* A file that PATTERN, a source of COPY, matches. */
static void make_source(struct fixture *fixture, struct str pattern) {
    _cleanup_buf_ struct buf name = BUF_INIT;
    if (str_find(pattern, STR("://")) != SIZE_MAX || str_has_prefix(pattern, STR("."))) {
        pattern = str_has_prefix(pattern, STR("./")) ? str_from(pattern, 2) : pattern;
        if (pattern.len < 2 || str_find(pattern, STR("://")) != SIZE_MAX) {
            return;
        }
    }
    for (size_t i = 0; i < pattern.len; i++) {
        if (str_has_prefix(str_from(pattern, i), STR("${MIX_ENV}"))) {
            buf_append_c(&name, "prod");
            i += strlen("${MIX_ENV}") - 1;
        } else if (pattern.data[i] == '*' || pattern.data[i] == '?') {
            buf_append_c(&name, name.len > 0 && name.data[name.len - 1] == 'x' ? "" : "x");
        } else if (pattern.data[i] != '\\') {
            buf_append_byte(&name, pattern.data[i]);
        }
    }
    if (access(fixture_path(fixture, name.data), F_OK) < 0) {
        fixture_file(fixture, name.data, "");
    }
}

static void make_context(struct fixture *fixture, const struct dockerfile *dockerfile,
                         unsigned number) {
    fixture->context = arena_printf(&fixture->arena, "%s/%u", fixture->directory, number);
    fixture->request.context = fixture->context;
    assert_int_equal(0, mkdir(fixture->context, 0755));
    fixture_file(fixture, "package-lock.json", "");
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if ((instruction->kind != INSTRUCTION_COPY && instruction->kind != INSTRUCTION_ADD) ||
            instruction->copy.from.text.len > 0) {
            continue;
        }
        for (size_t j = 0; j < instruction->copy.source_count; j++) {
            make_source(fixture, instruction->copy.sources[j].text);
        }
    }
}

static void make_images(struct fixture *fixture, const struct dockerfile *dockerfile,
                        struct map *known) {
    static const struct name_values nothing;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct arena *arena = &fixture->arena;
    struct outline outline;
    assert_ok(outline_make(dockerfile, &nothing, NULL, arena, &outline, &error), &error);
    for (size_t i = 0; i < outline.stage_count; i++) {
        struct str base = outline.stages[i].base;
        const char *names[2] = { NULL, NULL };
        if (str_equal_c(base, "scratch") || reference_for_tag(base, arena, &names[0], NULL) < 0 ||
            !map_set(known, str_of(names[0]), NULL)) {
            continue;
        }
        struct image_draft draft = {
            .config = STR("{\"config\":{\"Env\":[\"PATH=/bin\"]}}"),
            .manifest = STR("{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"),
            .names = names,
        };
        struct digest_hex id;
        assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    }
}

/* ---- what is checked ----------------------------------------------------------------------------------- */

/* The dump with the keywords among the arguments, which formatting may write in another case, in lower case. */
static void dump(struct str text, struct buf *out) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *dockerfile;
    assert_int_equal(0, parser_parse_syntax(text, "", &arena, &dockerfile, NULL));
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        struct instruction *instruction = dockerfile->instructions[i];
        size_t keyword = instruction->kind == INSTRUCTION_FROM ? 1 : 0;
        if ((instruction->kind == INSTRUCTION_FROM ||
             instruction->kind == INSTRUCTION_HEALTHCHECK) &&
            instruction->word_count > keyword) {
            struct str *word = &instruction->words[keyword].text;
            *word = str_lower(&arena, *word);
        }
    }
    dump_sexpr(out, dockerfile);
}

static int check_format(const char *name, struct str text) {
    _cleanup_buf_ struct buf once = BUF_INIT, twice = BUF_INIT;
    _cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    if (format_dockerfile(text, name, &once, &error) < 0 ||
        format_dockerfile(buf_str(&once), name, &twice, &error) < 0) {
        print_error("%s: %s\n", name, error.message);
        return 1;
    }
    dump(text, &before);
    dump(buf_str(&once), &after);
    if (!str_equal(buf_str(&once), buf_str(&twice)) ||
        !str_equal(buf_str(&before), buf_str(&after))) {
        print_error("%s: formatted it says or looks different:\n%s\n", name, once.data);
        return 1;
    }
    return 0;
}

static int check_plan(struct fixture *fixture, const char *name, const char *text,
                      struct map *known, unsigned number) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct dockerfile *dockerfile;
    struct plan *plan;
    if (parser_parse(str_of(text), name, &fixture->arena, &dockerfile, &error) < 0) {
        print_error("%s:%u: %s\n", name, error.place.line_number, error.message);
        return 1;
    }
    make_context(fixture, dockerfile, number);
    make_images(fixture, dockerfile, known);
    if (fixture_plan(fixture, text, &plan, &error) == 0) {
        plan_free(plan);
    } else if (!is_undone(&error)) {
        print_error("%s:%u: %s\n", name, error.place.line_number, error.message);
        return 1;
    }
    return 0;
}

static void test_corpus(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_map_ struct map known = MAP_INIT;
    struct str *names;
    size_t count;
    int failures = 0;
    _cleanup_fd_ int directory = fs_open(DIRECTORY, O_RDONLY | O_DIRECTORY, 0, &error);
    assert_true(directory >= 0);
    assert_ok(fs_list(directory, &fixture->arena, &names, &count, &error), &error);
    assert_true(count >= 100);
    for (size_t i = 0; i < count; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        const char *name = str_dup(&fixture->arena, names[i]);
        assert_ok(fs_read_file(directory, name, 1 << 20, &text, &error), &error);
        failures += check_format(name, buf_str(&text));
        failures += check_plan(fixture, name, text.data, &known, (unsigned)i);
    }
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_corpus, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
