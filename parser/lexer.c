/* lexer: from logical lines to the tokens of grammar/dockerfile.y. */
#include "grammar/dockerfile.tab.h"
#include "parser/heredoc.h"
#include "parser/state.h"
#include "parser/words.h"

/* How an instruction's arguments are split, and its token. JSON is tried first where `may_be_json`. */
struct form {
    int token;
    enum lexer_mode mode;
    bool may_be_json;
    bool has_heredocs;
};

static const struct form forms[INSTRUCTION_COUNT] = {
    [INSTRUCTION_UNKNOWN] = { TOKEN_UNKNOWN, LEX_END, false, false },
    [INSTRUCTION_ADD] = { TOKEN_ADD, LEX_WORDS, true, true },
    [INSTRUCTION_ARG] = { TOKEN_ARG, LEX_PAIRS, false, false },
    [INSTRUCTION_CMD] = { TOKEN_CMD, LEX_TEXT, true, false },
    [INSTRUCTION_COPY] = { TOKEN_COPY, LEX_WORDS, true, true },
    [INSTRUCTION_ENTRYPOINT] = { TOKEN_ENTRYPOINT, LEX_TEXT, true, false },
    [INSTRUCTION_ENV] = { TOKEN_ENV, LEX_PAIRS, false, false },
    [INSTRUCTION_EXPOSE] = { TOKEN_EXPOSE, LEX_WORDS, false, false },
    [INSTRUCTION_FROM] = { TOKEN_FROM, LEX_WORDS, false, false },
    [INSTRUCTION_HEALTHCHECK] = { TOKEN_HEALTHCHECK, LEX_TYPE, false, false },
    [INSTRUCTION_LABEL] = { TOKEN_LABEL, LEX_PAIRS, false, false },
    [INSTRUCTION_MAINTAINER] = { TOKEN_MAINTAINER, LEX_TEXT, false, false },
    [INSTRUCTION_ONBUILD] = { TOKEN_ONBUILD, LEX_KEYWORD, false, false },
    [INSTRUCTION_RUN] = { TOKEN_RUN, LEX_TEXT, true, true },
    [INSTRUCTION_SHELL] = { TOKEN_SHELL, LEX_TEXT, true, false },
    [INSTRUCTION_STOPSIGNAL] = { TOKEN_STOPSIGNAL, LEX_TEXT, false, false },
    [INSTRUCTION_USER] = { TOKEN_USER, LEX_TEXT, false, false },
    [INSTRUCTION_VOLUME] = { TOKEN_VOLUME, LEX_WORDS, true, false },
    [INSTRUCTION_WORKDIR] = { TOKEN_WORKDIR, LEX_TEXT, false, false },
};

static struct ast_word word_at(const struct parser *parser, struct str text) {
    return (struct ast_word){ text, lines_span(parser, text) };
}

/* Lays a word on the stack. */
static int token_word(struct parser *parser, int token, struct str text, struct span *location) {
    struct ast_word word = word_at(parser, text);
    vec_push(&parser->words, word);
    *location = word.span;
    return token;
}

/* ---- keyword, flags, and what comes after them --------------------------------------------------------- */

