/* `bud targets` and `bud args`: what a Dockerfile offers. */
#include "cli/outline.h"

#include "base/json.h"
#include "cli/human.h"
#include "parser/parser.h"

enum { TEXT_WIDTH = 60 };

static const char *cell(struct columns *columns, struct str text) {
    return human_line(columns->arena, text, TEXT_WIDTH);
}

static void add_texts(json_t *object, const char *key, struct str text) {
    if (text.len > 0) {
        json_set_str(object, key, text);
    }
}

static int write_json(json_t *value, struct error *error) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    json_write(&out, value);
    buf_append_byte(&out, '\n');
    return output_write(&out, error);
}

/* ---- targets ------------------------------------------------------------------------------------------- */

int outline_print_targets(const struct outline *outline, bool is_json, struct arena *arena,
                          struct error *error) {
    static const char *const headings[] = { "TARGET", "BASE", "PLATFORM", "DESCRIPTION", NULL };
    struct columns columns = columns_of(arena, 3, headings);
    _cleanup_json_ json_t *root = json_object();
    json_t *targets = json_array();
    json_object_set_new(root, "targets", targets);
    for (size_t i = 0; i < outline->stage_count; i++) {
        const struct outline_stage *stage = &outline->stages[i];
        struct str name =
            stage->has_name ? stage->name : str_printf(arena, "(%.*s)", STR_ARG(stage->name));
        columns_add(&columns, cell(&columns, str_printf(arena, "%.*s%s", STR_ARG(name),
                                                        stage->is_default ? " (default)" : "")));
        columns_add(&columns, cell(&columns, stage->base));
        columns_add(&columns, cell(&columns, stage->platform));
        columns_add(&columns, cell(&columns, stage->description));
        json_t *object = json_object();
        if (stage->has_name) {
            add_texts(object, "name", stage->name);
        }
        if (stage->is_default) {
            json_object_set_new(object, "default", json_true());
        }
        add_texts(object, "description", stage->description);
        add_texts(object, "base", stage->base);
        add_texts(object, "platform", stage->platform);
        json_set_integer(object, "line", stage->line);
        json_array_append_new(targets, object);
    }
    if (is_json) {
        return write_json(root, error);
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    columns_print(&columns, &out);
    return output_write(&out, error);
}

/* ---- arguments, secrets, agents ------------------------------------------------------------------------ */

static void print_arguments(const struct outline *outline, struct arena *arena, struct buf *out) {
    static const char *const headings[] = { "BUILD ARG", "VALUE", "STAGE", "DESCRIPTION", NULL };
    struct columns columns = columns_of(arena, 3, headings);
    for (size_t i = 0; i < outline->argument_count; i++) {
        const struct outline_argument *argument = &outline->arguments[i];
        columns_add(&columns, cell(&columns, argument->name));
        columns_add(&columns, argument->has_value ? cell(&columns, argument->value) : "");
        columns_add(&columns, cell(&columns, argument->stage));
        columns_add(&columns, cell(&columns, argument->description));
    }
    columns_print(&columns, out);
}

static void print_secrets(const char *heading, const struct outline_secret *secrets, size_t count,
                          struct arena *arena, struct buf *out) {
    const char *const headings[] = { heading, "REQUIRED", "STAGE", NULL };
    if (count == 0) {
        return;
    }
    buf_append_c(out, out->len > 0 ? "\n" : "");
    struct columns columns = columns_of(arena, 3, headings);
    for (size_t i = 0; i < count; i++) {
        columns_add(&columns, cell(&columns, secrets[i].id));
        columns_add(&columns, secrets[i].is_required ? "true" : "");
        columns_add(&columns, cell(&columns, secrets[i].stage));
    }
    columns_print(&columns, out);
}

static json_t *secrets_json(const struct outline_secret *secrets, size_t count) {
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        add_texts(object, "name", secrets[i].id);
        json_object_set_new(object, "required", json_boolean(secrets[i].is_required));
        add_texts(object, "stage", secrets[i].stage);
        json_set_integer(object, "line", secrets[i].line);
        json_array_append_new(out, object);
    }
    return out;
}

static json_t *arguments_json(const struct outline *outline) {
    json_t *out = json_array();
    for (size_t i = 0; i < outline->argument_count; i++) {
        const struct outline_argument *argument = &outline->arguments[i];
        json_t *object = json_object();
        add_texts(object, "name", argument->name);
        add_texts(object, "description", argument->description);
        if (argument->has_value) {
            json_set_str(object, "value", argument->value);
        }
        add_texts(object, "stage", argument->stage);
        json_set_integer(object, "line", argument->line);
        json_array_append_new(out, object);
    }
    return out;
}

