#include "base/log.h"
#include "cli/build.h"
#include "cli/userns.h"
#include "planner/print.h"

#include <unistd.h>

static const struct option_spec plan_options[] = {
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "tree json",
      .help = "tree (default) or json" },
    { .name = "image-format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "oci docker",
      .environment = "BUILDAH_FORMAT",
      .help = "the --format `bud build` would get: oci (default) or docker" },
    { .name = NULL },
};

static int print_plan(const struct options *options, const struct plan *plan, struct error *error) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    for (size_t i = 0; i < plan->warnings.count; i++) {
        log_warn("%.*s", STR_ARG(plan->warnings.items[i]));
    }
    if (strcmp(option_text(options, "format", "tree"), "json") == 0) {
        print_json(&out, plan);
        if (out.len > 0 && out.data[out.len - 1] != '\n') {
            buf_append_byte(&out, '\n');
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
    int result = planner_plan(&request->plan, store, cache, &plan, error);
    if (result == 0) {
        result = print_plan(&invocation->options, plan, error);
        plan_free(plan);
    }
    cache_close(cache);
    return result;
}

static int plan_run(struct invocation *invocation, struct error *error) {
    struct build_request request;
    const char *format = option_text(&invocation->options, "image-format", "oci");
    if (build_request_read(invocation, format, &request, error) < 0) {
        return -1;
    }
    struct store *store;
    /* COPY --from and --mount read the files of layers, which belong to many users. */
    if (invocation_open_store(invocation, STORE_READ, NAMESPACE_FOR_FILES, &store, error) < 0) {
        return -1;
    }
    int result = plan_and_print(invocation, &request, store, error);
    store_close(store);
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
    .groups = (const struct option_group[]){ { "Options of the plan", plan_options },
                                             { "Options of the image", build_options },
                                             { "Options of RUN", running_options },
                                             { "Options of Buildah and Docker", undone_options },
                                             { NULL, NULL } },
    .maximum = 1,
    .run = plan_run,
};
