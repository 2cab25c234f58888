/* `bud cache`: what is in the build cache, why, and how to make it smaller. */
#include "cli/cache.h"

#include "base/time.h"
#include "cli/human.h"

#include <ctype.h>
#include <limits.h>

#define SHORTEST_KEY 3

static const struct option_spec show_options[] = {
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "table json",
      .help = "table (default) or json" },
    { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .help = "ls: only whole keys" },
    { .name = "no-trunc", .kind = OPTION_FLAG, .help = "ls: whole keys and step texts" },
    { .name = "sort",
      .kind = OPTION_TEXT,
      .value = "COLUMN",
      .only = "created used size hits took stage",
      .help = "ls: by created (default), used, size, hits, took or stage" },
    { .name = "filter",
      .letter = 'f',
      .kind = OPTION_LIST,
      .value = "FILTER",
      .help = "ls, prune: only records that pass all of them: stage=NAME, "
              "kind=run|copy|add|directory|output, text=PART, older=AGE, unused, superseded, dead; "
              "prune: kind=context, of fetched contexts" },
    { .name = NULL },
};

static const struct option_spec prune_options[] = {
    { .name = "all",
      .letter = 'a',
      .kind = OPTION_FLAG,
      .help = "all that no image and no running build uses, cache mounts, fetched contexts and the "
              "context index "
              "included" },
    { .name = "older-than",
      .kind = OPTION_TEXT,
      .value = "AGE",
      .help = "only what was not used for so long: 90m, 24h, 7d; a build that finds all that the "
              "last one had writes nothing, and so is no use" },
    { .name = "keep-size",
      .kind = OPTION_TEXT,
      .value = "SIZE",
      .help =
          "the least recently used first, until snapshots and fetched contexts take no more than "
          "that: 500MB, 1.5GiB" },
    { .name = "mount",
      .kind = OPTION_LIST,
      .value = "ID",
      .help = "the cache mount RUN --mount=type=cache calls by this id: alone, nothing else; "
              "beside other options, of cache mounts only it" },
    { .name = "dry-run", .kind = OPTION_FLAG, .help = "only tell what would be removed" },
    { .name = NULL },
};

struct subcommand {
    const char *name;
    const char *options; /* those it takes, space-separated */
    size_t minimum, maximum;
    const char *usage;
    bool is_writing;
    cache_action *run;
};

static const struct subcommand subcommands[] = {
    { "ls", "format quiet no-trunc sort filter", 0, 0, "ls [OPTION...]", false,
      cache_command_list },
    { "show", "format", 1, 1, "show KEY | STEP", false, cache_command_show },
    { "why", "format", 0, 2, "why [STEP | KEY KEY]", false, cache_command_why },
    { "du", "format", 0, 0, "du [OPTION...]", false, cache_command_disk },
    { "prune", "format filter all older-than keep-size mount dry-run", 0, 0, "prune [OPTION...]",
      true, cache_command_prune },
    { "rm", "format dry-run", 1, SIZE_MAX, "rm KEY...", true, cache_command_remove },
};
#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

/* ---- what they share ---- */

const char *cache_short_key(const struct cache_view *view, const struct digest *key) {
    return arena_printf(view->arena, "%.*s", SHORT_KEY, digest_hex(key).text);
}

const char *cache_state(const struct usage_item *item) {
    static const char *const names[] = { [USAGE_GONE] = "gone",
                                         [USAGE_SNAPSHOT] = "snapshot",
                                         [USAGE_LAYER] = "layer",
                                         [USAGE_IMAGE] = "image" };
    return item->is_readable ? names[item->where] : "unreadable";
}

bool cache_is_key(const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!isxdigit((unsigned char)text[i]) || isupper((unsigned char)text[i])) {
            return false;
        }
    }
    return len >= SHORTEST_KEY && len <= DIGEST_HEX_LEN;
}

