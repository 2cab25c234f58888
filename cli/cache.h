/* cache: what the commands below `bud cache` share. */
#ifndef BUD_CLI_CACHE_H
#define BUD_CLI_CACHE_H

#include "base/json.h"
#include "cli/command.h"
#include "store/usage.h"

/* What --filter kind=… calls fetched contexts, which are no records. */
#define CACHE_KIND_CONTEXT "context"
#define SHORT_KEY 12 /* characters of a key that are shown */

struct cache_view {
    const struct options *options;
    struct arena *arena;
    const struct store *store;
    struct cache *cache;
    bool is_changing; /* CACHE can be written; else nothing is to be removed, or there is nothing */
    int64_t now;
    struct usage usage;
    struct usage_filter *filters; /* of --filter and --older-than */
    size_t filter_count;
    const char *const *words; /* the arguments after the subcommand */
    size_t word_count;
};

typedef int cache_action(struct cache_view *view, struct error *error);
cache_action cache_command_list, cache_command_show, cache_command_why, cache_command_disk,
    cache_command_prune, cache_command_remove;

const char *cache_short_key(const struct cache_view *view, const struct digest *key);
/* "snapshot", "layer", "image", "gone", "unreadable": where the result is. */
const char *cache_state(const struct usage_item *item);
/* The item whose key begins with PREFIX (3 hex digits or more). ERROR_NOT_FOUND when there is none or more than one. */
int cache_find_key(const struct cache_view *view, const char *prefix, struct usage_item **out,
                   struct error *error);
/* Does TEXT look like the beginning of a key? */
bool cache_is_key(const char *text);
/* With the given key, or NULL. */
const struct usage_item *cache_item(const struct cache_view *view, const struct digest *key);
bool cache_matches(const struct cache_view *view, const struct usage_item *item);
/* The members docs/cache.md lists for a record. New reference. */
json_t *cache_json(const struct cache_view *view, const struct usage_item *item);
json_t *cache_json_time(int64_t time);
bool cache_is_json(const struct cache_view *view);
/* VALUE on standard output, indented. Takes the reference. */
int cache_print_json(json_t *value, struct error *error);

#endif
