/* Every rule: where it fires, where it does not, what it says, and what the fix makes of it. */
#include "parser/lint.h"
#include "parser/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- a small world ------------------------------------------------------------------------------------- */

/* The images that are known: a (its platform may be another one), shell (has SHELL), trigger (has ONBUILD). */
static const struct lint_variable base_env[] = {
    { { "PATH", 4 }, { "/bin", 4 } },
    { { "NODE_VERSION", 12 }, { "20", 2 } },
};
static const struct str base_triggers[] = {
    { "ENV a b", 7 },
    { "COPY $nope /", 12 },
};

static const struct lint_base *find_base(void *context, struct str name) {
    static struct lint_base base;
    (void)context;
    base = (struct lint_base){
        .env = base_env,
        .env_count = 2,
        .platform = { STR("linux"), STR("amd64"), STR("") },
    };
    if (str_equal_c(name, "unknown")) {
        return NULL;
    }
    if (str_equal_c(name, "shell")) {
        base.has_shell = true;
    } else if (str_equal_c(name, "arm")) {
        base.platform.architecture = STR("arm64");
    } else if (str_equal_c(name, "trigger")) {
        base.triggers = base_triggers;
        base.trigger_count = 2;
    }
    return &base;
}

static bool is_reference(void *context, struct str text) {
    (void)context;
    return text.len > 0 && text.data[text.len - 1] != ':' && str_find_byte(text, '$') == SIZE_MAX;
}

static bool parse_platform(void *context, struct str text, struct lint_platform *out) {
    (void)context;
    struct str rest = text, os;
    str_split(&rest, '/', &os);
    *out = (struct lint_platform){ os, rest.data ? rest : STR("amd64"), STR_EMPTY };
    return text.len > 0 && str_find_byte(text, ' ') == SIZE_MAX;
}

/* A context with the directory `seen`. */
static enum lint_file look_at(void *context, struct str path) {
    (void)context;
    if (!str_has_prefix(path, STR("seen/"))) {
        return LINT_FILE_UNKNOWN;
    }
    return str_has_suffix(path, STR("archive.txt")) ? LINT_FILE_ARCHIVE : LINT_FILE_PLAIN;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

struct row {
    const char *source; /* section of the rules, or the rule */
    const char *input;
    const char *findings; /* `Rule:line: message`, one a line; NULL: not looked at */
    const char *error;    /* NULL: none */
    const char *ignore;
    const char *build_arg; /* NAME=VALUE */
    const char *target;
};

static void print_report(struct buf *out, const struct lint_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        const struct lint_finding *finding = &report->findings[i];
        buf_printf(out, "%s%s:%u: %.*s", i > 0 ? "\n" : "", lint_rules[finding->rule].name,
                   finding->line, STR_ARG(finding->message));
    }
    buf_append(out, "", 0);
}

static void collect_errors(struct buf *out, const struct error *error) {
    for (const struct error *each = error; each && each->code; each = each->next) {
        buf_printf(out, "%s%s", out->len > 0 ? "\n" : "", each->message);
        for (const struct error *cause = each->cause; cause; cause = cause->cause) {
            buf_printf(out, ": %s", cause->message);
        }
    }
}

static struct lint_options options_of(const struct row *row, struct lint_variable *variable,
                                      struct arena *arena) {
    struct lint_options options = {
        .is_every_stage = !row->target,
        .has_own_rules = true,
        .target = str_of(row->target),
        .build_platform = { STR("linux"), STR("amd64"), STR("") },
        .target_platform = { STR("linux"), STR("amd64"), STR("") },
        .world = { .base = find_base,
                   .is_reference = is_reference,
                   .parse_platform = parse_platform,
                   .file = look_at },
    };
    if (row->ignore) {
        struct ignore *ignore;
        assert_int_equal(ignore_parse(str_of(row->ignore), ".dockerignore", arena, &ignore, NULL),
                         0);
        options.ignore = ignore;
    }
    if (row->build_arg) {
        variable->value = str_of(row->build_arg);
        str_split(&variable->value, '=', &variable->name);
        options.build_args = variable;
        options.build_arg_count = 1;
    }
    return options;
}

static int expect(const char *source, const char *what, const struct buf *found,
                  const char *wanted) {
    const char *text = found->data ? found->data : "";
    if (!wanted || strcmp(text, wanted) == 0) {
        return 0;
    }
    print_message("%s: %s\n%s\nwanted\n%s\n", source, what, text, wanted);
    return 1;
}

static int check_row(const struct row *row) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf findings = BUF_INIT, errors = BUF_INIT;
    struct dockerfile *dockerfile = NULL;
    struct lint_variable variable;
    struct lint_report report;
    struct lint_options options = options_of(row, &variable, &arena);
    if (parser_parse(str_of(row->input), "Dockerfile", &arena, &dockerfile, &error) < 0) {
        options.is_partial = true;
        assert_int_equal(
            parser_parse_syntax(str_of(row->input), "Dockerfile", &arena, &dockerfile, NULL), 0);
    }
    lint_run(dockerfile, &options, &arena, &report);
    error_append(&error, &report.error);
    print_report(&findings, &report);
    collect_errors(&errors, &error);
    return expect(row->source, "findings", &findings, row->findings) +
           expect(row->source, "errors", &errors, row->error ? row->error : "");
}