int cache_find_key(const struct cache_view *view, const char *prefix, struct usage_item **out,
                   struct error *error) {
    *out = NULL;
    if (!cache_is_key(prefix)) {
        error_set(error, ERROR_USAGE, "`%s` is no key", prefix);
        return error_hint(error, "keys have lower-case hex digits; give %d or more of them",
                          SHORTEST_KEY);
    }
    for (size_t i = 0; i < view->usage.count; i++) {
        struct usage_item *item = &view->usage.items[i];
        if (strncmp(digest_hex(&item->record.key).text, prefix, strlen(prefix)) != 0) {
            continue;
        }
        if (*out) {
            error_set(error, ERROR_NOT_FOUND, "several keys begin with %s", prefix);
            return error_hint(error, "give more of its digits");
        }
        *out = item;
    }
    if (!*out) {
        error_set(error, ERROR_NOT_FOUND, "no record has a key that begins with %s", prefix);
        return error_hint(error, "`bud cache ls` lists them");
    }
    return 0;
}

const struct usage_item *cache_item(const struct cache_view *view, const struct digest *key) {
    for (size_t i = 0; i < view->usage.count; i++) {
        if (digest_equal(&view->usage.items[i].record.key, key)) {
            return &view->usage.items[i];
        }
    }
    return NULL;
}

bool cache_matches(const struct cache_view *view, const struct usage_item *item) {
    for (size_t i = 0; i < view->filter_count; i++) {
        if (!usage_matches(item, &view->filters[i], view->now)) {
            return false;
        }
    }
    return true;
}

json_t *cache_json_time(int64_t time) {
    char text[TIME_TEXT_SIZE];
    time_format(text, time);
    return json_string(text);
}

/* Members in the order of docs/cache.md. */
json_t *cache_json(const struct cache_view *view, const struct usage_item *item) {
    const struct cache_record *record = &item->record;
    json_t *object = json_pack("{s:s, s:s, s:b, s:b, s:b}", "key", digest_hex(&record->key).text,
                               "state", cache_state(item), "current", item->is_current, "dead",
                               item->is_dead, "held", item->is_held);
    if (!item->is_readable) {
        return object;
    }
    json_set_str(object, "kind", usage_kind(item));
    json_set_str(object, "stage", record->stage);
    json_set_str(object, "text", record->text);
    json_set_str(object, "reason", record->reason);
    json_set_str(object, "build", record->build);
    json_set_str(object, "result", item->result);
    if (item->layer.len > 0) {
        json_set_str(object, "layer", item->layer);
    }
    json_set_str(object, "parent", record->parent);
    if (item->parent_count > 0) {
        const struct digest *parent = &view->usage.items[item->parents[0]].record.key;
        json_object_set_new(object, "parent_key", json_string(digest_hex(parent).text));
    }
    json_object_set_new(object, "created", cache_json_time(record->created));
    json_object_set_new(object, "last_used", cache_json_time(item->last_used));
    json_set_integer(object, "hits", item->use.hits);
    json_set_integer(object, "duration", record->duration);
    json_set_integer(object, "size", item->size);
    return object;
}

bool cache_is_json(const struct cache_view *view) {
    return option_is(view->options, "format", "json");
}

int cache_print_json(json_t *value, struct error *error) {
    _cleanup_json_ json_t *owned = value;
    _cleanup_buf_ struct buf out = BUF_INIT;
    json_write_indented(&out, owned, 4);
    return output_write(&out, error);
}

/* ---- the words ---- */

static const struct subcommand *find_subcommand(const char *name, struct error *error) {
    const char *names[SUBCOMMANDS];
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        names[i] = subcommands[i].name;
        if (strcmp(name, names[i]) == 0) {
            return &subcommands[i];
        }
    }
    const char *nearest = str_nearest(str_of(name), names, SUBCOMMANDS);
    error_set(error, ERROR_USAGE, "`bud cache` has no command `%s`", name);
    if (nearest) {
        error_hint(error, "did you mean `bud cache %s`?", nearest);
    } else {
        error_hint(error, "one of ls, show, why, du, prune, rm");
    }
    return NULL;
}

