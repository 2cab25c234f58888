/* `bud fmt`: Dockerfiles in canonical layout. */
#include "base/fs.h"
#include "cli/build.h"
#include "cli/command.h"
#include "cli/diff.h"
#include "cli/replace.h"
#include "parser/format.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* As much as the parser takes. */
#define FILE_LIMIT ((size_t)1 << 30)

static const struct option_spec fmt_options[] = {
    { .name = "write",
      .letter = 'w',
      .kind = OPTION_FLAG,
      .help = "replace the files; those that need no change are left alone" },
    { .name = "check",
      .kind = OPTION_FLAG,
      .help = "name the files that would change; exit status 1 when there are any" },
    { .name = "diff",
      .letter = 'd',
      .kind = OPTION_FLAG,
      .help = "print the changes; with --write they are made, too" },
    { .name = NULL },
};

struct formatting {
    struct arena *arena;
    bool is_write, is_check, is_diff;
    size_t unformatted;
};

static int read_input(const struct formatting *formatting, const char *path, struct buf *text,
                      struct error *error) {
    if (path == NULL) {
        return fs_read_fd(STDIN_FILENO, "standard input", FILE_LIMIT, text, error);
    }
    if (build_file_check_local(path, formatting->arena, error) < 0) {
        return error_hint(error, "curl URL | bud fmt");
    }
    return fs_read_file(AT_FDCWD, path, FILE_LIMIT, text, error);
}

/* What is to be done with one file that is not formatted. */
static int tell(struct formatting *formatting, const char *path, struct str before,
                const struct buf *after, struct buf *out, struct error *error) {
    const char *name = path == NULL ? "standard input" : path;
    formatting->unformatted++;
    if (formatting->is_write && replace_file(path, buf_str(after), error) < 0) {
        return -1;
    }
    if (formatting->is_diff) {
        diff_print(out, name, before, buf_str(after), output_is_coloured(STDOUT_FILENO));
    } else if (formatting->is_check) {
        buf_printf(out, "%s\n", name);
    }
    return 0;
}

/* PATH NULL: standard input. */
static int format_one(struct formatting *formatting, const char *path, struct error *error) {
    _cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT, out = BUF_INIT;
    bool is_printed = !formatting->is_write && !formatting->is_check && !formatting->is_diff;
    if (read_input(formatting, path, &before, error) < 0) {
        return -1;
    }
    struct str text = buf_str(&before);
    if (format_dockerfile(text, path == NULL ? "standard input" : path, &after, error) < 0) {
        if (is_printed && error->code == ERROR_FAILED) {
            /* A mistake of ours must cost nobody the text that was piped through. */
            output_write(&before, NULL);
        }
        return -1;
    }
    if (is_printed) {
        return output_write(&after, error);
    }
    if (!str_equal(text, buf_str(&after)) &&
        tell(formatting, path, text, &after, &out, error) < 0) {
        return -1;
    }
    return output_write(&out, error);
}

static int fmt_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    struct formatting formatting = {
        .arena = invocation->arena,
        .is_write = option_flag(options, "write", false),
        .is_check = option_flag(options, "check", false),
        .is_diff = option_flag(options, "diff", false),
    };
    bool is_input = options->argument_count == 0;
    for (size_t i = 0; i < options->argument_count; i++) {
        is_input = is_input || strcmp(options->arguments[i], "-") == 0;
    }
    if (is_input && options->argument_count > 1) {
        error_set(error, ERROR_USAGE, "`-` is standard input and cannot be one of several files");
        return error_hint(error, "format it by itself; a file of that name is ./-");
    }
    if (is_input && formatting.is_write) {
        error_set(error, ERROR_USAGE, "--write: there is no file to write");
        return error_hint(error, "name the files: %s fmt -w Dockerfile", invocation->program);
    }
    if (formatting.is_write && formatting.is_check) {
        error_set(error, ERROR_USAGE, "--check changes no file, --write does");
        return error_hint(error, "give one of them; --diff with --write shows what is changed");
    }
    if (is_input && format_one(&formatting, NULL, error) < 0) {
        return -1;
    }
    _cleanup_error_ struct error failures = ERROR_INIT;
    for (size_t i = 0; !is_input && i < options->argument_count; i++) {
        _cleanup_error_ struct error failure = ERROR_INIT;
        if (format_one(&formatting, options->arguments[i], &failure) < 0) {
            error_append(&failures, &failure);
        }
    }
    if (failures.code != ERROR_NONE) {
        error_append(error, &failures);
        return -1;
    }
    if (formatting.is_check && formatting.unformatted > 0) {
        error_set(error, ERROR_FOUND, "%zu %s not formatted", formatting.unformatted,
                  formatting.unformatted == 1 ? "file is" : "files are");
        return error_hint(error, "`%s fmt -w FILE` formats it", invocation->program);
    }
    return 0;
}

const struct command command_fmt = {
    .name = "fmt",
    .arguments = "[OPTION...] [FILE...]",
    .summary = "lay out Dockerfiles canonically",
    .description =
        "Prints FILE, default: standard input, in canonical layout: instructions in upper case, "
        "one "
        "space between words, continued lines indented by four, no white space at line ends, a "
        "blank line before each stage. Only layout is changed, comments and here-documents stay: "
        "the result is parsed again and must say the same. What the shell gets is not touched.",
    .examples = "bud fmt < Dockerfile\nbud fmt -w Dockerfile */Dockerfile\n"
                "bud fmt --check --diff Dockerfile",
    .groups = (const struct option_group[]){ { "Options", fmt_options }, { NULL, NULL } },
    .maximum = UINT_MAX,
    .run = fmt_run,
};
