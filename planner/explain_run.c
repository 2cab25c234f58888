/* What changed of a RUN's mounts, and of what the command line says for all of them. */
#include "planner/explain_part.h"
#include "planner/print.h"

/* ---- mounts ---- */

/* What recipe.c writes after the type; "": it says by itself what it is, "ro" or "rw", "required" or "optional". The last
 * may hold spaces. */
static const struct {
    const char *type;
    const char *fields[7];
} layouts[] = {
    { "bind", { "", "content" } },
    { "cache", { "", "sharing", "mode", "owner", "content", "id" } },
    { "secret", { "", "mode", "owner", "id" } },
    { "tmpfs", { "", "size" } },
    { "volume", { "", "source" } },
};

static const char *const *find_fields(struct str type) {
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (str_equal_c(type, layouts[i].type)) {
            return layouts[i].fields;
        }
    }
    return NULL;
}

static struct str shown(struct arena *arena, const char *field, struct str value) {
    uint64_t size;
    if (strcmp(field, "size") != 0 || !str_parse_uint(value, 10, UINT64_MAX, &size)) {
        return value;
    }
    if (size == 0) {
        return STR("the default");
    }
    _cleanup_buf_ struct buf text = BUF_INIT;
    print_amount(&text, size);
    return str_copy(arena, buf_str(&text));
}

static const struct step_input *find_input(const struct step *step, struct str target) {
    for (size_t i = 0; i < step->exec.mount_count; i++) {
        const struct mount_plan *mount = &step->exec.mounts[i];
        if (mount->input < step->input_count && str_equal(mount->target, target)) {
            return &step->inputs[mount->input];
        }
    }
    return NULL;
}

/* Files of a context are named one by one instead, where they are known; what is mounted instead is told as it is written. */
static void add_files(struct comparison *c, struct str target) {
    const struct step_input *input = find_input(c->step, target);
    struct str source = str_printf(c->arena, "mounted on %.*s", STR_ARG(target));
    const struct str *before = map_get(c->before, source), *now = map_get(c->now, source);
    if (!input) {
        return;
    }
    if (before && now && !str_equal(*before, *now) && !c->is_foreign) {
        c->is_unexplained |= !input->context;
        return;
    }
    explain_add(c, input->context ? RANK_CONTENT : RANK_OWN,
                str_printf(c->arena, "the files of %.*s on %.*s changed", STR_ARG(input->label),
                           STR_ARG(target)));
}

static void add_field(struct comparison *c, struct str target, struct buf *text, const char *field,
                      struct str was, struct str is) {
    if (str_equal(was, is)) {
        return;
    }
    const char *comma = text->len > 0 ? ", " : "";
    bool was_empty = str_equal_c(was, "empty"), is_empty = str_equal_c(is, "empty");
    if (strcmp(field, "content") != 0) {
        buf_printf(text, "%s%s%s%.*s → %.*s", comma, field, field[0] != '\0' ? " " : "",
                   STR_ARG(shown(c->arena, field, was)), STR_ARG(shown(c->arena, field, is)));
    } else if (was_empty || is_empty) { /* a cache without, or with, `from` */
        buf_printf(text, "%sbegins %s now", comma, is_empty ? "empty" : "with files");
    } else {
        add_files(c, target);
    }
}

void explain_mount(struct comparison *c, struct str target, const struct str *before,
                   const struct str *now) {
    struct str name = str_printf(c->arena, "mount %.*s", STR_ARG(target));
    struct str old = before ? *before : STR_EMPTY, new = now ? *now : STR_EMPTY;
    struct str was, is;
    str_split(&old, ' ', &was);
    str_split(&new, ' ', &is);
    const char *const *fields = find_fields(is);
    if (!before || !now || !fields) {
        explain_add(c, RANK_OWN, explain_named(c->arena, name, before, now));
        return;
    }
    if (!str_equal(was, is)) {
        explain_add(c, RANK_OWN, explain_change(c->arena, name, &was, &is));
        return;
    }
    _cleanup_buf_ struct buf text = BUF_INIT;
    for (size_t i = 0; fields[i]; i++) {
        was = old;
        is = new;
        if (fields[i + 1]) {
            str_split(&old, ' ', &was);
            str_split(&new, ' ', &is);
        }
        add_field(c, target, &text, fields[i], was, is);
    }
    if (text.len > 0) {
        explain_add(c, RANK_OWN, str_printf(c->arena, "%.*s: %s", STR_ARG(name), text.data));
    }
}

/* ---- options ---- */

/* Ingredients with a number behind, and the option each is from. */
static const struct {
    const char *prefix, *option;
} options[] = {
    { "added capability ", "--cap-add" },
    { "dropped capability ", "--cap-drop" },
    { "host ", "--add-host" },
    { "limit ", "--ulimit" },
    { "security option ", "--security-opt" },
};

/* Those that are there or not. */
static const struct {
    const char *name, *option;
} flags[] = {
    { "link", "--link" },
    { "parents", "--parents" },
    { "security", "--security=insecure" },
    { "squash", "--squash" },
};

static bool has_value(const struct ingredient_list *list, struct str prefix, struct str value) {
    for (size_t i = 0; i < list->count; i++) {
        if (str_has_prefix(list->items[i].name, prefix) && str_equal(list->items[i].value, value)) {
            return true;
        }
    }
    return false;
}

static bool has_all(const struct ingredient_list *list, struct str prefix,
                    const struct ingredient_list *of) {
    for (size_t i = 0; i < of->count; i++) {
        if (str_has_prefix(of->items[i].name, prefix) &&
            !has_value(list, prefix, of->items[i].value)) {
            return false;
        }
    }
    return true;
}

/* A seccomp profile has a digest there, which says nothing to anybody. */
static bool is_profile(const struct str *value) {
    return value && str_has_prefix(*value, STR("seccomp=sha256:"));
}

static void add_value(struct comparison *c, const char *option, const struct str *value,
                      const char *what) {
    struct str text = is_profile(value) ? STR("seccomp") : *value;
    explain_add(c, RANK_OWN, str_printf(c->arena, "%s %.*s %s", option, STR_ARG(text), what));
}

static void compare_value(struct comparison *c, struct str prefix, const char *option,
                          const struct str *before, const struct str *now) {
    if (is_profile(before) && is_profile(now)) {
        explain_add(c, RANK_OWN, STR("the seccomp profile changed"));
        return;
    }
    if (now && !has_value(&c->old, prefix, *now)) {
        add_value(c, option, now, "is new");
    }
    if (before && !has_value(&c->new, prefix, *before)) {
        add_value(c, option, before, "is gone");
    }
    if (has_all(&c->old, prefix, &c->new) && has_all(&c->new, prefix, &c->old)) {
        explain_add(c, RANK_OWN, str_printf(c->arena, "the order of %s changed", option));
    }
}

bool explain_option(struct comparison *c, struct str name, const struct str *before,
                    const struct str *now) {
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct str prefix = str_of(options[i].prefix);
        if (str_has_prefix(name, prefix)) {
            compare_value(c, prefix, options[i].option, before, now);
            return true;
        }
    }
    for (size_t i = 0; (!before || !now) && i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (str_equal_c(name, flags[i].name)) {
            explain_add(c, RANK_OWN, explain_named(c->arena, str_of(flags[i].option), before, now));
            return true;
        }
    }
    return false;
}
