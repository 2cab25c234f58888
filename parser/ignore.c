/* ignore: lists of patterns as in .dockerignore. Each rule is a glob; an index tells which of them a path concerns. */
#include "parser/ignore_index.h"
#include "parser/pattern.h"
#include "parser/scan.h"

#include "base/fs.h"
#include "base/vec.h"

#include <assert.h>
#include <stdlib.h>

struct rule {
    bool is_negated;
    struct glob glob;
    struct str text; /* as written, trimmed */
    unsigned line;
};

struct ignore {
    struct rule *rules;
    size_t count;
    bool has_negation;
    struct ignore_index index;
};

/* Where the patterns come from, for errors. */
struct origin {
    const char *name; /* NULL: --exclude */
    struct str source;
    struct str text;
    unsigned line;
};

struct rule_list {
    struct rule *items; /* in the arena */
    size_t count;
    size_t capacity;
};

/* ---- compiling ----------------------------------------------------------------------------------------- */

static int fail(const struct origin *origin, struct error *error) {
    if (!origin->name) {
        return -1;
    }
    uint32_t start = (uint32_t)(origin->text.data - origin->source.data);
    return error_at(error, origin->name, origin->source,
                    (struct span){ start, start + (uint32_t)origin->text.len });
}

static int compile(struct str pattern, bool is_negated, const struct origin *origin,
                   struct arena *arena, struct rule_list *rules, struct error *error) {
    struct rule rule = { .is_negated = is_negated, .text = origin->text, .line = origin->line };
    if (pattern_check(pattern, error) < 0) {
        return fail(origin, error);
    }
    if (!glob_compile(pattern, arena, &rule.glob)) {
        error_set(error, ERROR_INPUT, "pattern has more than %d characters", GLOB_SIZE);
        error_hint(error, "no path is that long");
        return fail(origin, error);
    }
    arena_vec_push(arena, rules, rule);
    return 0;
}

static int illegal_exclusion(const struct origin *origin, struct error *error) {
    error_set(error, ERROR_INPUT, "illegal exclusion pattern: \"!\"");
    error_hint(error, "name what is to be kept behind the `!`");
    return fail(origin, error);
}

/* TEXT is trimmed and not empty. From a file (IS_ROOTED) a leading '/' means the root of the context. */
static int add_pattern(struct str text, bool is_rooted, const struct origin *origin,
                       struct arena *arena, struct rule_list *rules, struct error *error) {
    bool is_negated = text.data[0] == '!';
    if (is_negated) {
        text = scan_trim(str_from(text, 1));
        if (text.len == 0 || str_equal(text, STR("/"))) {
            return illegal_exclusion(origin, error);
        }
    }
    struct str pattern = path_clean(arena, text);
    if (is_rooted && pattern.len > 1 && pattern.data[0] == '/') {
        pattern = str_from(pattern, 1);
    }
    return compile(pattern, is_negated, origin, arena, rules, error);
}

static struct ignore *finish(const struct rule_list *rules, struct arena *arena) {
    struct ignore *ignore = arena_new(arena, struct ignore);
    ignore->rules = rules->items;
    ignore->count = rules->count;
    ignore_index_init(&ignore->index, rules->count, arena);
    for (size_t i = 0; i < rules->count; i++) {
        ignore_index_add(&ignore->index, &rules->items[i].glob, i);
        ignore->has_negation = ignore->has_negation || rules->items[i].is_negated;
    }
    return ignore;
}

int ignore_parse(struct str text, const char *name, struct arena *arena, struct ignore **out,
                 struct error *error) {
    struct rule_list rules = VEC_INIT;
    struct str rest = text, line;
    struct origin origin = { .name = name, .source = text };
    if (str_has_prefix(rest, STR("\xEF\xBB\xBF"))) {
        rest = str_from(rest, 3);
    }
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        origin.line++;
        if (line.len > 0 && line.data[0] == '#') {
            continue;
        }
        origin.text = scan_trim(line);
        if (origin.text.len > 0 &&
            add_pattern(origin.text, true, &origin, arena, &rules, error) < 0) {
            return -1;
        }
    }
    *out = finish(&rules, arena);
    return 0;
}

int ignore_from_patterns(const struct str *patterns, size_t count, struct arena *arena,
                         struct ignore **out, struct error *error) {
    struct rule_list rules = VEC_INIT;
    for (size_t i = 0; i < count; i++) {
        struct origin origin = { .text = scan_trim(patterns[i]) };
        if (origin.text.len > 0 &&
            add_pattern(origin.text, false, &origin, arena, &rules, error) < 0) {
            return -1;
        }
    }
    *out = finish(&rules, arena);
    return 0;
}

bool ignore_is_empty(const struct ignore *ignore) {
    return ignore->count == 0;
}

