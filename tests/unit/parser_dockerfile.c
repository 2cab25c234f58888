/* The rules of the Dockerfile language, row by row. */
#include "parser/words.h"

#include "parser_fixture.h"

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
        { "1.3 form feed behind it", F "RUN x \\\f\nUSER y", DF "(run \"x \\\\\")\n(user \"y\")\n",
          NULL },
        { "1.3 two backticks", "# escape=`\n" F "RUN x ``\nUSER y",
          DF "(run \"x ``\")\n(user \"y\")\n", NULL },
        { "1.3 the other escape", "# escape=`\n" F "RUN x \\\nUSER y",
          DF "(run \"x \\\\\")\n(user \"y\")\n", NULL },
        { "1.3 line of wide space", F "RUN x \\\n\u00A0\u3000\n y", DF "(run \"x  y\")\n", NULL },
        { "1.3 escape by itself, indented", "  \\ \t\n  FROM a", DF, NULL },
        { "1.3 escape by itself later", F "RUN x \\\n\\\n y", DF "(run \"x  y\")\n", NULL },
        { "1.3 escape and indent later", F "RUN x\\\n \\\n y", DF "(run \"x  y\")\n", NULL },
        { "1.3 comment at the end", F "RUN x \\\n# c", DF "(run \"x\")\n", NULL },
        { "1.3 comment with escape", F "RUN x \\\n# c \\\ny\nUSER z",
          DF "(run \"x y\")\n(user \"z\")\n", NULL },
        { "1.3 ends between name and argument", "FROM\\\n a", DF, NULL },
        { "1.3 ends within the name", "FR\\\nOM a", DF, NULL },
        { "1.3 vertical tab behind it", F "RUN x \\\v\nUSER y",
          DF "(run \"x \\\\\")\n(user \"y\")\n", NULL },
        { "1.3 escape in CRLF", F "RUN x \\\r\n y\r\n", DF "(run \"x  y\")\n", NULL },
        { "1.3 lone escape at the end", F "\\", DF "(\"\")\n", "unknown instruction: …" },
        { "1.4", "# nothing\n", NULL, "file with no instructions" },
        { "1.4 empty", "", NULL, "the Dockerfile cannot be empty" },
        { "1.4 only ARG", "ARG a", "(arg \"a\")\n", "dockerfile contains no stages to build" },
        { "2 escape value", "# escape=x\n" F, NULL,
          "invalid escape token 'x' does not match ` or \\" },
        { "2 escape of two", "# escape=``\n" F, NULL,
          "invalid escape token '``' does not match ` or \\" },
        { "2 off: comment", "# c\n# escape=`\nFROM \\\na", DF, NULL },
        { "2 off: empty comment", "#\n# escape=`\nFROM \\\na", DF, NULL },
        { "2 off: no value", "# escape=\n# escape=`\nFROM \\\na", DF, NULL },
        { "2 off: instruction", "ARG x\n# escape=`\nFROM \\\na", "(arg \"x\")\n" DF, NULL },
        { "2 off: words before =", "# the escape=`\nFROM \\\na", DF, NULL },
        { "2 off: name of no letters", "# 1=2\n# escape=`\nFROM \\\na", DF, NULL },
        { "2 behind a BOM", "\xEF\xBB\xBF# escape=`\nFROM `\na", DF, NULL },
        { "2 in CRLF", "# escape=` \r\nFROM `\r\na\r\n", DF, NULL },
        { "2 twice, other case", "# syntax=a\n# SYNTAX=b\n" F, NULL,
          "only one syntax parser directive can be used" },
        { "2 twice, not in a row", "# check=a\n# syntax=b\n# check=c\n" F, NULL,
          "only one check parser directive can be used" },
        { "2 a look-alike later", "# syntax=a\n\n# syntax=b\n" F, DF, NULL },
        { "2 escape and JSON", "# escape=`\n" F "RUN [\"a\\n`\"]", DF "(run \"a\\n`\")\n", NULL },
        { "2 escape and flags", "# escape=`\n" F "COPY --chown=a` b\\ c d",
          DF "(copy [\"--chown=a b\\\\\"] \"c\" \"d\")\n", NULL },
        { "2 indented", " \t#  escape\t=\t`\nFROM `\na", DF, NULL },
        { "2 syntax and check",
          "# syntax=docker/dockerfile:1\n# check=skip=all\n# escape=`\nFROM `\na", DF, NULL },
        { "3.1 case", "fRoM a", DF, NULL },
        { "3.1 nearest", F "RUNN x", NULL, "unknown instruction: RUNN (did you mean RUN?)" },
        { "3.1 nearest, lower case", F "runn x", NULL,
          "unknown instruction: runn (did you mean run?)" },
        { "3.1 tab", F "RUN\tx", DF "(run \"x\")\n", NULL },
        { "3.1 arguments of unknown ones", F "foo a b c", DF "(foo \"\")\n",
          "unknown instruction: foo (did you mean from?)" },
        { "3.1 JSON of unknown ones", F "FROBNICATE [1]", DF "(frobnicate \"\")\n",
          "unknown instruction: FROBNICATE" },
        { "3.2 FROM", "FROM  \"a\" as\tb ", "(from \"\\\"a\\\"\" \"as\" \"b\")\n", NULL },
        { "3.2 ADD", F "ADD a  b\tc", DF "(add \"a\" \"b\" \"c\")\n", NULL },
        { "3.2 VOLUME", F "VOLUME /a  /b", DF "(volume \"/a\" \"/b\")\n", NULL },
        { "3.2 ENTRYPOINT", F "ENTRYPOINT a  'b'  \"c\"", DF "(entrypoint \"a  'b'  \\\"c\\\"\")\n",
          NULL },
        { "3.2 SHELL", F "SHELL a  b", DF "(shell \"a  b\")\n",
          "SHELL requires the arguments to be in JSON form" },
        { "3.2 HEALTHCHECK", F "HEALTHCHECK  CMD   a  b ", DF "(healthcheck \"CMD\" \"a  b\")\n",
          NULL },
        { "3.2 WORKDIR", F "WORKDIR  /a  b ", DF "(workdir \"/a  b\")\n", NULL },
        { "3.2 WORKDIR has no JSON", F "WORKDIR [\"a\"]", DF "(workdir \"[\\\"a\\\"]\")\n", NULL },
        { "3.2 STOPSIGNAL", F "STOPSIGNAL a  b", DF "(stopsignal \"a  b\")\n", NULL },
        { "3.1 far", F "FROBNICATE x", NULL, "unknown instruction: FROBNICATE" },
        { "3.1 flags of unknown ones", F "FOO --a b", DF "(foo [\"--a\"] \"\")\n",
          "unknown instruction: FOO (did you mean FROM?)" },
    };
    CHECK_ROWS(rows);
}

