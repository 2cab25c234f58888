/* `bud context`: what a build would see of its context, and why. */
#include "planner/context.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/remote.h"
#include "cli/build.h"
#include "cli/userns.h"
#include "planner/inventory.h"
#include "planner/print.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define FOREIGN_CONTEXT                                                                            \
    "a context from elsewhere is not looked into; `bud plan` tells what is copied of it"

static const struct option_spec context_options[] = {
    { .name = "context",
      .letter = 'C',
      .kind = OPTION_TEXT,
      .value = "DIRECTORY",
      .help = "the build context; default: the current directory" },
    { .name = "file",
      .letter = 'f',
      .kind = OPTION_TEXT,
      .value = "FILE",
      .help = "the Dockerfile, for FILE.dockerignore beside it; default: as `bud build`" },
    { .name = "ignorefile",
      .kind = OPTION_TEXT,
      .value = "FILE",
      .help = "use FILE instead of .containerignore or .dockerignore" },
    { .name = "sort",
      .kind = OPTION_TEXT,
      .value = "ORDER",
      .only = "name size",
      .help = "name (default), or size: the largest first" },
    { .name = "depth",
      .kind = OPTION_UINT,
      .value = "NUMBER",
      .help = "show so many levels of directories; what is below is added up" },
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "tree json",
      .help = "tree (default) or json" },
    { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .help = "print paths only" },
    { .name = NULL },
};

struct showing {
    const struct options *options;
    struct arena *arena;
    struct tree tree;
    struct inventory inventory;
    bool
        is_by_path; /* something in the context cannot be read: of each path asked for only what is below it is */
    size_t depth; /* SIZE_MAX: all */
    struct buf out;
};

/* ---- the files ---- */

static const char *type_name(uint32_t mode) {
    return S_ISREG(mode)    ? "file"
           : S_ISDIR(mode)  ? "directory"
           : S_ISLNK(mode)  ? "link"
           : S_ISFIFO(mode) ? "fifo"
           : S_ISSOCK(mode) ? "socket"
                            : "device";
}

/* As walk_refuse_special() does in a build. */
static bool is_refused(const struct inventory_entry *entry) {
    return S_ISSOCK(entry->mode) || S_ISBLK(entry->mode) || S_ISCHR(entry->mode);
}

static void warn_of_refused(const struct showing *showing) {
    const struct inventory *inventory = &showing->inventory;
    const struct inventory_entry *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < inventory->count; i++) {
        if (is_refused(&inventory->entries[i])) {
            first = first ? first : &inventory->entries[i];
            count++;
        }
    }
    if (count > 0) {
        const char *others =
            count > 1 ? arena_printf(showing->arena, ", and %zu more", count - 1) : "";
        log_warn("%.*s is a %s and cannot be copied: a build that takes it fails; leave it out by "
                 "the ignore file%s",
                 STR_ARG(first->path), type_name(first->mode), others);
    }
}

static void print_paths(struct showing *showing, const struct inventory_entry *entry) {
    for (size_t i = 0; i < entry->child_count; i++) {
        const struct inventory_entry *child = &showing->inventory.entries[entry->children[i]];
        if (child->depth <= showing->depth) {
            buf_append_str(&showing->out, child->path);
            buf_append_byte(&showing->out, '\n');
            print_paths(showing, child);
        }
    }
}

static void print_line(struct showing *showing, const struct inventory_entry *entry,
                       struct str branches, const char *branch) {
    struct buf amount = BUF_INIT;
    print_amount(&amount, entry->bytes);
    buf_printf(&showing->out, "%10s  %.*s%s",
               S_ISLNK(entry->mode) || is_refused(entry) ? type_name(entry->mode) : amount.data,
               STR_ARG(branches), branch);
    buf_free(&amount);
    print_text(&showing->out, entry->depth > 0 ? entry->name : str_of(showing->tree.name));
    if (S_ISDIR(entry->mode)) {
        buf_printf(&showing->out, "/  (%llu file%s)", (unsigned long long)entry->files,
                   entry->files == 1 ? "" : "s");
    }
    buf_append_c(&showing->out, is_refused(entry) ? "  (a build refuses it)\n" : "\n");
}

