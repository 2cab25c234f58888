/* The rules of the Dockerfile language, row by row. `source` names the section of the Dockerfile rules a row is
 * from ("8.12": row 12 of the tricky inputs). */
#include "parser/dump.h"
#include "parser/heredoc.h"
#include "parser/parser.h"
#include "parser/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
    const char *source;
    const char *input;
    const char *dump;  /* of the grammar alone; NULL: not looked at */
    const char *error; /* of grammar and checks; NULL: none; a final `…` makes it a prefix */
};

static bool is_same_message(const char *expected, const char *found) {
    size_t len = strlen(expected);
    if (len > 3 && strcmp(expected + len - 3, "…") == 0) {
        return strncmp(expected, found, len - 3) == 0;
    }
    return strcmp(expected, found) == 0;
}

static int check_row(const struct row *row) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf dump = BUF_INIT;
    struct dockerfile *dockerfile = NULL;
    int failures = 0;
    /* An exact-size copy without a NUL, for the sanitizer to watch its end. */
    size_t len = strlen(row->input);
    _cleanup_free_ char *copy = xmalloc(len > 0 ? len : 1);
    memcpy(copy, row->input, len);
    struct str source = str_make(copy, len);

    if (row->dump && parser_parse_syntax(source, "Dockerfile", &arena, &dockerfile, &error) == 0) {
        dump_sexpr(&dump, dockerfile);
        if (!str_equal_c(buf_str(&dump), row->dump)) {
            print_error("%s: dump\n%swanted\n%s\n", row->source, dump.data, row->dump);
            failures++;
        }
    } else if (row->dump) {
        print_error("%s: no dump: %s\n", row->source, error.message);
        failures++;
    }
    error_clear(&error);
    int result = parser_parse(source, "Dockerfile", &arena, &dockerfile, &error);
    const char *found = result < 0 ? error.message : "no error";
    if (!is_same_message(row->error ? row->error : "no error", found)) {
        print_error("%s: %s\nwanted: %s\n", row->source, found,
                    row->error ? row->error : "no error");
        failures++;
    }
    if (result < 0 && (!error.place.file || error.code != ERROR_INPUT)) {
        print_error("%s: error without a place\n", row->source);
        failures++;
    }
    return failures;
}

