/* Heredocs: where a line announces them, what their bodies are, what they mean to RUN, COPY and ONBUILD. */
#include "parser/heredoc.h"

#include "parser_fixture.h"

static void test_heredoc_words(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "4.1", F "ENV a=<<E\nE", NULL, "unknown instruction: E (did you mean ENV?)" },
        { "4.1 CMD", F "CMD a <<E\nE", NULL, "unknown instruction: E (did you mean ENV?)" },
        { "4.1 ONBUILD CMD", F "ONBUILD CMD a <<E\nE", NULL,
          "unknown instruction: E (did you mean ENV?)" },
        { "4.1 ONBUILD JSON", F "ONBUILD RUN [\"<<E\"]\nUSER b", NULL, NULL },
        { "4.1 bad JSON is none", F "RUN [\"a\", <<E\nx\nE\nUSER b",
          DF "(run \"[\\\"a\\\", <<E\")\n(user \"b\")\n", NULL },
        { "4.2 single quotes", F "RUN x '<<E'\nUSER b", NULL, NULL },
        { "4.2 unbalanced quote", F "RUN x <<\"E\nUSER b", NULL, NULL },
        { "4.2 digits glued", F "RUN cat 2<<E\nx\nE\nUSER b", NULL, NULL },
        { "4.2 letters glued", F "RUN cat<<E\nUSER b", NULL, NULL },
        { "4.2 dollar brace", F "RUN x <<${E}\na\n${E}\nUSER b", NULL, NULL },
        { "4.2 redirection glued", F "RUN cat <<E>/x\na\nE>/x\nUSER b", NULL, NULL },
        { "4.2 in a flag", F "RUN --network=<<E x\nUSER b", NULL, "invalid network mode \"<<E\"" },
        { "4.3 no end", F "ADD <<E /x\na", NULL, "unterminated heredoc" },
        { "4.3 end of another", F "RUN <<A <<B\nx\nB\ny\nA\nUSER b", NULL, "unterminated heredoc" },
        { "4.3 spaces before", F "RUN <<-E\n  E\n", NULL, "unterminated heredoc" },
        { "4.3 tabs without dash", F "RUN <<E\n\tE\n", NULL, "unterminated heredoc" },
        { "4.4 quoted words", F "COPY <<\"E F\" /x\ny\nE F\nUSER b",
          DF "(copy \"<<\\\"E\" \"F\\\"\" \"/x\")\n(user \"b\")\n", NULL },
        { "4.4 only one", F "COPY <<E\nE", NULL, "COPY requires at least two arguments…" },
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

/* As the shell would write it, a quoted delimiter in '', and the body in (). */
static void print_heredocs(struct buf *out, const struct instruction *instruction) {
    for (size_t i = 0; i < instruction->heredoc_count; i++) {
        const struct ast_heredoc *heredoc = &instruction->heredocs[i];
        const char *quote = heredoc->is_expanded ? "" : "'";
        if (heredoc->descriptor > 0) {
            buf_printf(out, "%u", heredoc->descriptor);
        }
        buf_printf(out, "<<%s%s%.*s%s(%.*s)", heredoc->is_chomped ? "-" : "", quote,
                   STR_ARG(heredoc->name), quote, STR_ARG(heredoc->body));
    }
}