static void check_rows(const struct row *rows, size_t count) {
    int failures = 0;
    for (size_t i = 0; i < count; i++) {
        failures += check_row(&rows[i]);
    }
    assert_int_equal(failures, 0);
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

#define JSON(line, name)                                                                           \
    "JSONArgsRecommended:" line ": JSON arguments recommended for " name                           \
    " to prevent unintended behavior related to OS signals"
#define MULTIPLE(line, name)                                                                       \
    "MultipleInstructionsDisallowed:" line ": Multiple " name                                      \
    " instructions should not be used in the same stage because only the last one will be used"
#define CASING(line, name, majority)                                                               \
    "ConsistentInstructionCasing:" line ": Command '" name                                         \
    "' should match the case of the command majority (" majority ")"
#define FROM_AS(line, as, from)                                                                    \
    "FromAsCasing:" line ": '" as "' and '" from "' keywords' casing do not match"
#define SECRET(line, what, key)                                                                    \
    "SecretsUsedInArgOrEnv:" line ": Do not use ARG or ENV instructions for sensitive data (" what \
    " \"" key "\")"
#define UNDEFINED(line, name) "UndefinedVar:" line ": Usage of undefined variable '$" name "'"
#define DEFAULT_ARG(line, text)                                                                    \
    "InvalidDefaultArgInFrom:" line ": Default value for ARG " text                                \
    " results in empty or invalid base image name"
#define CONSTANT(line, text)                                                                       \
    "FromPlatformFlagConstDisallowed:" line                                                        \
    ": FROM --platform flag should not use constant value \"" text "\""
#define REDUNDANT(line, text)                                                                      \
    "RedundantTargetPlatform:" line ": Setting platform to predefined " text                       \
    " in FROM is redundant as this is the default behavior"
#define LEGACY(line, name)                                                                         \
    "LegacyKeyValueFormat:" line ": \"" name                                                       \
    " key=value\" should be used instead of legacy \"" name " key value\" format"
#define IGNORED(line, verb, path)                                                                  \
    "CopyIgnoredFile:" line ": Attempting to " verb " file \"" path                                \
    "\" that is excluded by .dockerignore"
#define DESCRIPTION(line, what, name)                                                              \
    "InvalidDefinitionDescription:" line ": Comment for " what                                     \
    " should follow the format: `# " name " <description>`"
#define PORT(line, spec)                                                                           \
    "ExposeInvalidFormat:" line                                                                    \
    ": EXPOSE instruction should not define an IP address or host-port mapping, found '" spec "'"
#define PROTOCOL(line, spec)                                                                       \
    "ExposeProtoCasing:" line ": Defined protocol '" spec                                          \
    "' in EXPOSE instruction should be lowercase"
#define RELATIVE(line, path)                                                                       \
    "WorkdirRelativePath:" line ": Relative workdir \"" path                                       \
    "\" can have unexpected results if the base image changes"

static void test_examples(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "5.1", "FROM a As FooBar\n",
          FROM_AS("1", "As", "FROM") "\nStageNameCasing:1: Stage name 'FooBar' should be lowercase",
          NULL, NULL, NULL, NULL },
        { "5.2", "from a AS b\n", FROM_AS("1", "AS", "from"), NULL, NULL, NULL, NULL },
        { "5.3", "From a as b\n", CASING("1", "From", "uppercase"), NULL, NULL, NULL, NULL },
        { "5.4", "FROM a is b\n", FROM_AS("1", "is", "FROM"),
          "FROM requires either one or three arguments", NULL, NULL, NULL },
        { "5.5", "FROM a\nrun x\nrun y\n", CASING("1", "FROM", "lowercase"), NULL, NULL, NULL,
          NULL },
        { "5.6", "FROM a\nrun x\n", CASING("2", "run", "uppercase"), NULL, NULL, NULL, NULL },
        { "5.7", "FROM a\nCMD a\nCMD [\"b\"]\n", MULTIPLE("2", "CMD") "\n" JSON("2", "CMD"), NULL,
          NULL, NULL, NULL },
        { "5.8", "FROM a\nSHELL [\"bash\",\"-c\"]\nCMD a\n", "", NULL, NULL, NULL, NULL },
        { "5.9", "FROM a\nARG GITHUB_TOKEN\nENV PUBLIC_KEY=1\nENV PASSWORD_FILE=/x\nENV MONKEY=1\n",
          SECRET("2", "ARG", "GITHUB_TOKEN"), NULL, NULL, NULL, NULL },
        { "5.10", "FROM --platform=linux/amd64 a\nFROM --platform=linux/amd64 a AS b-amd64\n",
          CONSTANT("1", "linux/amd64"), NULL, NULL, NULL, NULL },
        { "5.11", "FROM --platform=$TARGETPLATFORM a\n", REDUNDANT("1", "$TARGETPLATFORM"), NULL,
          NULL, NULL, NULL },
        { "5.12", "ARG TAG\nFROM a:$TAG\n", DEFAULT_ARG("2", "a:$TAG"), NULL, NULL, NULL, NULL },
        { "5.12 given", "ARG TAG\nFROM a:$TAG\n", DEFAULT_ARG("2", "a:$TAG"), NULL, NULL, "TAG=1",
          NULL },
        { "5.13", "FROM a\nENV a b\n", LEGACY("2", "ENV"), NULL, NULL, NULL, NULL },
        { "5.14", "FROM a\nWORKDIR x\n", RELATIVE("2", "x"), NULL, NULL, NULL, NULL },
        { "5.15", "FROM a\nCOPY a/tmp/f /\n", IGNORED("2", "Copy", "a/tmp/f"), NULL, "*/tmp/*\n",
          NULL, NULL },
        { "5.16", "FROM a\nEXPOSE 127.0.0.1:80:80 53/UDP\n",
          PORT("2", "127.0.0.1:80:80") "\n" PROTOCOL("2", "53/UDP"), NULL, NULL, NULL, NULL },
        { "5.17", "# check=skip=all;error=true\nfrom a AS b\nCMD a\n", "", NULL, NULL, NULL, NULL },
        { "5.18", "FROM a\n\n# check=skip=JSONArgsRecommended\nCMD a\n", "", NULL, NULL, NULL,
          NULL },
        { "5.19", "# check=experimental=all\n# foo\n\nARG bar\nFROM a\n",
          DESCRIPTION("4", "ARG", "bar"), NULL, NULL, NULL, NULL },
        { "5.20", "# check=experimental=all\n# q\n#\nARG c\nFROM a\n", "", NULL, NULL, NULL, NULL },
        { "5.21", "# check=experimental=all\n# z\nARG d e\nFROM a\n",
          DESCRIPTION("3", "ARG", "<arg_key>"), NULL, NULL, NULL, NULL },
        { "5.22", "# check=foo\nFROM a\n", "",
          "failed to parse check options: invalid check option \"foo\"", NULL, NULL, NULL },
        { "5.23", "# check=skip=all;error=x\nFROM a\n", "",
          "failed to parse check options: failed to parse check option \"error=x\": "
          "strconv.ParseBool: parsing \"x\": invalid syntax",
          NULL, NULL, NULL },
    };
    CHECK_ROWS(rows);
}