bool ignore_has_exclusion(const struct ignore *ignore) {
    return ignore->has_negation;
}

/* ---- walking ------------------------------------------------------------------------------------------- */

static size_t word_count(const struct ignore *ignore) {
    return (ignore->count + 63) / 64;
}

static bool is_hit(const struct ignore_state *state, size_t rule) {
    return state->hits[rule / 64] >> rule % 64 & 1;
}

void ignore_root(const struct ignore *ignore, struct arena *arena, struct ignore_state *root) {
    root->hits = arena_array(arena, word_count(ignore), sizeof(*root->hits));
    root->is_ignored = false;
}

/* HITS may be NULL. CANDIDATES: the rules that may match PATH. A rule that cannot change the outcome is not asked:
 * patternmatcher does the same, and the children see it. */
static bool evaluate_candidates(const struct ignore *ignore, const struct ignore_state *parent,
                                struct str path, const uint64_t *candidates, uint64_t *hits) {
    bool is_ignored = false;
    assert(word_count(ignore) == 0 || parent->hits);
    for (size_t word = 0; word < word_count(ignore); word++) {
        for (uint64_t bits = candidates[word] | parent->hits[word]; bits; bits &= bits - 1) {
            size_t i = word * 64 + (size_t)__builtin_ctzll(bits);
            const struct rule *rule = &ignore->rules[i];
            if (!is_hit(parent, i) &&
                (rule->is_negated != is_ignored || !glob_matches(&rule->glob, path))) {
                continue;
            }
            if (hits) {
                hits[i / 64] |= (uint64_t)1 << i % 64;
            }
            is_ignored = !rule->is_negated;
        }
    }
    return is_ignored;
}

static bool evaluate(const struct ignore *ignore, const struct ignore_state *parent,
                     struct str path, uint64_t *hits) {
    uint64_t few[64]; /* enough for 4096 rules */
    _cleanup_free_ uint64_t *many = NULL;
    uint64_t *candidates = few;
    if (word_count(ignore) > sizeof(few) / sizeof(few[0])) {
        candidates = many = xcalloc(word_count(ignore), sizeof(*many));
    }
    ignore_index_find(&ignore->index, path, candidates);
    return evaluate_candidates(ignore, parent, path, candidates, hits);
}

void ignore_enter(const struct ignore *ignore, const struct ignore_state *parent, struct str path,
                  struct arena *arena, struct ignore_state *state) {
    uint64_t *hits = arena_array(arena, word_count(ignore), sizeof(*hits));
    state->is_ignored = evaluate(ignore, parent, path, hits);
    state->hits = hits;
}

void ignore_reach(const struct ignore *ignore, struct str path, struct arena *arena,
                  struct ignore_state *state) {
    ignore_root(ignore, arena, state);
    for (size_t end = 0; path.len > 0 && end <= path.len; end++) {
        if (end == path.len || path.data[end] == '/') {
            struct ignore_state parent = *state;
            ignore_enter(ignore, &parent, str_sub(path, 0, end), arena, state);
        }
    }
}

bool ignore_matches(const struct ignore *ignore, const struct ignore_state *parent,
                    struct str path) {
    return evaluate(ignore, parent, path, NULL);
}

/* Below PATH, the last rule that ignores PATH hits everything; only a negated rule after it can keep something. */
bool ignore_may_keep_below(const struct ignore *ignore, const struct ignore_state *state,
                           struct str path) {
    if (!state->is_ignored || !ignore->has_negation) {
        return !state->is_ignored;
    }
    char buffer[GLOB_SIZE + 1];
    if (path.len >= GLOB_SIZE) {
        return true;
    }
    memcpy(buffer, path.data, path.len);
    buffer[path.len] = '/';
    struct str directory = str_make(buffer, path.len + 1);
    for (size_t i = ignore->count; i-- > 0;) {
        if (ignore->rules[i].is_negated) {
            if (glob_may_match_below(&ignore->rules[i].glob, directory)) {
                return true;
            }
        } else if (is_hit(state, i)) {
            return false;
        }
    }
    return true;
}

/* ---- explaining ---------------------------------------------------------------------------------------- */

bool ignore_deciding(const struct ignore *ignore, struct str path, struct ignore_rule *out) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct ignore_state state;
    ignore_reach(ignore, path, &arena, &state);
    *out = (struct ignore_rule){ STR_EMPTY, 0, false };
    /* Only hits that changed the outcome, or could have, are noted: the last one stands. */
    for (size_t i = ignore->count; i-- > 0;) {
        if (is_hit(&state, i)) {
            const struct rule *rule = &ignore->rules[i];
            *out = (struct ignore_rule){ rule->text, rule->line, rule->is_negated };
            break;
        }
    }
    return state.is_ignored;
}
