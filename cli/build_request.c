/* From options to a plan request. */
#include "cli/build.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/remote.h"
#include "base/time.h"
#include "base/vec.h"
#include "executor/run_options.h"
#include "executor/seccomp.h"
#include "parser/parser.h"
#include "parser/scan.h"
#include "planner/platform.h"
#include "planner/scope.h"
#include "registry/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

/* More than any list of arguments, less than what would hurt. */
#define ARGUMENT_FILE_LIMIT ((size_t)1 << 20)

struct reader {
    const struct invocation *invocation;
    const struct options *options;
    struct arena *arena;
    struct build_request *request;
    struct error *error;
};

/* A later definition replaces an earlier one, in its place. */
static void set_pair(struct arena *arena, struct name_values *list, struct str name,
                     struct str value) {
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->items[i].name, name)) {
            list->items[i].value = value;
            return;
        }
    }
    arena_vec_push(arena, list, (struct name_value){ name, value });
}

static void push_item(struct arena *arena, struct str_list *list, struct str item) {
    arena_vec_push(arena, list, item);
    list->is_set = true;
}

enum missing_value { MISSING_EMPTY, MISSING_REFUSED, MISSING_KEPT, MISSING_ENVIRONMENT };

/* One NAME[=VALUE] of OPTION; WHEN_MISSING says what a NAME without `=` means. */
static int read_pair(const struct reader *reader, const char *option, struct str item,
                     enum missing_value when_missing, struct name_values *out) {
    struct str value = item, name;
    str_split(&value, '=', &name);
    bool has_value = name.len < item.len;
    if (name.len == 0 || (!has_value && when_missing == MISSING_REFUSED)) {
        return error_set(reader->error, ERROR_USAGE, "--%s: `%.*s` is not NAME=VALUE", option,
                         STR_ARG(remote_shown(item, reader->arena)));
    }
    if (!has_value && when_missing == MISSING_EMPTY) {
        value = STR_EMPTY;
    } else if (!has_value && when_missing == MISSING_KEPT) {
        value = (struct str){ NULL, 0 };
    } else if (!has_value) {
        const char *text = getenv(str_dup(reader->arena, item));
        if (text == NULL) {
            return 0;
        }
        value = str_of(text);
    } else if (value.data == NULL) {
        value = STR_EMPTY;
    }
    set_pair(reader->arena, out, name, value);
    return 0;
}

static int read_pairs(const struct reader *reader, const char *option,
                      enum missing_value when_missing, struct name_values *out) {
    const char *const *item = option_items(reader->options, option);
    for (; *item != NULL; item++) {
        if (read_pair(reader, option, str_of(*item), when_missing, out) < 0) {
            return -1;
        }
    }
    return 0;
}

static bool has_space(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (isspace((unsigned char)text.data[i])) {
            return true;
        }
    }
    return false;
}

/* buildah-build(1), --build-arg-file: lines as --build-arg takes them, blank ones and `#` comments apart. */
static int read_argument_file(const struct reader *reader, const char *path) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (fs_read_file(AT_FDCWD, path, ARGUMENT_FILE_LIMIT, &text, reader->error) < 0) {
        return error_wrap(reader->error, "cannot read --build-arg-file %s", path);
    }
    struct str rest = str_copy(reader->arena, buf_str(&text)), line;
    for (unsigned number = 1; str_split(&rest, '\n', &line); number++) {
        line = str_trim(line);
        struct str value = line, name;
        str_split(&value, '=', &name);
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        if (name.len == 0 || has_space(name)) { /* for Buildah an argument no ARG can declare */
            log_warn("%s:%u is left out: `%.*s` is no name; lines are NAME=VALUE", path, number,
                     STR_ARG(name));
        } else if (read_pair(reader, "build-arg-file", line, MISSING_KEPT,
                             &reader->request->plan.build_args) < 0) {
            return error_hint(reader->error, "%s:%u: write one NAME=VALUE a line", path, number);
        }
    }
    return 0;
}

/* buildah-build(1), --http-proxy: the proxies of our own environment, unless --build-arg names others. BuildKit passes
 * none, and so does bud without the option. */
