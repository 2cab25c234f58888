/* Words of a command line read by option tables: each row is a line as a user types it. */
#include "base/map.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WORDS_MAXIMUM 16

static const struct option_spec options_of_test[] = {
    { .name = "file", .letter = 'f', .kind = OPTION_TEXT, .value = "FILE", .help = "a file" },
    { .name = "tag", .letter = 't', .kind = OPTION_LIST, .value = "NAME", .help = "a name" },
    { .name = "cap-add", .kind = OPTION_SET, .value = "CAP", .help = "a capability" },
    { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .help = "quiet" },
    { .name = "layers",
      .kind = OPTION_FLAG,
      .environment = "CLI_OPTION_TEST_LAYERS",
      .help = "layers" },
    { .name = "jobs", .kind = OPTION_UINT, .value = "NUMBER", .help = "jobs" },
    { .name = "pull",
      .kind = OPTION_TEXT,
      .value = "WHEN",
      .bare = "true",
      .only = "never missing",
      .undone = "true n*er",
      .instead = "pull it yourself",
      .help = "pull" },
    { .name = "rm", .kind = OPTION_FLAG, .only = "true", .help = "remove" },
    { .name = "secret", .kind = OPTION_LIST, .value = "SECRET", .only = "", .help = "" },
    { .name = NULL },
};
static const struct option_spec *const tables[] = { options_of_test, NULL };

/* LINE at its spaces; `''` is the empty word. */
static const char *const *split(struct arena *arena, const char *line) {
    const char **words = arena_array(arena, WORDS_MAXIMUM, sizeof(*words));
    struct str rest = str_of(line), word;
    size_t count = 0;
    while (rest.len > 0 && str_split(&rest, ' ', &word)) {
        assert_true(count + 1 < WORDS_MAXIMUM);
        words[count++] = str_equal_c(word, "''") ? "" : str_dup(arena, word);
    }
    return words;
}

/* The given options and arguments, in table order: `file=x tag=[a][b] | args`. */
static void show(struct buf *out, const struct options *options) {
    for (size_t i = 0; i < options->count; i++) {
        const struct option_value *value = &options->values[i];
        if (!value->is_given) {
            continue;
        }
        buf_printf(out, "%s%s=", out->len > 0 ? " " : "", value->spec->name);
        if (value->spec->kind != OPTION_LIST && value->spec->kind != OPTION_SET) {
            buf_append_c(out, value->text);
        }
        for (const char *const *item = value->items; *item != NULL; item++) {
            buf_printf(out, "[%s]", *item);
        }
    }
    buf_append_c(out, " |");
    for (const char **argument = options->arguments; *argument != NULL; argument++) {
        buf_printf(out, " %s", *argument);
    }
}

static void words_are_read(void **state) {
    (void)state;
    static const struct {
        const char *line, *result;
    } rows[] = {
        { "", " |" },
        { "-f x .", "file=x | ." },
        { "-fx .", "file=x | ." },
        { "-f=x .", "file=x | ." }, /* as pflag */
        { "--file x .", "file=x | ." },
        { "--file=x .", "file=x | ." },
        { "--file= .", "file= | ." },
        { "--file '' .", "file= | ." },
        { "--file=a=b .", "file=a=b | ." },
        { "-f a -f b .", "file=b | ." },
        { ". -f x", "file=x | ." }, /* options after arguments */
        { "a -q b -t x c", "tag=[x] quiet=true | a b c" },
        { "-qt x .", "tag=[x] quiet=true | ." },
        { "-qtx .", "tag=[x] quiet=true | ." },
        { "-t a -t b,c", "tag=[a][b,c] |" },
        { "--cap-add a,b --cap-add c", "cap-add=[a][b][c] |" },
        { "--cap-add ,a,, .", "cap-add=[a] | ." },
        { "--layers .", "layers=true | ." },
        { "--layers=false .", "layers=false | ." },
        { "--layers=0 .", "layers=false | ." },
        { "--layers=T .", "layers=true | ." },
        { "--layers false", "layers=true | false" }, /* a flag takes no word of its own */
        { "--quiet --quiet=false", "quiet=false |" },
        { "--jobs 4", "jobs=4 |" },
        { "--jobs 0", "jobs=0 |" },
        { "--pull=never .", "pull=never | ." },
        { "--rm --rm=true", "rm=true |" },
        { "-- -f x", " | -f x" },
        { "a -- b", " | a b" },
        { "-f -- .", "file=-- | ." },
        { "-f - .", "file=- | ." },
        { "- .", " | - ." },
        { "'' .", " |  ." },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_buf_ struct buf shown = BUF_INIT;
        struct error error = ERROR_INIT;
        struct options options;
        if (options_parse(split(&arena, rows[i].line), tables, "bud test", &arena, &options,
                          &error) < 0) {
            fail_msg("`%s`: %s", rows[i].line, error.message);
        }
        show(&shown, &options);
        assert_string_equal(shown.data, rows[i].result);
    }
}

