#include "cli/help.h"

#include <limits.h>

#define TEXT_WIDTH 80
#define OPTION_COLUMN 34 /* where an option's text begins */

static const struct option_spec help_options[] = {
    { .name = "man",
      .kind = OPTION_TEXT,
      .bare = "",
      .value = "COMMAND",
      .help = "the man page of COMMAND (`--man` alone: of bud) in the format of man(7)" },
    { .name = "completion", .kind = OPTION_FLAG, .help = "a completion script for bash" },
    { .name = NULL },
};

/* TEXT in words, each line at most to column TEXT_WIDTH, lines after the first begun with INDENT spaces. COLUMN is
 * where the first line begins. Empty lines are kept. */
static void append_wrapped(struct buf *out, struct str text, size_t column, size_t indent) {
    struct str line;
    bool is_first = true;
    while (str_split(&text, '\n', &line)) {
        if (!is_first) {
            buf_printf(out, "\n%*s", line.len > 0 ? (int)indent : 0, "");
            column = indent;
        }
        is_first = false;
        struct str word;
        bool is_line_start = true;
        while (str_split(&line, ' ', &word)) {
            if (!is_line_start && column + 1 + word.len > TEXT_WIDTH) {
                buf_printf(out, "\n%*s", (int)indent, "");
                column = indent;
                is_line_start = true;
            }
            buf_printf(out, "%s%.*s", is_line_start ? "" : " ", STR_ARG(word));
            column += word.len + !is_line_start;
            is_line_start = false;
        }
    }
    buf_append_byte(out, '\n');
}

/* An empty help: named, not described. */
static bool is_undone(const struct option_spec *spec) {
    return spec->help != NULL && spec->help[0] == '\0';
}

static bool is_repeatable(const struct option_spec *spec) {
    return (spec->kind == OPTION_LIST || spec->kind == OPTION_SET) && !spec->is_single;
}

static void append_option(struct buf *out, const struct option_spec *spec) {
    _cleanup_buf_ struct buf head = BUF_INIT;
    if (spec->letter != 0) {
        buf_printf(&head, "  -%c, --%s", spec->letter, spec->name);
    } else {
        buf_printf(&head, "      --%s", spec->name);
    }
    if (spec->bare != NULL) {
        buf_printf(&head, "[=%s]", spec->value);
    } else if (spec->kind != OPTION_FLAG) {
        buf_printf(&head, " %s", spec->value);
    }
    if (head.len + 2 > OPTION_COLUMN) {
        buf_printf(out, "%s\n%*s", head.data, OPTION_COLUMN, "");
    } else {
        buf_printf(out, "%-*s", OPTION_COLUMN, head.data);
    }
    _cleanup_buf_ struct buf text = BUF_INIT;
    buf_append_c(&text, spec->help);
    if (is_repeatable(spec)) {
        buf_append_c(&text, " (repeatable)");
    }
    if (spec->environment != NULL) {
        buf_printf(&text, " [%s]", spec->environment);
    }
    append_wrapped(out, buf_str(&text), OPTION_COLUMN, OPTION_COLUMN);
}

static bool is_shown(const struct option_spec *spec) {
    return spec->help != NULL && !is_undone(spec);
}

static void append_group(struct buf *out, const struct option_group *group) {
    _cleanup_buf_ struct buf undone = BUF_INIT;
    bool is_begun = false;
    for (const struct option_spec *spec = group->options; spec->name != NULL; spec++) {
        if (is_shown(spec)) {
            buf_printf(out, "%s%s%s", is_begun ? "" : "\n", is_begun ? "" : group->heading,
                       is_begun ? "" : ":\n");
            is_begun = true;
            append_option(out, spec);
        } else if (is_undone(spec) && spec->help != NULL) {
            buf_printf(&undone, "%s--%s", undone.len > 0 ? " " : "", spec->name);
        }
    }
    if (undone.len > 0) {
        buf_printf(out, "\n%s, not done yet (an error):\n  ", group->heading);
        append_wrapped(out, buf_str(&undone), 2, 2);
    }
}