/* BRANCHES is what stands before the lines of ENTRY's children. */
static void print_children(struct showing *showing, const struct inventory_entry *entry,
                           struct buf *branches) {
    size_t len = branches->len;
    for (size_t i = 0; entry->depth < showing->depth && i < entry->child_count; i++) {
        const struct inventory_entry *child = &showing->inventory.entries[entry->children[i]];
        bool is_last = i + 1 == entry->child_count;
        print_line(showing, child, buf_str(branches), is_last ? "└─ " : "├─ ");
        buf_append_c(branches, is_last ? "   " : "│  ");
        print_children(showing, child, branches);
        branches->len = len;
    }
}

static void print_totals(struct showing *showing) {
    const struct inventory_entry *root = &showing->inventory.entries[0];
    buf_printf(&showing->out, "%llu file%s in %llu director%s, ", (unsigned long long)root->files,
               root->files == 1 ? "" : "s", (unsigned long long)root->directories,
               root->directories == 1 ? "y" : "ies");
    print_amount(&showing->out, root->bytes);
    if (showing->tree.ignore_name != NULL) {
        buf_printf(&showing->out, ", after %s", showing->tree.ignore_name);
    } else {
        buf_append_c(&showing->out, "; there is no .dockerignore");
    }
    buf_append_byte(&showing->out, '\n');
}

/* What is below ENTRY, in the order of --sort. */
static void add_children(const struct showing *showing, const struct inventory_entry *entry,
                         json_t *entries) {
    for (size_t i = 0; entry->depth < showing->depth && i < entry->child_count; i++) {
        const struct inventory_entry *child = &showing->inventory.entries[entry->children[i]];
        json_t *object = json_object();
        json_set_str(object, "path", child->path);
        json_object_set_new(object, "type", json_string(type_name(child->mode)));
        json_set_integer(object, "mode", child->mode & 07777);
        json_set_integer(object, "bytes", child->bytes);
        if (S_ISDIR(child->mode)) {
            json_set_integer(object, "files", child->files);
        }
        json_array_append_new(entries, object);
        add_children(showing, child, entries);
    }
}

static void print_files_json(struct showing *showing) {
    _cleanup_json_ json_t *root = json_object();
    const struct inventory_entry *all = &showing->inventory.entries[0];
    json_set_integer(root, "version", 1);
    json_set_str(root, "context", str_of(showing->tree.name));
    json_object_set_new(root, "ignore_file",
                        showing->tree.ignore_name != NULL
                            ? json_from_str(str_of(showing->tree.ignore_name))
                            : json_null());
    json_set_integer(root, "files", all->files);
    json_set_integer(root, "directories", all->directories);
    json_set_integer(root, "bytes", all->bytes);
    json_t *entries = json_array();
    add_children(showing, all, entries);
    json_object_set_new(root, "entries", entries);
    json_write_indented(&showing->out, root, 2);
}

static void show_files(struct showing *showing) {
    const struct inventory_entry *root = &showing->inventory.entries[0];
    if (option_flag(showing->options, "quiet", false)) {
        print_paths(showing, root);
    } else if (option_is(showing->options, "format", "json")) {
        print_files_json(showing);
    } else {
        _cleanup_buf_ struct buf branches = BUF_INIT;
        print_line(showing, root, STR_EMPTY, "");
        print_children(showing, root, &branches);
        print_totals(showing);
    }
}

/* ---- why? ---- */

struct answer {
    const char *given;
    struct str path; /* cleaned, relative to the context */
    bool exists;
    struct str meant; /* where links on the way lead, as for COPY; empty: there are none */
    const struct inventory_entry *entry; /* NULL: left out */
    bool has_rule;
    struct ignore_rule rule;
};

