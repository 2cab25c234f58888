#include "cli/option.h"

#include "base/vec.h"

#include <assert.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>

/* getopt_long returns the index of the option plus this: larger than any letter, and than 1, which stands for an
 * argument. */
#define FIRST_OPTION 0x100
#define ARGUMENT 1
#define HELP_OPTION (FIRST_OPTION - 1)

struct parser {
    struct options *options;
    const char *command;
    struct option *long_options; /* as getopt_long wants them */
    struct buf letters;
    struct error *error;
};

static size_t count_specs(const struct option_spec *const *tables) {
    size_t count = 0;
    for (; *tables != NULL; tables++) {
        for (const struct option_spec *spec = *tables; spec->name != NULL; spec++) {
            count++;
        }
    }
    return count;
}

static const struct option_spec *find_spec(const struct option_spec *const *tables, struct str name,
                                           char letter) {
    for (; *tables != NULL; tables++) {
        for (const struct option_spec *spec = *tables; spec->name != NULL; spec++) {
            if (letter != 0 ? spec->letter == letter : str_equal_c(name, spec->name)) {
                return spec;
            }
        }
    }
    return NULL;
}

static bool has_separate_value(const struct option_spec *spec) {
    return spec->kind != OPTION_FLAG && spec->bare == NULL;
}

static bool is_done(const struct option_spec *spec, const char *value) {
    if (spec->only == NULL) {
        return true;
    }
    struct str rest = str_of(spec->only), word;
    while (str_split(&rest, ' ', &word)) {
        if (word.len > 0 && str_equal_c(word, value)) {
            return true;
        }
    }
    return false;
}