static bool has_option(const struct option_group *group, const char *name) {
    for (; group != NULL && group->heading != NULL; group++) {
        for (const struct option_spec *spec = group->options; spec->name != NULL; spec++) {
            if (strcmp(spec->name, name) == 0 && spec->elsewhere == NULL) {
                return true;
            }
        }
    }
    return false;
}

/* ", but for --check and --call": the options of build that COMMAND, which takes_build_options, does not take. */
static void append_exceptions(struct buf *out, const struct command *command) {
    const char *last = NULL;
    bool is_begun = false;
    for (const struct option_group *group = command_build.groups; group->heading != NULL; group++) {
        for (const struct option_spec *spec = group->options; spec->name != NULL; spec++) {
            if (!is_shown(spec) || has_option(command->groups, spec->name) ||
                has_option(shared_groups, spec->name)) {
                continue;
            }
            if (last != NULL) {
                buf_printf(out, "%s--%s", is_begun ? ", " : ", but for ", last);
                is_begun = true;
            }
            last = spec->name;
        }
    }
    if (last != NULL) {
        buf_printf(out, "%s--%s", is_begun ? " and " : ", but for ", last);
    }
}

static const struct option_group global_group = { "Options of every command", global_options };

void help_command(struct buf *out, const char *program, const struct command *command) {
    buf_printf(out, "%c%s.\n\nUsage: %s %s %s\n", command->summary[0] & ~0x20, command->summary + 1,
               program, command->name, command->arguments);
    if (command->aliases != NULL) {
        buf_append_c(out, "Also called:");
        for (const char *const *alias = command->aliases; *alias != NULL; alias++) {
            buf_printf(out, " %s", *alias);
        }
        buf_append_byte(out, '\n');
    }
    if (command->description != NULL) {
        buf_append_byte(out, '\n');
        append_wrapped(out, str_of(command->description), 0, 0);
    }
    const struct option_group *group = command->groups;
    for (; group != NULL && group->heading != NULL; group++) {
        append_group(out, group);
    }
    if (command->takes_build_options) {
        buf_printf(out, "\nThe options of `%s build` work, too", program);
        append_exceptions(out, command);
        buf_printf(out, ": see `%s help build`.\n", program);
    }
    append_group(out, &global_group);
    if (command->examples != NULL) {
        buf_append_c(out, "\nExamples:\n");
        struct str rest = str_of(command->examples), line;
        while (str_split(&rest, '\n', &line)) {
            buf_printf(out, "  %.*s\n", STR_ARG(line));
        }
    }
}

void help_overview(struct buf *out, const char *program) {
    buf_printf(out,
               "bud builds container images from Dockerfiles.\n\n"
               "Usage: %s [build] [OPTION...] [CONTEXT]\n"
               "       %s COMMAND [OPTION...] [ARGUMENT...]\n\n"
               "Commands:\n",
               program, program);
    for (size_t i = 0; commands[i] != NULL; i++) {
        buf_printf(out, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    }
    append_group(out, &global_group);
    buf_printf(
        out,
        "\n`%s help COMMAND` tells more about a command. Exit status: 0 done; that of the "
        "RUN\nthat failed; 125 bud failed; 2 wrong command line; 128 + N ended by signal N.\n",
        program);
}

/* Text for man(7): no backslash or backtick means anything, nor does a leading dot or quote. */
static void append_roff(struct buf *out, struct str text) {
    bool is_line_start = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (is_line_start && (c == '.' || c == '\'')) {
            buf_append_c(out, "\\&");
        }
        if (c == '\\') {
            buf_append_c(out, "\\e");
        } else if (c == '-') {
            buf_append_c(out, "\\-");
        } else if (c == '`') {
            buf_append_c(out, "\\(ga"); /* not a quotation mark */
        } else {
            buf_append_byte(out, c);
        }
        is_line_start = c == '\n';
    }
}