static void check_rows(const struct row *rows, size_t count) {
    int failures = 0;
    for (size_t i = 0; i < count; i++) {
        failures += check_row(&rows[i]);
    }
    assert_int_equal(failures, 0);
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

#define F "FROM a\n"
#define DF "(from \"a\")\n"

static void test_tricky_inputs(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "8.1", F "RUN x \\\n  y", DF "(run \"x   y\")\n", NULL },
        { "8.2", F "RUN x\\\ny", DF "(run \"xy\")\n", NULL },
        { "8.3", F "RUN x \\\n\n\nRUN y", DF "(run \"x RUN y\")\n", NULL },
        { "8.4", F "RUN x \\\n# c\n\n  # d\n y", DF "(run \"x  y\")\n", NULL },
        { "8.5", F "RUN x \\\\\n  y", DF "(run \"x \\\\\\\\\")\n(y \"\")\n",
          "unknown instruction: y" },
        { "8.6", F "RUN x \\\\\\\n y", DF "(run \"x \\\\\\\\\\\\\")\n(y \"\")\n",
          "unknown instruction: y" },
        { "8.7", F "RUN x \\", DF "(run \"x\")\n", NULL },
        { "8.8", "\\\nFROM a", "(from \"a\")\n", NULL },
        { "8.9", "# foo=bar\n# escape=`\nFROM a\nRUN x \\\ny", "(from \"a\")\n(run \"x y\")\n",
          NULL },
        { "8.10", "\n# escape=`\nFROM a\nRUN x \\\ny", "(from \"a\")\n(run \"x y\")\n", NULL },
        { "8.11", "# escape=\\\n# escape=`\n" F, NULL,
          "only one escape parser directive can be used" },
        { "8.12", "#!x\n# escape=`\nFROM a\nRUN x \\\ny", "(from \"a\")\n(run \"x y\")\n", NULL },
        { "8.13", "# ESCAPE = ` \nFROM a\nRUN x `\ny\nRUN x \\\n",
          "(from \"a\")\n(run \"x y\")\n(run \"x \\\\\")\n", NULL },
        { "8.14", "FROM a\rRUN b\r", "(from \"a\" \"RUN\" \"b\")\n",
          "FROM requires either one or three arguments" },
        { "8.15", F "RUN [\"a\", 1]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "8.16", F "RUN [\"a\" \"b\"]", DF "(run \"[\\\"a\\\" \\\"b\\\"]\")\n", NULL },
        { "8.17", F "RUN [\"a\"] extra", DF "(run \"[\\\"a\\\"] extra\")\n", NULL },
        { "8.18", F "RUN [\"a\",]", DF "(run \"[\\\"a\\\",]\")\n", NULL },
        { "8.19", F "COPY ['a', 'b']", DF "(copy \"['a',\" \"'b']\")\n", NULL },
        { "8.20", F "RUN []", DF "(run)\n", "arguments are required" },
        { "8.21", F "CMD [\"a\", \\\n \"b\"]", DF "(cmd \"a\" \"b\")\n", NULL },
        { "8.22", F "RUN [\"\\u0041\\n\\\"\", \"\\ud83d\\ude00\"]", DF "(run \"A\\n\\\"\" \"😀\")\n",
          NULL },
        { "8.23", F "RUN --mount=type=bind   --network=none  echo --foo",
          DF "(run [\"--mount=type=bind\" \"--network=none\"] \"echo --foo\")\n", NULL },
        { "8.24", F "RUN --a=b -- --foo bar", DF "(run [\"--a=b\"] \"--foo bar\")\n",
          "unknown flag: --a" },
        { "8.25", F "RUN --", DF "(run)\n", NULL },
        { "8.26", F "CMD --foo x", DF "(cmd [\"--foo\"] \"x\")\n", "unknown flag: --foo" },
        { "8.27", F "ENV a b=c", DF "(env \"a\" \"b=c\" \"\")\n", NULL },
        { "8.28", F "ENV a=b c", NULL,
          "Syntax error - can't find = in \"c\". Must be of the form: name=value" },
        { "8.29", F "ENV a= b=\"x y\" d=e\\ f",
          DF "(env \"a\" \"\" \"=\" \"b\" \"\\\"x y\\\"\" \"=\" \"d\" \"e\\\\ f\" \"=\")\n", NULL },
        { "8.30", F "ENV a", NULL, "ENV must have two arguments" },
        { "8.31", F "ENV =b", DF "(env \"\" \"b\" \"=\")\n", "ENV names can not be blank" },
        { "8.32", F "LABEL a=\"b", DF "(label \"a\" \"\\\"b\" \"=\")\n", NULL },
        { "8.33", F "ENV a='b\\'c'", DF "(env \"a\" \"'b\\\\'c'\" \"=\")\n", NULL },
        { "8.34", F "EXPOSE \"80 90\"", DF "(expose \"\\\"80\" \"90\\\"\")\n", NULL },
        { "8.35", F "MAINTAINER  x  y  ", DF "(maintainer \"x  y\")\n", NULL },
        { "8.36", F "HEALTHCHECK cmd", DF "(healthcheck \"cmd\")\n",
          "Missing command after HEALTHCHECK CMD" },
        { "8.37", F "onbuild   copy a b", DF "(onbuild (copy \"a\" \"b\"))\n", NULL },
        { "8.38", F "ONBUILD RUN <<EOF\nx\nEOF", DF "(onbuild (run \"<<EOF\"))\n", NULL },
        { "8.39", F "RUN cat <<E>/tmp/x\nfoo\nE", NULL, "unterminated heredoc" },
        { "8.40", F "RUN cat>/tmp/x <<E\nfoo\nE", DF "(run \"cat>/tmp/x <<E\")\n", NULL },
        { "8.41", F "RUN echo 1 << 2\nfoo\n2", DF "(run \"echo 1 << 2\")\n", NULL },
        { "8.42", F "RUN echo it's <<E\nE", DF "(run \"echo it's <<E\")\n(e \"\")\n",
          "unknown instruction: E (did you mean ENV?)" },
        { "8.43", F "RUN <<EOF\nhello\nEOF \nEOF", DF "(run \"<<EOF\")\n", NULL },
        { "8.44", F "RUN <<-EOF\n\ta\n  EOF\n\tEOF", DF "(run \"<<-EOF\")\n", NULL },
        { "8.45", F "COPY <<a <<a /x/\n1\na\n2\na", DF "(copy \"<<a\" \"<<a\" \"/x/\")\n", NULL },
        { "8.46", F "COPY a <<E\n1\nE", DF "(copy \"a\" \"<<E\")\n",
          "COPY cannot accept a heredoc as a destination" },
        { "8.47", F "COPY [\"<<E\",\"/x\"]\n1\nE", DF "(copy \"<<E\" \"/x\")\n(1 \"\")\n(e \"\")\n",
          "unknown instruction: 1" },
        { "8.48", F "RUN x <<E \\\n && y\nfoo\nE", DF "(run \"x <<E  && y\")\n", NULL },
        { "8.49", "FROM a As FooBar", "(from \"a\" \"As\" \"FooBar\")\n", NULL },
        { "8.50", "FROM a as 1b", NULL,
          "invalid name for build stage: \"1b\", name can't start with a number or contain "
          "symbols" },
        { "8.51", F "HEALTHCHECK --interval=500us CMD x", NULL,
          "Interval \"interval\" cannot be less than 1ms" },
        { "8.52", "ARG x=1\nENV a=b\nFROM a", NULL, "no build stage in current context" },
        { "8.53", F "USER\u00A0x", NULL, "unknown instruction: USER\u00A0x…" },
        { "8.54", F "RUN cat<<E\nfoo\nE", DF "(run \"cat<<E\")\n(foo \"\")\n(e \"\")\n",
          "unknown instruction: foo (did you mean from?)" },
        { "8.55", F "RUN <<E # c\nfoo\nE", DF "(run \"<<E # c\")\n", NULL },
        { "8.56", F "RUN x=1 && cat <<E && y\nfoo\nE", DF "(run \"x=1 && cat <<E && y\")\n", NULL },
        { "8.57", F "RUN echo '<<' <<E\nfoo\nE", DF "(run \"echo '<<' <<E\")\n", NULL },
        { "8.58", "FROM a AS $X", NULL,
          "invalid name for build stage: \"$X\", name can't start with a number or contain "
          "symbols" },
    };
    CHECK_ROWS(rows);
}

