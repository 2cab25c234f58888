/* `bud ast`: what the parser makes of a Dockerfile. */
#include "cli/build.h"
#include "parser/dump.h"
#include "parser/parser.h"

static const struct option_spec ast_options[] = {
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "sexpr json",
      .help = "sexpr (default): an S-expression an instruction; json: everything, with its place" },
    { .name = NULL },
};

static int ast_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    const char *name;
    struct str text;
    struct dockerfile *dockerfile;
    if (build_file_argument(invocation, &name, &text, error) < 0 ||
        parser_parse_syntax(text, name, invocation->arena, &dockerfile, error) < 0) {
        return -1;
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (option_is(options, "format", "json")) {
        dump_json(&out, dockerfile);
    } else {
        dump_sexpr(&out, dockerfile);
    }
    return output_write(&out, error);
}

const struct command command_ast = {
    .name = "ast",
    .arguments = "[OPTION...] [CONTEXT | FILE]",
    .summary = "show how a Dockerfile is read",
    .description =
        "Prints the syntax tree of FILE, `-` for standard input, or of the Dockerfile in CONTEXT; "
        "default: the one in the current directory. Nothing is checked but the syntax: "
        "instructions that bud does not know are printed, too.\n"
        "\n"
        "The S-expressions are those of BuildKit's parser tests. The JSON has the place "
        "of every part.",
    .examples = "bud ast\nbud ast --format json Dockerfile.test | jq '.instructions[].name'",
    .groups = (const struct option_group[]){ { "Options", ast_options },
                                             { "Options of the Dockerfile", file_options },
                                             { NULL, NULL } },
    .maximum = 1,
    .run = ast_run,
};
