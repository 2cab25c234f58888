/* From options to a plan request. */
#include "cli/build.h"

#include "base/vec.h"
#include "executor/run_options.h"
#include "parser/parser.h"
#include "planner/platform.h"
#include "registry/reference.h"

#include <ctype.h>
#include <stdlib.h>

struct reader {
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

/* All NAME=VALUE items of OPTION; WHEN_MISSING says what a NAME without `=` means. */
static int read_pairs(const struct reader *reader, const char *option,
                      enum missing_value when_missing, struct name_values *out) {
    const char *const *item = option_items(reader->options, option);
    for (; *item != NULL; item++) {
        struct str value = str_of(*item), name;
        str_split(&value, '=', &name);
        bool has_value = name.len < strlen(*item);
        if (name.len == 0 || (!has_value && when_missing == MISSING_REFUSED)) {
            return error_set(reader->error, ERROR_USAGE, "--%s: `%s` is not NAME=VALUE", option,
                             *item);
        }
        if (!has_value && when_missing == MISSING_EMPTY) {
            value = STR_EMPTY;
        } else if (!has_value && when_missing == MISSING_KEPT) {
            value = (struct str){ NULL, 0 };
        } else if (!has_value) {
            const char *text = getenv(*item);
            if (text == NULL) {
                continue;
            }
            value = str_of(text);
        } else if (value.data == NULL) {
            value = STR_EMPTY;
        }
        set_pair(reader->arena, out, name, value);
    }
    return 0;
}

static int read_content(const struct reader *reader) {
    struct plan_request *plan = &reader->request->plan;
    if (read_pairs(reader, "build-arg", MISSING_KEPT, &plan->build_args) < 0 ||
        read_pairs(reader, "label", MISSING_EMPTY, &plan->labels) < 0 ||
        read_pairs(reader, "annotation", MISSING_REFUSED, &plan->annotations) < 0 ||
        read_pairs(reader, "env", MISSING_ENVIRONMENT, &plan->envs) < 0) {
        return -1;
    }
    if (plan->is_docker && plan->annotations.count > 0) {
        error_set(reader->error, ERROR_USAGE, "--annotation: a manifest in docker format has none");
        return error_hint(reader->error, "use --format oci, or --label");
    }
    const char *const *volume = option_items(reader->options, "volume");
    for (; *volume != NULL; volume++) {
        push_item(reader->arena, &plan->volumes, str_of(*volume));
    }
    return 0;
}

static int check_platform(const struct reader *reader, const char *option, struct str text) {
    struct platform platform, host = platform_host();
    if (platform_parse(text, reader->arena, &platform, reader->error) < 0) {
        reader->error->code = ERROR_USAGE;
        return error_wrap(reader->error, "--%s %.*s", option, STR_ARG(text));
    }
    if (!platform_equal(&platform, &host)) {
        error_set(reader->error, ERROR_UNSUPPORTED, "--%s: `%.*s` is not done yet", option,
                  STR_ARG(text));
        struct str known = platform_format(&host, reader->arena);
        return error_hint(reader->error, "this machine is %.*s; build the other one there",
                          STR_ARG(known));
    }
    return 0;
}

static int check_platforms(const struct reader *reader) {
    const char *const *item = option_items(reader->options, "platform");
    for (; *item != NULL; item++) {
        if (check_platform(reader, "platform", str_of(*item)) < 0) {
            return -1;
        }
    }
    struct platform host = platform_host();
    const char *architecture = option_text(reader->options, "arch", "");
    const char *os = option_text(reader->options, "os", "");
    if (architecture[0] != '\0' &&
        check_platform(reader, "arch",
                       str_printf(reader->arena, "%.*s/%s", STR_ARG(host.os), architecture)) < 0) {
        return -1;
    }
    return os[0] == '\0' ? 0 : check_platform(reader, "os", str_of(os));
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
    return read_lists(reader) < 0 ? -1 : run_options_check(run, reader->error);
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

static int read_file(const struct reader *reader) {
    struct plan_request *plan = &reader->request->plan;
    const struct options *options = reader->options;
    const char *const *files = option_items(options, "file");
    if (files[0] != NULL && files[1] != NULL) {
        error_set(reader->error, ERROR_UNSUPPORTED, "more than one --file is not done yet");
        return error_hint(reader->error, "write them one after the other and use `-f -`: "
                                         "cat FILE1 FILE2 | bud -f - CONTEXT");
    }
    plan->context = options->argument_count > 0 ? options->arguments[0] : ".";
    if (build_context_check(plan->context, reader->error) < 0) {
        return -1;
    }
    const char *name;
    if (build_file_read(files[0], plan->context, reader->arena, &plan->dockerfile_path, &name,
                        &reader->request->source, reader->error) < 0) {
        return -1;
    }
    struct dockerfile *dockerfile;
    if (parser_parse(reader->request->source, name, reader->arena, &dockerfile, reader->error) <
        0) {
        return -1;
    }
    plan->dockerfile = dockerfile;
    return 0;
}

int build_request_read(const struct invocation *invocation, const char *image_format,
                       struct build_request *out, struct error *error) {
    const struct options *options = &invocation->options;
    *out = (struct build_request){ 0 };
    struct plan_request *plan = &out->plan;
    plan->is_docker = strcmp(image_format, "docker") == 0;
    plan->is_squashed = option_flag(options, "squash", false);
    plan->is_no_cache = option_flag(options, "no-cache", false);
    plan->is_layers = option_flag(options, "layers", true);
    plan->ignore_file = option_text(options, "ignorefile", NULL);
    plan->target = option_text(options, "target", NULL);
    if (plan->target != NULL && plan->target[0] == '\0') {
        plan->target = NULL; /* as the other tools read `--target "$STAGE"` */
    }
    const struct reader reader = { options, invocation->arena, out, error };
    if (check_platforms(&reader) < 0 || read_names(&reader) < 0 || read_content(&reader) < 0 ||
        read_running(&reader) < 0 || read_time(&reader) < 0) {
        return -1;
    }
    return read_file(&reader);
}