/* 1.1: three sets of white space, and what is in none of them. */
static void test_white_space(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_sp, is_ws;
    } rows[] = {
        { "\t", true, true },       { "\v", true, true },       { "\f", true, true },
        { "\r", true, true },       { " ", true, true },        { "\xC2\x85", true, false },
        { "\u00A0", true, false },  { "\u1680", true, false },  { "\u2000", true, false },
        { "\u2001", true, false },  { "\u2002", true, false },  { "\u2003", true, false },
        { "\u2004", true, false },  { "\u2005", true, false },  { "\u2006", true, false },
        { "\u2007", true, false },  { "\u2008", true, false },  { "\u2009", true, false },
        { "\u200A", true, false },  { "\u2028", true, false },  { "\u2029", true, false },
        { "\u202F", true, false },  { "\u205F", true, false },  { "\u3000", true, false },
        { "\u200B", false, false }, { "\u180E", false, false }, { "\uFEFF", false, false },
        { "\u2060", false, false }, { "\x1C", false, false },   { "\x1F", false, false },
        { "\x85", false, false },   { "\xA0", false, false },   { "\xE2\x80", false, false },
        { "\x01", false, false },   { "\x7F", false, false },   { "\u2800", false, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        const char *space = rows[i].text;
        char *around = arena_printf(&arena, "%sFROM a%s\n%sUSER b", space, space, space);
        char *pairs = arena_printf(&arena, F "ENV a=b%sc=d", space);
        char *words = arena_printf(&arena, F "EXPOSE 1%s2", space);
        char *name = arena_printf(&arena, F "USER%sx", space);
        struct dockerfile *file;
        struct error error = ERROR_INIT;
        int result = parser_parse(str_of(around), "Dockerfile", &arena, &file, &error);
        assert_int_equal(result, rows[i].is_sp ? 0 : -1);
        file = parse(pairs, &arena);
        assert_int_equal(file->instructions[1]->pair_count, rows[i].is_sp ? 2 : 1);
        file = parse(words, &arena);
        assert_int_equal(file->instructions[1]->word_count, rows[i].is_ws ? 2 : 1);
        result = parser_parse(str_of(name), "Dockerfile", &arena, &file, &error);
        assert_int_equal(result, rows[i].is_ws ? 0 : -1);
        error_clear(&error);
    }
}

