#include "planner/rules.h"

void rules_reach(const struct rules *rules, struct str path, struct arena *arena,
                 struct states *out) {
    memset(out, 0, sizeof(*out));
    if (rules->excludes) {
        ignore_root(rules->excludes, arena, &out->excludes);
    }
    if (rules->only) {
        ignore_root(rules->only, arena, &out->only);
    }
    if (rules->ignore) {
        ignore_reach(rules->ignore, path, arena, &out->ignore);
    }
}

/* Does the literal --parents path lead to, or lie above, PATH? */
static bool only_path_matches(const struct rules *rules, struct str path, bool *leads) {
    struct str only = rules->only_path;
    bool is_below =
        str_has_prefix(path, only) && (path.len == only.len || path.data[only.len] == '/');
    *leads = is_below || (str_has_prefix(only, path) && only.data[path.len] == '/');
    return is_below;
}

bool rules_keep_file(const struct rules *rules, const struct states *parent, struct str tree_path) {
    struct str path = str_from(tree_path, rules->base_len);
    bool leads;
    if (rules->ignore && ignore_matches(rules->ignore, &parent->ignore, tree_path)) {
        return false;
    }
    if (rules->excludes && ignore_matches(rules->excludes, &parent->excludes, path)) {
        return false;
    }
    return !rules->has_only || (rules->only ? ignore_matches(rules->only, &parent->only, path)
                                            : only_path_matches(rules, path, &leads));
}

struct verdict rules_judge_directory(const struct rules *rules, const struct states *parent,
                                     struct str tree_path, struct arena *arena,
                                     struct states *own) {
    struct str path = str_from(tree_path, rules->base_len);
    struct verdict verdict = { true, true };
    if (rules->ignore) {
        ignore_enter(rules->ignore, &parent->ignore, tree_path, arena, &own->ignore);
        if (own->ignore.is_ignored) {
            verdict.is_kept = false;
            verdict.is_entered &= ignore_may_keep_below(rules->ignore, &own->ignore, tree_path);
        }
    }
    if (rules->excludes) {
        ignore_enter(rules->excludes, &parent->excludes, path, arena, &own->excludes);
        if (own->excludes.is_ignored) {
            verdict.is_kept = false;
            verdict.is_entered &= ignore_may_keep_below(rules->excludes, &own->excludes, path);
        }
    }
    if (rules->has_only && rules->only) {
        ignore_enter(rules->only, &parent->only, path, arena, &own->only);
        verdict.is_kept &= own->only.is_ignored;
    } else if (rules->has_only) {
        bool leads;
        verdict.is_kept &= only_path_matches(rules, path, &leads);
        verdict.is_entered &= leads;
    }
    return verdict;
}