static void add_proxies(const struct reader *reader) {
    struct name_values *arguments = &reader->request->plan.build_args;
    for (char **variable = environ; option_flag(reader->options, "http-proxy", false) && *variable;
         variable++) {
        struct str value = str_of(*variable), name;
        str_split(&value, '=', &name);
        if (scope_is_proxy(name) && !name_values_get(arguments, name)) {
            set_pair(reader->arena, arguments, name, value);
        }
    }
}

static int read_arguments(const struct reader *reader) {
    const char *const *file = option_items(reader->options, "build-arg-file");
    for (; *file != NULL; file++) {
        if (read_argument_file(reader, *file) < 0) {
            return -1;
        }
    }
    if (read_pairs(reader, "build-arg", MISSING_KEPT, &reader->request->plan.build_args) < 0) {
        return -1;
    }
    add_proxies(reader);
    return 0;
}

/* A mistyped one is told before anything is planned; what else can be wrong with TEXT the plan says. */
static int check_volume(const struct reader *reader, const char *text) {
    struct str rest = str_of(text), host;
    str_split(&rest, ':', &host);
    if (host.len == 0 || host.data[0] != '/' || access(str_dup(reader->arena, host), F_OK) == 0) {
        return 0;
    }
    error_system(reader->error, "--volume %s: %.*s", text, STR_ARG(host));
    return error_hint(reader->error, "the first part is a file or directory of this machine: make "
                                     "it first, or mend the path");
}

static int read_volumes(const struct reader *reader) {
    const char *const *volume = option_items(reader->options, "volume");
    for (; *volume != NULL; volume++) {
        if (check_volume(reader, *volume) < 0) {
            return -1;
        }
        push_item(reader->arena, &reader->request->plan.volumes, str_of(*volume));
    }
    return 0;
}

static int read_content(const struct reader *reader) {
    struct plan_request *plan = &reader->request->plan;
    if (read_arguments(reader) < 0 ||
        read_pairs(reader, "build-context", MISSING_REFUSED, &plan->build_contexts) < 0 ||
        read_pairs(reader, "label", MISSING_EMPTY, &plan->labels) < 0 ||
        read_pairs(reader, "annotation", MISSING_REFUSED, &plan->annotations) < 0 ||
        read_pairs(reader, "env", MISSING_ENVIRONMENT, &plan->envs) < 0) {
        return -1;
    }
    if (plan->is_docker && plan->annotations.count > 0) {
        error_set(reader->error, ERROR_USAGE, "--annotation: a manifest in docker format has none");
        return error_hint(reader->error, "use --format oci, or --label");
    }
    return read_volumes(reader);
}

static int parse_platform(const struct reader *reader, const char *option, struct str text,
                          struct platform *out) {
    if (str_equal_c(text, "local")) {
        *out = platform_host();
        return 0;
    }
    if (platform_parse(text, reader->arena, out, reader->error) < 0) {
        reader->error->code = ERROR_USAGE;
        return error_wrap(reader->error, "--%s %.*s", option, STR_ARG(text));
    }
    return 0;
}