static void test_json(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "3.2.1 other values", F "CMD [{\"a\": [null, true, -1.5e3]}, \"b\"]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 null", F "CMD [null]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 bool behind a string", F "COPY [\"a\", false]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 HEALTHCHECK, number", F "HEALTHCHECK CMD [1]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 object", F "CMD {\"a\": 1}", DF "(cmd \"{\\\"a\\\": 1}\")\n", NULL },
        { "3.2.1 comment", F "CMD [\"a\" /* b */]", DF "(cmd \"[\\\"a\\\" /* b */]\")\n", NULL },
        { "3.2.1 single quotes", F "CMD ['a']", DF "(cmd \"['a']\")\n", NULL },
        { "3.2.1 bad escape", F "CMD [\"\\x\"]", DF "(cmd \"[\\\"\\\\x\\\"]\")\n", NULL },
        { "3.2.1 capital word", F "CMD [NULL]", DF "(cmd \"[NULL]\")\n", NULL },
        { "3.2.1 wide space before", F "CMD \u00A0[\"a\"]", DF "(cmd \"a\")\n", NULL },
        { "3.2.1 wide space inside", F "CMD [\u00A0\"a\"]", DF "(cmd \"[\\u00a0\\\"a\\\"]\")\n",
          NULL },
        { "3.2.1 empty string", F "CMD [\"\"]", DF "(cmd \"\")\n", NULL },
        { "3.2.1 empty ADD", F "ADD []", DF "(add)\n", "ADD requires at least two arguments…" },
        { "3.2.1 empty HEALTHCHECK", F "HEALTHCHECK CMD []", DF "(healthcheck \"CMD\")\n",
          "Missing command after HEALTHCHECK CMD" },
        { "3.2.1 nothing behind NONE", F "HEALTHCHECK NONE []", DF "(healthcheck \"NONE\")\n",
          NULL },
        { "3.2.1 ONBUILD", F "ONBUILD CMD [1]", NULL,
          "when using JSON array syntax, arrays must be comprised of strings only" },
        { "3.2.1 three bytes as two surrogates", F "CMD [\"\\uD83D\\uDE00\\uD83D\"]",
          DF "(cmd \"😀\uFFFD\")\n", NULL },
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
        { "3.2.2 escape at the end", F "ENV a=b\\\v", DF "(env \"a\" \"b\" \"=\")\n", NULL },
        { "3.2.2 escape at the end, quoted", F "ENV a=\"b\\\v", DF "(env \"a\" \"\\\"b\" \"=\")\n",
          NULL },
        { "3.2.2 escape in single quotes", F "ENV a='b\\' c=d",
          DF "(env \"a\" \"'b\\\\'\" \"=\" \"c\" \"d\" \"=\")\n", NULL },
        { "3.2.2 escape in double quotes", F "ENV a=\"b\\\" c\" d=e",
          DF "(env \"a\" \"\\\"b\\\\\\\" c\\\"\" \"=\" \"d\" \"e\" \"=\")\n", NULL },
        { "3.2.2 one quote in the other", F "ENV a=\"b'c\" d=e",
          DF "(env \"a\" \"\\\"b'c\\\"\" \"=\" \"d\" \"e\" \"=\")\n", NULL },
        { "3.2.2 escaped wide space", F "ENV a=b\\\u3000c d=e",
          DF "(env \"a\" \"b\\\\\\u3000c\" \"=\" \"d\" \"e\" \"=\")\n", NULL },
        { "3.2.2 quotes alone", F "ARG '' b", DF "(arg \"''\" \"b\")\n", NULL },
        { "3.2.2 = in the value", F "ENV a=b=c", DF "(env \"a\" \"b=c\" \"=\")\n", NULL },
        { "3.2.2 legacy, = later", F "ENV a b = c d=e", DF "(env \"a\" \"b = c d=e\" \"\")\n",
          NULL },
        { "3.2.2 legacy LABEL", F "LABEL a  b c", DF "(label \"a\" \"b c\" \"\")\n", NULL },
        { "3.2.2 legacy, wide space", F "ENV a\u00A0b c", DF "(env \"a\\u00a0b\" \"c\" \"\")\n",
          NULL },
        { "3.2.2 legacy, no second part", F "ENV a\u00A0b", NULL, "ENV must have two arguments" },
        { "3.2.2 third word", F "LABEL a=b c=d \"e f\"", NULL,
          "Syntax error - can't find = in \"\\\"e f\\\"\". Must be of the form: name=value" },
        { "3.2.2 backtick", "# escape=`\nFROM a\nENV a=b` c d=\\ e=f",
          "(from \"a\")\n(env \"a\" \"b` c\" \"=\" \"d\" \"\\\\\" \"=\" \"e\" \"f\" \"=\")\n",
          NULL },
        { "5.1", F "RUN --a=\"b c\" --d='e f' --g=h\\ i cmd",
          DF "(run [\"--a=b c\" \"--d=e f\" \"--g=h i\"] \"cmd\")\n", "unknown flag: --a" },
        { "5.1 two times --", F "RUN -- -- a", DF "(run \"-- a\")\n", NULL },
        { "5.1 one dash", F "RUN -a --b", DF "(run \"-a --b\")\n", NULL },
        { "5.1 unclosed quote", F "RUN --network=\"none x", DF "(run [\"--network=none x\"])\n",
          "invalid network mode \"none x\"" },
        { "5.1 escape at the end", F "RUN --network=none\\\v", DF "(run [\"--network=none\"])\n",
          NULL },
        { "5.1 quote inside", F "COPY --chown=a'b 'c d e",
          DF "(copy [\"--chown=ab c\"] \"d\" \"e\")\n", NULL },
        { "5.1 before JSON", F "COPY --link [\"a\", \"b\"]", DF "(copy [\"--link\"] \"a\" \"b\")\n",
          NULL },
        { "5.1 -- alone", F "RUN -- --foo", DF "(run \"--foo\")\n", NULL },
        { "5.1 flags first", F "COPY a b --chown=x", DF "(copy \"a\" \"b\" \"--chown=x\")\n",
          NULL },
        { "5.1 escapes in both quotes", F "RUN --a='b\\'c' --d=\"e\\\"f\" x",
          DF "(run [\"--a=b'c\" \"--d=e\\\"f\"] \"x\")\n", "unknown flag: --a" },
        { "5.2 bool", F "COPY --link --parents=false a b",
          DF "(copy [\"--link\" \"--parents=false\"] \"a\" \"b\")\n", NULL },
        { "5.2 bool, capitals", F "COPY --link=TRUE --parents=False a b", NULL, NULL },
        { "5.2 no name", F "RUN --=x y", NULL, "unknown flag: --" },
        { "5.2 platform, empty", "FROM --platform= a", NULL, NULL },
        { "5.2 platform twice", "FROM --platform=a --platform=b x", NULL,
          "duplicate flag specified: --platform" },
        { "5.2 network twice", F "RUN --network=none --network=none x", NULL,
          "duplicate flag specified: --network" },
        { "5.2 link twice", F "ADD --link --link=false a b", NULL,
          "duplicate flag specified: --link" },
        { "5.2 mounts", F "RUN --mount=target=/a --mount=target=/b --device=a --device=b x", NULL,
          NULL },
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
        { "6 FROM", "FROM a b", NULL, "FROM requires either one or three arguments" },
        { "6 FROM", "FROM a AS b c", NULL, "FROM requires either one or three arguments" },
        { "6 FROM", "FROM a AS -b", NULL, "invalid name for build stage: \"-b\"…" },
        { "6 FROM", "FROM a AS b/c", NULL, "invalid name for build stage: \"b/c\"…" },
        { "6 FROM", "FROM a AS É", NULL, "invalid name for build stage: \"É\"…" },
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
        { "6 RUN", F "RUN --device= x", NULL, "failed to parse csv devices: EOF" },
        { "6 RUN", F "RUN --device=name=a,required=false x", NULL, NULL },
        { "6 RUN", F "RUN --device=a,required=maybe x", NULL, "invalid value for required: maybe" },
        { "6 RUN", F "RUN --network= x", NULL, "invalid network mode \"\"" },
        { "6 RUN", F "RUN --security=INSECURE x", NULL, "security \"INSECURE\" is not valid" },
        { "6 RUN", F "RUN --device=vendor.com/dev=foo,required x", NULL, NULL },
        { "6 RUN --mount", F "RUN --mount= x", NULL, "failed to parse csv mounts: EOF" },
        { "6 RUN --mount", F "RUN --mount x", NULL, "missing a value on flag: --mount" },
        { "6 RUN --mount", F "RUN --mount=type=bind,from=a$b x", NULL,
          "'from' doesn't support variable expansion, define alias stage instead" },
        { "6 RUN --mount", F "RUN --mount=from=a$ x", NULL, NULL },
        { "6 RUN --mount", F "RUN --mount='type=cache,\"target=/a,b\"' x", NULL, NULL },
        { "6 RUN --mount", F "RUN --mount='type=cache,\"target=/a' x", NULL,
          "failed to parse csv mounts: wrong use of \" in a field" },
        { "6 RUN --mount", F "RUN --mount=type=bind,from=$b x", NULL,
          "'from' doesn't support variable expansion, define alias stage instead" },
        { "6 RUN --mount", F "RUN --mount=type=bind,FROM=${b} x", NULL,
          "'from' doesn't support variable expansion, define alias stage instead" },
        { "6 RUN --mount", F "RUN --mount=a\"b x", NULL, NULL },
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
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=.5s --interval=+1ms --retries=0 CMD x", NULL,
          NULL },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=1000µs --interval=1000000ns CMD x", NULL,
          NULL },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout= --retries= CMD x", NULL, NULL },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=9999999h CMD x", NULL,
          "time: invalid duration \"9999999h\"" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --timeout=1s2 CMD x", NULL,
          "time: missing unit in duration \"1s2\"" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --retries=2147483648 CMD x", NULL,
          "strconv.ParseInt: parsing \"2147483648\": value out of range" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --interval=1s --interval=2s CMD x", NULL,
          "duplicate flag specified: --interval" },
        { "6 HEALTHCHECK", F "HEALTHCHECK --x CMD x", NULL, "unknown flag: --x" },
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
        { "6 ONBUILD", F "ONBUILD --", DF "(onbuild)\n", "ONBUILD requires at least one argument" },
        { "3.3 ONBUILD", F "ONBUILD COPY a", DF "(onbuild (copy \"a\"))\n", NULL },
        { "3.3 ONBUILD", F "ONBUILD RUN --network=foo a",
          DF "(onbuild (run [\"--network=foo\"] \"a\"))\n", NULL },
        { "3.3 ONBUILD", F "ONBUILD ONBUILD RUN x", DF "(onbuild (onbuild (run \"x\")))\n",
          "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
        { "3.3 ONBUILD", F "ONBUILD LABEL a=b c", NULL,
          "Syntax error - can't find = in \"c\". Must be of the form: name=value" },
        { "3.3 ONBUILD", F "ONBUILD ENV a", NULL, "ENV must have two arguments" },
        { "3.3 ONBUILD", F "ONBUILD --x RUN a", NULL, "unknown flag: --x" },
        { "3.3 ONBUILD", F "ONBUILD RUN --x a", DF "(onbuild (run [\"--x\"] \"a\"))\n", NULL },
    };
    CHECK_ROWS(rows);
}