static void test_settings(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "skip one", "# check=skip=JSONArgsRecommended, FromAsCasing\nFROM a as b\nCMD x\n", "",
          NULL, NULL, NULL, NULL },
        { "case of names counts", "# check=skip=fromascasing\nFROM a as b\n",
          FROM_AS("2", "as", "FROM"), NULL, NULL, NULL, NULL },
        { "unknown names are nothing", "# check=skip=Nothing\nFROM a\n", "", NULL, NULL, NULL,
          NULL },
        { "the argument replaces the directive", "# check=skip=all\nFROM a as b\n",
          FROM_AS("2", "as", "FROM"), NULL, NULL, "BUILDKIT_DOCKERFILE_CHECK=", NULL },
        { "the argument", "FROM a as b\n", "", NULL, NULL, "BUILDKIT_DOCKERFILE_CHECK=skip=all",
          NULL },
        { "the argument is wrong", "FROM a\n", "",
          "failed to parse check options: invalid check option \"x\"", NULL,
          "BUILDKIT_DOCKERFILE_CHECK=x", NULL },
        { "skip=all does not touch what is experimental",
          "# check=skip=all;experimental=InvalidDefinitionDescription\n# z\nARG d\nFROM a\n",
          DESCRIPTION("3", "ARG", "d"), NULL, NULL, NULL, NULL },
        { "experimental rules are off", "# z\nFROM a AS b\n", "", NULL, NULL, NULL, NULL },
        { "for one FROM", "FROM a\n# check=skip=FromAsCasing\nFROM a as b\nFROM a as c\n",
          FROM_AS("4", "as", "FROM"), NULL, NULL, NULL, NULL },
        { "for one instruction only", "FROM a\n# check=skip=all\nENV a b\nENV c d\n",
          LEGACY("4", "ENV"), NULL, NULL, NULL, NULL },
        { "spaces end it", "FROM a\n# check=skip=LegacyKeyValueFormat, B\nENV a b\n",
          LEGACY("3", "ENV"), NULL, NULL, NULL, NULL },
        { "our own are skipped by name", "# check=skip=AddOfPlainFile\nFROM a\nADD x.txt /\n", "",
          NULL, NULL, NULL, NULL },
    };
    CHECK_ROWS(rows);
}

static void test_names_and_casing(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "lower-case name", "FROM a AS b\n", "", NULL, NULL, NULL, NULL },
        { "mixed FROM has no AS", "From a As b\n", CASING("1", "From", "uppercase"), NULL, NULL,
          NULL, NULL },
        { "all lower", "from a as b\nrun x\n", "", NULL, NULL, NULL, NULL },
        { "a global ARG has no case", "arg x=1\nFROM a\nRUN x\n", "", NULL, NULL, NULL, NULL },
        { "mixed names are not counted", "FROM a\nRun x\nrun y\nrun z\n",
          CASING("1", "FROM", "lowercase") "\n" CASING("2", "Run", "lowercase"), NULL, NULL, NULL,
          NULL },
        { "duplicate", "FROM a AS b\nFROM a AS B\n",
          "StageNameCasing:2: Stage name 'B' should be lowercase\n"
          "DuplicateStageName:2: Duplicate stage name \"b\", stage names should be unique",
          NULL, NULL, NULL, NULL },
        { "reserved", "FROM a AS scratch\nFROM a AS context\n",
          "ReservedStageName:1: Stage name should not use the same name as reserved stage "
          "\"scratch\"\n"
          "ReservedStageName:2: Stage name should not use the same name as reserved stage "
          "\"context\"",
          NULL, NULL, NULL, NULL },
        { "blank line", "FROM a\nRUN x \\\n\n  y\nRUN z\n",
          "NoEmptyContinuation:4: Empty continuation line", NULL, NULL, NULL, NULL },
        { "a comment is no blank line", "FROM a\nRUN x \\\n  # c\n  y\n", "", NULL, NULL, NULL,
          NULL },
        { "maintainer", "FROM a\nMAINTAINER me\n",
          "MaintainerDeprecated:2: Maintainer instruction is deprecated in favor of using label",
          NULL, NULL, NULL, NULL },
        { "description of a stage", "# check=experimental=all\n# b is it\nFROM a AS b\n", "", NULL,
          NULL, NULL, NULL },
        { "wrong description of a stage", "# check=experimental=all\n# is it\nFROM a AS B\n",
          "InvalidDefinitionDescription:3: Comment for FROM should follow the format: `# b "
          "<description>`\nStageNameCasing:3: Stage name 'B' should be lowercase",
          NULL, NULL, NULL, NULL },
        { "the last comment counts", "# check=experimental=all\n# y\n# x it\nARG x\nFROM a\n", "",
          NULL, NULL, NULL, NULL },
    };
    CHECK_ROWS(rows);
}