static void test_lines(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "1.1 CRLF", "FROM a\r\r\nRUN b\r\n", "(from \"a\")\n(run \"b\")\n", NULL },
        { "1.1 BOM first", "\xEF\xBB\xBF" F, DF, NULL },
        { "1.1 BOM later",
          F " \xEF\xBB\xBF"
            "RUN a",
          NULL, "unknown instruction: \xEF\xBB\xBFRUN…" },
        { "1.1 invalid UTF-8", F "RUN \xFF\x80", DF "(run \"\\xff\\x80\")\n", NULL },
        { "1.1 SP before a line", "\u00A0\u3000\t FROM a\u2003", DF, NULL },
        { "1.1 WS", F "RUN\v\fx", DF "(run \"x\")\n", NULL },
        { "1.2 comment", "  # c\n#\n\n" F "RUN echo # x", DF "(run \"echo # x\")\n", NULL },
        { "1.2 comments do not continue", "# c \\\n" F, DF, NULL },
        { "1.3 blanks behind the escape", F "RUN x \\ \t\ny", DF "(run \"x y\")\n", NULL },
        { "1.3 vertical tab behind it", F "RUN x \\\v\nUSER y",
          DF "(run \"x \\\\\")\n(user \"y\")\n", NULL },
        { "1.3 escape in CRLF", F "RUN x \\\r\n y\r\n", DF "(run \"x  y\")\n", NULL },
        { "1.3 lone escape at the end", F "\\", DF "(\"\")\n", "unknown instruction: …" },
        { "1.4", "# nothing\n", NULL, "file with no instructions" },
        { "1.4 empty", "", NULL, "the Dockerfile cannot be empty" },
        { "1.4 only ARG", "ARG a", "(arg \"a\")\n", "dockerfile contains no stages to build" },
        { "2 escape value", "# escape=x\n" F, NULL,
          "invalid escape token 'x' does not match ` or \\" },
        { "2 indented", " \t#  escape\t=\t`\nFROM `\na", DF, NULL },
        { "2 syntax and check",
          "# syntax=docker/dockerfile:1\n# check=skip=all\n# escape=`\nFROM `\na", DF, NULL },
        { "3.1 case", "fRoM a", DF, NULL },
        { "3.1 nearest", F "RUNN x", NULL, "unknown instruction: RUNN (did you mean RUN?)" },
        { "3.1 far", F "FROBNICATE x", NULL, "unknown instruction: FROBNICATE" },
        { "3.1 flags of unknown ones", F "FOO --a b", DF "(foo [\"--a\"] \"\")\n",
          "unknown instruction: FOO (did you mean FROM?)" },
    };
    CHECK_ROWS(rows);
}

static void test_json(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "3.2.1 other values", F "CMD [{\"a\": [null, true, -1.5e3]}, \"b\"]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 nested array", F "CMD [[\"a\"]]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 trailing text", F "RUN [1] x", DF "(run \"[1] x\")\n", NULL },
        { "3.2.1 bad number", F "RUN [01]", DF "(run \"[01]\")\n", NULL },
        { "3.2.1 bad object", F "RUN [{\"a\"}]", DF "(run \"[{\\\"a\\\"}]\")\n", NULL },
        { "3.2.1 object with comma", F "RUN [{\"a\":1,}]", DF "(run \"[{\\\"a\\\":1,}]\")\n",
          NULL },
        { "3.2.1 unclosed", F "RUN [\"a\"", DF "(run \"[\\\"a\\\"\")\n", NULL },
        { "3.2.1 brace for bracket", F "RUN [{]", DF "(run \"[{]\")\n", NULL },
        { "3.2.1 control character", F "RUN [\"a\tb\"]", DF "(run \"[\\\"a\\tb\\\"]\")\n", NULL },
        { "3.2.1 lone surrogate", F "RUN [\"\\ud800x\\udc00\"]", DF "(run \"\uFFFDx\uFFFD\")\n",
          NULL },
        { "3.2.1 invalid UTF-8", F "RUN [\"\xFF\"]", DF "(run \"\uFFFD\")\n", NULL },
        { "3.2.1 escapes", F "RUN [\"\\/\\b\\f\\r\\t\\\\\\u00e9\\u20AC\"]",
          DF "(run \"/\\b\\f\\r\\t\\\\é€\")\n", NULL },
        { "3.2.1 spaces", F "CMD [ \"a\" , \"b\" ]", DF "(cmd \"a\" \"b\")\n", NULL },
        { "3.2.1 VOLUME", F "VOLUME [\"/a b\"]", DF "(volume \"/a b\")\n", NULL },
        { "3.2.1 HEALTHCHECK", F "HEALTHCHECK CMD [\"a\", \"b\"]",
          DF "(healthcheck \"CMD\" \"a\" \"b\")\n", NULL },
        { "3.2.1 EXPOSE has no JSON", F "EXPOSE [\"80\"]", DF "(expose \"[\\\"80\\\"]\")\n", NULL },
    };
    CHECK_ROWS(rows);
}