/* 5.2 and 6: which instruction takes which flags; ARG, STOPSIGNAL and HEALTHCHECK NONE take any. */
static void test_flags(void **state) {
    (void)state;
    static const struct {
        const char *flag;
        const char *takers;
    } flags[] = {
        { "--platform=a", "FROM" },
        { "--mount=target=/a", "RUN" },
        { "--network=none", "RUN" },
        { "--security=sandbox", "RUN" },
        { "--device=a", "RUN" },
        { "--chown=a:b", "ADD COPY" },
        { "--chmod=644", "ADD COPY" },
        { "--link", "ADD COPY" },
        { "--exclude=a", "ADD COPY" },
        { "--from=a", "COPY" },
        { "--parents", "COPY" },
        { "--checksum=sha256:a", "ADD" },
        { "--keep-git-dir", "ADD" },
        { "--unpack", "ADD" },
        { "--interval=1s", "HEALTHCHECK" },
        { "--timeout=1s", "HEALTHCHECK" },
        { "--start-period=1s", "HEALTHCHECK" },
        { "--start-interval=1s", "HEALTHCHECK" },
        { "--retries=1", "HEALTHCHECK" },
        { "--other", "" },
    };
    static const char *const arguments[INSTRUCTION_COUNT] = {
        [INSTRUCTION_ADD] = "a b",           [INSTRUCTION_COPY] = "a b",
        [INSTRUCTION_ENV] = "a=b",           [INSTRUCTION_LABEL] = "a=b",
        [INSTRUCTION_HEALTHCHECK] = "CMD a", [INSTRUCTION_ONBUILD] = "RUN a",
        [INSTRUCTION_SHELL] = "[\"a\"]",
    };
    for (enum instruction_kind kind = INSTRUCTION_ADD; kind < INSTRUCTION_COUNT; kind++) {
        bool is_any = kind == INSTRUCTION_ARG || kind == INSTRUCTION_STOPSIGNAL;
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
            _cleanup_arena_ struct arena arena = ARENA_INIT;
            _cleanup_error_ struct error error = ERROR_INIT;
            struct dockerfile *file;
            const char *name = instruction_name(kind);
            const char *rest = arguments[kind] ? arguments[kind] : "a";
            char *text = arena_printf(&arena, F "%s %s %s", name, flags[i].flag, rest);
            int result = parser_parse(str_of(text), "Dockerfile", &arena, &file, &error);
            bool is_taken = is_any || strstr(flags[i].takers, name) != NULL;
            if (result != (is_taken ? 0 : -1) ||
                (!is_taken && strncmp(error.message, "unknown flag: --", 16) != 0)) {
                fail_msg("%s: %s", text, result < 0 ? error.message : "accepted");
            }
        }
    }
}