static void test_from(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "undeclared", "FROM a:${TAG:-x}$nope\n",
          "UndefinedArgInFrom:1: FROM argument 'nope' is not declared", NULL, NULL, NULL, NULL },
        { "declared without a value", "ARG V\nFROM a$V\n", "", NULL, NULL, NULL, NULL },
        { "automatic", "FROM --platform=$BUILDPLATFORM a\n", "", NULL, NULL, NULL, NULL },
        { "near", "ARG VERSION=1\nFROM a:$VERSIN\n",
          "UndefinedArgInFrom:2: FROM argument 'VERSIN' is not declared (did you mean "
          "VERSION?)\n" DEFAULT_ARG("2", "a:$VERSIN"),
          NULL, NULL, NULL, NULL },
        { "near, automatic", "FROM --platform=$BUILDPLATFOR a\n",
          "UndefinedArgInFrom:1: FROM argument 'BUILDPLATFOR' is not declared (did you mean "
          "BUILDPLATFORM?)",
          "empty platform value from expression $BUILDPLATFOR", NULL, NULL, NULL },
        { "blank", "FROM $x\n",
          "UndefinedArgInFrom:1: FROM argument 'x' is not declared\n" DEFAULT_ARG("1", "$x"),
          "base name ($x) should not be blank", NULL, NULL, NULL },
        { "braces", "FROM --platform=${TARGETPLATFORM} a\n", REDUNDANT("1", "${TARGETPLATFORM}"),
          NULL, NULL, NULL, NULL },
        { "not alone", "FROM --platform=$TARGETOS/$TARGETARCH a\n", "", NULL, NULL, NULL, NULL },
        { "constant in a variable", "ARG P=linux/amd64\nFROM --platform=$P a\n", "", NULL, NULL,
          NULL, NULL },
        { "the system in the name", "FROM --platform=linux/arm64 arm AS linux-x\n", "", NULL, NULL,
          NULL, NULL },
        { "not a platform", "FROM --platform=\"a b\" a\n", "", "failed to parse platform a b", NULL,
          NULL, NULL },
        { "other platform", "FROM arm\n",
          "InvalidBaseImagePlatform:1: Base image arm was pulled with platform \"linux/arm64\", "
          "expected \"linux/amd64\" for current build",
          NULL, NULL, NULL, NULL },
        { "asked for", "FROM --platform=linux/arm64 arm AS x-arm64\n", "", NULL, NULL, NULL, NULL },
        { "no argument, no rule", "FROM A\n", "", NULL, NULL, NULL, NULL },
        { "default", "ARG T=1\nFROM a:$T\n", "", NULL, NULL, NULL, NULL },
        { "wrong argument", "ARG T=1\nFROM a:$T\n", "", NULL, NULL, "T=2", NULL },
        { "required argument", "ARG T=${X:?no}\nFROM a\n", "",
          "failed to process \"${X:?no}\": X: no", NULL, NULL, NULL },
        { "required argument given", "ARG T=${X:?no}\nFROM a\n", "", NULL, NULL, "T=2", NULL },
        { "every stage", "FROM a\nCMD x\nFROM a\n", JSON("2", "CMD"), NULL, NULL, NULL, NULL },
        { "only what the target needs",
          "FROM a AS x\nCMD x\nFROM a AS y\nCMD y\nFROM a AS z\nCMD z\nFROM y AS t\nCOPY --from=2 "
          ". /\n",
          JSON("4", "CMD") "\n" JSON("6", "CMD"), NULL, NULL, NULL, "t" },
        { "no such target", "FROM a\n", "", "target stage \"t\" could not be found", NULL, NULL,
          "t" },
    };
    CHECK_ROWS(rows);
}