static void test_pairs_and_flags(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "3.2.2 escaped quote", F "ENV a=\\\"b c=d",
          DF "(env \"a\" \"\\\\\\\"b\" \"=\" \"c\" \"d\" \"=\")\n", NULL },
        { "3.2.2 unclosed quote", F "ENV a=\"b c=d", DF "(env \"a\" \"\\\"b c=d\" \"=\")\n", NULL },
        { "3.2.2 quoted key", F "ENV \"a b\"=c", DF "(env \"\\\"a b\\\"\" \"c\" \"=\")\n", NULL },
        { "3.2.2 legacy spaces", F "ENV a   b  c ", DF "(env \"a\" \"b  c\" \"\")\n", NULL },
        { "3.2.2 LABEL", F "LABEL a", NULL, "LABEL must have two arguments" },
        { "3.2.2 ARG", F "ARG a b=c d=\"e f\"", DF "(arg \"a\" \"b=c\" \"d=\\\"e f\\\"\")\n",
          NULL },
        { "3.2.2 backtick", "# escape=`\nFROM a\nENV a=b` c d=\\ e=f",
          "(from \"a\")\n(env \"a\" \"b` c\" \"=\" \"d\" \"\\\\\" \"=\" \"e\" \"f\" \"=\")\n",
          NULL },
        { "5.1", F "RUN --a=\"b c\" --d='e f' --g=h\\ i cmd",
          DF "(run [\"--a=b c\" \"--d=e f\" \"--g=h i\"] \"cmd\")\n", "unknown flag: --a" },
        { "5.1 -- alone", F "RUN -- --foo", DF "(run \"--foo\")\n", NULL },
        { "5.1 flags first", F "COPY a b --chown=x", DF "(copy \"a\" \"b\" \"--chown=x\")\n",
          NULL },
        { "5.1 escapes in both quotes", F "RUN --a='b\\'c' --d=\"e\\\"f\" x",
          DF "(run [\"--a=b'c\" \"--d=e\\\"f\"] \"x\")\n", "unknown flag: --a" },
        { "5.2 bool", F "COPY --link --parents=false a b",
          DF "(copy [\"--link\" \"--parents=false\"] \"a\" \"b\")\n", NULL },
        { "5.2 bool without value", F "COPY --link= a b", NULL, "missing a value on flag: --link" },
        { "5.2 bool with other", F "COPY --link=x a b", NULL,
          "expecting boolean value for flag --link, not: x" },
        { "5.2 string", F "COPY --chown a b", NULL, "missing a value on flag: --chown" },
        { "5.2 empty string", F "COPY --chown= a b", NULL, NULL },
        { "5.2 twice", F "COPY --chown=a --chown=b a b", NULL,
          "duplicate flag specified: --chown" },
        { "5.2 repeatable", F "COPY --exclude=a --exclude=b a b", NULL, NULL },
        { "5.2 case", F "COPY --From=x a b", NULL, "unknown flag: --From (did you mean from?)" },
        { "5.2 wrong instruction", F "ADD --from=x a b", NULL, "unknown flag: --from" },
        { "5.2 ADD --parents", F "ADD --parents a b", NULL, "unknown flag: --parents" },
        { "5.2 COPY --checksum", F "COPY --checksum=x a b", NULL, "unknown flag: --checksum" },
        { "5.2 ARG ignores flags", F "ARG --foo a", DF "(arg [\"--foo\"] \"a\")\n", NULL },
        { "5.2 STOPSIGNAL ignores flags", F "STOPSIGNAL --foo 9", NULL, NULL },
        { "5.2 HEALTHCHECK NONE ignores flags", F "HEALTHCHECK --foo NONE", NULL, NULL },
        { "5.2 others", F "USER --foo a", NULL, "unknown flag: --foo" },
    };
    CHECK_ROWS(rows);
}