static void test_line_limit(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 4; extra++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        buf_append_c(&text, F "RUN ");
        while (text.len < sizeof(F) - 1 + 65535 + extra / 2) {
            buf_append_byte(&text, 'x');
        }
        buf_append_c(&text, extra % 2 ? "\n" : "");
        int result = parser_parse(buf_str(&text), "Dockerfile", &arena, &file, &error);
        assert_int_equal(result, extra < 2 ? 0 : -1);
        if (extra >= 2) {
            assert_string_equal(error.message,
                                "dockerfile line greater than max allowed size of 65535");
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

static void test_squeeze(void **state) {
    static const struct {
        const char *text, *squeezed;
    } rows[] = {
        { "RUN a &&     b \t  c", "RUN a && b c" },
        { "RUN a", "RUN a" },
        { "RUN 'a   b'   c", "RUN 'a   b' c" },
        { "RUN \"a   \\\"  b\"  c", "RUN \"a   \\\"  b\" c" },
        { "RUN a\\   b", "RUN a\\  b" },
        { "RUN it's   '", "RUN it's   '" },
        { "RUN it's   ", "RUN it's " },
        { "RUN é   \"", "RUN é \"" },
        { "RUN \\", "RUN \\" },
        { "", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct str squeezed = words_squeeze(str_of(rows[i].text), &arena);
        assert_string_equal(str_dup(&arena, squeezed), rows[i].squeezed);
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
        cmocka_unit_test(test_tricky_inputs),   cmocka_unit_test(test_lines),
        cmocka_unit_test(test_white_space),     cmocka_unit_test(test_json),
        cmocka_unit_test(test_pairs_and_flags), cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_flags),           cmocka_unit_test(test_line_limit),
        cmocka_unit_test(test_deep_onbuild),    cmocka_unit_test(test_squeeze),
        cmocka_unit_test(test_quote),           cmocka_unit_test(test_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