/* An option that is given empty, as in `--platform "$PLATFORM"`, is not given: so the other tools read it. */
static const char *given_text(const struct reader *reader, const char *option) {
    const char *text = option_text(reader->options, option, NULL);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* --os, --arch and --variant say of one platform what differs from this machine's. */
static int read_platform_parts(const struct reader *reader, struct platform *out) {
    struct platform host = platform_host();
    const char *os = given_text(reader, "os");
    const char *architecture = given_text(reader, "arch");
    const char *variant = given_text(reader, "variant");
    struct str text =
        str_printf(reader->arena, "%s/%s%s%s", os != NULL ? os : str_dup(reader->arena, host.os),
                   architecture != NULL ? architecture : str_dup(reader->arena, host.architecture),
                   variant != NULL ? "/" : "", variant != NULL ? variant : "");
    return parse_platform(reader, "arch", text, out);
}

static int read_platforms(const struct reader *reader) {
    struct plan_request *plan = &reader->request->plan;
    const char *const *item = option_items(reader->options, "platform");
    size_t count = 0;
    while (item[count] != NULL) {
        count++;
    }
    struct platform *platforms = arena_array(reader->arena, count + 1, sizeof(*platforms));
    plan->platforms = platforms;
    if (count == 1 && item[0][0] == '\0') {
        count = 0;
    }
    bool has_parts = given_text(reader, "os") != NULL || given_text(reader, "arch") != NULL ||
                     given_text(reader, "variant") != NULL;
    if (has_parts && count > 0) {
        error_set(reader->error, ERROR_USAGE,
                  "--platform says what --os, --arch and --variant say");
        return error_hint(reader->error, "leave them out: --platform linux/arm/v7");
    }
    if (has_parts) {
        plan->platform_count = 1;
        return read_platform_parts(reader, &platforms[0]);
    }
    for (size_t i = 0; i < count; i++) {
        struct platform *next = &platforms[plan->platform_count];
        if (parse_platform(reader, "platform", str_of(item[i]), next) < 0) {
            return -1;
        }
        bool is_repeated = false;
        for (size_t j = 0; j < plan->platform_count; j++) {
            is_repeated = is_repeated || platform_equal(&platforms[j], next);
        }
        plan->platform_count += !is_repeated;
    }
    return 0;
}

/* buildah-build(1), --cache-ttl: nothing older than that, with 0 nothing at all. */
static int read_cache(const struct reader *reader) {
    struct plan_request *plan = &reader->request->plan;
    const char *text = option_text(reader->options, "cache-ttl", NULL);
    const char *const *stage = option_items(reader->options, "no-cache-filter");
    int64_t age;
    struct str unit;
    plan->is_no_cache = option_flag(reader->options, "no-cache", false);
    plan->is_paranoid = option_flag(reader->options, "paranoid", false);
    plan->is_layers = option_flag(reader->options, "layers", true);
    for (; *stage != NULL; stage++) {
        push_item(reader->arena, &plan->uncached_stages, str_of(*stage));
    }
    if (text == NULL) {
        return 0;
    }
    if (scan_duration(str_of(text), &age, &unit) != DURATION_OK || age < 0) {
        error_set(reader->error, ERROR_USAGE, "--cache-ttl: `%s` is no duration", text);
        return error_hint(reader->error, "write a number and its unit: 30s, 90m, 24h, 1h30m");
    }
    plan->is_no_cache |= age == 0;
    plan->oldest_record = age > 0 ? time_now() - age : 0;
    return 0;
}

static int read_names(const struct reader *reader) {
    const char *const *tags = option_items(reader->options, "tag");
    size_t count = 0;
    while (tags[count] != NULL) {
        count++;
    }
    const char **names = arena_array(reader->arena, count + 1, sizeof(*names));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (reference_for_tag(str_of(tags[i]), reader->arena, &names[kept], reader->error) < 0) {
            reader->error->code = ERROR_USAGE;
            return error_wrap(reader->error, "--tag %s", tags[i]);
        }
        bool is_known = false;
        for (size_t j = 0; j < kept; j++) {
            is_known = is_known || strcmp(names[j], names[kept]) == 0;
        }
        kept += !is_known;
    }
    names[kept] = NULL;
    reader->request->names = names;
    return 0;
}

/* "net_raw", "CAP_NET_RAW" and "all" as the plan has them. */
static int read_capabilities(const struct reader *reader, const char *option,
                             struct str_list *out) {
    const char *const *item = option_items(reader->options, option);
    for (; *item != NULL; item++) {
        char *name = arena_strdup(reader->arena, *item);
        for (char *c = name; *c != '\0'; c++) {
            *c = (char)toupper((unsigned char)*c);
            if (!isalnum((unsigned char)*c) && *c != '_') {
                error_set(reader->error, ERROR_USAGE, "--%s: `%s` is no capability", option, *item);
                return error_hint(reader->error, "capabilities(7) lists them");
            }
        }
        if (strcmp(name, "ALL") != 0 && !str_has_prefix(str_of(name), STR("CAP_"))) {
            name = arena_printf(reader->arena, "CAP_%s", name);
        }
        push_item(reader->arena, out, str_of(name));
    }
    return 0;
}