/* Another tool's, which a later version may know; flags and options without a value that is done have no others. */
static bool is_undone(const struct option_spec *spec, const char *value, struct arena *arena) {
    if (spec->kind == OPTION_FLAG || spec->only[0] == '\0') {
        return true;
    }
    struct str rest = str_of(spec->undone), word;
    while (rest.len > 0 && str_split(&rest, ' ', &word)) {
        if (fnmatch(str_dup(arena, word), value, 0) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse_undone(const struct option_value *option, const char *value,
                         struct error *error) {
    const struct option_spec *spec = option->spec;
    if (spec->only[0] == '\0' || (spec->kind == OPTION_FLAG && strcmp(value, "true") == 0)) {
        error_set(error, ERROR_UNSUPPORTED, "%s is not done yet", option->source);
    } else if (spec->kind == OPTION_FLAG) {
        error_set(error, ERROR_UNSUPPORTED, "%s=%s is not done yet", option->source, value);
    } else if (spec->bare != NULL && strcmp(value, spec->bare) == 0) {
        error_set(error, ERROR_UNSUPPORTED, "%s is not done yet", option->source);
    } else {
        error_set(error, ERROR_UNSUPPORTED, "%s: `%s` is not done yet", option->source, value);
    }
    if (spec->instead != NULL) {
        return error_hint(error, "%s", spec->instead);
    }
    return spec->only[0] != '\0'
               ? error_hint(error, "this version knows: %s", spec->only)
               : error_hint(error, "leave it out: this version of bud cannot do what it asks for");
}

static int refuse_value(const struct option_value *option, const char *value, struct arena *arena,
                        struct error *error) {
    struct str rest = str_of(option->spec->only), word;
    const char **known = arena_array(arena, rest.len, sizeof(*known));
    size_t count = 0;
    _cleanup_buf_ struct buf list = BUF_INIT;
    while (rest.len > 0 && str_split(&rest, ' ', &word)) {
        known[count++] = str_dup(arena, word);
        buf_printf(&list, "%s%.*s", list.len > 0 ? ", " : "", STR_ARG(word));
    }
    const char *nearest = str_nearest(str_of(value), known, count);
    error_set(error, ERROR_USAGE, "%s: there is no `%s`", option->source, value);
    return nearest != NULL ? error_hint(error, "did you mean `%s`? Known: %s", nearest, list.data)
                           : error_hint(error, "known: %s", list.data);
}

/* pflag's booleans (strconv.ParseBool). */
static const char *parse_flag(const char *value) {
    bool is_on;
    if (!str_parse_bool(str_of(value), &is_on)) {
        return NULL;
    }
    return is_on ? "true" : "false";
}

static void add_item(struct arena *arena, struct option_value *option, const char *item) {
    if (option->item_count + 1 >= option->item_capacity) {
        option->items = vec_grow(arena, option->items, option->item_count, &option->item_capacity,
                                 sizeof(*option->items));
    }
    option->items[option->item_count++] = item;
    option->items[option->item_count] = NULL;
}

static void add_items(struct arena *arena, struct option_value *option, const char *value) {
    struct str rest = str_of(value), item;
    while (str_split(&rest, ',', &item)) {
        if (item.len > 0) {
            add_item(arena, option, str_dup(arena, item));
        }
    }
}

static int set_value(struct options *options, struct option_value *option, const char *value,
                     struct error *error) {
    const struct option_spec *spec = option->spec;
    uint64_t number;
    if (spec->kind == OPTION_FLAG) {
        const char *flag = parse_flag(value);
        if (flag == NULL) {
            return error_set(error, ERROR_USAGE, "%s takes true or false, not `%s`", option->source,
                             value);
        }
        value = flag;
    } else if (spec->kind == OPTION_UINT &&
               !str_parse_uint(str_of(value), 10, INT64_MAX, &number)) {
        return error_set(error, ERROR_USAGE, "%s takes a whole number, not `%s`", option->source,
                         value);
    }
    if (!is_done(spec, value)) {
        return is_undone(spec, value, options->arena)
                   ? refuse_undone(option, value, error)
                   : refuse_value(option, value, options->arena, error);
    }
    option->is_given = true;
    option->text = value;
    if (spec->kind == OPTION_LIST) {
        add_item(options->arena, option, value);
    } else if (spec->kind == OPTION_SET) {
        add_items(options->arena, option, value);
    }
    return 0;
}

static void prepare(struct parser *parser, const struct option_spec *const *tables) {
    struct options *options = parser->options;
    /* RETURN_IN_ORDER ('-') gives arguments one by one, whatever POSIXLY_CORRECT says; ':' tells a missing value
     * from an unknown option. */
    buf_append_c(&parser->letters, "-:h");
    struct option *next = parser->long_options;
    *next++ = (struct option){ "help", no_argument, NULL, HELP_OPTION };
    for (; *tables != NULL; tables++) {
        for (const struct option_spec *spec = *tables; spec->name != NULL; spec++) {
            int has_argument = has_separate_value(spec) ? required_argument : optional_argument;
            *next++ = (struct option){ spec->name, has_argument, NULL,
                                       FIRST_OPTION + (int)options->count };
            if (spec->letter != 0) {
                buf_append_byte(&parser->letters, spec->letter);
                buf_append_c(&parser->letters, has_separate_value(spec) ? ":" : "");
            }
            struct option_value *option = &options->values[options->count++];
            option->spec = spec;
            option->items = arena_alloc(options->arena, sizeof(*option->items));
        }
    }
}

static int hint_usage(const struct parser *parser) {
    return error_hint(parser->error, "`%s --help` lists the options", parser->command);
}

/* WORD is `--name…` or, for a letter, the letter itself in LETTER. */
static int refuse_unknown(const struct parser *parser, const char *word, char letter) {
    if (letter != 0) {
        error_set(parser->error, ERROR_USAGE, "unknown option -%c", letter);
        return hint_usage(parser);
    }
    struct str name = str_from(str_of(word), 2), rest = name;
    str_split(&rest, '=', &name);
    error_set(parser->error, ERROR_USAGE, "unknown option --%.*s", STR_ARG(name));
    const char **candidates =
        arena_array(parser->options->arena, parser->options->count, sizeof(*candidates));
    size_t count = 0;
    for (size_t i = 0; i < parser->options->count; i++) {
        const struct option_spec *spec = parser->options->values[i].spec;
        if (spec->elsewhere == NULL) {
            candidates[count++] = spec->name;
        } else if (str_equal_c(name, spec->name)) {
            return error_hint(parser->error, "%s", spec->elsewhere);
        }
    }
    const char *nearest = NULL;
    for (size_t i = 0; i < count && name.len > 1 && nearest == NULL; i++) {
        /* An abbreviation, which other programs understand. */
        nearest = str_has_prefix(str_of(candidates[i]), name) ? candidates[i] : NULL;
    }
    if (nearest == NULL && name.len > 2) { /* anything shorter is near to something */
        nearest = str_nearest(name, candidates, count);
    }
    return nearest == NULL ? hint_usage(parser)
                           : error_hint(parser->error, "did you mean --%s?", nearest);
}

static int refuse_missing_value(const struct parser *parser, int code) {
    const struct options *options = parser->options;
    for (size_t i = 0; i < options->count; i++) {
        const struct option_spec *spec = options->values[i].spec;
        if (code == FIRST_OPTION + (int)i || (code == spec->letter && code != 0)) {
            error_set(parser->error, ERROR_USAGE, "--%s needs a value: --%s %s", spec->name,
                      spec->name, spec->value);
            return hint_usage(parser);
        }
    }
    error_set(parser->error, ERROR_USAGE, "--help takes no value");
    return hint_usage(parser);
}

static int take_option(struct parser *parser, int code, char *const *argv) {
    struct options *options = parser->options;
    struct option_value *option = NULL;
    const char *value = optarg;
    if (code >= FIRST_OPTION) {
        option = &options->values[code - FIRST_OPTION];
        /* The word of the option is the one before what getopt looks at next, or one earlier when the value was a
         * word of its own. Only the full name counts. */
        const char *word = argv[optind - 1];
        if (value != NULL && value == word) {
            word = argv[optind - 2];
        }
        struct str given = str_from(str_of(word), 2), rest = given;
        str_split(&rest, '=', &given);
        if (!str_equal_c(given, option->spec->name) || option->spec->elsewhere != NULL) {
            return refuse_unknown(parser, word, 0);
        }
    } else {
        for (size_t i = 0; i < options->count && option == NULL; i++) {
            option = options->values[i].spec->letter == code ? &options->values[i] : NULL;
        }
        assert(option != NULL);
        if (value != NULL && value[0] == '=') { /* pflag's `-f=file` */
            value++;
        }
    }
    option->source = arena_printf(options->arena, "--%s", option->spec->name);
    if (value == NULL) {
        value = option->spec->kind == OPTION_FLAG ? "true" : option->spec->bare;
    }
    return set_value(options, option, value, parser->error);
}

static int read_words(struct parser *parser, int argc, char *const *argv) {
    struct options *options = parser->options;
    optind = 0; /* glibc: start afresh */
    opterr = 0;
    for (;;) {
        int code = getopt_long(argc, argv, parser->letters.data, parser->long_options, NULL);
        if (code == -1) {
            break;
        } else if (code == ARGUMENT) {
            options->arguments[options->argument_count++] = optarg;
        } else if (code == 'h' || code == HELP_OPTION) {
            options->is_help = true;
            return 0;
        } else if (code == ':' || (code == '?' && optopt >= HELP_OPTION)) {
            return refuse_missing_value(parser, optopt);
        } else if (code == '?') {
            return refuse_unknown(parser, argv[optind - 1], (char)optopt);
        } else if (take_option(parser, code, argv) < 0) {
            return -1;
        }
    }
    for (int i = optind; i < argc; i++) { /* after `--` */
        options->arguments[options->argument_count++] = argv[i];
    }
    return 0;
}

static int read_environment(struct options *options, struct error *error) {
    for (size_t i = 0; i < options->count; i++) {
        struct option_value *option = &options->values[i];
        const char *variable = option->spec->environment;
        const char *value = variable != NULL && !option->is_given ? getenv(variable) : NULL;
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        option->source = arena_printf(options->arena, "%s in the environment", variable);
        if (set_value(options, option, value, error) < 0) {
            return -1;
        }
    }
    return 0;
}

int options_parse(const char *const *words, const struct option_spec *const *tables,
                  const char *command, struct arena *arena, struct options *out,
                  struct error *error) {
    size_t spec_count = count_specs(tables), word_count = 0;
    while (words[word_count] != NULL) {
        word_count++;
    }
    *out = (struct options){ .arena = arena };
    out->values = arena_array(arena, spec_count, sizeof(*out->values));
    out->arguments = arena_array(arena, word_count + 1, sizeof(*out->arguments));
    struct parser parser = { .options = out, .command = command, .error = error };
    parser.letters = (struct buf)BUF_INIT;
    parser.long_options = arena_array(arena, spec_count + 2, sizeof(*parser.long_options));
    prepare(&parser, tables);

    char **argv = arena_array(arena, word_count + 2, sizeof(*argv));
    argv[0] = arena_strdup(arena, command);
    for (size_t i = 0; i < word_count; i++) {
        argv[i + 1] =
            (char *)(uintptr_t)words[i]; /* getopt writes to none when it does not permute */
    }
    int result = read_words(&parser, (int)word_count + 1, argv);
    buf_free(&parser.letters);
    return result < 0 || out->is_help ? result : read_environment(out, error);
}

/* How many words after WORD belong to it. */
static size_t following_values(const char *word, const struct option_spec *const *tables) {
    if (word[1] == '-') {
        struct str name = str_from(str_of(word), 2), rest = name;
        str_split(&rest, '=', &name);
        if (name.len + 2 != strlen(word)) {
            return 0;
        }
        const struct option_spec *spec = find_spec(tables, name, 0);
        return spec != NULL && has_separate_value(spec) ? 1 : 0;
    }
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const struct option_spec *spec = find_spec(tables, STR_EMPTY, *letter);
        if (spec == NULL) {
            return 0;
        }
        if (has_separate_value(spec)) {
            return letter[1] == '\0' ? 1 : 0;
        }
    }
    return 0;
}

size_t options_first_argument(const char *const *words, const struct option_spec *const *tables) {
    for (size_t i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '-' || words[i][1] == '\0') {
            return i;
        }
        if (strcmp(words[i], "--") == 0) {
            return words[i + 1] != NULL ? i + 1 : SIZE_MAX;
        }
        if (following_values(words[i], tables) > 0 && words[++i] == NULL) {
            return SIZE_MAX;
        }
    }
    return SIZE_MAX;
}

static const struct option_value *find_value(const struct options *options, const char *name) {
    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->values[i].spec->name, name) == 0) {
            return &options->values[i];
        }
    }
    abort(); /* the name is a literal in the code of a command */
}

bool option_is_given(const struct options *options, const char *name) {
    return find_value(options, name)->is_given;
}

bool option_flag(const struct options *options, const char *name, bool otherwise) {
    const struct option_value *option = find_value(options, name);
    return option->is_given ? strcmp(option->text, "true") == 0 : otherwise;
}

const char *option_text(const struct options *options, const char *name, const char *otherwise) {
    const struct option_value *option = find_value(options, name);
    return option->is_given ? option->text : otherwise;
}

bool option_is(const struct options *options, const char *name, const char *value) {
    return strcmp(option_text(options, name, ""), value) == 0;
}

uint64_t option_uint(const struct options *options, const char *name, uint64_t otherwise) {
    const struct option_value *option = find_value(options, name);
    uint64_t number = otherwise;
    if (option->is_given) {
        str_parse_uint(str_of(option->text), 10, INT64_MAX, &number);
    }
    return number;
}

const char *const *option_items(const struct options *options, const char *name) {
    return find_value(options, name)->items;
}

const char *option_source(const struct options *options, const char *name) {
    return find_value(options, name)->source;
}