static void mistakes_are_told(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum error_code code;
        const char *message, *hint;
    } rows[] = {
        { "--fil x", ERROR_USAGE, "unknown option --fil", "did you mean --file?" },
        { "--f x", ERROR_USAGE, "unknown option --f", "`bud test --help` lists the options" },
        { "--flie=x", ERROR_USAGE, "unknown option --flie", "did you mean --file?" },
        { "--lay", ERROR_USAGE, "unknown option --lay", "did you mean --layers?" },
        { "--nonsense", ERROR_USAGE, "unknown option --nonsense",
          "`bud test --help` lists the options" },
        { "-z", ERROR_USAGE, "unknown option -z", "`bud test --help` lists the options" },
        { "-qz", ERROR_USAGE, "unknown option -z", "`bud test --help` lists the options" },
        { "--file", ERROR_USAGE, "--file needs a value: --file FILE",
          "`bud test --help` lists the options" },
        { ". -t", ERROR_USAGE, "--tag needs a value: --tag NAME",
          "`bud test --help` lists the options" },
        { "--help=x", ERROR_USAGE, "--help takes no value", "`bud test --help` lists the options" },
        { "--layers=maybe", ERROR_USAGE, "--layers takes true or false, not `maybe`", NULL },
        { "--layers=", ERROR_USAGE, "--layers takes true or false, not ``", NULL },
        { "--jobs=-1", ERROR_USAGE, "--jobs takes a whole number, not `-1`", NULL },
        { "--jobs=99999999999999999999", ERROR_USAGE,
          "--jobs takes a whole number, not `99999999999999999999`", NULL },
        { "--pull", ERROR_UNSUPPORTED, "--pull is not done yet", "pull it yourself" },
        { "--pull=newer", ERROR_UNSUPPORTED, "--pull: `newer` is not done yet",
          "pull it yourself" },
        { "--pull=mising", ERROR_USAGE, "--pull: there is no `mising`",
          "did you mean `missing`? Known: never, missing" },
        { "--pull=never,missing", ERROR_USAGE, "--pull: there is no `never,missing`",
          "known: never, missing" },
        { "--pull=", ERROR_USAGE, "--pull: there is no ``", "known: never, missing" },
        { "--rm=false", ERROR_UNSUPPORTED, "--rm=false is not done yet",
          "this version knows: true" },
        { "--secret id=x", ERROR_UNSUPPORTED, "--secret is not done yet",
          "leave it out: this version of bud cannot do what it asks for" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct options options;
        if (options_parse(split(&arena, rows[i].line), tables, "bud test", &arena, &options,
                          &error) == 0) {
            fail_msg("`%s` is accepted", rows[i].line);
        }
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(error.code, rows[i].code);
        if (rows[i].hint == NULL) {
            assert_null(error.hint);
        } else {
            assert_string_equal(error.hint, rows[i].hint);
        }
    }
}

static void environment_gives_what_the_words_do_not(void **state) {
    (void)state;
    static const struct {
        const char *value, *line, *result; /* result NULL: refused */
    } rows[] = {
        { "false", ".", "layers=false | ." },
        { "false", "--layers .", "layers=true | ." },
        { "", ".", " | ." },
        { "maybe", ".", NULL },
        { "maybe", "--layers .", "layers=true | ." },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf shown = BUF_INIT;
        struct options options;
        setenv("CLI_OPTION_TEST_LAYERS", rows[i].value, 1);
        int result = options_parse(split(&arena, rows[i].line), tables, "bud test", &arena,
                                   &options, &error);
        unsetenv("CLI_OPTION_TEST_LAYERS");
        if (rows[i].result == NULL) {
            assert_int_equal(result, -1);
            assert_non_null(strstr(error.message, "CLI_OPTION_TEST_LAYERS in the environment"));
        } else {
            assert_int_equal(result, 0);
            show(&shown, &options);
            assert_string_equal(shown.data, rows[i].result);
        }
    }
}