/* --add-host NAME:ADDRESS or, as Docker writes it now, NAME=ADDRESS; what else can be wrong is checked with the rest. */
static int check_host(const struct reader *reader, const char *text) {
    if (!str_has_suffix(str_of(text), STR("host-gateway"))) {
        return 0;
    }
    error_set(reader->error, ERROR_UNSUPPORTED, "--add-host: `host-gateway` is not done yet");
    return error_hint(reader->error, "give the address itself");
}

static int read_lists(const struct reader *reader) {
    struct run_options *run = &reader->request->plan.run;
    const char *const *item = option_items(reader->options, "add-host");
    for (; *item != NULL; item++) {
        if (check_host(reader, *item) < 0) {
            return -1;
        }
        push_item(reader->arena, &run->add_hosts, str_of(*item));
    }
    for (item = option_items(reader->options, "security-opt"); *item != NULL; item++) {
        push_item(reader->arena, &run->security_options, str_of(*item));
    }
    for (item = option_items(reader->options, "ulimit"); *item != NULL; item++) {
        push_item(reader->arena, &run->ulimits, str_of(*item));
    }
    return 0;
}

static int read_running(const struct reader *reader) {
    struct run_options *run = &reader->request->plan.run;
    const char *network = option_text(reader->options, "net", "host");
    network = option_text(reader->options, "network", network);
    run->network = strcmp(network, "none") == 0 ? NETWORK_NONE : NETWORK_HOST;
    run->runtime = option_text(reader->options, "runtime", NULL);
    run->hostname = STR("buildsandbox");
    if (read_capabilities(reader, "cap-add", &run->cap_add) < 0 ||
        read_capabilities(reader, "cap-drop", &run->cap_drop) < 0) {
        return -1;
    }
    return read_lists(reader) < 0 || run_options_check(run, reader->error) < 0 ||
                   build_secrets_read(reader->options, reader->arena, run, reader->error) < 0
               ? -1
               : seccomp_digest(&run->security_options, &run->seccomp, reader->error);
}

static int read_time(const struct reader *reader) {
    struct plan_request *plan = &reader->request->plan;
    const char *name =
        option_is_given(reader->options, "timestamp") ? "timestamp" : "source-date-epoch";
    if (!option_is_given(reader->options, name)) {
        return 0;
    }
    uint64_t seconds = option_uint(reader->options, name, 0);
    if (seconds > INT64_MAX / 1000000000) {
        return error_set(reader->error, ERROR_USAGE, "%s: %s is too far in the future",
                         option_source(reader->options, name),
                         option_text(reader->options, name, ""));
    }
    plan->has_timestamp = true;
    plan->timestamp = (int64_t)seconds * 1000000000;
    plan->is_rewriting_times = option_is_given(reader->options, "timestamp");
    return 0;
}

/* `# syntax=IMAGE ARGUMENT…` names the program that BuildKit would run to read the rest. */
static void warn_of_frontend(const struct dockerfile *dockerfile) {
    static const char *const known[] = { "docker/dockerfile", "docker.io/docker/dockerfile",
                                         "dockerfile.v0" };
    for (size_t i = 0; i < dockerfile->directive_count; i++) {
        const struct directive *directive = &dockerfile->directives[i];
        struct str rest = directive->value, image;
        if (directive->kind != DIRECTIVE_SYNTAX || !str_split(&rest, ' ', &image)) {
            continue;
        }
        bool is_known = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            is_known = is_known || str_has_prefix(image, str_of(known[k]));
        }
        if (!is_known) {
            log_warn("%s: `# syntax=%.*s` is ignored, the file is read as a Dockerfile",
                     dockerfile->name, STR_ARG(image));
        }
    }
}