static void test_variables(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "undefined", "FROM a\nCOPY $x /\n", UNDEFINED("2", "x"), NULL, NULL, NULL, NULL },
        { "once an instruction", "FROM a\nCOPY $x $x /\n", UNDEFINED("2", "x"), NULL, NULL, NULL,
          NULL },
        { "with a default", "FROM a\nCOPY ${x:-f} /\n", "", NULL, NULL, NULL, NULL },
        { "declared", "FROM a\nARG x\nCOPY f$x /\n", "", NULL, NULL, NULL, NULL },
        { "global only", "ARG x=1\nFROM a\nCOPY f$x /\n", UNDEFINED("3", "x"), NULL, NULL, NULL,
          NULL },
        { "of the base", "FROM a\nENV x=$NODE_VERSION:$PATH\n", "", NULL, NULL, NULL, NULL },
        { "near", "FROM a\nENV x=$NODE_VERSON\n",
          UNDEFINED("2", "NODE_VERSON") " (did you mean $NODE_VERSION?)", NULL, NULL, NULL, NULL },
        { "case counts", "FROM a\nARG foo\nENV x=$FOO\n", UNDEFINED("3", "FOO"), NULL, NULL, NULL,
          NULL },
        { "scratch has a PATH", "FROM scratch\nENV x=$PATH y=$HOME\n", UNDEFINED("2", "HOME"), NULL,
          NULL, NULL, NULL },
        { "of the parent stage", "FROM a AS p\nARG q=1\nFROM p\nENV x=$q\n", "", NULL, NULL, NULL,
          NULL },
        { "not of a sibling", "FROM a AS p\nARG q=1\nFROM a\nENV x=$q\n", UNDEFINED("4", "q"), NULL,
          NULL, NULL, NULL },
        { "not in RUN, CMD, SHELL", "FROM a\nRUN $x\nCMD [\"$x\"]\n", "", NULL, NULL, NULL, NULL },
        { "in an unquoted heredoc", "FROM a\nCOPY <<E /f\n$x\nE\nCOPY <<\"E\" /f\n$y\nE\n",
          UNDEFINED("2", "x"), NULL, NULL, NULL, NULL },
        { "in a mount", "FROM a\nRUN --mount=type=cache,target=$x y\n", UNDEFINED("2", "x"), NULL,
          NULL, NULL, NULL },
        { "itself", "FROM a\nENV x=$x\n", UNDEFINED("2", "x"), NULL, NULL, NULL, NULL },
        { "default of ARG", "FROM a\nARG x=$y\n", UNDEFINED("2", "y"), NULL, NULL, NULL, NULL },
        { "ARG given", "FROM a\nARG x=$y\n", "", NULL, NULL, "x=1", NULL },
        { "earlier name of the same ARG", "FROM a\nARG x=1 y=$x\n", "", NULL, NULL, NULL, NULL },
        { "unknown base: anything may be set", "FROM unknown\nENV x=$JAVA_HOME\n", "", NULL, NULL,
          NULL, NULL },
        { "unknown base: a slip", "FROM unknown\nARG VERSION=1\nENV x=$VERSOIN\n",
          UNDEFINED("3", "VERSOIN") " (did you mean $VERSION?)", NULL, NULL, NULL, NULL },
        { "unknown base: another name", "FROM unknown\nARG NPM_VERSION=1\nENV x=$NVM_VERSION\n", "",
          NULL, NULL, NULL, NULL },
        { "unknown base: a number", "FROM unknown\nARG MIRROR=1\nENV x=$MIRROR2\n", "", NULL, NULL,
          NULL, NULL },
        { "unknown base: required", "FROM unknown\nENV x=${y:?no}\n", "", NULL, NULL, NULL, NULL },
        { "required", "FROM a\nENV x=${y:?no}\n", "", "failed to process \"${y:?no}\": y: no", NULL,
          NULL, NULL },
        { "bad substitution", "FROM unknown\nENV x=${}\nENV y=${}\n", "",
          "failed to process \"${}\": syntax error: bad substitution\n"
          "failed to process \"${}\": syntax error: bad substitution",
          NULL, NULL, NULL },
        { "triggers of the base", "FROM trigger\n", UNDEFINED("1", "nope") "\n" LEGACY("1", "ENV"),
          NULL, NULL, NULL, NULL },
        { "triggers of a stage", "FROM a AS b\nONBUILD ENV a b\nFROM b\n", LEGACY("3", "ENV"), NULL,
          NULL, NULL, NULL },
        { "the escape", "# escape=`\nFROM a\nENV x=`$y z=\\$q\n", UNDEFINED("3", "q"), NULL, NULL,
          NULL, NULL },
    };
    CHECK_ROWS(rows);
}

static void test_instructions(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "SHELL of the base", "FROM shell\nCMD a\n", "", NULL, NULL, NULL, NULL },
        { "SHELL of the parent", "FROM a AS p\nSHELL [\"x\"]\nFROM p\nENTRYPOINT a\n", "", NULL,
          NULL, NULL, NULL },
        { "as written", "from a\nentrypoint a\n", JSON("2", "entrypoint"), NULL, NULL, NULL, NULL },
        { "JSON", "FROM a\nCMD [\"a\"]\nENTRYPOINT []\n", "", NULL, NULL, NULL, NULL },
        { "three", "FROM a\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\nENTRYPOINT [\"c\"]\n",
          MULTIPLE("2", "ENTRYPOINT") "\n" MULTIPLE("3", "ENTRYPOINT"), NULL, NULL, NULL, NULL },
        { "healthcheck", "FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD x\n",
          MULTIPLE("2", "HEALTHCHECK"), NULL, NULL, NULL, NULL },
        { "one a stage", "FROM a AS b\nCMD [\"a\"]\nFROM b\nCMD [\"b\"]\n", "", NULL, NULL, NULL,
          NULL },
        { "label", "FROM a\nLABEL a b\nLABEL a=b c=d\n", LEGACY("2", "LABEL"), NULL, NULL, NULL,
          NULL },
        { "absolute first", "FROM a\nWORKDIR /x\nWORKDIR y\n", "", NULL, NULL, NULL, NULL },
        { "only the first", "FROM a\nWORKDIR x\nWORKDIR y\n", RELATIVE("2", "x"), NULL, NULL, NULL,
          NULL },
        { "of the parent", "FROM a AS b\nWORKDIR /x\nFROM b\nWORKDIR y\n", "", NULL, NULL, NULL,
          NULL },
        { "secrets in ENV", "FROM a\nENV db_password=x AUTH=1 KEYS=1 TOKEN_VERSION=1 MY_APIKEY=2\n",
          SECRET("2", "ENV", "db_password") "\n" SECRET("2", "ENV", "AUTH") "\n" SECRET(
              "2", "ENV", "MY_APIKEY"),
          NULL, NULL, NULL, NULL },
        { "global ARG", "ARG TOKEN\nFROM a\n", "", NULL, NULL, NULL, NULL },
        { "ports", "FROM a\nARG P=\"1/TCP 2\"\nEXPOSE 80 443/tcp $P 1:2\n",
          PROTOCOL("3", "1/TCP") "\n" PORT("3", "1:2"), NULL, NULL, NULL, NULL },
        { "index out of range", "FROM a\nCOPY --from=7 x /\n", "", "invalid stage index 7", NULL,
          NULL, NULL },
        { "itself", "FROM a AS b\nCOPY --from=b x /\n", "",
          "circular dependency detected on stage: b", NULL, NULL, NULL },
        { "later stage", "FROM a AS b\nCOPY --from=c x /\nFROM a AS c\n", "",
          "cannot copy from stage \"c\", it needs to be defined before current stage \"b\"", NULL,
          NULL, NULL },
    };
    CHECK_ROWS(rows);
}

