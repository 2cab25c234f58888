/* `bud build`: read, plan, run, tell the ID. */
#include "cli/build.h"

#include "base/fs.h"
#include "base/log.h"
#include "cli/build_lint.h"
#include "cli/check.h"
#include "cli/outline.h"
#include "cli/userns.h"
#include "executor/executor.h"

#include <stdio.h>
#include <unistd.h>

/* How often a build begins anew because somebody else changed the store under it. */
#define ATTEMPTS 3
#define JOBS_MAXIMUM 1024

static const struct option_spec format_options[] = {
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "oci docker",
      .environment = "BUILDAH_FORMAT",
      .help = "of the manifest: oci (default) or docker" },
    { .name = "image-format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .bare = "",
      .elsewhere = "here it is --format oci or --format docker; only `bud plan` calls it so" },
    { .name = NULL },
};

static const struct option_spec check_options[] = {
    { .name = "check",
      .kind = OPTION_FLAG,
      .help = "only check the Dockerfile, as `bud check` does; build nothing" },
    { .name = "call",
      .kind = OPTION_TEXT,
      .value = "METHOD",
      .only = "build check targets outline",
      .help = "build (default), check (as --check), targets (as `bud targets`) or outline (as "
              "`bud args`)" },
    { .name = NULL },
};

struct building {
    const struct invocation *invocation;
    const struct build_request *request;
    struct executor_options executor;
    const struct store *store;
    struct cache *cache;
};

static void tell_warnings(const struct plan *plan) {
    for (size_t i = 0; i < plan->warnings.count; i++) {
        log_warn("%.*s", STR_ARG(plan->warnings.items[i]));
    }
}

/* What the checks say comes last, where it is seen; not when all of it begins anew. */
static int check_and_run(struct building *build, bool is_cached_only, struct plan *plan,
                         struct executor_result *result, struct error *error) {
    struct build_lint lint = { .arena = ARENA_INIT };
    int status = build_lint_run(&lint, &build->request->plan, plan, error);
    if (status == 0) {
        tell_warnings(plan);
        status = plan->image->state == STEP_HIT ? 0 : store_prepare(build->store, error);
    }
    if (status == 0) {
        status = executor_run(plan, build->store, build->cache, &build->executor, result, error);
    }
    bool is_last = status == 0 || !(is_cached_only || error->code == ERROR_CHANGED);
    if (is_last && !build->executor.is_quiet) {
        build_lint_tell(&lint);
    }
    build_lint_free(&lint);
    return status;
}

/* Plans and runs once. With IS_CACHED_ONLY nothing is run unless the image is there already: *is_done tells. */
static int build_once(struct building *build, bool is_cached_only, bool *is_done,
                      struct executor_result *result, struct error *error) {
    struct plan *plan;
    *is_done = false;
    if (planner_plan(&build->request->plan, build->store, build->cache, &plan, error) < 0) {
        return -1;
    }
    int status = 0;
    if (!is_cached_only || plan->image->state == STEP_HIT) {
        status = check_and_run(build, is_cached_only, plan, result, error);
        *is_done = status == 0;
    }
    plan_free(plan);
    return status;
}

/* A build with nothing to do makes nothing; but a root that is not there yet is made at once. */
static int open_store(const struct building *build, bool is_cached_only, struct store **store,
                      struct error *error) {
    enum namespace_use use = is_cached_only ? NAMESPACE_FOR_TABLES : NAMESPACE_FOR_FILES;
    if (invocation_open_store(build->invocation, STORE_READ, use, store, error) < 0) {
        return -1;
    }
    if ((*store)->root_fd >= 0) {
        return 0;
    }
    store_close(*store);
    if (is_cached_only) {
        return error_set(error, ERROR_NOT_FOUND, "there is no store yet");
    }
    return invocation_open_store(build->invocation, STORE_WRITE, use, store, error);
}

static void tell_again(const struct building *build, const struct error *error) {
    while (error->cause) { /* what changed, not what that kept from being done */
        error = error->cause;
    }
    log_write(build->executor.is_quiet ? LOG_INFO : LOG_WARN, "beginning anew: %s", error->message);
}

static int build_with_store(struct building *build, bool is_cached_only, bool *is_done,
                            struct executor_result *result, struct error *error) {
    struct store *store;
    if (open_store(build, is_cached_only, &store, error) < 0) {
        return -1;
    }
    int status = cache_open(store, CACHE_WRITE, &build->cache, error);
    if (status == 0) {
        build->store = store;
        status = build_once(build, is_cached_only, is_done, result, error);
        for (int i = 1; i < ATTEMPTS && status < 0 && error->code == ERROR_CHANGED; i++) {
            tell_again(build, error);
            error_clear(error);
            status = build_once(build, is_cached_only, is_done, result, error);
        }
        cache_close(build->cache);
    }
    store_close(store);
    return status;
}

/* A file, or a pipe or device such as /dev/stdout, which must not be replaced. */
static int write_iidfile(const char *path, const struct digest_hex *id, struct error *error) {
    char text[sizeof("sha256:") + DIGEST_HEX_LEN];
    int len = snprintf(text, sizeof(text), "sha256:%s", id->text);
    struct stat stat_;
    if (stat(path, &stat_) == 0 && !S_ISREG(stat_.st_mode)) {
        _cleanup_fd_ int fd = fs_open(path, O_WRONLY, 0, error);
        return fd < 0 ? -1 : fs_write_all(fd, path, text, (size_t)len, error);
    }
    return fs_write_atomic(AT_FDCWD, path, text, (size_t)len, 0644, FS_NO_SYNC, error);
}