/* What can be said without asking anybody is said before anything is fetched. */
static int find_context(const struct reader *reader, const char *file, enum store_access access) {
    const struct options *options = reader->options;
    struct plan_request *plan = &reader->request->plan;
    plan->context = options->argument_count > 0 ? options->arguments[0] : ".";
    bool is_input = remote_context_is_input(plan->context);
    if (is_input && file != NULL && strcmp(file, "-") == 0) {
        error_set(reader->error, ERROR_USAGE,
                  "the context and the Dockerfile cannot both be standard input");
        return error_hint(reader->error, "put the Dockerfile into the archive");
    }
    if (!is_input && remote_context_kind(plan->context) == REMOTE_NONE &&
        build_context_check(plan->context, reader->error) < 0) {
        return -1;
    }
    return remote_contexts_fetch(reader->invocation, access, plan, &reader->request->remote,
                                 reader->error);
}

/* A web page or a damaged archive is a Dockerfile with mistakes. */
static int tell_no_archive(const char *origin, struct error *error) {
    _cleanup_free_ char *rest = error && error->hint ? xasprintf("; %s", error->hint) : xstrdup("");
    return error_hint(error, "%s is no archive, so it was read as a Dockerfile%s", origin, rest);
}

static int read_file(const struct reader *reader, enum store_access access) {
    struct plan_request *plan = &reader->request->plan;
    const struct options *options = reader->options;
    const char *const *files = option_items(options, "file");
    if (files[0] != NULL && files[1] != NULL) {
        error_set(reader->error, ERROR_UNSUPPORTED, "more than one --file is not done yet");
        return error_hint(reader->error, "write them one after the other and use `-f -`: "
                                         "cat FILE1 FILE2 | bud -f - CONTEXT");
    }
    /* Given empty, as in `-f "$FILE"`, it is not given. */
    const char *file = files[0] != NULL && files[0][0] != '\0' ? files[0] : NULL, *name;
    if (find_context(reader, file, access) < 0) {
        return -1;
    }
    int result = plan->context_origin != NULL
                     ? build_file_read_fetched(file, plan, &reader->request->remote, reader->arena,
                                               &plan->dockerfile_path, &name,
                                               &reader->request->source, reader->error)
                     : build_file_read(file, plan->context, reader->arena, &plan->dockerfile_path,
                                       &name, &reader->request->source, reader->error);
    if (result < 0) {
        return -1;
    }
    struct dockerfile *dockerfile;
    if (parser_parse(reader->request->source, name, reader->arena, &dockerfile, reader->error) <
        0) {
        return reader->request->remote.dockerfile != NULL ? tell_no_archive(name, reader->error)
                                                          : -1;
    }
    warn_of_frontend(dockerfile);
    plan->dockerfile = dockerfile;
    return 0;
}

int build_request_read_options(const struct invocation *invocation, const char *image_format,
                               struct build_request *out, struct error *error) {
    const struct options *options = &invocation->options;
    *out = (struct build_request){ 0 };
    struct plan_request *plan = &out->plan;
    plan->is_docker = strcmp(image_format, "docker") == 0;
    plan->is_squashed = option_flag(options, "squash", false);
    plan->ignore_file = option_text(options, "ignorefile", NULL);
    plan->target = option_text(options, "target", NULL);
    if (plan->target != NULL && plan->target[0] == '\0') {
        plan->target = NULL; /* as the other tools read `--target "$STAGE"` */
    }
    const struct reader reader = { invocation, options, invocation->arena, out, error };
    plan->from = given_text(&reader, "from");
    if (read_platforms(&reader) < 0 || read_cache(&reader) < 0 || read_names(&reader) < 0 ||
        read_content(&reader) < 0 || read_running(&reader) < 0 || read_time(&reader) < 0) {
        return -1;
    }
    return 0;
}

int build_request_read(const struct invocation *invocation, const char *image_format,
                       enum store_access access, struct build_request *out, struct error *error) {
    const struct reader reader = { invocation, &invocation->options, invocation->arena, out,
                                   error };
    if (build_request_read_options(invocation, image_format, out, error) < 0) {
        return -1;
    }
    return read_file(&reader, access);
}

void build_request_end(struct build_request *request) {
    remote_contexts_release(&request->remote);
}