static void append_roff_option(struct buf *out, const struct option_spec *spec) {
    buf_append_c(out, ".TP\n");
    if (spec->letter != 0) {
        buf_printf(out, "\\fB\\-%c\\fR, ", spec->letter);
    }
    buf_append_c(out, "\\fB\\-\\-");
    append_roff(out, str_of(spec->name));
    buf_append_c(out, "\\fR");
    if (spec->bare != NULL) {
        buf_printf(out, "[=\\fI%s\\fR]", spec->value);
    } else if (spec->kind != OPTION_FLAG) {
        buf_printf(out, " \\fI%s\\fR", spec->value);
    }
    buf_append_byte(out, '\n');
    append_roff(out, str_of(spec->help));
    buf_append_c(out, is_repeatable(spec) ? " (repeatable).\n" : ".\n");
    if (spec->environment != NULL) {
        buf_printf(out, "The environment variable \\fB%s\\fR gives the default.\n",
                   spec->environment);
    }
}

static void append_roff_group(struct buf *out, const struct option_group *group) {
    _cleanup_buf_ struct buf undone = BUF_INIT;
    bool is_begun = false;
    for (const struct option_spec *spec = group->options; spec->name != NULL; spec++) {
        if (is_shown(spec)) {
            if (!is_begun) {
                buf_printf(out, ".SH %s\n", group->heading);
                is_begun = true;
            }
            append_roff_option(out, spec);
        } else if (is_undone(spec) && spec->help != NULL) {
            buf_append_c(&undone, undone.len > 0 ? ", --" : "--");
            buf_append_c(&undone, spec->name);
        }
    }
    if (undone.len > 0) {
        buf_append_c(out, ".PP\nKnown, but not done by this version; using one is an error:\n");
        append_roff(out, buf_str(&undone));
        buf_append_c(out, ".\n");
    }
}

static void append_roff_paragraphs(struct buf *out, struct str text) {
    struct str line;
    while (str_split(&text, '\n', &line)) {
        if (line.len == 0) {
            buf_append_c(out, ".PP\n");
        } else {
            append_roff(out, line);
            buf_append_byte(out, '\n');
        }
    }
}

static void append_roff_overview(struct buf *out) {
    buf_append_c(out, ".TH BUD 1 \"\" \"bud " BUD_VERSION "\"\n.SH NAME\n"
                      "bud \\- build container images from Dockerfiles\n.SH SYNOPSIS\n"
                      "\\fBbud\\fR [\\fBbuild\\fR] [\\fIOPTION\\fR...] [\\fICONTEXT\\fR]\n.br\n"
                      "\\fBbud\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
                      ".SH COMMANDS\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        buf_printf(out, ".TP\n\\fB%s\\fR\n", commands[i]->name);
        append_roff(out, str_of(commands[i]->summary));
        buf_printf(out, ", see \\fBbud\\-%s\\fR(1).\n", commands[i]->name);
    }
    append_roff_group(out, &global_group);
    buf_append_c(
        out,
        ".SH EXIT STATUS\n"
        ".TP\n0\nEverything was done.\n"
        ".TP\n2\nThe command line is wrong.\n"
        ".TP\n125\nbud failed.\n"
        ".TP\n128 + N\nSignal N ended bud.\n"
        ".TP\nanother\nThe exit status of the RUN instruction that failed.\n"
        ".SH SEE ALSO\n"
        "\\fBbuildah\\-build\\fR(1), \\fBpodman\\fR(1), \\fBcontainers\\-storage.conf\\fR(5)\n");
}

void help_man(struct buf *out, const struct command *command) {
    if (command == NULL) {
        append_roff_overview(out);
        return;
    }
    buf_append_c(out, ".TH \"BUD\\-");
    for (const char *c = command->name; *c != '\0'; c++) {
        buf_append_byte(out, (char)(*c & ~0x20));
    }
    buf_printf(out, "\" 1 \"\" \"bud " BUD_VERSION "\"\n.SH NAME\nbud\\-%s \\- %s\n.SH SYNOPSIS\n",
               command->name, command->summary);
    buf_printf(out, "\\fBbud %s\\fR ", command->name);
    append_roff(out, str_of(command->arguments));
    buf_append_c(out, "\n.SH DESCRIPTION\n");
    append_roff_paragraphs(out, str_of(command->description));
    const struct option_group *group = command->groups;
    for (; group != NULL && group->heading != NULL; group++) {
        append_roff_group(out, group);
    }
    if (command->takes_build_options) {
        _cleanup_buf_ struct buf exceptions = BUF_INIT;
        append_exceptions(&exceptions, command);
        buf_append_c(out, ".SH Options of build\nThose of \\fBbud\\-build\\fR(1) work, too");
        append_roff(out, buf_str(&exceptions));
        buf_append_c(out, ".\n");
    }
    append_roff_group(out, &global_group);
    if (command->examples != NULL) {
        buf_append_c(out, ".SH EXAMPLES\n.nf\n");
        append_roff(out, str_of(command->examples));
        buf_append_c(out, "\n.fi\n");
    }
    buf_append_c(out, ".SH SEE ALSO\n\\fBbud\\fR(1)\n");
}

