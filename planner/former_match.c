/* Instructions come, go and change: which of a stage's steps was which in the former build. */
#include "base/vec.h"
#include "planner/former.h"
#include "planner/recipe.h"

#include <stdlib.h>

#define MAX_FORMER 10000    /* steps of a former stage that are looked at */
#define MAX_CELLS (1 << 16) /* of the table below; beyond it steps are taken in order */

#define SCORE_SAME (1u << 16) /* the text is the same */
#define SCORE_ALIKE 98u       /* or a part of it, and the kind */

/* A step of the former build. */
struct old_step {
    struct digest key;
    struct str kind, text; /* empty: pruned */
};

struct matching {
    struct cache *cache;
    struct arena arena;
    struct {
        struct old_step *items;
        size_t count, capacity;
    } old;
    struct {
        struct step **items;
        size_t count, capacity;
    } now;
};

static void add_old(struct matching *matching, const struct digest *key) {
    struct cache_record record;
    struct old_step old = { .key = *key };
    if (cache_lookup(matching->cache, key, &matching->arena, &record) &&
        record.ingredient_count > 0) {
        old.kind = record.ingredients[0].value;
        old.text = record.text;
    }
    arena_vec_push(&matching->arena, &matching->old, old);
}

static void read_old(struct matching *matching, const struct plan *plan,
                     const struct stage *stage) {
    struct digest key, place = former_place(plan, stage, 1, false);
    for (unsigned number = 1;
         number <= MAX_FORMER && cache_last_at(matching->cache, &place, &key);) {
        if (!digest_is_zero(&key)) {
            add_old(matching, &key);
        }
        place = former_place(plan, stage, ++number, false);
    }
}

static void read_now(struct matching *matching, const struct plan *plan,
                     const struct stage *stage) {
    for (size_t i = 0; i < plan->step_count; i++) {
        struct step *step = plan->steps[i];
        if (step->stage == stage && (step->kind == STEP_EXEC || step->kind == STEP_FILE)) {
            arena_vec_push(&matching->arena, &matching->now, step);
        }
    }
}

static void match(struct matching *matching, size_t old, size_t now) {
    struct step *step = matching->now.items[now];
    step->former_kind = FORMER_KEY;
    step->former = matching->old.items[old].key;
}

static size_t common_length(struct str a, struct str b) {
    size_t shorter = a.len < b.len ? a.len : b.len, begin = 0, end = 0;
    while (begin < shorter && a.data[begin] == b.data[begin]) {
        begin++;
    }
    while (end < shorter - begin && a.data[a.len - 1 - end] == b.data[b.len - 1 - end]) {
        end++;
    }
    return begin + end;
}

/* A FROM copies files where a directory stands for its image: that is like no COPY. */
static bool is_from(struct str text) {
    return str_equal_nocase(str_sub(text, 0, strlen("FROM ")), STR("FROM "));
}

/* 0: they cannot be the same. */
static unsigned score(const struct matching *matching, size_t old, size_t now) {
    const struct old_step *before = &matching->old.items[old];
    const struct step *step = matching->now.items[now];
    if (before->kind.len == 0) {
        return 1;
    }
    if (!str_equal(before->kind, recipe_kind(step)) ||
        is_from(before->text) != is_from(step->text)) {
        return 0;
    }
    if (str_equal(before->text, step->text)) {
        return SCORE_SAME;
    }
    size_t longer = before->text.len > step->text.len ? before->text.len : step->text.len;
    return 2 + (unsigned)(SCORE_ALIKE * common_length(before->text, step->text) / longer);
}

static void align_in_order(struct matching *matching, size_t old, size_t now, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (score(matching, old + i, now + i) > 0) {
            match(matching, old + i, now + i);
        }
    }
}

/* The alignment of old steps OLD up to OLD_END with present ones whose scores add up to the most. */
static void align(struct matching *matching, size_t old, size_t old_end, size_t now,
                  size_t now_end) {
    size_t rows = old_end - old, columns = now_end - now, width = columns + 1;
    if (rows * columns > MAX_CELLS) {
        align_in_order(matching, old, now, rows < columns ? rows : columns);
        return;
    }
    /* best[i * width + j]: of what is left from row i and column j on. */
    uint64_t *best = arena_array(&matching->arena, (rows + 1) * width, sizeof(*best));
    for (size_t i = rows; i-- > 0;) {
        for (size_t j = columns; j-- > 0;) {
            uint64_t skipped = best[(i + 1) * width + j], added = best[i * width + j + 1];
            uint64_t both = best[(i + 1) * width + j + 1] + score(matching, old + i, now + j);
            uint64_t most = skipped > added ? skipped : added;
            best[i * width + j] = both > most ? both : most;
        }
    }
    for (size_t i = 0, j = 0; i < rows && j < columns;) {
        unsigned here = score(matching, old + i, now + j);
        if (here > 0 && best[i * width + j] == best[(i + 1) * width + j + 1] + here) {
            match(matching, old + i++, now + j++);
        } else if (best[i * width + j] == best[(i + 1) * width + j]) {
            i++;
        } else {
            j++;
        }
    }
}

/* Most of a stage stays as it was: the same at both ends needs no table. */
static void match_all(struct matching *matching) {
    size_t old = 0, old_end = matching->old.count;
    size_t now = 0, now_end = matching->now.count;
    while (old < old_end && now < now_end && score(matching, old, now) == SCORE_SAME) {
        match(matching, old++, now++);
    }
    while (old < old_end && now < now_end &&
           score(matching, old_end - 1, now_end - 1) == SCORE_SAME) {
        match(matching, --old_end, --now_end);
    }
    align(matching, old, old_end, now, now_end);
}

/* The build ended before them, or they were added at the end, when the last former step has its like before them. */
static void mark_behind(struct matching *matching) {
    const struct old_step *last = &matching->old.items[matching->old.count - 1];
    for (size_t i = matching->now.count; i-- > 0;) {
        struct step *step = matching->now.items[i];
        if (step->former_kind == FORMER_OTHERS) {
            continue;
        }
        for (size_t j = i + 1; digest_equal(&step->former, &last->key) && j < matching->now.count;
             j++) {
            matching->now.items[j]->former_kind = FORMER_BEHIND;
        }
        return;
    }
}

static void match_image(struct matching *matching, struct step *image) {
    bool is_known = cache_last_at(matching->cache, &image->place, &image->former) &&
                    !digest_is_zero(&image->former);
    image->former_kind = is_known ? FORMER_KEY : FORMER_NONE;
}

void former_match(const struct plan *plan, const struct stage *stage, struct cache *cache) {
    struct matching matching = { .cache = cache, .arena = ARENA_INIT };
    read_old(&matching, plan, stage);
    read_now(&matching, plan, stage);
    for (size_t i = 0; i < matching.now.count; i++) {
        matching.now.items[i]->former_kind = matching.old.count > 0 ? FORMER_OTHERS : FORMER_NONE;
    }
    match_all(&matching);
    if (matching.old.count > 0) {
        mark_behind(&matching);
    }
    for (size_t i = 0; i < plan->images.count; i++) {
        if (plan->images.items[i]->stage == stage) {
            match_image(&matching, plan->images.items[i]);
        }
    }
    arena_free(&matching.arena);
}