static bool takes(const struct subcommand *subcommand, const char *option) {
    struct str rest = str_of(subcommand->options), word;
    while (str_split(&rest, ' ', &word)) {
        if (str_equal_c(word, option)) {
            return true;
        }
    }
    return false;
}

/* One table has the options of all: those of the others are refused here. */
static int check_options(const struct options *options, const struct subcommand *subcommand,
                         struct error *error) {
    const struct option_spec *const tables[] = { show_options, prune_options };
    for (size_t t = 0; t < 2; t++) {
        for (const struct option_spec *spec = tables[t]; spec->name; spec++) {
            if (option_is_given(options, spec->name) && !takes(subcommand, spec->name)) {
                error_set(error, ERROR_USAGE, "`bud cache %s` has no option --%s", subcommand->name,
                          spec->name);
                return error_hint(error, "`bud cache --help` says which command takes which");
            }
        }
    }
    size_t words = options->argument_count - 1;
    if (words < subcommand->minimum || words > subcommand->maximum) {
        error_set(error, ERROR_USAGE, "`bud cache %s` takes %s arguments than that",
                  subcommand->name, words < subcommand->minimum ? "more" : "fewer");
        return error_hint(error, "usage: bud cache %s", subcommand->usage);
    }
    return 0;
}

static int parse_age(const char *option, const char *text, struct usage_filter *out,
                     struct error *error) {
    *out = (struct usage_filter){ .test = USAGE_TEST_OLDER };
    if (!human_parse_duration(text, &out->age)) {
        error_set(error, ERROR_USAGE, "%s: `%s` is no length of time", option, text);
        return error_hint(error, "a number and s, m, h, d or w: 90m, 24h, 7d");
    }
    return 0;
}

static int check_kind(struct str kind, bool is_prune, struct error *error) {
    static const char *const kinds[] = { "run",       "copy",   "add",
                                         "directory", "output", CACHE_KIND_CONTEXT };
    size_t count = sizeof(kinds) / sizeof(kinds[0]) - (is_prune ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(kind, str_of(kinds[i]))) {
            return 0;
        }
    }
    const char *nearest = str_nearest(kind, kinds, count);
    error_set(error, ERROR_USAGE, "--filter kind: there is no `%.*s`", STR_ARG(kind));
    return nearest ? error_hint(error, "did you mean `%s`?", nearest)
                   : error_hint(error,
                                "known: run, copy, add, directory, output; of prune also context");
}

static int parse_filter(const char *text, bool is_prune, struct usage_filter *out,
                        struct error *error) {
    static const struct {
        const char *name;
        enum usage_test test;
        bool has_value;
    } tests[] = {
        { "stage", USAGE_TEST_STAGE, true },    { "kind", USAGE_TEST_KIND, true },
        { "text", USAGE_TEST_TEXT, true },      { "older", USAGE_TEST_OLDER, true },
        { "unused", USAGE_TEST_UNUSED, false }, { "superseded", USAGE_TEST_SUPERSEDED, false },
        { "dead", USAGE_TEST_DEAD, false },
    };
    struct str value = str_of(text), name;
    bool has_value = str_find_byte(value, '=') != SIZE_MAX;
    str_split(&value, '=', &name);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (!str_equal_c(name, tests[i].name) || has_value != tests[i].has_value) {
            continue;
        }
        *out = (struct usage_filter){ .test = tests[i].test, .text = value };
        if (tests[i].test == USAGE_TEST_KIND && check_kind(value, is_prune, error) < 0) {
            return -1;
        }
        return tests[i].test == USAGE_TEST_OLDER
                   ? parse_age("--filter older", value.data, out, error)
                   : 0;
    }
    error_set(error, ERROR_USAGE, "--filter: there is no filter `%s`", text);
    return error_hint(error, "stage=NAME, kind=run|copy|add|directory|output, text=PART, "
                             "older=AGE, unused, superseded, dead");
}