/* A mistyped directory is told before the build, not after it. */
static int check_iidfile(const struct options *options, struct arena *arena, struct error *error) {
    const char *path = option_text(options, "iidfile", NULL);
    if (path == NULL) {
        return 0;
    }
    struct str parent = path_parent(path_clean(arena, str_of(path)));
    const char *directory = str_dup(arena, parent);
    struct stat stat_;
    if (stat(directory, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
        return 0;
    }
    error_set(error, ERROR_NOT_FOUND, "--iidfile %s: there is no directory %s", path, directory);
    return error_hint(error, "make the directory first");
}

static int tell_result(const struct options *options, const struct digest_hex *id,
                       struct error *error) {
    const char *iidfile = option_text(options, "iidfile", NULL);
    if (iidfile != NULL && write_iidfile(iidfile, id, error) < 0) {
        return error_wrap(error, "the image is made, but --iidfile cannot be written");
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    buf_printf(&out, "%s\n", id->text);
    return output_write(&out, error);
}

static int read_executor_options(const struct options *options, struct building *build,
                                 struct error *error) {
    uint64_t jobs = option_uint(options, "jobs", 0);
    if (jobs > JOBS_MAXIMUM) {
        return error_set(error, ERROR_USAGE, "--jobs: at most %d", JOBS_MAXIMUM);
    }
    build->executor = (struct executor_options){
        .jobs = (unsigned)jobs,
        .names = build->request->names,
        .is_quiet = option_flag(options, "quiet", false),
        .is_explaining = option_flag(options, "explain", false),
        .is_recording = option_flag(options, "layers", true),
    };
    return 0;
}

static int check_platforms(const struct build_request *request, struct error *error) {
    if (request->plan.platform_count < 2) {
        return 0;
    }
    error_set(error, ERROR_UNSUPPORTED, "one image for %zu platforms is not done yet",
              request->plan.platform_count);
    return error_hint(error, "build once for each --platform, with a -t of its own, and put them "
                             "together with `buildah manifest create` and `manifest add`");
}

static int run_request(const struct invocation *invocation, struct build_request *request,
                       struct error *error) {
    const struct options *options = &invocation->options;
    const char *call = option_text(options, "call", "build");
    struct building build = { .invocation = invocation, .request = request };
    if (check_platforms(request, error) < 0 || read_executor_options(options, &build, error) < 0 ||
        check_iidfile(options, invocation->arena, error) < 0) {
        return -1;
    }
    if (strcmp(call, "build") != 0) {
        return outline_call(&request->plan, strcmp(call, "targets") == 0, invocation->arena, error);
    }
    struct executor_result result = { .run = 0 };
    bool is_done = false;
    if (geteuid() != 0) {
        /* Setting up a user namespace costs more than a whole cached build, which does without. Whatever stands in its
         * way is met again, and told, inside. */
        _cleanup_error_ struct error ignored = ERROR_INIT;
        build_with_store(&build, true, &is_done, &result, &ignored);
    }
    if (!is_done && build_with_store(&build, false, &is_done, &result, error) < 0) {
        return -1;
    }
    return tell_result(options, &result.image, error);
}

static int build_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    if (option_flag(options, "check", false) ||
        strcmp(option_text(options, "call", "build"), "check") == 0) {
        return check_before_build(invocation, error);
    }
    struct build_request request;
    const char *format = option_text(options, "format", "oci");
    int result = build_request_read(invocation, format, STORE_WRITE, &request, error);
    if (result == 0) {
        result = run_request(invocation, &request, error);
    }
    build_request_end(&request);
    return result;
}

const struct command command_build = {
    .name = "build",
    .aliases = (const char *const[]){ "bud", "build-using-dockerfile", NULL },
    .arguments = "[OPTION...] [CONTEXT]",
    .summary = "build an image from a Dockerfile",
    .description = "Builds the image the Dockerfile describes and prints its ID. CONTEXT is the "
                   "directory COPY and ADD take files "
                   "from; default: the current one. It may be a git repository "
                   "(https://HOST/PATH.git#REF:DIRECTORY, git@HOST:PATH), the URL of an archive or "
                   "of a Dockerfile, or `-`: one of these on standard input. Steps whose result is "
                   "known from an earlier "
                   "build are not run again.\n"
                   "\n"
                   "`build` may be left out: `bud -t NAME .` is the same.\n"
                   "\n"
                   "RUN uses the network of this machine unless --network none is given.",
    .examples = "bud build -t nginx .\n"
                "bud -f Dockerfile.test --target test --build-arg VERSION=1.2 .\n"
                "bud -t app https://example.com/app.git#v1.2:docker\n"
                "printf 'FROM scratch\\nCOPY . /\\n' | bud -f - -t files .",
    .groups = (const struct option_group[]){ { "Options of the image", build_options },
                                             { "Options of the format", format_options },
                                             { "Options of the check", check_options },
                                             { "Options of RUN", running_options },
                                             { "Options of Buildah and Docker", undone_options },
                                             { NULL, NULL } },
    .maximum = 1,
    .run = build_run,
};