static int lex_keyword(struct parser *parser, struct keyword **out, struct span *location) {
    struct str text;
    parser->kind = scan_keyword(&parser->scan, &text);
    parser->mode = LEX_FLAGS;
    if (parser->keyword_count == NESTING_LIMIT) {
        return parser_fail(parser, lines_span(parser, text),
                           "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    }
    struct keyword *keyword = &parser->keywords[parser->keyword_count++];
    *keyword = (struct keyword){
        .word = word_at(parser, text),
        .flags = (uint32_t)parser->flags.count,
        .words = (uint32_t)parser->words.count,
        .pairs = (uint32_t)parser->pairs.count,
    };
    *location = keyword->word.span;
    *out = keyword;
    return forms[parser->kind].token;
}

/* Picks the scanner for the arguments, which start here. */
static int start_arguments(struct parser *parser, bool may_be_json, enum lexer_mode mode) {
    struct str arguments = scan_trim(scan_rest(&parser->scan));
    parser->scan = scan_of(arguments);
    parser->mode = mode;
    if (arguments.len == 0) {
        parser->mode = LEX_END;
        return 0;
    }
    if (may_be_json && arguments.data[0] == '[') {
        struct str offender;
        enum json_form form = scan_json_form(arguments, &offender);
        if (form == JSON_OTHER) {
            parser_fail(parser, lines_span(parser, offender),
                        "when using JSON array syntax, arrays must be comprised of strings only");
            return error_hint(parser->error, "put the element in double quotes");
        }
        parser->mode = form == JSON_STRINGS ? LEX_JSON : mode;
    }
    return 0;
}

/* A token, 0 when the flags are over, -1. */
static int lex_flag(struct parser *parser, struct span *location) {
    const struct form *form = &forms[parser->kind];
    struct str raw, text;
    if (scan_flag(&parser->scan, parser->dockerfile->escape, parser->arena, &raw, &text) &&
        !str_equal(text, STR("--"))) {
        struct str name = str_from(text, 2);
        size_t equals = str_find_byte(name, '=');
        bool has_value = equals != SIZE_MAX;
        *location = lines_span(parser, raw);
        struct ast_flag flag = {
            .text = text,
            .name = str_sub(name, 0, has_value ? equals : name.len),
            .value = has_value ? str_from(name, equals + 1) : STR_EMPTY,
            .has_value = has_value,
            .span = *location,
        };
        vec_push(&parser->flags, flag);
        return TOKEN_FLAG;
    }
    if (start_arguments(parser, form->may_be_json, form->mode) < 0) {
        return -1;
    }
    parser->arguments = scan_rest(&parser->scan);
    return 0;
}

/* ---- ENV, LABEL, ARG ----------------------------------------------------------------------------------- */

static struct ast_pair split_pair(const struct parser *parser, struct str word) {
    size_t equals = str_find_byte(word, '=');
    struct ast_pair pair = { .has_value = equals != SIZE_MAX };
    pair.key = word_at(parser, str_sub(word, 0, pair.has_value ? equals : word.len));
    pair.value = word_at(parser, str_from(word, pair.has_value ? equals + 1 : word.len));
    return pair;
}

/* `ENV name value`: everything after the name is the value. */
static int legacy_pair(struct parser *parser, struct ast_pair *pair) {
    struct str key;
    const char *name = instruction_name(parser->kind);
    scan_word(&parser->scan, &key);
    struct str value = scan_rest(&parser->scan);
    struct scan scan = scan_of(value);
    struct str first;
    if (!scan_word(&scan, &first)) {
        parser_fail(parser, lines_span(parser, key), "%s must have two arguments", name);
        return error_hint(parser->error, "write `%s %.*s=VALUE`", name, STR_ARG(key));
    }
    value = str_make(first.data, (size_t)(scan.limit - first.data));
    parser->scan.cursor = parser->scan.limit;
    *pair = (struct ast_pair){ word_at(parser, key), word_at(parser, value), true, true };
    return 0;
}

static int no_equals(struct parser *parser, struct str word) {
    _cleanup_buf_ struct buf quoted = BUF_INIT;
    words_quote(&quoted, word);
    parser_fail(parser, lines_span(parser, word),
                "Syntax error - can't find = in %s. Must be of the form: name=value", quoted.data);
    return error_hint(parser->error, "put a value that has spaces in quotes: name=\"value\"");
}

static int lex_pair(struct parser *parser, struct span *location) {
    struct scan before = parser->scan;
    bool is_first = parser->scan.cursor == parser->arguments.data;
    struct str word;
    if (!scan_pair_word(&parser->scan, parser->dockerfile->escape, &word)) {
        return 0;
    }
    struct ast_pair pair = split_pair(parser, word);
    if (parser->kind != INSTRUCTION_ARG && !pair.has_value) {
        if (!is_first) {
            return no_equals(parser, word);
        }
        parser->scan = before;
        if (legacy_pair(parser, &pair) < 0) {
            return -1;
        }
    }
    vec_push(&parser->pairs, pair);
    *location = (struct span){ pair.key.span.start, pair.value.span.end };
    return TOKEN_PAIR;
}

/* ---- lists, text, JSON, heredocs ----------------------------------------------------------------------- */

static int lex_type(struct parser *parser, struct span *location) {
    struct str type;
    scan_first_word(&parser->scan, &type);
    if (start_arguments(parser, true, LEX_TEXT) < 0) {
        return -1;
    }
    return token_word(parser, TOKEN_TYPE, type, location);
}

static int lex_json(struct parser *parser, struct span *location) {
    struct str raw, text;
    if (*parser->scan.cursor == '[') {
        *location = lines_span(parser, str_make(parser->scan.cursor++, 1));
        return '[';
    }
    if (scan_json_string(&parser->scan, parser->arena, &raw, &text)) {
        *location = lines_span(parser, raw);
        vec_push(&parser->words, (struct ast_word){ text, *location });
        return TOKEN_STRING;
    }
    *location = lines_span(parser, str_make(parser->scan.limit - 1, 1));
    parser->mode = LEX_END;
    return ']';
}

/* Announcing a heredoc takes two `<` at least: most lines need not be split into words to see that there is none. */
static bool may_have_heredocs(struct str line) {
    for (size_t at; (at = str_find_byte(line, '<')) != SIZE_MAX; line = str_from(line, at + 1)) {
        if (at + 1 < line.len && line.data[at + 1] == '<') {
            return true;
        }
    }
    return false;
}

/* Behind the arguments: finds what the line announces and reads the bodies. */
static int start_heredocs(struct parser *parser) {
    struct str line = parser->line.text;
    parser->heredocs = NULL;
    parser->heredoc_count = parser->heredoc_next = 0;
    parser->mode = LEX_END;
    if (!forms[parser->kind].has_heredocs || !may_have_heredocs(line)) {
        return 0;
    }
    if (heredoc_find(line, parser->arena, &parser->heredocs, &parser->heredoc_count,
                     parser->error) < 0) {
        return error_at(parser->error, parser->dockerfile->name, parser->dockerfile->source,
                        lines_span(parser, line));
    }
    for (size_t i = 0; i < parser->heredoc_count; i++) {
        struct ast_heredoc *heredoc = &parser->heredocs[i];
        heredoc->span = lines_span(parser, str_sub(line, heredoc->span.start, heredoc->span.end));
        if (lines_read_heredoc(parser, heredoc) < 0) {
            return -1;
        }
    }
    parser->mode = parser->heredoc_count > 0 ? LEX_HEREDOCS : LEX_END;
    return 0;
}

static int lex_arguments(struct parser *parser, struct span *location) {
    struct str text;
    switch (parser->mode) {
    case LEX_WORDS:
        return scan_word(&parser->scan, &text) ? token_word(parser, TOKEN_WORD, text, location) : 0;
    case LEX_PAIRS:
        return lex_pair(parser, location);
    case LEX_TEXT:
        text = scan_rest(&parser->scan);
        parser->scan.cursor = parser->scan.limit;
        return text.len > 0 ? token_word(parser, TOKEN_TEXT, text, location) : 0;
    default:
        return 0;
    }
}

/* ---- the machine --------------------------------------------------------------------------------------- */

static bool start_line(struct parser *parser) {
    enum { SCRATCH_KEPT = 1 << 20 };
    if (parser->scratch.allocated > SCRATCH_KEPT) {
        arena_free(&parser->scratch);
    }
    if (!lines_next(parser)) {
        return false;
    }
    parser->keyword_count = 0;
    parser->scan = scan_of(scan_trim(parser->line.text));
    parser->heredocs = NULL;
    parser->heredoc_count = 0;
    parser->mode = LEX_KEYWORD;
    return true;
}

/* The rest of the line is not looked at; the grammar recovers at its end. */
static int give_up_line(struct parser *parser) {
    parser_report(parser);
    parser->mode = LEX_END;
    return TOKEN_DOCKERFILE_error;
}

int dockerfile_lex(DOCKERFILE_STYPE *value, struct span *location, struct parser *parser) {
    for (;;) {
        int token = 0;
        switch (parser->mode) {
        case LEX_LINE:
            if (!start_line(parser)) {
                return TOKEN_YYEOF;
            }
            continue;
        case LEX_KEYWORD:
            token = lex_keyword(parser, &value->keyword, location);
            break;
        case LEX_FLAGS:
            token = lex_flag(parser, location);
            if (token == 0) {
                continue;
            }
            break;
        case LEX_TYPE:
            token = lex_type(parser, location);
            break;
        case LEX_JSON:
            token = lex_json(parser, location);
            break;
        case LEX_WORDS:
        case LEX_PAIRS:
        case LEX_TEXT:
            token = lex_arguments(parser, location);
            if (token == 0 && start_heredocs(parser) == 0) {
                continue;
            }
            token = token == 0 ? -1 : token;
            break;
        case LEX_HEREDOCS:
            *location = parser->heredocs[parser->heredoc_next++].span;
            parser->mode = parser->heredoc_next == parser->heredoc_count ? LEX_END : LEX_HEREDOCS;
            return TOKEN_HEREDOC;
        case LEX_END:
            parser->mode = LEX_LINE;
            return TOKEN_END_OF_LINE;
        }
        return token < 0 ? give_up_line(parser) : token;
    }
}