static void test_instructions(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "6 FROM", "FROM", "(from)\n", "FROM requires either one or three arguments" },
        { "6 FROM", "FROM a is b", NULL, "FROM requires either one or three arguments" },
        { "6 FROM", "FROM --platform=$BUILDPLATFORM a AS b-1_2.c", NULL, NULL },
        { "6 FROM", "FROM --platfrom=x a", NULL,
          "unknown flag: --platfrom (did you mean platform?)" },
        { "6 FROM", "RUN x\nFROM a", NULL, "no build stage in current context" },
        { "6 ARG", F "ARG", NULL, "ARG requires at least one argument" },
        { "6 ARG", F "ARG =x", NULL, "ARG names can not be blank" },
        { "6 ENV", F "ENV", DF "(env)\n", "ENV requires at least one argument" },
        { "6 LABEL", F "LABEL", NULL, "LABEL requires at least one argument" },
        { "6 LABEL", F "LABEL =x", NULL, "LABEL names can not be blank" },
        { "6 RUN", F "RUN", DF "(run)\n", NULL },
        { "6 RUN", F "RUN --network=foo x", NULL, "invalid network mode \"foo\"" },
        { "6 RUN", F "RUN --network=NONE x", NULL, "invalid network mode \"NONE\"" },
        { "6 RUN", F "RUN --security=foo x", NULL, "security \"foo\" is not valid" },
        { "6 RUN", F "RUN --security=insecure --network=host x", NULL, NULL },
        { "6 RUN", F "RUN --device=a,b x", NULL, "device name already set to a" },
        { "6 RUN", F "RUN --device=vendor.com/dev=foo,required x", NULL, NULL },
        { "6 RUN --mount", F "RUN --mount= x", NULL, "failed to parse csv mounts: EOF" },
        { "6 RUN --mount", F "RUN --mount x", NULL, "missing a value on flag: --mount" },
        { "6 RUN --mount", F "RUN --mount=type=bind,from=a$b x", NULL,
          "'from' doesn't support variable expansion, define alias stage instead" },
        { "6 RUN --mount", F "RUN --mount=from=a$ x", NULL, NULL },
        { "6 RUN --mount", F "RUN --mount='type=cache,\"target=/a,b\"' x", NULL, NULL },
        { "6 RUN --mount", F "RUN --mount='type=cache,\"target=/a' x", NULL,
          "failed to parse csv mounts: wrong use of \" in a field" },
        { "6 CMD", F "CMD", DF "(cmd)\n", NULL },
        { "6 CMD", F "CMD []", DF "(cmd)\n", NULL },
        { "6 ENTRYPOINT", F "ENTRYPOINT --x y", NULL, "unknown flag: --x" },
        { "6 SHELL", F "SHELL a", NULL, "SHELL requires the arguments to be in JSON form" },
        { "6 SHELL", F "SHELL", NULL, "SHELL requires the arguments to be in JSON form" },
        { "6 SHELL", F "SHELL []", NULL, "SHELL requires at least one argument" },
        { "6 SHELL", F "SHELL [\"bash\", \"-c\"]", DF "(shell \"bash\" \"-c\")\n", NULL },
        { "6 HEALTHCHECK", F "HEALTHCHECK", DF "(healthcheck)\n",
          "HEALTHCHECK requires at least one argument" },
        { "6 HEALTHCHECK", F "HEALTHCHECK none x", NULL, "HEALTHCHECK NONE takes no arguments" },
        { "6 HEALTHCHECK", F "HEALTHCHECK FOO x", NULL,
          "Unknown type \"FOO\" in HEALTHCHECK (try CMD)" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=5 CMD x", NULL,
          "time: missing unit in duration \"5\"" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=5x CMD x", NULL,
          "time: unknown unit \"x\" in duration \"5x\"" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=x CMD x", NULL,
          "time: invalid duration \"x\"" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=-1s CMD x", NULL,
          "Interval \"timeout\" cannot be less than 1ms" },
        { "6 HEALTHCHECK",
          F "HEALTHCHECK --start-period=0 --start-interval=1h1.5m --retries=3 CMD x", NULL, NULL },
        { "6 HEALTHCHECK", F "HEALTHCHECK --retries=-1 CMD x", NULL,
          "--retries cannot be negative (-1)" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --retries=x CMD x", NULL,
          "strconv.ParseInt: parsing \"x\": invalid syntax" },
        { "6 EXPOSE", F "EXPOSE", NULL, "EXPOSE requires at least one argument" },
        { "6 VOLUME", F "VOLUME", NULL, "VOLUME requires at least one argument" },
        { "6 VOLUME", F "VOLUME []", NULL, "VOLUME requires at least one argument" },
        { "6 VOLUME", F "VOLUME [\" \"]", NULL, "VOLUME specified can not be an empty string" },
        { "6 USER", F "USER", NULL, "USER requires exactly one argument" },
        { "6 USER", F "USER a b", DF "(user \"a b\")\n", NULL },
        { "6 WORKDIR", F "WORKDIR", NULL, "WORKDIR requires exactly one argument" },
        { "6 MAINTAINER", F "MAINTAINER", NULL, "MAINTAINER requires exactly one argument" },
        { "6 STOPSIGNAL", F "STOPSIGNAL", NULL, "STOPSIGNAL requires exactly one argument" },
        { "6 COPY", F "COPY", NULL,
          "COPY requires at least two arguments, but only one was provided. Destination could not "
          "be "
          "determined" },
        { "6 ADD", F "ADD a", NULL,
          "ADD requires at least two arguments, but only one was provided. Destination could not "
          "be "
          "determined" },
        { "6 ADD", F "ADD a <<E\nE", NULL, "ADD cannot accept a heredoc as a destination" },
        { "6 COPY", F "COPY --from=$x a b", NULL,
          "variable expansion is not supported for --from…" },
        { "6 COPY", F "COPY --from=a$ a b", NULL, NULL },
        { "6 ADD", F "ADD --checksum=sha256:x a b /c", NULL,
          "checksum can't be specified for multiple sources" },
        { "6 ONBUILD", F "ONBUILD", DF "(onbuild)\n", "ONBUILD requires at least one argument" },
        { "6 ONBUILD", F "ONBUILD ONBUILD RUN x", NULL,
          "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
        { "6 ONBUILD", F "ONBUILD FROM x", NULL, "FROM isn't allowed as an ONBUILD trigger" },
        { "6 ONBUILD", F "onbuild maintainer x", NULL,
          "MAINTAINER isn't allowed as an ONBUILD trigger" },
        { "3.3 ONBUILD", F "ONBUILD FOO b", DF "(onbuild (foo \"\"))\n", NULL },
        { "3.3 ONBUILD", F "ONBUILD RUN", DF "(onbuild (run))\n", NULL },
        { "3.3 ONBUILD", F "ONBUILD ENV a", NULL, "ENV must have two arguments" },
        { "3.3 ONBUILD", F "ONBUILD --x RUN a", NULL, "unknown flag: --x" },
        { "3.3 ONBUILD", F "ONBUILD RUN --x a", DF "(onbuild (run [\"--x\"] \"a\"))\n", NULL },
    };
    CHECK_ROWS(rows);
}

