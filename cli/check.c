/* `bud check`: finds the files, parses and lints each. */
#include "cli/check.h"

#include "base/fs.h"
#include "cli/build.h"
#include "parser/parser.h"
#include "planner/context.h"

#include <limits.h>
#include <unistd.h>

static const struct option_spec check_options[] = {
    { .name = "fix",
      .kind = OPTION_FLAG,
      .help = "rewrite the files where that is safe; with `-f -` the result goes to standard "
              "output" },
    { .name = "diff", .kind = OPTION_FLAG, .help = "show what --fix would change instead" },
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "text json sarif",
      .help = "text (default), json, or sarif (2.1.0)" },
    { .name = NULL },
};

struct check_run {
    const struct options *options;
    struct check_world world;
    struct lint_options lint;
    struct check_output output;
    bool is_fixing;
    struct check_fixing fixing;

    /* of the file that is looked at */
    struct arena file_arena;
};

/* ---- one file ------------------------------------------------------------------------------------------ */

void check_look(struct check_run *run, struct str source, struct check_file *file) {
    struct lint_options options = run->lint;
    struct dockerfile *dockerfile = NULL;
    struct error error = ERROR_INIT;
    file->source = source;
    file->dockerfile = NULL;
    file->report = (struct lint_report){ .error = ERROR_INIT };
    if (parser_parse(source, file->name, &run->file_arena, &dockerfile, &error) == 0) {
        file->dockerfile = dockerfile;
    } else {
        options.is_partial = true;
        if (parser_parse_syntax(source, file->name, &run->file_arena, &dockerfile, NULL) < 0) {
            dockerfile = NULL;
        }
    }
    if (dockerfile) {
        lint_run(dockerfile, &options, &run->file_arena, &file->report);
    }
    if (file->report.error.code != ERROR_NONE) {
        error_append(&error, &file->report.error);
    }
    file->report.error = error;
}

/* What is only shown leaves the file as it is, and what there is to say of it. */
static int fix_file(struct check_run *run, struct check_file *file, struct error *error) {
    if (!run->fixing.is_diff) {
        return check_fix(run, &run->fixing, file, &run->file_arena, error);
    }
    struct check_file fixed = *file;
    check_look(run, file->source, &fixed);
    int result = check_fix(run, &run->fixing, &fixed, &run->file_arena, error);
    error_clear(&fixed.report.error);
    return result;
}

