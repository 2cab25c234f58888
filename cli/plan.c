#include "base/fs.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "cli/build.h"
#include "cli/build_lint.h"
#include "cli/userns.h"
#include "planner/print.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct option_spec plan_options[] = {
    { .name = "format",
      .kind = OPTION_LIST,
      .value = "FORMAT",
      .only = "tree json dot mermaid svg oci docker",
      .help = "tree (default), json, or a drawing: dot, mermaid, svg (drawn by Graphviz); oci and "
              "docker mean --image-format, also beside one of those" },
    { .name = "image-format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "oci docker",
      .environment = "BUILDAH_FORMAT",
      .help = "the --format `bud build` would get: oci (default) or docker" },
    { .name = "check", .kind = OPTION_FLAG, .elsewhere = "`bud check` checks a Dockerfile" },
    { .name = "call",
      .kind = OPTION_TEXT,
      .value = "METHOD",
      .bare = "",
      .elsewhere = "see `bud check`, `bud targets` and `bud args`" },
    { .name = NULL },
};

/* The last --format that is one of the image, or, with IS_IMAGE false, of what is printed. */
static const char *last_format(const struct options *options, bool is_image,
                               const char *otherwise) {
    const char *const *item = option_items(options, "format");
    for (; *item != NULL; item++) {
        bool is_of_image = strcmp(*item, "oci") == 0 || strcmp(*item, "docker") == 0;
        otherwise = is_of_image == is_image ? *item : otherwise;
    }
    return otherwise;
}

/* A drawing of a plan with thousands of steps. */
#define DRAWING_LIMIT ((size_t)256 << 20)

/* DOT as a file without a name, to be read from its beginning. */
static int dot_file(const struct buf *dot, struct error *error) {
    _cleanup_fd_ int fd = memfd_create("plan.dot", MFD_CLOEXEC);
    if (fd < 0) {
        return error_system(error, "cannot make a temporary file");
    }
    if (fs_write_all(fd, "plan.dot", dot->data, dot->len, error) < 0) {
        return -1;
    }
    lseek(fd, 0, SEEK_SET);
    int result = fd;
    fd = -1;
    return result;
}

static int draw_svg(struct buf *out, const struct plan *plan, struct error *error) {
    _cleanup_buf_ struct buf dot = BUF_INIT;
    _cleanup_buf_ struct buf complaint = BUF_INIT;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    if (subprocess_find(&arena, "dot") == NULL) {
        error_set(error, ERROR_NOT_FOUND, "--format svg needs Graphviz, which is not installed");
        return error_hint(error, "install the package graphviz, or take --format dot or mermaid "
                                 "to a machine that can draw it");
    }
    print_dot(&dot, plan);
    _cleanup_fd_ int fd = dot_file(&dot, error);
    if (fd < 0) {
        return -1;
    }
    const char *const words[] = { "dot", "-Tsvg", NULL };
    const struct subprocess_options options = {
        .argv = words, .stdin_fd = fd, .stdout_fd = -1, .stderr_fd = -1
    };
    int status;
    if (subprocess_run(&options, out, &complaint, DRAWING_LIMIT, &status, error) < 0) {
        return error_wrap(error, "cannot draw the plan");
    }
    if (status != 0) {
        return error_set(error, ERROR_FAILED, "cannot draw the plan: dot failed: %.200s",
                         complaint.len > 0 ? complaint.data : "it said nothing");
    }
    return 0;
}

static int print_plan(const struct options *options, const struct plan *plan, struct error *error) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    const char *format = last_format(options, false, "tree");
    for (size_t i = 0; i < plan->warnings.count; i++) {
        log_warn("%.*s", STR_ARG(plan->warnings.items[i]));
    }
    if (strcmp(format, "json") == 0) {
        print_json(&out, plan);
    } else if (strcmp(format, "dot") == 0) {
        print_dot(&out, plan);
    } else if (strcmp(format, "mermaid") == 0) {
        print_mermaid(&out, plan);
    } else if (strcmp(format, "svg") == 0) {
        if (draw_svg(&out, plan, error) < 0) {
            return -1;
        }
    } else {
        print_tree(&out, plan, output_is_coloured(STDOUT_FILENO));
    }
    return output_write(&out, error);
}

static int plan_and_print(const struct invocation *invocation, const struct build_request *request,
                          const struct store *store, struct error *error) {
    struct cache *cache;
    if (cache_open(store, store->root_fd < 0 ? CACHE_READ : CACHE_WRITE, &cache, error) < 0) {
        return -1;
    }
    struct plan *plan;
    struct build_lint lint = { .arena = ARENA_INIT };
    int result = planner_plan(&request->plan, store, cache, &plan, error);
    if (result == 0) {
        result = build_lint_run(&lint, &request->plan, plan, error);
        if (result == 0) {
            result = print_plan(&invocation->options, plan, error);
            build_lint_tell(&lint);
        }
        build_lint_free(&lint);
        plan_free(plan);
    }
    cache_close(cache);
    return result;
}

static int plan_request(const struct invocation *invocation, const struct build_request *request,
                        struct error *error) {
    struct store *store;
    /* COPY --from and --mount read the files of layers, which belong to many users. */
    if (invocation_open_store(invocation, STORE_READ, NAMESPACE_FOR_FILES, &store, error) < 0) {
        return -1;
    }
    int result = plan_and_print(invocation, request, store, error);
    store_close(store);
    return result;
}

static int plan_run(struct invocation *invocation, struct error *error) {
    struct build_request request;
    const struct options *options = &invocation->options;
    /* A line of `bud build` as it is has --format. */
    const char *format = last_format(options, true, option_text(options, "image-format", "oci"));
    int result = build_request_read(invocation, format, STORE_READ, &request, error);
    if (result == 0) {
        result = plan_request(invocation, &request, error);
    }
    build_request_end(&request);
    return result;
}

const struct command command_plan = {
    .name = "plan",
    .arguments = "[OPTION...] [CONTEXT]",
    .summary = "show what a build would do, without doing it",
    .description = "Takes the options of `bud build` and prints the steps that build would have: "
                   "which are cached (HIT), which "
                   "would run (MISS) and why. Nothing is run and no image is made; what --tag, "
                   "--iidfile, --quiet and --jobs say "
                   "about the result does not matter.",
    .examples = "bud plan .\nbud plan --target test --format json . | jq .",
    .groups =
        (const struct option_group[]){ { "Options of the plan", plan_options }, { NULL, NULL } },
    .takes_build_options = true,
    .maximum = 1,
    .run = plan_run,
};