static void test_heredoc_words(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "4.1", F "ENV a=<<E\nE", NULL, "unknown instruction: E (did you mean ENV?)" },
        { "4.2 quoted", F "RUN x \"<<E\"\nUSER b", DF "(run \"x \\\"<<E\\\"\")\n(user \"b\")\n",
          NULL },
        { "4.2 escaped", F "RUN x \\<<E\nUSER b", NULL, NULL },
        { "4.2 here-string", F "RUN x <<<E\nUSER b", NULL, NULL },
        { "4.2 alone", F "RUN x << \nUSER b", NULL, NULL },
        { "4.2 dash alone", F "RUN x <<-\nUSER b", NULL, NULL },
        { "4.2 shift", F "RUN x $((1<<2))\nUSER b", NULL, NULL },
        { "4.2 empty delimiter", F "RUN x <<\"\"\nUSER b", NULL, NULL },
        { "4.2 dollar", F "RUN x <<$EOF\na\n$EOF\nUSER b", NULL, NULL },
        { "4.2 escaped quote", F "RUN x <<eo\\'f\na\neo'f\nUSER b", NULL, NULL },
        { "4.2 semicolon", F "RUN cat <<E;\na\nE;\nUSER b", NULL, NULL },
        { "4.2 paren", F "RUN (cat <<E)\nE", NULL, "unterminated heredoc" },
        { "4.2 descriptor", F "RUN x 3<<E 4<<F\n1\nE\n2\nF\nUSER b", NULL, NULL },
        { "4.3 verbatim", F "RUN <<E\n# escape=`\nFOO \\\n\nE\nUSER b", NULL, NULL },
        { "4.4 two words", F "COPY << E /x\nE\nUSER b",
          DF "(copy \"<<\" \"E\" \"/x\")\n(user \"b\")\n", NULL },
        { "4.5 JSON", F "RUN [\"<<EOF\"]\nUSER b", NULL, NULL },
    };
    CHECK_ROWS(rows);
}