/* FILE NULL: the context's own. CONTEXT NULL: there is none, the file stands for itself. */
static int check_file(struct check_run *run, const char *path, const char *context,
                      struct error *error) {
    struct check_file file = { .report = { .error = ERROR_INIT } };
    struct str source;
    _cleanup_fd_ int fd = -1;
    const char *ignore_file = option_text(run->options, "ignorefile", NULL);
    struct tree tree = { .fd = -1 };
    run->world.tree = NULL;
    if (build_file_read(path, context ? context : ".", &run->file_arena, &file.path, &file.name,
                        &source, error) < 0) {
        return -1;
    }
    if (context) {
        if (context_open(context, file.path, ignore_file, NULL, &run->file_arena, &tree, error) <
            0) {
            return -1;
        }
        fd = tree.fd;
        run->world.tree = &tree;
    } else if (ignore_file &&
               context_read_ignore(ignore_file, &run->file_arena, &tree, error) < 0) {
        return -1;
    }
    run->lint.ignore = tree.ignore;
    run->lint.ignore_name = tree.ignore_name;
    check_look(run, source, &file);
    int result = run->is_fixing ? fix_file(run, &file, error) : 0;
    if (result == 0) {
        result = check_output_add(&run->output, &file, error);
    }
    error_clear(&file.report.error);
    return result;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static int prepare(struct check_run *run, const struct invocation *invocation,
                   struct error *error) {
    struct build_request request;
    if (build_request_read_options(invocation, "oci", &request, error) < 0) {
        return -1;
    }
    run->options = &invocation->options;
    run->world.invocation = invocation;
    run->world.scratch = &run->file_arena;
    run->output.descriptor = STDOUT_FILENO;
    run->output.is_coloured = output_is_coloured(STDOUT_FILENO);
    run->output.results = json_array();
    run->lint = (struct lint_options){
        .is_every_stage = request.plan.target == NULL,
        .has_own_rules = true,
        .world = check_world_of(&run->world),
    };
    check_options_of(&request.plan, invocation->arena, &run->lint);
    if (request.plan.from || request.plan.build_contexts.count > 0) {
        run->lint.world.base = NULL; /* the images of FROM are others than it names */
    }
    return 0;
}

static void finish(struct check_run *run) {
    check_output_free(&run->output);
    check_world_free(&run->world);
    arena_free(&run->file_arena);
}

/* A file that cannot be read does not keep the others from being looked at; the first such error is told at the end. */
static void check_next(struct check_run *run, const char *path, const char *context,
                       struct error *failure) {
    struct error error = ERROR_INIT;
    if (check_file(run, path, context, &error) < 0) {
        error_append(failure, &error);
    }
    arena_free(&run->file_arena);
}

static int check_all(struct check_run *run, struct error *error) {
    const struct options *options = run->options;
    const char *const *files = option_items(options, "file");
    const char *context = NULL;
    size_t count = 0;
    for (size_t i = 0; i < options->argument_count; i++) {
        struct stat stat_;
        bool is_directory = stat(options->arguments[i], &stat_) == 0 && S_ISDIR(stat_.st_mode);
        if (is_directory && context) {
            error_set(error, ERROR_USAGE, "two contexts: %s and %s", context,
                      options->arguments[i]);
            return error_hint(error, "name the Dockerfiles themselves to check several");
        }
        context = is_directory ? options->arguments[i] : context;
    }
    const char *used = context ? context : ".";
    for (; files[count] != NULL; count++) {
        check_next(run, files[count], used, error);
    }
    for (size_t i = 0; i < options->argument_count; i++) {
        if (options->arguments[i] != context) {
            check_next(run, options->arguments[i], context, error);
            count++;
        }
    }
    if (count == 0) {
        check_next(run, NULL, used, error);
    }
    struct error found = ERROR_INIT;
    int result = check_output_finish(&run->output, &found);
    if (result < 0) {
        error_append(error, &found);
    }
    return error->code != ERROR_NONE ? -1 : 0;
}

static bool is_input_named(const struct options *options) {
    bool is_named = false;
    for (const char *const *file = option_items(options, "file"); *file; file++) {
        is_named = is_named || strcmp(*file, "-") == 0;
    }
    for (size_t i = 0; i < options->argument_count; i++) {
        is_named = is_named || strcmp(options->arguments[i], "-") == 0;
    }
    return is_named;
}

static int check_run(struct invocation *invocation, struct error *error) {
    struct check_run run = { .is_fixing = false };
    const char *format = option_text(&invocation->options, "format", "text");
    if (prepare(&run, invocation, error) < 0) {
        return -1;
    }
    run.output.format = strcmp(format, "json") == 0    ? CHECK_JSON
                        : strcmp(format, "sarif") == 0 ? CHECK_SARIF
                                                       : CHECK_TEXT;
    run.fixing.is_diff = option_flag(&invocation->options, "diff", false);
    run.is_fixing = run.fixing.is_diff || option_flag(&invocation->options, "fix", false);
    run.fixing.is_coloured = run.output.is_coloured;
    if (run.fixing.is_diff || (run.is_fixing && is_input_named(&invocation->options))) {
        /* standard output has the rewritten text */
        run.output.descriptor = STDERR_FILENO;
        run.output.is_coloured = output_is_coloured(STDERR_FILENO);
    }
    int result = check_all(&run, error);
    finish(&run);
    return result;
}

int check_before_build(struct invocation *invocation, struct error *error) {
    struct check_run run = { .is_fixing = false };
    if (prepare(&run, invocation, error) < 0) {
        return -1;
    }
    int result = check_all(&run, error);
    finish(&run);
    return result;
}

const struct command command_check = {
    .name = "check",
    .aliases = (const char *const[]){ "lint", NULL },
    .arguments = "[OPTION...] [CONTEXT | FILE...]",
    .summary = "find mistakes in Dockerfiles, and fix them",
    .description = "Applies BuildKit's build checks, and some of bud's own, to the Dockerfile of "
                   "CONTEXT (default: the current directory), to the FILEs, or to those of "
                   "--file. Nothing is built. With a CONTEXT its ignore file is looked at, too; "
                   "base images are when they are in the store.\n"
                   "\n"
                   "The other options of `bud build` may stay; what they say about the result does "
                   "not matter here.\n"
                   "\n"
                   "Exit status: 0 when there is nothing to say, 1 when there is, 2 for a wrong "
                   "command line. The rules are in docs/check.md; a comment `# check=skip=RULE` "
                   "above an instruction, or as the first line of the file, turns one off.",
    .examples = "bud check .\n"
                "bud check --fix Dockerfile\n"
                "bud check --format sarif */Dockerfile > check.sarif",
    .groups =
        (const struct option_group[]){ { "Options of the check", check_options }, { NULL, NULL } },
    .takes_build_options = true,
    .maximum = UINT_MAX,
    .run = check_run,
};