static void test_bodies(void **state) {
    (void)state;
    static const struct {
        const char *source;
        const char *input; /* its second instruction; nothing follows */
        const char *heredocs;
        bool is_script; /* of RUN: the body is all there is */
    } rows[] = {
        { "8.39", F "RUN cat <<E>/tmp/x\nfoo\nE>/tmp/x", "<<E>/tmp/x(foo\n)", false },
        { "8.40", F "RUN cat>/tmp/x <<E\nfoo\nE", "<<E(foo\n)", false },
        { "8.41", F "RUN echo 1 << 2\nfoo\n2", "<<2(foo\n)", false },
        { "8.43", F "RUN <<EOF\nhello\nEOF \nEOF", "<<EOF(hello\nEOF \n)", true },
        { "8.44", F "RUN <<-EOF\n\ta\n  EOF\n\tEOF", "<<-EOF(\ta\n  EOF\n)", true },
        { "8.45", F "COPY <<a <<a /x/\n1\na\n2\na", "<<a(1\n)<<a(2\n)", false },
        { "8.48", F "RUN x <<E \\\n && y\nfoo\nE", "<<E(foo\n)", false },
        { "8.55", F "RUN <<E # c\nfoo\nE", "<<E(foo\n)", false },
        { "8.56", F "RUN x=1 && cat <<E && y\nfoo\nE", "<<E(foo\n)", false },
        { "8.57", F "RUN echo '<<' <<E\nfoo\nE", "<<E(foo\n)", false },
        { "4.2", F "RUN x <<eo\\'f\na\neo'f", "<<eo'f(a\n)", false },
        { "4.2", F "RUN x <<e\\\\f\na\ne\\f", "<<e\\f(a\n)", false },
        { "4.2", F "RUN x <<'E'\"F\"\na\nEF", "<<'EF'(a\n)", false },
        { "4.2", F "RUN x <<E''\na\nE", "<<'E'(a\n)", false },
        { "4.2", F "RUN x <<\"E F\"\na\nE F", "<<'E F'(a\n)", false },
        { "4.2", F "RUN x 12<<\t E\na\nE", "12<<E(a\n)", false },
        { "4.2 dash behind the space", F "RUN x << -E\na\n-E", "<<-E(a\n)", false },
        { "4.2 space behind the dash", F "RUN x <<- E", "", false },
        { "4.2", F "RUN x <<$EOF\na\n$EOF", "<<$EOF(a\n)", false },
        { "4.2", F "RUN a <<A; b <<B\n1\nA;\n2\nB", "<<A;(1\n)<<B(2\n)", false },
        { "4.2 escape directive", "# escape=`\n" F "RUN x <<e\\'f\na\ne'f", "<<e'f(a\n)", false },
        { "4.3 CRLF", F "RUN <<E\r\na\r\nE\r\n", "<<E(a\r\n)", true },
        { "4.3 verbatim", F "RUN <<E\n# c\n\nx \\\nFROM b\nE", "<<E(# c\n\nx \\\nFROM b\n)", true },
        { "4.3 empty", F "RUN <<E\nE", "<<E()", true },
        { "4.3 any bytes", F "RUN <<é\n\xFE\né", "<<é(\xFE\n)", true },
        { "4.4 mixed", F "ADD <<a b <<'c' /x/\n1\na\n2\nc", "<<a(1\n)<<'c'(2\n)", false },
        { "4.5 flags before", F "RUN --network=none <<E\na\nE", "<<E(a\n)", true },
        { "4.5 descriptor", F "RUN 0<<E\na\nE", "<<E(a\n)", true },
        { "4.5 quoted", F "RUN <<-\"E\"\n\ta\n\tE", "<<-'E'(\ta\n)", true },
        { "4.5 interpreter", F "RUN <<E python3\na\nE", "<<E(a\n)", false },
        { "4.5 two", F "RUN <<E <<F\na\nE\nb\nF", "<<E(a\n)<<F(b\n)", false },
    };
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_buf_ struct buf found = BUF_INIT;
        struct dockerfile *file = parse(rows[i].input, &arena);
        assert_int_equal(file->instruction_count, 2);
        print_heredocs(&found, file->instructions[1]);
        if (!str_equal_c(buf_str(&found), rows[i].heredocs) ||
            heredoc_is_whole_script(file->instructions[1]) != rows[i].is_script) {
            print_error("%s: %s\nwanted: %s\n", rows[i].source, found.data, rows[i].heredocs);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void test_triggers(void **state) { /* 3.3, 4.6 */
    (void)state;
    static const struct {
        const char *input;
        const char *stored;
    } rows[] = {
        { F "onbuild   copy a  b", "copy a  b" },
        { F "ONBUILD RUN a \\\n # c\n b", "RUN a  b" },
        { F "ONBUILD RUN <<EOF\nx\nEOF", "RUN <<EOF\nx\nEOF" },
        { F "ONBUILD RUN cat <<-A <<B\n\tx\n\tA\ny\nB", "RUN cat <<-A <<B\n\tx\nA\ny\nB" },
        { F "ONBUILD COPY <<\"E\" /x\n1\r\nE\r\n", "COPY <<\"E\" /x\n1\r\nE" },
        { F "ONBUILD ADD --chown=a <<E b /x\n1\nE", "ADD --chown=a <<E b /x\n1\nE" },
        { F "ONBUILD ENV a=<<E", "ENV a=<<E" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct dockerfile *file = parse(rows[i].input, &arena);
        assert_int_equal(file->instruction_count, 2);
        assert_str(file->instructions[1]->onbuild.text, rows[i].stored);
    }
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heredoc_words),      cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_triggers),           cmocka_unit_test(test_heredocs),
        cmocka_unit_test(test_heredoc_line_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