static void test_ignored(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "not ignored", "FROM a\nCOPY x /\n", "", NULL, "y\n", NULL, NULL },
        { "no ignore file", "FROM a\nCOPY x /\n", "", NULL, NULL, NULL, NULL },
        { "cleaned, from the root", "FROM a\nCOPY /x/../y /\n", IGNORED("2", "Copy", "/y"), NULL,
          "y\n", NULL, NULL },
        { "below a directory", "FROM a\nADD x/y.gz /\n", IGNORED("2", "Add", "x/y.gz"), NULL, "x\n",
          NULL, NULL },
        { "an exclusion: nothing is certain", "FROM a\nCOPY x /\n", "", NULL, "x\n!z\n", NULL,
          NULL },
        { "everything", "FROM a\nCOPY . /\n", IGNORED("2", "Copy", "."), NULL, "*\n", NULL, NULL },
        { "everything but", "FROM a\nCOPY . /\n", "", NULL, "x\n**/y\n", NULL, NULL },
        { "of a stage, a URL", "FROM a AS b\nFROM a\nCOPY --from=b x /\nADD https://e/x /\n", "",
          NULL, "*\n", NULL, NULL },
        { "unknown variable", "FROM unknown\nCOPY $x/y /\n", "", NULL, "y\n/y\n", NULL, NULL },
    };
    CHECK_ROWS(rows);
}

#define MALFORMED(line, name)                                                                      \
    "MalformedJSON:" line ": The arguments of " name                                               \
    " look like a JSON array but are none, and are taken as plain text"
#define PLAIN_ADD(line)                                                                            \
    "AddOfPlainFile:" line ": ADD of what is no archive and no URL does what COPY does"
#define UPDATE(line)                                                                               \
    "AptGetUpdateAlone:" line                                                                      \
    ": The package lists of this RUN are cached for good: a later `install` finds old ones"
#define CD(line)                                                                                   \
    "CdAtEndOfRun:" line                                                                           \
    ": The `cd` at the end of this RUN has no effect: every instruction begins in the WORKDIR"

static void test_own(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "single quotes", "FROM a\nRUN ['a', 'b']\n", MALFORMED("2", "RUN"), NULL, NULL, NULL,
          NULL },
        { "text behind", "FROM a\nCMD [\"a\"] b\n", JSON("2", "CMD"), NULL, NULL, NULL, NULL },
        { "text behind, in another shell", "FROM a\nSHELL [\"x\"]\nCMD [\"a\"] b\n",
          MALFORMED("3", "CMD"), NULL, NULL, NULL, NULL },
        { "final comma, the other rule off",
          "# check=skip=JSONArgsRecommended\nFROM a\nCMD [\"a\",]\n", MALFORMED("3", "CMD"), NULL,
          NULL, NULL, NULL },
        { "final comma", "FROM a\nENTRYPOINT [ \"a\", ]\n", JSON("2", "ENTRYPOINT"), NULL, NULL,
          NULL, NULL },
        { "healthcheck", "FROM a\nHEALTHCHECK CMD ['a']\n", MALFORMED("2", "HEALTHCHECK"), NULL,
          NULL, NULL, NULL },
        { "copy", "FROM a\nCOPY ['a', 'b']\n", MALFORMED("2", "COPY"), NULL, NULL, NULL, NULL },
        { "the shell's test",
          "FROM a\nRUN [ \"$x\" = y ] && z\nRUN [ -f x ]\nRUN [[ a == b ]]\nRUN [ \"x\" ]\n", "",
          NULL, NULL, NULL, NULL },
        { "plain files", "FROM a\nADD a.txt b/c.conf /x/\n", PLAIN_ADD("2"), NULL, NULL, NULL,
          NULL },
        { "directories", "FROM a\nADD . /x\nadd dir/ /y\n",
          PLAIN_ADD("2") "\n" CASING("3", "add", "uppercase") "\n" PLAIN_ADD("3"), NULL, NULL, NULL,
          NULL },
        { "archives",
          "FROM a\nADD a.tar.gz /\nADD x.TGZ /\nADD rootfs /\nADD a.tar* /\nADD a.txt b.tar /\n"
          "ADD a.tar/ /\nADD a.gem b.ova /\nADD seen/archive.txt /\n",
          "", NULL, NULL, NULL, NULL },
        { "the file decides", "FROM a\nADD seen/x.gem seen/y a.txt /x/\n", PLAIN_ADD("2"), NULL,
          NULL, NULL, NULL },
        { "URLs", "FROM a\nADD https://e/x.txt /\nADD git@e:x.git /\n", "", NULL, NULL, NULL,
          NULL },
        { "flags of ADD", "FROM a\nADD --unpack=true a.txt /\n", "", NULL, NULL, NULL, NULL },
        { "update", "FROM a\nRUN apt-get update\nRUN apt-get -qq update -y\n",
          UPDATE("2") "\n" UPDATE("3"), NULL, NULL, NULL, NULL },
        { "update with a variable", "FROM a\nRUN DEBIAN_FRONTEND=noninteractive apt update\n",
          UPDATE("2"), NULL, NULL, NULL, NULL },
        { "update and install",
          "FROM a\nRUN apt-get update && apt-get install -y x\nRUN apt-get install x\n"
          "RUN --mount=type=cache,target=/var/lib/apt apt-get update\nRUN apt-get update x\n",
          "", NULL, NULL, NULL, NULL },
        { "cd", "FROM a\nRUN cd /x\nRUN make && cd $HOME/y\nRUN a; \\\n  cd ${b}c\n",
          CD("2") "\n" CD("3") "\n" CD("4"), NULL, NULL, NULL, NULL },
        { "cd and more",
          "FROM a\nRUN cd /x && make\nRUN sh -c 'a; cd /b'\nRUN (a; cd b)\nRUN a # b; cd c\n"
          "RUN cd\nRUN cd a b\nRUN abcd x\nRUN echo && echo cd x\n",
          "", NULL, NULL, NULL, NULL },
        { "another shell", "FROM a\nSHELL [\"python\"]\nRUN cd /x\n", "", NULL, NULL, NULL, NULL },
    };
    CHECK_ROWS(rows);
}