static void append_completion_words(struct buf *out, const struct option_spec *spec) {
    for (; spec->name != NULL; spec++) {
        if (is_shown(spec)) {
            buf_printf(out, " --%s", spec->name);
        }
    }
}

/* Lines of a `case` of COMMAND and the option before the word: what its value may be. */
static void append_completion_values(struct buf *out, const char *command,
                                     const struct option_spec *spec) {
    for (; spec->name != NULL; spec++) {
        bool is_listed = spec->only != NULL && spec->only[0] != '\0' && spec->kind != OPTION_FLAG &&
                         strchr(spec->only, '*') == NULL;
        if (is_listed && is_shown(spec)) {
            buf_printf(out, "    '%s --%s') words='%s' ;;\n", command, spec->name, spec->only);
        }
    }
}

/* What is no command is an option or argument of build. */
static const char *completion_name(const struct command *command) {
    return command == &command_build ? "build" : command->name;
}

static void append_completion_command(struct buf *out, const struct command *command) {
    buf_printf(out, "    %s) options='--help", completion_name(command));
    const struct option_group *group = command->groups;
    for (; group != NULL && group->heading != NULL; group++) {
        append_completion_words(out, group->options);
    }
    for (group = shared_groups; command->takes_build_options && group->heading; group++) {
        append_completion_words(out, group->options);
    }
    append_completion_words(out, global_options);
    buf_append_c(out, "' ;;\n");
}

/* What only the Dockerfile or the store can tell is asked of bud itself: names of stages and images, keys. */
static const char completion_questions[] =
    "# The answer of bud, asked of the store the line names.\n"
    "_bud_ask() {\n"
    "    local i store=()\n"
    "    for ((i = 1; i < COMP_CWORD - 1; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --root | --runroot | --storage-driver)\n"
    "            store+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i + 1]}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    \"${COMP_WORDS[0]}\" \"${store[@]}\" \"$@\" 2> /dev/null\n"
    "}\n"
    "_bud_stages() {\n"
    "    local i file=() context=() name\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i - 1]} in\n"
    "        -f | --file) file=(-f \"${COMP_WORDS[i]}\") ;;\n"
    "        -*) ;;\n"
    "        *) [ ! -d \"${COMP_WORDS[i]}\" ] || context=(\"${COMP_WORDS[i]}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    _bud_ask targets \"${file[@]}\" \"${context[@]}\" | while read -r name _; do\n"
    "        [[ $name == TARGET || $name == \\(* ]] || echo \"$name\"\n"
    "    done\n"
    "}\n"
    "_bud_images() {\n"
    "    local repository tag\n"
    "    _bud_ask images -n | while read -r repository tag _; do\n"
    "        repository=${repository#localhost/}\n"
    "        repository=${repository#docker.io/library/}\n"
    "        case $repository:$tag in\n"
    "        '<none>'*) ;;\n"
    "        *:latest) echo \"$repository\" ;;\n"
    "        *) echo \"$repository:$tag\" ;;\n"
    "        esac\n"
    "    done\n"
    "}\n";

