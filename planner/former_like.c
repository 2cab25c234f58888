#include "planner/former_like.h"

#include "base/vec.h"

#include <stdlib.h>

struct like {
    struct str upon, text;
    struct digest key;
    int64_t created;
    bool is_near; /* of the same context */
};

struct former_likes {
    struct like *items; /* sorted; of those alike the one to take first */
    size_t count, capacity;
    struct arena *arena;
    const struct cache_site *sites;
    size_t site_count;
    struct str context;
};

static bool is_near(const struct former_likes *likes, const struct digest *place) {
    for (size_t i = 0; place && i < likes->site_count; i++) {
        const struct cache_site *site = &likes->sites[i];
        if (memcmp(site->id, place->bytes, CACHE_SITE_SIZE) == 0) {
            return str_equal(site->context, likes->context);
        }
    }
    return false;
}

static void add(void *context, const struct cache_record *record) {
    struct former_likes *likes = context;
    if (record->kind == CACHE_SNAPSHOT) {
        struct like like = {
            .upon = str_copy(likes->arena, record->parent),
            .text = str_copy(likes->arena, record->text),
            .key = record->key,
            .created = record->created,
            .is_near = is_near(likes, record->place),
        };
        arena_vec_push(likes->arena, likes, like);
    }
}

static int compare(const void *a, const void *b) {
    const struct like *left = a, *right = b;
    int order = str_compare(left->upon, right->upon);
    order = order != 0 ? order : str_compare(left->text, right->text);
    order = order != 0 ? order : right->is_near - left->is_near;
    return order != 0 ? order : (left->created < right->created) - (left->created > right->created);
}

static struct former_likes *read_all(const struct plan *plan, struct cache *cache,
                                     struct arena *arena) {
    struct former_likes *likes = arena_new(arena, struct former_likes);
    struct cache_site *sites = NULL;
    likes->arena = arena;
    likes->context = plan->site.context;
    if (cache_sites(cache, arena, &sites, &likes->site_count, NULL) < 0) {
        return likes;
    }
    likes->sites = sites;
    cache_each(cache, add, likes, NULL);
    if (likes->count > 0) {
        qsort(likes->items, likes->count, sizeof(*likes->items), compare);
    }
    return likes;
}

bool former_like_find(struct former_likes **likes, const struct plan *plan, struct cache *cache,
                      struct arena *arena, struct str upon, struct str text, bool is_anybodys,
                      struct digest *key) {
    if (!*likes) {
        *likes = read_all(plan, cache, arena);
    }
    const struct like wanted = {
        .upon = upon, .text = text, .created = INT64_MAX, .is_near = true
    };
    size_t from = 0, to = (*likes)->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare(&(*likes)->items[middle], &wanted) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    const struct like *found = from < (*likes)->count ? &(*likes)->items[from] : NULL;
    if (!found || !str_equal(found->upon, upon) || !str_equal(found->text, text) ||
        (!found->is_near && !is_anybodys)) {
        return false;
    }
    *key = found->key;
    return true;
}
