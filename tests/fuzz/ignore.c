/* Ignore files, beside a matcher that tries everything. The input: rules, a NUL, paths in lines. What a walk finds must be
 * what the rules for one path say, and no directory may be passed over that holds something to keep. */
#include "parser/glob.h"
#include "parser/pattern.h"

#include "base/fs.h"
#include "base/vec.h"
#include "tests/fuzz/fuzz.h"

enum { RULES = 16, SLOW_SIZE = 24 }; /* of rules, of characters in a pattern and in a path */

struct slow_part {
    enum pattern_token token;
    struct str text;
    bool is_escaped;
};

struct slow_rule {
    bool is_negated;
    bool is_suffix; /* `**` and literal text */
    bool is_prefix; /* literal text and `**` */
    struct str pattern;
    struct slow_part parts[SLOW_SIZE];
    size_t count;
};

/* ---- rules, as the reference describes them ------------------------------------------------------------ */

static bool read_parts(struct slow_rule *rule) {
    struct scan scan = scan_of(rule->pattern);
    bool is_literal = true, has_escape = false;
    size_t stars = 0;
    for (;; rule->count++) {
        const char *at = scan.cursor;
        struct slow_part part;
        part.token = pattern_next(&scan, &part.text);
        part.is_escaped = part.token == PATTERN_CHARACTER && *at == '\\';
        if (part.token == PATTERN_END) {
            break;
        }
        if (part.token == PATTERN_BAD || rule->count == SLOW_SIZE) {
            return false;
        }
        stars += part.token == PATTERN_STAR;
        is_literal = is_literal && (part.token == PATTERN_CHARACTER || part.token == PATTERN_STAR);
        has_escape = has_escape || *at == '\\' || *at == ']';
        rule->parts[rule->count] = part;
    }
    if (is_literal && !has_escape && stars == 2) {
        rule->is_suffix = str_has_prefix(rule->pattern, STR("**"));
        rule->is_prefix = !rule->is_suffix && str_has_suffix(rule->pattern, STR("**"));
    }
    return true;
}

static bool slow_class(const struct slow_part *part, struct str character) {
    struct scan scan = scan_of(part->text);
    struct str low, high;
    bool found = false;
    while (pattern_class_next(&scan, &low, &high)) {
        found = found || (str_compare(low, character) <= 0 && str_compare(character, high) <= 0);
    }
    return found == (part->token == PATTERN_CLASS);
}

static bool slow_glob(const struct slow_rule *rule, size_t p, struct str path);

/* A `**` at part P: nothing or whole components; anything at the end. It takes a `/` behind it along, if not escaped. */
static bool slow_double_star(const struct slow_rule *rule, size_t p, struct str path) {
    p += 2;
    if (p < rule->count && str_equal(rule->parts[p].text, STR("/")) &&
        rule->parts[p].token == PATTERN_CHARACTER && !rule->parts[p].is_escaped) {
        p++;
    }
    if (p == rule->count || slow_glob(rule, p, path)) {
        return true;
    }
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] == '/' && slow_glob(rule, p, str_from(path, i + 1))) {
            return true;
        }
    }
    return false;
}

static bool slow_glob(const struct slow_rule *rule, size_t p, struct str path) {
    if (p == rule->count) {
        return path.len == 0;
    }
    const struct slow_part *part = &rule->parts[p];
    struct scan scan = scan_of(path);
    struct str character;
    bool has_character = pattern_character(&scan, &character);
    bool is_slash = has_character && character.data[0] == '/';
    if (part->token == PATTERN_STAR) {
        if (p + 1 < rule->count && rule->parts[p + 1].token == PATTERN_STAR) {
            return slow_double_star(rule, p, path);
        }
        return slow_glob(rule, p + 1, path) ||
               (has_character && !is_slash && slow_glob(rule, p, scan_rest(&scan)));
    }
    bool takes = has_character;
    if (part->token == PATTERN_CHARACTER) {
        takes = takes && str_equal(part->text, character);
    } else if (part->token == PATTERN_ANY) {
        takes = takes && !is_slash;
    } else {
        takes = takes && slow_class(part, character);
    }
    return takes && slow_glob(rule, p + 1, scan_rest(&scan));
}

static bool slow_matches(const struct slow_rule *rule, struct str path) {
    if (rule->is_suffix) {
        struct str suffix = str_from(rule->pattern, 2);
        return str_has_suffix(path, suffix) ||
               (suffix.len > 0 && suffix.data[0] == '/' && str_equal(path, str_from(suffix, 1)));
    }
    if (rule->is_prefix) {
        return str_has_prefix(path, str_sub(rule->pattern, 0, rule->pattern.len - 2));
    }
    return slow_glob(rule, 0, path);
}