/* Links on the way lead no further than to the root of the context, as in COPY. */
static bool is_in_tree(const struct showing *showing, struct str path) {
    struct str above = path_parent(path);
    const char *directory = above.len > 0 ? str_dup(showing->arena, above) : ".";
    const char *name = path.len > 0 ? str_dup(showing->arena, path_base(path)) : ".";
    struct stat stat;
    _cleanup_fd_ int fd =
        fs_open_in_root(showing->tree.fd, directory, O_PATH | O_DIRECTORY, 0, NULL);
    return fd >= 0 && fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is left out or not there has no inventory. */
static int read_path(struct showing *showing, struct str path, struct error *error) {
    showing->inventory = (struct inventory){ 0 };
    if (inventory_read(&showing->tree, path, false, showing->arena, &showing->inventory, error) <
            0 &&
        error->code != ERROR_NOT_FOUND) {
        return -1;
    }
    error_clear(error);
    return 0;
}

static struct answer answer_for(const struct showing *showing, const char *given, struct str path) {
    struct arena *arena = showing->arena;
    struct answer answer = { .given = given, .path = path };
    answer.exists = is_in_tree(showing, answer.path);
    answer.entry = inventory_find(&showing->inventory, answer.path);
    if (answer.entry == NULL && answer.exists) {
        answer.meant = inventory_resolve(&showing->tree, answer.path, arena);
        answer.entry =
            answer.meant.len > 0 ? inventory_find(&showing->inventory, answer.meant) : NULL;
    }
    if (showing->tree.ignore != NULL && answer.path.len > 0) {
        ignore_deciding(showing->tree.ignore, answer.meant.len > 0 ? answer.meant : answer.path,
                        &answer.rule);
        answer.has_rule = answer.rule.text.len > 0;
    }
    return answer;
}

static void print_rule(struct showing *showing, const struct answer *answer) {
    buf_printf(&showing->out, "%s:%u ", showing->tree.ignore_name, answer->rule.line);
    buf_append_byte(&showing->out, '`');
    print_text(&showing->out, answer->rule.text);
    buf_append_byte(&showing->out, '`');
}

static void print_included(struct showing *showing, const struct answer *answer) {
    const struct inventory_entry *entry = answer->entry;
    bool is_left_out = answer->has_rule && !answer->rule.is_exclusion;
    buf_append_c(&showing->out, "in, ");
    if (is_refused(entry)) {
        buf_printf(&showing->out, "a %s, which a build refuses", type_name(entry->mode));
    } else {
        print_amount(&showing->out, entry->bytes);
    }
    if (S_ISDIR(entry->mode)) {
        buf_printf(&showing->out, " in %llu file%s", (unsigned long long)entry->files,
                   entry->files == 1 ? "" : "s");
    }
    if (!answer->has_rule) {
        buf_append_c(&showing->out, ": no rule leaves it out");
        return;
    }
    buf_append_c(&showing->out,
                 is_left_out ? ": what a later rule keeps is below it, though " : ": ");
    print_rule(showing, answer);
    buf_append_c(&showing->out, is_left_out ? " leaves it out" : " keeps it");
}

static void print_answer(struct showing *showing, const struct answer *answer) {
    print_text(&showing->out, answer->given[0] != '\0' ? str_of(answer->given) : STR("."));
    /* `..` and a leading `/` mean the root of the context. */
    struct str clean = path_clean(showing->arena, str_of(answer->given));
    if (answer->path.len > 0 && !str_equal(clean, answer->path)) {
        buf_append_c(&showing->out, ", here ");
        print_text(&showing->out, answer->path);
    }
    buf_append_c(&showing->out, ": ");
    if (answer->meant.len > 0) {
        buf_append_c(&showing->out, "by a link ");
        print_text(&showing->out, answer->meant);
        buf_append_c(&showing->out, ", ");
    }
    if (answer->entry != NULL) {
        print_included(showing, answer);
    } else if (answer->has_rule && !answer->rule.is_exclusion) {
        buf_append_c(&showing->out, answer->exists ? "left out: "
                                                   : "not there; it would be left "
                                                     "out: ");
        print_rule(showing, answer);
    } else {
        buf_append_c(&showing->out, answer->exists ? "left out" : "not there");
    }
    buf_append_byte(&showing->out, '\n');
}

static json_t *answer_to_json(const struct showing *showing, const struct answer *answer) {
    json_t *object = json_object();
    json_set_str(object, "path", answer->path);
    json_object_set_new(object, "exists", json_boolean(answer->exists));
    json_object_set_new(object, "included", json_boolean(answer->entry != NULL));
    if (answer->entry != NULL) {
        json_set_integer(object, "bytes", answer->entry->bytes);
        json_set_integer(object, "files", answer->entry->files);
    }
    if (answer->has_rule) {
        json_t *rule = json_object();
        json_set_str(rule, "file", str_of(showing->tree.ignore_name));
        json_set_integer(rule, "line", answer->rule.line);
        json_set_str(rule, "text", answer->rule.text);
        json_object_set_new(rule, "keeps", json_boolean(answer->rule.is_exclusion));
        json_object_set_new(object, "rule", rule);
    } else {
        json_object_set_new(object, "rule", json_null());
    }
    return object;
}

/* Every other command takes a context where this one takes paths in one: ANSWER looks like one. */
static void warn_of_context(const struct showing *showing, const struct answer *answer) {
    static const char *const signs[] = { "Containerfile", "Dockerfile", ".containerignore",
                                         ".dockerignore" };
    const char *path = str_dup(showing->arena, answer->path);
    for (size_t i = 0; answer->path.len > 0 && i < sizeof(signs) / sizeof(signs[0]); i++) {
        const char *sign = arena_printf(showing->arena, "%s/%s", path, signs[i]);
        if (faccessat(showing->tree.fd, sign, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            log_warn("%s has a %s of its own: what a build of it sees is shown by `bud context -C "
                     "%s`",
                     path, signs[i], path);
            return;
        }
    }
}

static int no_such_path(const struct showing *showing, const char *given, struct error *error) {
    struct stat stat_;
    error_set(error, ERROR_NOT_FOUND, "there is no %s in the context %s", given,
              showing->tree.name);
    if (!option_is_given(showing->options, "context") && stat(given, &stat_) == 0 &&
        S_ISDIR(stat_.st_mode)) {
        return error_hint(error,
                          "a PATH is one in the context; what a build of the directory %s "
                          "sees is shown by `bud context -C %s`",
                          given, given);
    }
    return error_hint(error, path_climbs_out(str_of(given))
                                 ? "`..` stops at the root of the context, as in COPY"
                                 : "paths are relative to the context, as in COPY");
}

/* ERROR_NOT_FOUND, after all answers, when one of the paths does not exist. */
static int show_answers(struct showing *showing, struct error *error) {
    const char *const *argument = showing->options->arguments;
    bool is_json = option_is(showing->options, "format", "json");
    bool is_quiet = option_flag(showing->options, "quiet", false);
    _cleanup_json_ json_t *array = json_array();
    const char *missing = NULL;
    struct answer answer = { .path = STR_EMPTY };
    for (; *argument != NULL; argument++) {
        struct str path = path_clean(showing->arena, str_printf(showing->arena, "/%s", *argument));
        path = str_from(path, 1);
        if (showing->is_by_path && read_path(showing, path, error) < 0) {
            return -1;
        }
        answer = answer_for(showing, *argument, path);
        if (!answer.exists && remote_kind_of(str_of(*argument)) != REMOTE_NONE) {
            error_set(error, ERROR_USAGE, "%.*s is no path in a context",
                      STR_ARG(remote_shown(str_of(*argument), showing->arena)));
            return error_hint(error, FOREIGN_CONTEXT);
        }
        missing = !answer.exists && missing == NULL ? *argument : missing;
        if (is_json) {
            json_array_append_new(array, answer_to_json(showing, &answer));
        } else if (!is_quiet) {
            print_answer(showing, &answer);
        } else if (answer.entry != NULL) {
            buf_append_str(&showing->out, answer.path);
            buf_append_byte(&showing->out, '\n');
        }
    }
    if (is_json) {
        json_write_indented(&showing->out, array, 2);
    }
    if (output_write(&showing->out, error) < 0) {
        return -1;
    }
    if (showing->options->argument_count == 1 && !option_is_given(showing->options, "context")) {
        warn_of_context(showing, &answer);
    }
    return missing != NULL ? no_such_path(showing, missing, error) : 0;
}

/* ---- the command ---- */

/* Without --file the Dockerfile matters only for its own ignore file: it need not exist. */
static int find_dockerfile(const struct showing *showing, const char *context, const char **path,
                           struct error *error) {
    _cleanup_error_ struct error ignored = ERROR_INIT;
    const char *file = option_text(showing->options, "file", NULL), *name;
    struct str text;
    *path = NULL;
    int result =
        build_file_read(file, context, showing->arena, path, &name, &text, file ? error : &ignored);
    return file != NULL ? result : 0;
}

/* Our own files may be closed to ourselves: builds read them in the user namespace, where we are root. */
static int read_files(struct showing *showing, struct error *error) {
    bool is_by_size = option_is(showing->options, "sort", "size");
    struct inventory *inventory = &showing->inventory;
    struct tree *tree = &showing->tree;
    int result = inventory_read(tree, STR_EMPTY, is_by_size, showing->arena, inventory, error);
    if (result == 0 || error->number != EACCES || !userns_is_needed() || userns_enter(NULL) < 0) {
        return result;
    }
    error_clear(error);
    return inventory_read(tree, STR_EMPTY, is_by_size, showing->arena, inventory, error);
}

static int show(struct showing *showing, struct error *error) {
    const struct options *options = showing->options;
    if (read_files(showing, error) < 0) {
        if (error->number != EACCES || options->argument_count == 0) {
            return -1;
        }
        error_clear(error);
        showing->is_by_path = true;
        return show_answers(showing, error);
    }
    warn_of_refused(showing);
    if (options->argument_count > 0) {
        return show_answers(showing, error);
    }
    show_files(showing);
    return output_write(&showing->out, error);
}

/* A context from elsewhere is not fetched for looking at it; said before anything else fails. */
static int check_directory(const struct options *options, const char *directory,
                           struct arena *arena, struct error *error) {
    struct str text = str_of(directory);
    bool is_remote = remote_kind_of(text) != REMOTE_NONE && access(directory, F_OK) < 0;
    if (is_remote || strcmp(directory, "-") == 0) {
        error_set(error, ERROR_USAGE, "-C %.*s is no directory",
                  STR_ARG(remote_shown(text, arena)));
        return error_hint(error, FOREIGN_CONTEXT);
    }
    _cleanup_fd_ int fd = fs_open(directory, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd >= 0 || !option_is_given(options, "context")) {
        return fd < 0 ? -1 : 0;
    }
    error_wrap(error, "cannot open the build context %s", directory);
    return error_hint(error, "-C takes the directory whose files a build would see");
}

static int context_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    const char *directory = option_text(options, "context", ".");
    struct showing showing = { .options = options, .arena = invocation->arena };
    showing.depth = option_is_given(options, "depth") ? option_uint(options, "depth", 0) : SIZE_MAX;
    const char *dockerfile;
    if (check_directory(options, directory, showing.arena, error) < 0 ||
        find_dockerfile(&showing, directory, &dockerfile, error) < 0 ||
        context_open(directory, dockerfile, option_text(options, "ignorefile", NULL), NULL,
                     showing.arena, &showing.tree, error) < 0) {
        return -1;
    }
    int result = show(&showing, error);
    buf_free(&showing.out);
    cleanup_fd(&showing.tree.fd);
    return result;
}

const struct command command_context = {
    .name = "context",
    .arguments = "[OPTION...] [PATH...]",
    .summary = "show what a build sees of its context, and why",
    .description =
        "Lists the files COPY and ADD can take from the build context, as a tree with their sizes: "
        "what the ignore file leaves.\n"
        "\n"
        "With a PATH, relative to the context, it says whether that is in, and which rule of the "
        "ignore file decides.",
    .examples = "bud context --sort size --depth 2\n"
                "bud context -C app node_modules/x\n"
                "bud context -q > files",
    .groups = (const struct option_group[]){ { "Options", context_options }, { NULL, NULL } },
    .maximum = UINT_MAX,
    .run = context_run,
};