int outline_print_arguments(const struct outline *outline, bool is_json, struct arena *arena,
                            struct error *error) {
    const struct outline_stage *target = &outline->stages[outline->target];
    if (is_json) {
        _cleanup_json_ json_t *root = json_object();
        add_texts(root, "name", target->name);
        add_texts(root, "description", target->description);
        json_object_set_new(root, "args", arguments_json(outline));
        json_object_set_new(root, "secrets", secrets_json(outline->secrets, outline->secret_count));
        json_object_set_new(root, "ssh", secrets_json(outline->agents, outline->agent_count));
        return write_json(root, error);
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    buf_printf(&out, "TARGET: %s\n", human_line(arena, target->name, TEXT_WIDTH));
    if (target->description.len > 0) {
        buf_printf(&out, "DESCRIPTION: %s\n", human_line(arena, target->description, SIZE_MAX));
    }
    if (outline->argument_count > 0) {
        buf_append_byte(&out, '\n');
        print_arguments(outline, arena, &out);
    }
    print_secrets("SECRET", outline->secrets, outline->secret_count, arena, &out);
    print_secrets("SSH", outline->agents, outline->agent_count, arena, &out);
    return output_write(&out, error);
}

int outline_call(const struct plan_request *request, bool is_targets, struct arena *arena,
                 struct error *error) {
    struct name_values given = { 0 };
    struct outline outline;
    arguments_given(&request->build_args, arena, &given);
    if (outline_make(request->dockerfile, &given, request->target, arena, &outline, error) < 0) {
        return -1;
    }
    return is_targets ? outline_print_targets(&outline, false, arena, error)
                      : outline_print_arguments(&outline, false, arena, error);
}

/* ---- the commands -------------------------------------------------------------------------------------- */

static const struct option_spec outline_options[] = {
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "table json",
      .help = "table (default) or json" },
    { .name = "build-arg",
      .kind = OPTION_LIST,
      .value = "NAME=VALUE",
      .help = "value of an ARG, as for `bud build`" },
    { .name = NULL },
};

static const struct option_spec target_options[] = {
    { .name = "target",
      .kind = OPTION_TEXT,
      .value = "STAGE",
      .help = "what STAGE takes; default: the last one" },
    { .name = NULL },
};

static int read_outline(struct invocation *invocation, const char *target, struct outline *out,
                        struct error *error) {
    const struct options *options = &invocation->options;
    const char *name;
    struct str text;
    struct dockerfile *dockerfile;
    struct name_values named = { 0 }, arguments = { 0 };
    for (const char *const *item = option_items(options, "build-arg"); *item != NULL; item++) {
        struct str value = str_of(*item), key;
        str_split(&value, '=', &key);
        name_values_set(&named, invocation->arena, key, value);
    }
    arguments_given(&named, invocation->arena, &arguments);
    return build_file_argument(invocation, &name, &text, error) < 0 ||
                   parser_parse(text, name, invocation->arena, &dockerfile, error) < 0 ||
                   outline_make(dockerfile, &arguments, target, invocation->arena, out, error) < 0
               ? -1
               : 0;
}

static bool is_json_wanted(const struct invocation *invocation) {
    return option_is(&invocation->options, "format", "json");
}

static int targets_run(struct invocation *invocation, struct error *error) {
    struct outline outline;
    return read_outline(invocation, NULL, &outline, error) < 0
               ? -1
               : outline_print_targets(&outline, is_json_wanted(invocation), invocation->arena,
                                       error);
}

static int args_run(struct invocation *invocation, struct error *error) {
    struct outline outline;
    const char *target = option_text(&invocation->options, "target", NULL);
    return read_outline(invocation, target, &outline, error) < 0
               ? -1
               : outline_print_arguments(&outline, is_json_wanted(invocation), invocation->arena,
                                         error);
}

const struct command command_targets = {
    .name = "targets",
    .arguments = "[OPTION...] [CONTEXT | FILE]",
    .summary = "list the stages of a Dockerfile",
    .description =
        "Prints what `--target` takes: the stages of FILE, `-` for standard input, or of the "
        "Dockerfile in CONTEXT; default: the one in the current directory. The description of a "
        "stage is the comment before its FROM that begins with its name.",
    .examples = "bud targets\nbud targets --format json Dockerfile | jq -r '.targets[].name'",
    .groups = (const struct option_group[]){ { "Options", outline_options },
                                             { "Options of the Dockerfile", file_options },
                                             { NULL, NULL } },
    .maximum = 1,
    .run = targets_run,
};

const struct command command_args = {
    .name = "args",
    .arguments = "[OPTION...] [CONTEXT | FILE]",
    .summary = "list the arguments and secrets a build takes",
    .description = "Prints what `--build-arg`, `--secret` and `--ssh` can give to the build of a "
                   "target: the ARGs "
                   "of the stages it is made of, with their defaults, and what their RUNs mount. "
                   "The description "
                   "of an argument is the comment before its ARG that begins with its name.",
    .examples = "bud args\nbud args --target test --format json Dockerfile | jq .args",
    .groups = (const struct option_group[]){ { "Options", outline_options },
                                             { "Options of the target", target_options },
                                             { "Options of the Dockerfile", file_options },
                                             { NULL, NULL } },
    .maximum = 1,
    .run = args_run,
};