static void the_posix_order_changes_nothing(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf shown = BUF_INIT;
    struct options options;
    setenv("POSIXLY_CORRECT", "1", 1);
    assert_int_equal(
        options_parse(split(&arena, ". -f x"), tables, "bud test", &arena, &options, NULL), 0);
    unsetenv("POSIXLY_CORRECT");
    show(&shown, &options);
    assert_string_equal(shown.data, "file=x | .");
}

static void the_first_argument_is_found(void **state) {
    (void)state;
    static const struct {
        const char *line;
        size_t index;
    } rows[] = {
        { "", SIZE_MAX },          { "images", 0 },           { "-q images", 1 },
        { "-f images", SIZE_MAX }, /* the option's value */
        { "-f images .", 2 },      { "-fimages .", 1 },       { "-qf images .", 2 },
        { "--file images .", 2 },  { "--file=x images", 1 },  { "--layers images", 1 },
        { "--pull images", 1 },    { "--unknown images", 1 }, { "-f", SIZE_MAX },
        { "-- images", 1 },        { "--", SIZE_MAX },        { "- images", 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        assert_int_equal(options_first_argument(split(&arena, rows[i].line), tables),
                         rows[i].index);
    }
}

/* The rules every table keeps, whoever adds to it. */
static void tables_of_all_commands_are_sound(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    for (size_t i = 0; commands[i] != NULL; i++) {
        struct map names = MAP_INIT, letters = MAP_INIT;
        const struct option_spec *const *table = command_tables(commands[i], &arena);
        assert_non_null(commands[i]->summary);
        assert_non_null(commands[i]->description);
        assert_true(commands[i]->minimum <= commands[i]->maximum);
        for (; *table != NULL; table++) {
            for (const struct option_spec *spec = *table; spec->name != NULL; spec++) {
                if (!map_set(&names, str_of(spec->name), &names)) {
                    fail_msg("%s: --%s is there twice", commands[i]->name, spec->name);
                }
                if (spec->letter != 0 && !map_set(&letters, str_make(&spec->letter, 1), &letters)) {
                    fail_msg("%s: -%c is there twice", commands[i]->name, spec->letter);
                }
                assert_true(spec->kind == OPTION_FLAG || spec->value != NULL);
                assert_string_not_equal(spec->name, "help");
                assert_int_not_equal(spec->letter, 'h');
            }
        }
        map_free(&names);
        map_free(&letters);
    }
}

static void every_command_has_help_and_a_man_page(void **state) {
    (void)state;
    for (size_t i = 0; commands[i] != NULL; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        help_command(&text, "bud", commands[i]);
        struct str rest = buf_str(&text), line;
        while (str_split(&rest, '\n', &line)) {
            if (line.len > 80 && str_find(line, STR("bud ")) == SIZE_MAX) {
                fail_msg("%s: a line of %zu columns: %.*s", commands[i]->name, line.len,
                         STR_ARG(line));
            }
        }
        buf_reset(&text);
        help_man(&text, commands[i]);
        assert_true(str_has_prefix(buf_str(&text), STR(".TH \"BUD\\-")));
        assert_true(str_find(buf_str(&text), STR(".SH DESCRIPTION")) != SIZE_MAX);
    }
}

static void command_names_are_found(void **state) {
    (void)state;
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ptr_equal(command_find("build"), &command_build);
    assert_ptr_equal(command_find("bud"), &command_build);
    assert_ptr_equal(command_find("build-using-dockerfile"), &command_build);
    assert_ptr_equal(command_find("rmi"), &command_rmi);
    assert_null(command_find("."));
    assert_null(command_find(""));
    assert_true(command_suggest("imags", &error));
    assert_string_equal(error.hint, "did you mean the command `images`?");
    assert_true(command_suggest("pull", &error));
    assert_non_null(strstr(error.hint, "podman pull NAME"));
    assert_false(command_suggest("..", &error));
    assert_false(command_suggest("./context", &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(environment_gives_what_the_words_do_not),
        cmocka_unit_test(the_posix_order_changes_nothing),
        cmocka_unit_test(the_first_argument_is_found),
        cmocka_unit_test(tables_of_all_commands_are_sound),
        cmocka_unit_test(every_command_has_help_and_a_man_page),
        cmocka_unit_test(command_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