static struct dockerfile *parse(const char *text, struct arena *arena) {
    struct dockerfile *dockerfile = NULL;
    _cleanup_error_ struct error error = ERROR_INIT;
    if (parser_parse(str_of(text), "Dockerfile", arena, &dockerfile, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return dockerfile;
}

static void assert_str(struct str found, const char *expected) {
    if (!str_equal_c(found, expected)) {
        fail_msg("found \"%.*s\", wanted \"%s\"", STR_ARG(found), expected);
    }
}

/* The text of the file between the ends of SPAN. */
static void assert_span(const struct dockerfile *dockerfile, struct span span,
                        const char *expected) {
    assert_str(str_sub(dockerfile->source, span.start, span.end), expected);
}

static void test_heredocs(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file = parse(F "RUN <<EOF\nhello\r\nEOF \nEOF\n"
                                      "RUN 3<<-'E' cat <<F\n\ta\n  E\n\tE\n$x\nF\n"
                                      "COPY <<a b <<a /x/\n1\na\n2\na\n"
                                      "ONBUILD RUN <<-EOF  \nx\n\tEOF\n"
                                      "RUN <<\"E\"\nE",
                                    &arena);
    struct instruction *run = file->instructions[1];
    assert_true(heredoc_is_whole_script(run));
    assert_str(run->heredocs[0].name, "EOF");
    assert_str(run->heredocs[0].body, "hello\r\nEOF \n");
    assert_true(run->heredocs[0].is_expanded);
    assert_span(file, run->heredocs[0].span, "<<EOF");
    assert_span(file, run->heredocs[0].body_span, "hello\r\nEOF \n");
    assert_int_equal(run->line, 2);
    assert_int_equal(run->end_line, 5);
    assert_span(file, run->span, "RUN <<EOF\nhello\r\nEOF \nEOF");

    run = file->instructions[2];
    assert_false(heredoc_is_whole_script(run));
    assert_int_equal(run->heredoc_count, 2);
    assert_int_equal(run->heredocs[0].descriptor, 3);
    assert_true(run->heredocs[0].is_chomped);
    assert_false(run->heredocs[0].is_expanded);
    assert_str(run->heredocs[0].body, "\ta\n  E\n");
    assert_str(heredoc_content(&run->heredocs[0], &arena), "a\n  E\n");
    assert_str(heredoc_append_bodies(run->words[0].text, run, &arena),
               "3<<-'E' cat <<F\n\ta\n  E\nE\n$x\nF");

    struct instruction *copy = file->instructions[3];
    assert_int_equal(copy->copy.source_count, 1);
    assert_int_equal(copy->copy.inline_file_count, 2);
    assert_str(copy->copy.inline_files[0]->body, "2\n");
    assert_str(copy->copy.inline_files[1]->body, "2\n");
    assert_str(copy->copy.destination.text, "/x/");

    struct instruction *onbuild = file->instructions[4];
    assert_str(onbuild->onbuild.text, "RUN <<-EOF  \nx\nEOF");
    assert_int_equal(onbuild->onbuild.trigger->heredoc_count, 1);
    assert_false(file->instructions[5]->heredocs[0].is_expanded);
    assert_str(file->instructions[5]->heredocs[0].body, "");
}

static void test_typed(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file =
        parse("FROM --platform=$P img As Name\n"
              "RUN --mount=type=cache,Target=/x,ro --mount='\"id=a\"\"b,c\",from=' --device=d x\n"
              "COPY --from=0 --chown=u:g --chmod=644 --link --exclude=a --exclude=b s1 s2 d\n"
              "ADD --keep-git-dir=false --unpack s d\n"
              "HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=3 CMD [\"a\", \"b\"]\n"
              "VOLUME [\" /v \"]\n",
              &arena);
    struct instruction **in = file->instructions;
    assert_str(in[0]->from.image.text, "img");
    assert_str(in[0]->from.platform.text, "$P");
    assert_str(in[0]->from.name.text, "name");
    assert_str(in[0]->from.as.text, "As");
    assert_span(file, in[0]->from.name.span, "Name");

    assert_int_equal(in[1]->run.mount_count, 2);
    assert_int_equal(in[1]->run.mounts[0].count, 3);
    assert_str(in[1]->run.mounts[0].options[1].key.text, "target");
    assert_str(in[1]->run.mounts[0].options[1].value.text, "/x");
    assert_false(in[1]->run.mounts[0].options[2].has_value);
    assert_str(in[1]->run.mounts[1].options[0].value.text, "a\"b,c");
    assert_true(in[1]->run.mounts[1].options[1].has_value);
    assert_span(file, in[1]->run.mounts[0].span, "--mount=type=cache,Target=/x,ro");
    assert_int_equal(in[1]->run.device_count, 1);

    assert_str(in[2]->copy.from.text, "0");
    assert_str(in[2]->copy.chown.text, "u:g");
    assert_str(in[2]->copy.chmod.text, "644");
    assert_true(in[2]->copy.is_link);
    assert_int_equal(in[2]->copy.source_count, 2);
    assert_int_equal(in[2]->copy.exclude_count, 2);
    assert_str(in[2]->copy.excludes[1].text, "b");
    assert_true(in[3]->copy.has_keep_git_dir && !in[3]->copy.is_keep_git_dir);
    assert_true(in[3]->copy.has_unpack && in[3]->copy.is_unpack);

    assert_true(in[4]->healthcheck.interval == 90000000000);
    assert_true(in[4]->healthcheck.timeout == 1500000000);
    assert_int_equal(in[4]->healthcheck.retries, 3);
    assert_int_equal(in[4]->healthcheck.command_count, 2);
    assert_true(in[4]->is_json);
    assert_str(in[5]->words[0].text, "/v");
}

static void test_places(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file =
        parse("# one\n  # two\nFROM a\n#\n# three\n\nRUN --network=none x \\\n"
              "# in\n\n   y \\\n  z\nENV a=b c='d e'\n",
              &arena);
    struct instruction **in = file->instructions;
    assert_int_equal(in[0]->comment_count, 2);
    assert_str(in[0]->comments[0], "one");
    assert_str(in[0]->comments[1], "# two");
    assert_int_equal(in[1]->comment_count, 1);
    assert_str(in[1]->comments[0], "three");
    assert_true(in[1]->has_empty_continuation);
    assert_false(in[0]->has_empty_continuation);
    assert_int_equal(in[1]->line, 7);
    assert_int_equal(in[1]->end_line, 11);
    assert_str(in[1]->words[0].text, "x    y   z");
    assert_str(in[1]->text, "RUN --network=none x    y   z");
    assert_str(in[1]->arguments, "x    y   z");
    assert_span(file, in[1]->words[0].span, "x \\\n# in\n\n   y \\\n  z");
    assert_span(file, in[1]->flags[0].span, "--network=none");
    assert_span(file, in[1]->span, "RUN --network=none x \\\n# in\n\n   y \\\n  z");
    assert_span(file, in[2]->pairs[1].key.span, "c");
    assert_span(file, in[2]->pairs[1].value.span, "'d e'");
}

static void test_directives(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file = parse(
        "# syntax = docker/dockerfile:1 x \r\n#check=skip=all;error=true\n# escape=`\n" F, &arena);
    assert_int_equal(file->directive_count, 3);
    assert_int_equal(file->directives[0].kind, DIRECTIVE_SYNTAX);
    assert_str(file->directives[0].value, "docker/dockerfile:1 x");
    assert_str(file->directives[1].value, "skip=all;error=true");
    assert_int_equal(file->escape, '`');
    assert_int_equal(file->instructions[0]->comment_count, 0);
}

static void test_line_limit(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        buf_append_c(&text, F "RUN ");
        while (text.len < sizeof(F) - 1 + 65535 + extra) {
            buf_append_byte(&text, 'x');
        }
        int result = parser_parse(buf_str(&text), "Dockerfile", &arena, &file, &error);
        assert_int_equal(result, extra == 0 ? 0 : -1);
        if (extra > 0) {
            assert_string_equal(error.message,
                                "dockerfile line greater than max allowed size of 65535");
        }
    }
}

/* A line too long for BuildKit's reader is never a body line (1.1). */
static void test_heredoc_line_limit(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        buf_append_c(&text, F "RUN <<E\n");
        for (size_t i = 0; i < 65535 + extra; i++) {
            buf_append_byte(&text, 'x');
        }
        buf_append_c(&text, "\nE\n");
        int result = parser_parse(buf_str(&text), "Dockerfile", &arena, &file, &error);
        assert_int_equal(result, extra == 0 ? 0 : -1);
        if (extra > 0) {
            assert_string_equal(error.message, "unterminated heredoc");
        }
    }
}