static int parse_filters(struct cache_view *view, struct error *error) {
    const char *const *items = option_items(view->options, "filter");
    bool is_prune = strcmp(view->options->arguments[0], "prune") == 0;
    size_t count = 0;
    while (items[count]) {
        count++;
    }
    view->filters = arena_array(view->arena, count + 1, sizeof(*view->filters));
    for (size_t i = 0; i < count; i++) {
        if (parse_filter(items[i], is_prune, &view->filters[view->filter_count++], error)) {
            return -1;
        }
    }
    const char *age = option_text(view->options, "older-than", NULL);
    return age ? parse_age("--older-than", age, &view->filters[view->filter_count++], error) : 0;
}

/* ---- running ---- */

static int run_with_cache(struct cache_view *view, const struct subcommand *subcommand,
                          struct error *error) {
    if (!cache_is_readable(view->cache)) {
        error_set(error, ERROR_CORRUPT, "the build cache in %s/bud cannot be read",
                  view->store->root);
        return cache_is_damaged(view->cache)
                   ? error_hint(error, "the next build sets it aside and begins a new one")
                   : -1;
    }
    if (view->is_changing && !cache_is_writable(view->cache)) {
        error_set(error, ERROR_FAILED, "the build cache in %s/bud cannot be written",
                  view->store->root);
        return error_hint(error, "is the file system read-only, or somebody else's?");
    }
    if (usage_read(view->store, view->cache, view->arena, &view->usage, error)) {
        return error_wrap(error, "cannot tell what is in the build cache");
    }
    return subcommand->run(view, error);
}

static bool is_changing(const struct options *options, const struct subcommand *subcommand) {
    return subcommand->is_writing && !option_flag(options, "dry-run", false);
}

static int cache_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    const struct subcommand *subcommand = find_subcommand(options->arguments[0], error);
    struct cache_view view = { .options = options,
                               .arena = invocation->arena,
                               .now = time_now(),
                               .words = options->arguments + 1,
                               .word_count = options->argument_count - 1 };
    struct store *store;
    if (!subcommand || check_options(options, subcommand, error) < 0 ||
        parse_filters(&view, error) < 0 ||
        invocation_open_store(invocation,
                              is_changing(options, subcommand) ? STORE_CHANGE : STORE_READ,
                              NAMESPACE_FOR_FILES, &store, error) < 0) {
        return -1;
    }
    view.store = store;
    view.is_changing = is_changing(options, subcommand) && store_exists(store);
    int result =
        cache_open(store, view.is_changing ? CACHE_CHANGE : CACHE_READ, &view.cache, error);
    if (result == 0) {
        result = run_with_cache(&view, subcommand, error);
        cache_close(view.cache);
    }
    store_close(store);
    return result;
}

const struct command command_cache = {
    .name = "cache",
    .arguments = "ls|show|why|du|prune|rm [OPTION...] [KEY...]",
    .summary = "look into the build cache, and make it smaller",
    .description =
        "ls lists the records: a step, where its result is, how long it took, how often it was "
        "found.\n"
        "\n"
        "show shows one with all that went into its key and who uses it: the one of a key, which "
        "may be shortened, or the newest that has a word in the text of its step.\n"
        "\n"
        "why tells which steps ran in the last build and why; why STEP, for a key or a part of a "
        "step's text, what the step's key differs in from the one it replaced; why KEY KEY "
        "compares two.\n"
        "\n"
        "du tells what the cache takes on the disk.\n"
        "\n"
        "prune without options removes what the last build of no Dockerfile made or found. With "
        "--filter, --older-than or --keep-size it removes what those choose, with --all "
        "everything; what is built upon a result goes with it. What an image or a running build "
        "uses always stays.\n"
        "\n"
        "rm KEY removes records and what is built upon them, even if the results are in images, "
        "which stay.",
    .examples = "bud cache ls --sort size\n"
                "bud cache why 'RUN make'\n"
                "bud cache prune --older-than 7d --keep-size 10GB",
    .groups =
        (const struct option_group[]){ { "Options for looking", show_options },
                                       { "Options of prune (--dry-run also of rm)", prune_options },
                                       { NULL, NULL } },
    .minimum = 1,
    .maximum = UINT_MAX,
    .run = cache_run,
};