/* False: too much for a slow matcher, or not a list of rules. */
static bool read_rules(struct str text, struct arena *arena, struct slow_rule *rules,
                       size_t *count) {
    struct str line;
    *count = 0;
    if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) {
        text = str_from(text, 3);
    }
    while (str_split(&text, '\n', &line)) {
        if (str_has_prefix(line, STR("#"))) {
            continue;
        }
        line = scan_trim(line);
        if (line.len == 0) {
            continue;
        }
        if (*count == RULES) {
            return false;
        }
        struct slow_rule *rule = &rules[(*count)++];
        *rule = (struct slow_rule){ .is_negated = line.data[0] == '!' };
        line = rule->is_negated ? scan_trim(str_from(line, 1)) : line;
        rule->pattern = path_clean(arena, line);
        if (rule->pattern.len > 1 && rule->pattern.data[0] == '/') {
            rule->pattern = str_from(rule->pattern, 1);
        }
        if (!read_parts(rule)) {
            return false;
        }
    }
    return true;
}

/* HITS: what the rules said of the parent; afterwards what they say of PATH. */
static bool slow_enter(const struct slow_rule *rules, size_t count, struct str path, bool *hits) {
    bool is_ignored = false;
    for (size_t i = 0; i < count; i++) {
        if (!hits[i]) {
            hits[i] = rules[i].is_negated == is_ignored && slow_matches(&rules[i], path);
        }
        if (hits[i]) {
            is_ignored = !rules[i].is_negated;
        }
    }
    return is_ignored;
}

/* ---- both, side by side -------------------------------------------------------------------------------- */

static void check_path(const struct ignore *ignore, const struct slow_rule *rules, size_t count,
                       struct str path, struct arena *arena) {
    bool hits[RULES] = { false };
    bool is_passed_over = false, expected = false;
    struct ignore_state parent, own;
    ignore_root(ignore, arena, &parent);
    for (size_t end = 1; end <= path.len; end++) {
        if (end < path.len && path.data[end] != '/') {
            continue;
        }
        struct str part = str_sub(path, 0, end);
        expected = slow_enter(rules, count, part, hits);
        bool matches = ignore_matches(ignore, &parent, part);
        ignore_enter(ignore, &parent, part, arena, &own);
        fuzz_expect(own.is_ignored == expected && matches == expected, "%.*s: %d, %d, wanted %d",
                    STR_ARG(part), own.is_ignored, matches, expected);
        fuzz_expect(!is_passed_over || expected, "%.*s is kept below what was passed over",
                    STR_ARG(part));
        is_passed_over =
            is_passed_over || (own.is_ignored && !ignore_may_keep_below(ignore, &own, part));
        parent = own;
    }
    struct ignore_rule rule;
    fuzz_expect(ignore_deciding(ignore, path, &rule) == expected, "%.*s by itself", STR_ARG(path));
    fuzz_expect(rule.text.len > 0 ? rule.is_exclusion != expected : !expected,
                "%.*s is decided by %.*s", STR_ARG(path), STR_ARG(rule.text));
    ignore_reach(ignore, path, arena, &own);
    fuzz_expect(own.is_ignored == expected, "%.*s reached", STR_ARG(path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str rest = str_make((const char *)data, size), text;
    if (!str_split(&rest, '\0', &text)) {
        return 0;
    }
    _cleanup_copy_ struct str source = fuzz_copy(text);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct ignore *ignore;
    if (ignore_parse(source, ".dockerignore", &arena, &ignore, &error) < 0) {
        fuzz_expect(error.message && error.hint && error.place.file, "an error without a place");
        return 0;
    }
    struct slow_rule *rules = arena_array(&arena, RULES, sizeof(*rules));
    size_t count;
    if (!read_rules(source, &arena, rules, &count)) {
        return 0;
    }
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        struct str path = path_clean(&arena, line);
        bool is_below = path.data[0] != '/' && !str_equal(path, STR(".")) &&
                        !str_has_prefix(path, STR("..")) && path.len <= SLOW_SIZE;
        if (line.len > 0 && is_below) {
            _cleanup_copy_ struct str copy = fuzz_copy(path);
            check_path(ignore, rules, count, copy, &arena);
        }
    }
    return 0;
}
