#include "base/log.h"
#include "cli/command.h"
#include "cli/stored_image.h"

#include <limits.h>

static const struct option_spec rmi_options[] = {
    { .name = "all", .letter = 'a', .kind = OPTION_FLAG, .help = "remove every image" },
    { .name = "force",
      .letter = 'f',
      .kind = OPTION_FLAG,
      .help = "by ID, also remove an image that has several names" },
    { .name = "prune",
      .letter = 'p',
      .kind = OPTION_FLAG,
      .help = "remove the images that have no name" },
    { .name = NULL },
};

struct removal {
    const struct store *store;
    struct arena *arena;
    bool is_forced;
    unsigned failures;
    struct buf out;
};

/* What happened, in Buildah's words: `untagged: NAME` for a name, then the ID of an image that is gone. */
static void report(struct buf *out, const struct image_removal *done) {
    struct str rest = buf_str(&done->untagged), line;
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        buf_printf(out, "untagged: %.*s\n", STR_ARG(line));
    }
    rest = buf_str(&done->deleted);
    if (rest.len > 0) {
        str_split(&rest, '\n', &line);
        buf_printf(out, "%.*s\n", STR_ARG(line));
    }
}

static int remove_one(struct removal *removal, const char *id, const char *name,
                      struct error *error) {
    struct image_removal done = { .is_forced = removal->is_forced };
    int result = image_remove(removal->store, id, name, &done, error);
    if (result == 0) {
        report(&removal->out, &done);
    }
    buf_free(&done.untagged);
    buf_free(&done.deleted);
    return result;
}

/* One that fails does not keep the others: it is told, and counted. */
static void try_remove(struct removal *removal, const char *id, const char *name) {
    _cleanup_error_ struct error error = ERROR_INIT;
    if (remove_one(removal, id, name, &error) < 0) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        error_print(&text, &error, false);
        struct str message = buf_str(&text);
        if (str_has_prefix(message, STR("error: "))) {
            message = str_from(message, strlen("error: "));
        }
        log_error("%.*s", STR_ARG(message));
        removal->failures++;
    }
}

static int remove_many(struct removal *removal, bool is_prune, struct error *error) {
    struct image_list images;
    if (image_list_read(removal->store, removal->arena, &images, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < images.count; i++) {
        if (!is_prune || images.items[i].name_count == 0) {
            try_remove(removal, str_dup(removal->arena, images.items[i].id), NULL);
        }
    }
    return 0;
}

/* The table is read anew for each: removing one may change what the next word means. */
static int remove_named(struct removal *removal, const char *text, struct error *error) {
    struct image_list images;
    const struct image *image;
    const char *name;
    if (image_list_read(removal->store, removal->arena, &images, error) < 0 ||
        stored_image_find(&images, text, removal->arena, &image, &name, error) < 0) {
        return -1;
    }
    return remove_one(removal, str_dup(removal->arena, image->id), name, error);
}

static int remove_images(const struct options *options, struct removal *removal,
                         struct error *error) {
    bool is_all = option_flag(options, "all", false),
         is_prune = option_flag(options, "prune", false);
    if (is_all || is_prune) {
        /* Every name of an image goes with it. */
        removal->is_forced = true;
        if (remove_many(removal, !is_all, error) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < options->argument_count; i++) {
        _cleanup_error_ struct error reason = ERROR_INIT;
        if (remove_named(removal, options->arguments[i], &reason) == 0) {
            continue;
        }
        if (i + 1 == options->argument_count && removal->failures == 0) {
            *error = reason;
            reason = (struct error)ERROR_INIT;
            return -1;
        }
        log_error("%s", reason.message);
        removal->failures++;
    }
    return removal->failures == 0
               ? 0
               : error_set(error, ERROR_FAILED, "%u of the images could not be removed",
                           removal->failures);
}

static int check_usage(const struct options *options, struct error *error) {
    bool is_all = option_flag(options, "all", false),
         is_prune = option_flag(options, "prune", false);
    if (is_all && is_prune) {
        return error_set(error, ERROR_USAGE, "--all and --prune do not go together");
    }
    if ((is_all || is_prune) && options->argument_count > 0) {
        return error_set(error, ERROR_USAGE, "--%s removes what it finds; leave `%s` out",
                         is_all ? "all" : "prune", options->arguments[0]);
    }
    if (!is_all && !is_prune && options->argument_count == 0) {
        error_set(error, ERROR_USAGE, "which image is to be removed?");
        return error_hint(error, "name one or more, or use --prune or --all");
    }
    return 0;
}

static int rmi_run(struct invocation *invocation, struct error *error) {
    struct store *store;
    if (check_usage(&invocation->options, error) < 0 ||
        invocation_open_store(invocation, STORE_CHANGE, NAMESPACE_FOR_FILES, &store, error) < 0) {
        return -1;
    }
    struct removal removal = { .store = store,
                               .arena = invocation->arena,
                               .is_forced = option_flag(&invocation->options, "force", false) };
    int result = remove_images(&invocation->options, &removal, error);
    /* What was removed is told even when something else failed. */
    if (output_write(&removal.out, result == 0 ? error : NULL) < 0) {
        result = -1;
    }
    buf_free(&removal.out);
    store_close(store);
    return result;
}

const struct command command_rmi = {
    .name = "rmi",
    .arguments = "[OPTION...] NAME...",
    .summary = "remove images",
    .description = "Removes a name; with its last name, or by its ID, the image and the layers no "
                   "other image uses. Cached steps whose results are these layers run again in the "
                   "next build. "
                   "An image a container stands on is kept, and that is an error.",
    .examples = "bud rmi nginx:v1\nbud rmi --prune",
    .groups = (const struct option_group[]){ { "Options", rmi_options }, { NULL, NULL } },
    .maximum = UINT_MAX,
    .run = rmi_run,
};