/* ---- fixes --------------------------------------------------------------------------------------------- */

struct fix_row {
    const char *rule;
    const char *input;
    const char *output; /* NULL: left as it is */
};

/* All rounds; the result in ARENA. */
static struct str fix(struct str text, struct arena *arena) {
    for (int round = 0; round < 10; round++) {
        static const struct row every_stage = { .source = "fix" };
        struct lint_options options = options_of(&every_stage, NULL, arena);
        struct dockerfile *before, *after;
        struct lint_report report;
        _cleanup_buf_ struct buf out = BUF_INIT;
        assert_int_equal(parser_parse(text, "Dockerfile", arena, &before, NULL), 0);
        lint_run(before, &options, arena, &report);
        error_clear(&report.error);
        bool *applied = arena_array(arena, report.count, sizeof(*applied));
        if (lint_apply(&report, text, &out, applied) == 0) {
            assert_true(str_equal(buf_str(&out), text));
            return text;
        }
        text = str_copy(arena, buf_str(&out));
        assert_int_equal(parser_parse(text, "Dockerfile", arena, &after, NULL), 0);
        assert_true(lint_is_same(before, after));
    }
    fail_msg("the fixes never end");
    return text;
}

static void test_fixes(void **state) {
    (void)state;
    static const struct fix_row rows[] = {
        { "StageNameCasing",
          "FROM a AS Foo\nFROM Foo\nCOPY --from=FOO a /\nRUN --mount=type=bind,from=Foo,target=/x "
          "y\n",
          "FROM a AS foo\nFROM foo\nCOPY --from=foo a /\nRUN "
          "--mount=type=bind,from=foo,target=/x y\n" },
        { "StageNameCasing, a path like it",
          "FROM a AS B\nFROM c\nRUN --mount=type=bind,target=/from=B,from=B x\n"
          "RUN --mount=from=B,target=/x --mount=from=B,target=/y x\n",
          "FROM a AS b\nFROM c\nRUN --mount=type=bind,target=/from=B,from=b x\n"
          "RUN --mount=from=b,target=/x --mount=from=b,target=/y x\n" },
        { "StageNameCasing, twice", "FROM a AS B\nFROM c AS B\nFROM B\n",
          "FROM a AS b\nFROM c AS b\nFROM b\n" },
        { "FromAsCasing", "FROM a as b\n", "FROM a AS b\n" },
        { "FromAsCasing, after its FROM", "from a As b\nRUN x\nRUN y\n",
          "FROM a AS b\nRUN x\nRUN y\n" },
        { "NoEmptyContinuation", "FROM a\nRUN x \\\n\n  \t\n# c\n\n  y <<E\n\nz\nE\n",
          "FROM a\nRUN x \\\n# c\n  y <<E\n\nz\nE\n" },
        { "ConsistentInstructionCasing", "FROM a\nrun x\nCopy y /\n", "FROM a\nRUN x\nCOPY y /\n" },
        { "JSONArgsRecommended, what the base has is not known", "FROM unknown\nCMD a -b c=d\n",
          NULL },
        { "JSONArgsRecommended", "FROM a\nCMD a -b c=d\n",
          "FROM a\nCMD [\"a\", \"-b\", \"c=d\"]\n" },
        { "a shell is needed", "FROM a\nCMD a && b\n", NULL },
        { "a variable", "FROM a\nCMD a $b\n", NULL },
        { "an assignment", "FROM a\nCMD a=b c\n", NULL },
        { "a word of the shell", "FROM a\nENTRYPOINT exec a\n", NULL },
        { "the other one depends on it", "FROM a\nENTRYPOINT a\nCMD b\n", NULL },
        { "the parent's ENTRYPOINT", "FROM a AS b\nENTRYPOINT [\"a\"]\nFROM b\nCMD c\n", NULL },
        { "MaintainerDeprecated", "from a\nmaintainer a \"b\" $c \\d\n",
          "from a\nlabel org.opencontainers.image.authors=\"a \\\"b\\\" \\$c \\\\d\"\n" },
        { "MaintainerDeprecated, other escape", "# escape=`\nFROM a\nMAINTAINER \"a\" `b\n",
          "# escape=`\nFROM a\nLABEL org.opencontainers.image.authors=\"`\"a`\" ``b\"\n" },
        { "MaintainerDeprecated, a comment in it", "FROM a\nMAINTAINER a \\\n# b\n c\n", NULL },
        { "LegacyKeyValueFormat", "FROM a\nENV a   b c  $PATH\nLABEL d e\n",
          "FROM a\nENV a=\"b c  $PATH\"\nLABEL d=e\n" },
        { "quotes say something", "FROM a\nENV a \"b\" c\n", NULL },
        { "an escape says something", "FROM a\nENV a b\\ c\n", NULL },
        { "a continued line", "FROM a\nENV a \\\n b c\n", NULL },
        { "RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM  a\n", "FROM a\n" },
        { "ExposeProtoCasing", "FROM a\nENV p=1/TCP\nEXPOSE 53/UDP $p\n",
          "FROM a\nENV p=1/TCP\nEXPOSE 53/udp $p\n" },
        { "AddOfPlainFile", "FROM a\nADD --chown=1 seen/a /\n",
          "FROM a\nCOPY --chown=1 seen/a /\n" },
        { "a file that is not there", "FROM a\nADD a.txt /\nADD seen/a b.txt /\n", NULL },
        { "two at one place", "FROM a\nadd seen/a /\n", "FROM a\nCOPY seen/a /\n" },
        { "CRLF", "FROM a as b\r\nENV a b\r\n", "FROM a AS b\r\nENV a=b\r\n" },
        { "nothing that takes a decision",
          "FROM a\nWORKDIR x\nCMD [\"a\"]\nCMD [\"b\"]\nARG TOKEN\nEXPOSE 1:2\nCOPY $z /\n", NULL },
        { "a trigger of the base", "FROM trigger\n", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct str fixed = fix(str_of(rows[i].input), &arena);
        const char *wanted = rows[i].output ? rows[i].output : rows[i].input;
        if (!str_equal_c(fixed, wanted)) {
            fail_msg("%s: %.*s\nwanted: %s", rows[i].rule, STR_ARG(fixed), wanted);
        }
    }
}

/* What no fix may do. */
static void test_a_fix_that_changes_something(void **state) {
    (void)state;
    static const struct {
        const char *before, *after;
        bool is_same;
    } rows[] = {
        { "FROM --platform=$TARGETPLATFORM a", "FROM a", true },
        { "FROM --platform=$TARGETPLATFORM a", "FROM --platform=linux/arm64 a", false },
        { "FROM a\nCOPY --from=B x y", "FROM a\nCOPY --from=b x y", true },
        { "FROM a\nCOPY --from=b x y", "FROM a\nCOPY --from=c x y", false },
        { "FROM a\nCOPY --chown=1 --chmod=1 x y", "FROM a\nCOPY --chown=1 --chmod=2 x y", false },
        { "FROM a\nADD --chown=1 x y", "FROM a\nCOPY --chown=1 x y", true },
        { "FROM a\nADD --chown=1 x y", "FROM a\nCOPY x y", false },
        { "FROM a\nRUN --mount=from=B,target=/x y", "FROM a\nRUN --mount=from=b,target=/x y",
          true },
        { "FROM a\nRUN --network=none y", "FROM a\nRUN --network=host y", false },
        { "FROM a\nRUN y", "FROM a\nRUN --network=host y", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct dockerfile *before, *after;
        assert_int_equal(parser_parse(str_of(rows[i].before), "before", &arena, &before, NULL), 0);
        assert_int_equal(parser_parse(str_of(rows[i].after), "after", &arena, &after, NULL), 0);
        if (lint_is_same(before, after) != rows[i].is_same) {
            fail_msg("%s\n%s", rows[i].before, rows[i].after);
        }
    }
}

static void test_fatal(void **state) {
    (void)state;
    static const struct {
        const char *input;
        const char *error;
    } rows[] = {
        { "FROM a as b\n", NULL },
        { "# check=error=true\nFROM a\n", NULL },
        { "# check=error=true\nFROM a as b\nCMD x\nFROM a as c\n",
          "lint violation found for rules: FromAsCasing, JSONArgsRecommended" },
        { "# check=error=false\nFROM a as b\n", NULL },
        { "# check=error=true\nFROM a\nADD a.txt /\n", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        static const struct row every_stage = { .source = "fatal" };
        struct lint_options options = options_of(&every_stage, NULL, &arena);
        struct dockerfile *dockerfile;
        struct lint_report report;
        assert_int_equal(
            parser_parse(str_of(rows[i].input), "Dockerfile", &arena, &dockerfile, NULL), 0);
        lint_run(dockerfile, &options, &arena, &report);
        assert_int_equal(lint_check_fatal(&report, &error), rows[i].error ? -1 : 0);
        if (rows[i].error) {
            assert_string_equal(error.message, rows[i].error);
        }
    }
}

/* Whatever a file says, looking at it takes time and memory in proportion. */
static void test_hostile(void **state) {
    (void)state;
    _cleanup_buf_ struct buf chain = BUF_INIT, doubling = BUF_INIT, names = BUF_INIT;
    buf_append_c(&chain, "FROM unknown AS s0\n");
    for (int i = 1; i < 5000; i++) {
        buf_printf(&chain, "FROM s%d AS s%d\nENV x=$y%d\n", i - 1, i, i);
    }
    buf_append_c(&doubling, "FROM scratch\nENV a=0123456789\n");
    for (int i = 0; i < 60; i++) {
        buf_append_c(&doubling, "ENV a=$a$a b=$a\n");
    }
    buf_append_c(&names, "FROM scratch\n");
    for (int i = 0; i < 5000; i++) {
        buf_printf(&names, "ARG name%d=$nome%d\n", i, i);
    }
    const struct buf *const inputs[] = { &chain, &doubling, &names };
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        static const struct row every_stage = { .source = "hostile" };
        struct lint_options options = options_of(&every_stage, NULL, &arena);
        struct dockerfile *dockerfile;
        struct lint_report report;
        assert_int_equal(parser_parse(buf_str(inputs[i]), "Dockerfile", &arena, &dockerfile, NULL),
                         0);
        lint_run(dockerfile, &options, &arena, &report);
        error_clear(&report.error);
        assert_true(arena.allocated < (size_t)256 << 20);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_names_and_casing),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_fixes),
        cmocka_unit_test(test_a_fix_that_changes_something),
        cmocka_unit_test(test_fatal),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