static const char completion_answers[] =
    "    case \"${command:-build} $before\" in\n"
    "    *' --target' | *' --no-cache-filter') words=$(_bud_stages) ;;\n"
    "    'build --from' | 'plan --from' | 'check --from') words=$(_bud_images) ;;\n"
    "    'cache --filter' | 'cache -f') words='stage= kind= text= older= unused superseded dead' "
    ";;\n"
    "    'cache =')\n"
    "        case ${COMP_WORDS[COMP_CWORD-2]} in\n"
    "        kind) words='run copy add directory output context' ;;\n"
    "        esac ;;\n"
    "    esac\n"
    "    if [ -z \"$words\" ] && [ \"${word:0:1}\" != - ] && [ \"${before:0:1}\" != - ]; then\n"
    "        case \"$command ${COMP_WORDS[*]}\" in\n"
    "        'cache '*' show '* | 'cache '*' rm '*) words=$(_bud_ask cache ls -q | cut -c 1-12) "
    ";;\n"
    "        'images '* | 'rmi '* | 'tag '* | 'inspect '* | 'history '*) words=$(_bud_images) ;;\n"
    "        esac\n"
    "    fi\n"
    "    [[ $words != *=* ]] || compopt -o nospace 2> /dev/null\n";

void help_completion(struct buf *out) {
    buf_append_c(out, "# bash completion for bud, made by `bud help --completion`\n");
    buf_append_c(out, completion_questions);
    buf_append_c(out,
                 "_bud() {\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    local options='' words='' command='' commands='");
    for (size_t i = 0; commands[i] != NULL; i++) {
        buf_printf(out, "%s%s", i > 0 ? " " : "", commands[i]->name);
    }
    /* Options may come before the command. */
    buf_append_c(out, "' i\n"
                      "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                      "        case \" $commands bud build-using-dockerfile \" in\n"
                      "        *\" ${COMP_WORDS[i]} \"*) command=${COMP_WORDS[i]}; break ;;\n"
                      "        esac\n"
                      "    done\n"
                      "    case $command in bud | build-using-dockerfile) command=build ;; esac\n"
                      "    case ${command:-build} in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        append_completion_command(out, commands[i]);
    }
    buf_append_c(out, "    esac\n"
                      "    case \"${command:-build} $before\" in\n"
                      "    'cache cache') words='ls show why du prune rm' ;;\n"
                      "    'help help') words=$commands ;;\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        const struct option_group *group = commands[i]->groups;
        for (; group != NULL && group->heading != NULL; group++) {
            append_completion_values(out, completion_name(commands[i]), group->options);
        }
        for (group = shared_groups; commands[i]->takes_build_options && group->heading; group++) {
            append_completion_values(out, completion_name(commands[i]), group->options);
        }
    }
    buf_append_c(out, "    esac\n");
    buf_append_c(out, completion_answers);
    buf_append_c(out, "    if [ -z \"$words\" ] && [ \"${word:0:1}\" = - ]; then\n"
                      "        words=$options\n"
                      "    elif [ -z \"$words$command\" ]; then\n"
                      "        words=$commands\n"
                      "    fi\n"
                      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                      "}\n"
                      "complete -o default -F _bud bud\n");
}

static int help_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    const char *word = options->argument_count > 0 ? options->arguments[0] : NULL;
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (option_flag(options, "completion", false)) {
        help_completion(&out);
        return output_write(&out, error);
    }
    /* `--man build` and `--man=build` are both natural. */
    const char *man = option_text(options, "man", NULL);
    if (man != NULL && man[0] != '\0') {
        word = man;
    }
    const struct command *command = word != NULL ? command_find(word) : NULL;
    if (word != NULL && command == NULL) {
        error_set(error, ERROR_USAGE, "there is no command `%s`", word);
        return command_suggest(word, error)
                   ? -1
                   : error_hint(error, "`%s help` lists them", invocation->program);
    }
    /* Only `bud cache` has commands below it, all told of at once. */
    if (options->argument_count > 1 && command != &command_cache) {
        error_set(error, ERROR_USAGE, "`%s` has no commands below it", word);
        return error_hint(error, "usage: %s help [COMMAND]", invocation->program);
    }
    if (man != NULL) {
        help_man(&out, command);
    } else if (command != NULL) {
        help_command(&out, invocation->program, command);
    } else {
        help_overview(&out, invocation->program);
    }
    return output_write(&out, error);
}

const struct command command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "tell what a command does",
    .description = "Without COMMAND the commands are listed.",
    .groups = (const struct option_group[]){ { "Options", help_options }, { NULL, NULL } },
    .maximum = 2,
    .run = help_run,
};
