#include "planner/explain.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/vec.h"
#include "planner/explain_files.h"
#include "planner/explain_part.h"

#include <stdlib.h>

#define MAX_SHOWN 3
#define MAX_VALUE 40 /* bytes of a value that are shown */

static bool is_control(char byte) {
    return (unsigned char)byte < 0x20 || byte == 0x7f;
}

static bool is_within_character(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t common_length(struct str a, struct str b) {
    size_t length = 0;
    while (length < a.len && length < b.len && a.data[length] == b.data[length]) {
        length++;
    }
    return length;
}

struct str explain_cut(struct arena *arena, struct str value, const struct str *other,
                       size_t width) {
    size_t same = other ? common_length(value, *other) : 0;
    size_t begin = value.len > width && same > width / 2 ? same - width / 4 : 0;
    for (size_t i = begin; i < same; i++) {
        begin = is_control(value.data[i]) ? i + 1 : begin;
    }
    while (begin < value.len && is_within_character(value.data[begin])) {
        begin++;
    }
    size_t end = begin;
    while (end < value.len && end < begin + width && !is_control(value.data[end])) {
        end++;
    }
    while (end < value.len && end > begin && is_within_character(value.data[end])) {
        end--;
    }
    if (value.len == 0) {
        return STR("\"\"");
    }
    return str_printf(arena, "%s%.*s%s", begin > 0 ? "…" : "", (int)(end - begin),
                      value.data + begin, end < value.len ? "…" : "");
}

void explain_add(struct comparison *c, enum rank rank, struct str text) {
    arena_vec_push(c->arena, &c->list, ((struct difference){ text, rank }));
}

struct str explain_change(struct arena *arena, struct str name, const struct str *before,
                          const struct str *now) {
    struct str old = before ? explain_cut(arena, *before, now, MAX_VALUE) : STR("none");
    struct str new = now ? explain_cut(arena, *now, before, MAX_VALUE) : STR("none");
    return str_printf(arena, "%.*s: %.*s → %.*s", STR_ARG(name), STR_ARG(old), STR_ARG(new));
}

struct str explain_named(struct arena *arena, struct str name, const struct str *before,
                         const struct str *now) {
    return !before ? str_printf(arena, "%.*s is new", STR_ARG(name))
           : !now  ? str_printf(arena, "%.*s is gone", STR_ARG(name))
                   : explain_change(arena, name, before, now);
}

static bool is_argument(const struct step *step, struct str name) {
    for (size_t i = 0; step->kind == STEP_EXEC && i < step->exec.arguments.count; i++) {
        if (str_equal(step->exec.arguments.items[i], name)) {
            return true;
        }
    }
    return false;
}

static bool take_prefix(struct str *name, struct str prefix) {
    if (!str_has_prefix(*name, prefix)) {
        return false;
    }
    *name = str_from(*name, prefix.len);
    return true;
}

/* Among the names in LIST, with spaces between. */
static bool is_listed(const struct str *list, struct str name) {
    struct str rest = list ? *list : STR_EMPTY, word;
    while (rest.len > 0 && str_split(&rest, ' ', &word)) {
        if (str_equal(word, name)) {
            return true;
        }
    }
    return false;
}

static void compare_variable(struct comparison *c, struct str name, const struct str *before,
                             const struct str *now) {
    const struct str *arguments = map_get(c->before, STR("ARG names"));
    bool is_arg = now ? is_argument(c->step, name) : is_listed(arguments, name);
    explain_add(c, RANK_OWN, explain_variable(c->arena, is_arg ? "ARG" : "ENV", name, before, now));
}

/* An image that has the name now moved only when it had that name for the step before, too. */
static struct str describe_parent(const struct comparison *c, const struct str *before) {
    const struct step *source = recipe_base(c->step);
    const struct str *base_name = map_get(c->before, STR("base image"));
    const struct str *base_id = map_get(c->before, STR("base image ID"));
    struct str former = base_name                                   ? *base_name
                        : before && str_equal_c(*before, "scratch") ? STR("scratch")
                                                                    : STR_EMPTY;
    if (!source || former.len == 0 || (base_id && str_equal_c(*base_id, source->source.image))) {
        return STR("the steps before it are others");
    }
    struct str base = recipe_base_name(source, c->arena);
    if (c->is_foreign) {
        return str_printf(c->arena, "the base image %.*s is another one", STR_ARG(base));
    }
    return str_equal(former, base) ? str_printf(c->arena, "base image %.*s moved", STR_ARG(base))
                                   : str_printf(c->arena, "another base image: %.*s → %.*s",
                                                STR_ARG(former), STR_ARG(base));
}

static void compare_parent(struct comparison *c, enum rank rank, const struct str *before) {
    explain_add(c, rank, describe_parent(c, before));
}

static void compare_content(struct comparison *c) {
    struct str label = c->step->input_count > 0 ? c->step->inputs[0].label : STR("the sources");
    explain_add(c, RANK_CONTENT,
                str_printf(c->arena, "the files from %.*s changed", STR_ARG(label)));
}

/* Does an image that is nothing but its base name it by this ingredient? */
static bool is_layer_of_base(const struct comparison *c, struct str name) {
    return c->step->kind == STEP_IMAGE && c->step->parent && c->step->parent->kind == STEP_SOURCE &&
           str_equal_c(name, "layer 1");
}

static bool is_equal(const struct str *a, const struct str *b) {
    return !a == !b && (!a || str_equal(*a, *b));
}

/* A file may be called `times`, too: its value has two parts. */
static bool is_time(struct str name, const struct str *value) {
    return str_equal_c(name, "timestamp") ||
           (str_equal_c(name, "file times") && str_find_byte(*value, ' ') == SIZE_MAX);
}

/* In seconds, as the options have it; ingredients have ns. */
static struct str shown_time(struct comparison *c, const struct str *value) {
    uint64_t time;
    if (!value || !str_parse_uint(*value, 10, UINT64_MAX, &time)) {
        return value ? explain_cut(c->arena, *value, NULL, MAX_VALUE) : STR("none");
    }
    unsigned long long seconds = time / 1000000000, rest = time % 1000000000;
    return rest > 0 ? str_printf(c->arena, "%llu.%09llu", seconds, rest)
                    : str_printf(c->arena, "%llu", seconds);
}

/* The same option sets both. */
static void compare_time(struct comparison *c, struct str name, const struct str *before,
                         const struct str *now) {
    struct str timestamp = STR("timestamp");
    if (!str_equal(name, timestamp) && is_equal(before, map_get(c->before, timestamp)) &&
        is_equal(now, map_get(c->now, timestamp))) {
        return;
    }
    explain_add(c, RANK_OWN,
                str_printf(c->arena, "%.*s: %.*s → %.*s", STR_ARG(name),
                           STR_ARG(shown_time(c, before)), STR_ARG(shown_time(c, now))));
}

static void compare_config(struct comparison *c, const struct str *before, const struct str *now) {
    struct str_list list = explain_config(c->arena, *before, *now);
    for (size_t i = 0; i < list.count; i++) {
        explain_add(c, RANK_OWN, list.items[i]);
    }
    if (list.count == 0) { /* the layers of its base */
        explain_add(c, RANK_PARENT, STR("the configuration changed"));
    }
}

/* What is taken, as it is written: looked at when it is known what of it came and went. */
static bool is_selection(struct str name) {
    return str_equal_c(name, "sources") || str_equal_c(name, "excluded") ||
           str_has_prefix(name, STR("mounted on "));
}

/* By themselves those are no cause. */
static bool is_remark(struct str name) {
    return str_equal_c(name, "base image") || str_equal_c(name, "base image ID") ||
           str_equal_c(name, "ARG names") || str_has_prefix(name, STR("file "));
}

/* BEFORE or NOW may be NULL: the ingredient is new or gone. */
static void compare(struct comparison *c, struct str name, const struct str *before,
                    const struct str *now) {
    struct str rest = name;
    if (take_prefix(&rest, STR("env "))) {
        compare_variable(c, rest, before, now);
    } else if (is_time(name, now ? now : before)) {
        compare_time(c, name, before, now);
    } else if (str_has_prefix(name, STR("argument ")) || str_has_prefix(name, STR("script "))) {
        if (!c->has_command) {
            explain_add(c, RANK_OWN, STR("the command changed"));
        }
        c->has_command = true;
    } else if (str_equal_c(name, "parent")) {
        compare_parent(c, RANK_PARENT, before);
    } else if (is_layer_of_base(c, name)) {
        compare_parent(c, RANK_OWN, before);
    } else if (str_equal_c(name, "content")) {
        compare_content(c);
    } else if (take_prefix(&rest, STR("mount "))) {
        explain_mount(c, rest, before, now);
    } else if (str_has_prefix(name, STR("secret "))) {
        explain_add(c, RANK_OWN, explain_named(c->arena, name, before, now));
    } else if (str_has_prefix(name, STR("heredoc "))) {
        explain_add(c, RANK_OWN, STR("a heredoc changed"));
    } else if (str_has_prefix(name, STR("layer "))) {
        explain_add(c, RANK_PARENT, STR("the layers are others"));
    } else if (str_equal_c(name, "config") && before && now) {
        compare_config(c, before, now);
    } else if (!is_remark(name) && !explain_option(c, name, before, now)) {
        explain_add(c, RANK_OWN, explain_change(c->arena, name, before, now));
    }
}

/* Calls VISIT for every ingredient that is another one now, is new or is gone. */
static void each_difference(struct comparison *c,
                            void (*visit)(struct comparison *c, struct str name,
                                          const struct str *before, const struct str *now)) {
    for (size_t i = 0; i < c->new.count; i++) {
        const struct ingredient *ingredient = &c->new.items[i];
        const struct str *before = map_get(c->before, ingredient->name);
        if (!before || !str_equal(*before, ingredient->value)) {
            visit(c, ingredient->name, before, &ingredient->value);
        }
    }
    for (size_t i = 0; i < c->old.count; i++) {
        const struct ingredient *ingredient = &c->old.items[i];
        if (!map_has(c->now, ingredient->name)) {
            visit(c, ingredient->name, &ingredient->value, NULL);
        }
    }
}

static bool differs(const struct comparison *c, struct str name) {
    return !is_equal(map_get(c->before, name), map_get(c->now, name));
}

static void find_selection(struct comparison *c, struct str name, const struct str *before,
                           const struct str *now) {
    struct str target = name;
    if (take_prefix(&target, STR("mounted on "))) {
        struct str mount = str_printf(c->arena, "mount %.*s", STR_ARG(target));
        bool is_both = map_has(c->before, mount) && map_has(c->now, mount);
        c->has_selection |= before && now ? differs(c, mount) : !is_both;
    } else if (is_selection(name)) {
        c->has_selection |= differs(c, STR("content"));
    }
}

static void compare_other(struct comparison *c, struct str name, const struct str *before,
                          const struct str *now) {
    if (!is_selection(name) && !explain_is_directory(name)) {
        compare(c, name, before, now);
    }
}

/* That files changed, went or are left out now does not depend on how the sources are written. */
static void compare_selection(struct comparison *c, struct str name, const struct str *before,
                              const struct str *now) {
    bool is_mount = str_has_prefix(name, STR("mounted on ")); /* that may be new itself */
    if (is_selection(name) && (!is_mount || (before && now))) {
        explain_add(c, RANK_OWN, explain_change(c->arena, name, before, now));
    }
}

static bool is_written_otherwise(const struct comparison *c) {
    for (size_t i = 0; i < c->new.count + c->old.count; i++) {
        struct str name =
            i < c->new.count ? c->new.items[i].name : c->old.items[i - c->new.count].name;
        if (is_selection(name) && differs(c, name)) {
            return true;
        }
    }
    return false;
}

static void drop_files(struct comparison *c, struct ingredient_list *list) {
    struct ingredient_list kept = { 0 };
    for (size_t i = 0; i < list->count; i++) {
        const struct ingredient *ingredient = &list->items[i];
        if (!explain_is_directory(ingredient->name) &&
            !str_has_prefix(ingredient->name, STR("file "))) {
            ingredient_add(&kept, c->arena, ingredient->name, ingredient->value);
        }
    }
    *list = kept;
}

static void compare_all(struct comparison *c, const struct cache_record *record) {
    _cleanup_map_ struct map before = MAP_INIT;
    _cleanup_map_ struct map now = MAP_INIT;
    explain_files_align(record, c->step, c->arena, &c->old, &c->new);
    for (size_t i = 0; i < c->old.count; i++) {
        map_set(&before, c->old.items[i].name, &c->old.items[i].value);
    }
    for (size_t i = 0; i < c->new.count; i++) {
        map_set(&now, c->new.items[i].name, &c->new.items[i].value);
    }
    c->before = &before;
    c->now = &now;
    if (c->is_foreign && is_written_otherwise(c)) { /* it may be other files, of the same content */
        drop_files(c, &c->old);
        drop_files(c, &c->new);
    }
    if (!c->is_foreign) {
        each_difference(c, find_selection);
    }
    each_difference(c, compare_other);
    explain_paths(c);
    explain_directories(c);
    if (c->has_selection && (c->is_unexplained || !c->has_content)) {
        each_difference(c, compare_selection);
        c->has_content = true;
    }
    c->before = c->now = NULL; /* they end here */
}

/* Is DIFFERENCE worth a place, given that others of lower rank are there? */
static bool is_shown(const struct comparison *c, size_t at) {
    const struct difference *difference = &c->list.items[at];
    if (difference->rank == RANK_CONTENT && c->has_content) {
        return false;
    }
    for (size_t i = 0; i < c->list.count; i++) {
        if (difference->rank == RANK_PARENT && c->list.items[i].rank != RANK_PARENT) {
            return false; /* the own change is the answer; the parent's belongs to the parent */
        }
        if (i < at && str_equal(c->list.items[i].text, difference->text)) {
            return false;
        }
    }
    return true;
}

/* The differences of STEP to the record OLD, the most telling first, at most three. */
static struct str describe(const struct cache_record *old, const struct step *step,
                           struct arena *arena) {
    struct comparison c = {
        .step = step,
        .arena = arena,
        .is_foreign = !recipe_is_own(step, old),
        .since = old->created - (int64_t)old->duration,
    };
    compare_all(&c, old);
    _cleanup_buf_ struct buf text = BUF_INIT;
    size_t count = 0, more = 0;
    for (size_t i = 0; i < c.list.count; i++) {
        if (!is_shown(&c, i)) {
            continue;
        }
        if (count == MAX_SHOWN) {
            more++;
        } else {
            buf_append_c(&text, count++ > 0 ? ", " : "");
            buf_append_str(&text, c.list.items[i].text);
        }
    }
    if (more > 0) {
        buf_printf(&text, " and %zu more", more);
    }
    return str_copy(arena, buf_str(&text));
}

struct last explain_last(struct cache *cache, const struct step *step, struct arena *arena) {
    struct last last = { .kind = LAST_NONE };
    if (step->former_kind == FORMER_OTHERS) {
        last.kind = LAST_OTHERS;
    } else if (step->former_kind == FORMER_BEHIND) {
        last.kind = LAST_BEHIND;
    } else if (step->former_kind == FORMER_KEY || step->former_kind == FORMER_LIKE) {
        static const enum last_kind lacking[] = { [CACHE_LACKS_RECORD] = LAST_PRUNED,
                                                  [CACHE_LACKS_SENSE] = LAST_ROTTEN,
                                                  [CACHE_LACKS_SYNC] = LAST_DOUBTFUL };
        last.kind = cache_lookup(cache, &step->former, arena, &last.record)
                        ? LAST_KNOWN
                        : lacking[cache_lack(cache, &step->former)];
    }
    return last;
}

uint64_t explain_expected(const struct last *last) {
    return last->kind == LAST_KNOWN ? last->record.duration : 0;
}

/* FROM copies files where a directory stands for its image. */
static bool is_base(const struct step *step) {
    return step->kind == STEP_FILE && step->instruction &&
           step->instruction->kind == INSTRUCTION_FROM;
}

/* The directory, as a FROM that copies it is printed. */
static struct str base_directory(struct str text) {
    struct str begin = STR(" (build context ");
    size_t at = str_find(text, begin);
    return at == SIZE_MAX ? STR_EMPTY : str_sub(text, at + begin.len, text.len - 1);
}

/* Empty: the record is of the same directory. */
static struct str explain_base(const struct last *last, const struct step *step,
                               struct arena *arena) {
    struct str before = base_directory(last->record.text), now = base_directory(step->text);
    return last->kind == LAST_OTHERS   ? STR("the base is a directory now")
           : last->kind == LAST_PRUNED ? STR("no record: pruned, or the base was another")
           : last->kind == LAST_KNOWN && !str_equal(before, now)
               ? explain_change(arena, STR("another base directory"), &before, &now)
               : STR_EMPTY;
}

static struct str explain_new(const struct step *step, struct arena *arena) {
    return step_is_trigger(step)
               ? str_printf(arena, "new instruction of the %.*s", STR_ARG(step->stage->base))
               : STR("new instruction");
}

struct str explain_miss(const struct last *last, const struct step *step, struct arena *arena) {
    if (last->kind == LAST_NONE) {
        return STR("no record: first build");
    }
    struct str base = is_base(step) ? explain_base(last, step, arena) : STR_EMPTY;
    if (base.len > 0) {
        return base;
    }
    if (last->kind == LAST_OTHERS) {
        return explain_new(step, arena);
    }
    if (last->kind == LAST_BEHIND) {
        return STR("not built yet");
    }
    if (last->kind == LAST_DOUBTFUL) {
        return STR("its result may not have been written out when the machine went down");
    }
    if (last->kind == LAST_ROTTEN) {
        return STR("its record cannot be read");
    }
    if (last->kind == LAST_PRUNED) {
        return STR("its record was pruned");
    }
    struct str text = describe(&last->record, step, arena);
    return text.len > 0 ? text : STR("no record");
}
