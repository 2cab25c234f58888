#include "base/time.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/stored_image.h"

#include <inttypes.h>

#define TEXT_WIDTH 45 /* of CREATED BY and COMMENT, unless --no-trunc; podman's width */

static const struct option_spec history_options[] = {
    { .name = "human",
      .letter = 'H',
      .kind = OPTION_FLAG,
      .help = "sizes and ages for people (default); --human=false prints bytes and dates" },
    { .name = "json", .kind = OPTION_FLAG, .help = "as JSON" },
    { .name = "no-trunc", .kind = OPTION_FLAG, .help = "show everything in full" },
    { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .help = "show only IDs" },
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "json table",
      .undone = "*{{*",
      .instead = "Go templates are not done yet: use --json with jq",
      .help = "table or json" },
    { .name = NULL },
};

/* One history entry of an image config. */
struct entry {
    const char *id;
    const char *created_by;
    const char *comment;
    bool has_created;
    int64_t created;
    uint64_t size;
};

static int read_entry(const json_t *value, struct entry *entry, bool *is_empty,
                      struct error *error) {
    const char *created = "";
    *entry = (struct entry){ .id = "<missing>", .created_by = "", .comment = "" };
    *is_empty = false;
    if (json_read_string(value, "created_by", &entry->created_by, error) < 0 ||
        json_read_string(value, "comment", &entry->comment, error) < 0 ||
        json_read_string(value, "created", &created, error) < 0 ||
        json_read_bool(value, "empty_layer", is_empty, error) < 0) {
        return error_wrap(error, "the history of the image is not what it should be");
    }
    entry->has_created = time_parse(str_of(created), &entry->created);
    return 0;
}

/* The entries, oldest first, each with the size of its layer. */
static int read_entries(const struct image *image, const json_t *config,
                        const struct layer_list *layers, struct arena *arena, struct entry **out,
                        size_t *count, struct error *error) {
    json_t *history = NULL;
    const struct layer **chain;
    size_t layer_count = 0;
    if (json_read_array(config, "history", &history, error) < 0 ||
        (image->layer.len > 0 &&
         layer_chain(layers, image->layer, arena, &chain, &layer_count, error) < 0)) {
        return -1;
    }
    *count = history != NULL ? json_array_size(history) : 0;
    *out = arena_array(arena, *count, sizeof(**out));
    for (size_t i = 0; i < *count; i++) {
        bool is_empty;
        if (read_entry(json_array_get(history, i), &(*out)[i], &is_empty, error) < 0) {
            return -1;
        }
        if (!is_empty && layer_count > 0) { /* the chain is top first */
            int64_t size = chain[--layer_count]->diff_size;
            (*out)[i].size = size > 0 ? (uint64_t)size : 0;
        }
    }
    return 0;
}

static json_t *entry_json(const struct entry *entry) {
    char created[TIME_TEXT_SIZE];
    time_format(created, entry->has_created ? entry->created : INT64_MIN);
    return json_pack("{s:s, s:s, s:s, s:I, s:s}", "id", entry->id, "created", created, "CreatedBy",
                     entry->created_by, "size", (json_int_t)entry->size, "comment", entry->comment);
}

static void add_row(struct columns *table, const struct options *options, const struct entry *entry,
                    int64_t now) {
    bool is_whole = option_flag(options, "no-trunc", false);
    bool is_human = option_flag(options, "human", true);
    struct arena *arena = table->arena;
    size_t width = is_whole ? SIZE_MAX : TEXT_WIDTH;
    char created[TIME_TEXT_SIZE] = "";
    if (entry->has_created) {
        time_format(created, entry->created);
    }
    columns_add(table, entry->id);
    columns_add(table, is_human && entry->has_created ? human_age(arena, entry->created, now)
                                                      : arena_strdup(arena, created));
    columns_add(table, human_line(arena, str_of(entry->created_by), width));
    columns_add(table, is_human ? human_size(arena, entry->size)
                                : arena_printf(arena, "%" PRIu64, entry->size));
    columns_add(table, human_line(arena, str_of(entry->comment), width));
}

static void print_entries(const struct options *options, struct arena *arena,
                          const struct entry *entries, size_t count, struct buf *out) {
    if (option_flag(options, "quiet", false)) {
        for (size_t i = count; i > 0; i--) {
            buf_printf(out, "%s\n", entries[i - 1].id);
        }
    } else if (option_flag(options, "json", false) || option_is(options, "format", "json")) {
        _cleanup_json_ json_t *array = json_array();
        for (size_t i = count; i > 0; i--) {
            json_array_append_new(array, entry_json(&entries[i - 1]));
        }
        json_write_indented(out, array, 4);
    } else {
        static const char *const headings[] = { "ID",   "CREATED", "CREATED BY",
                                                "SIZE", "COMMENT", NULL };
        struct columns table = columns_of(arena, 2, headings);
        int64_t now = time_now();
        for (size_t i = count; i > 0; i--) {
            add_row(&table, options, &entries[i - 1], now);
        }
        columns_print(&table, out);
    }
}

static int show_history(const struct invocation *invocation, struct store *store,
                        struct error *error) {
    struct arena *arena = invocation->arena;
    const struct options *options = &invocation->options;
    struct image_list images;
    struct layer_list layers;
    const struct image *image;
    if (image_list_read(store, arena, &images, error) < 0 ||
        layer_list_read(store, arena, &layers, error) < 0 ||
        stored_image_find(&images, options->arguments[0], arena, &image, NULL, error) < 0 ||
        stored_image_instance(&images, options->arguments[0], arena, &image, error) < 0) {
        return -1;
    }
    _cleanup_json_ json_t *config = stored_image_config(image, error);
    struct entry *entries;
    size_t count;
    if (config == NULL ||
        read_entries(image, config, &layers, arena, &entries, &count, error) < 0) {
        return -1;
    }
    if (count > 0) { /* only the image as a whole has an ID */
        bool is_short =
            !option_flag(options, "no-trunc", false) && !option_flag(options, "json", false);
        entries[count - 1].id = str_dup(arena, is_short ? str_sub(image->id, 0, 12) : image->id);
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    print_entries(options, arena, entries, count, &out);
    return output_write(&out, error);
}

static int history_run(struct invocation *invocation, struct error *error) {
    return invocation_with_store(invocation, STORE_READ, NAMESPACE_FOR_TABLES, show_history, error);
}

const struct command command_history = {
    .name = "history",
    .arguments = "[OPTION...] NAME",
    .summary = "show how an image came about",
    .description =
        "Lists the steps that made the image, the last one first, each with the size of its layer. "
        "Of a manifest list it is the image for this machine.",
    .groups = (const struct option_group[]){ { "Options", history_options }, { NULL, NULL } },
    .minimum = 1,
    .maximum = 1,
    .run = history_run,
};