static void test_deep_onbuild(void **state) {
    (void)state;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct dockerfile *file;
    buf_append_c(&text, F);
    for (int i = 0; i < 100000; i++) {
        buf_append_c(&text, "ONBUILD \\\n");
    }
    assert_int_equal(parser_parse(buf_str(&text), "Dockerfile", &arena, &file, &error), -1);
    assert_string_equal(error.message, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
}

static void test_trigger(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        { "RUN <<EOF\nx\nEOF", NULL },
        { "COPY . /app", NULL },
        { "COPY .",
          "COPY requires at least two arguments, but only one was provided. Destination could "
          "not be determined" },
        { "FROM x", "FROM isn't allowed as an ONBUILD trigger" },
        { "ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
        { "RUN x\nRUN y", "an ONBUILD trigger is one instruction, this has 2" },
        { "# escape=`", "file with no instructions" },
        { "FOO", "unknown instruction: FOO (did you mean FROM?)" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        int result = parser_parse_trigger(str_of(rows[i].text), "base", &arena, &file, &error);
        assert_int_equal(result, rows[i].error ? -1 : 0);
        if (rows[i].error) {
            assert_string_equal(error.message, rows[i].error);
        }
    }
}

static void test_quote(void **state) { /* 7 */
    (void)state;
    _cleanup_buf_ struct buf out = BUF_INIT;
    words_quote(&out, str_of("a\"\\ \a\b\f\n\r\t\v\x01\x7F"
                             "é😀e\u0301\u00A0\uFEFF\u200B\u00AD"
                             "\u2028\U000E0001\xC3\xED\xA0\x80"));
    assert_string_equal(out.data, "\"a\\\"\\\\ \\a\\b\\f\\n\\r\\t\\v\\x01\\x7f"
                                  "é😀e\u0301\\u00a0\\ufeff\\u200b\\u00ad\\u2028\\U000e0001"
                                  "\\xc3\\xed\\xa0\\x80\"");
}

/* NUL and other control bytes are data (1.1). */
static void test_nul(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf dump = BUF_INIT;
    struct dockerfile *file;
    assert_int_equal(parser_parse(STR("FROM a\nRUN x\0y\x01\nENV a=\0 b=c\n"), "Dockerfile", &arena,
                                  &file, NULL),
                     0);
    dump_sexpr(&dump, file);
    assert_string_equal(dump.data, "(from \"a\")\n(run \"x\\x00y\\x01\")\n"
                                   "(env \"a\" \"\\x00\" \"=\" \"b\" \"c\" \"=\")\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tricky_inputs), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_pairs_and_flags),
        cmocka_unit_test(test_instructions),  cmocka_unit_test(test_heredoc_words),
        cmocka_unit_test(test_heredocs),      cmocka_unit_test(test_typed),
        cmocka_unit_test(test_places),        cmocka_unit_test(test_directives),
        cmocka_unit_test(test_line_limit),    cmocka_unit_test(test_heredoc_line_limit),
        cmocka_unit_test(test_deep_onbuild),  cmocka_unit_test(test_quote),
        cmocka_unit_test(test_trigger),       cmocka_unit_test(test_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
