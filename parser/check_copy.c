/* ADD and COPY: sources, inline files, destination, flags. */
#include "base/map.h"
#include "parser/check.h"
#include "parser/expand.h"
#include "parser/heredoc.h"

/* Nothing in --from is expanded; what an expansion would change is refused. */
static int check_from(const struct check *check, struct ast_word from) {
    struct expand_scope scope = { .escape = check->dockerfile->escape };
    struct str expanded;
    if (expand_word(&scope, from.text, check->arena, &expanded, NULL) == 0 &&
        str_equal(expanded, from.text)) {
        return 0;
    }
    check_fail(
        check, from.span,
        "variable expansion is not supported for --from, define a new stage with FROM using ARG "
        "from global scope as a workaround");
    return error_hint(check->error, "add `FROM %.*s AS name` and use --from=name",
                      STR_ARG(from.text));
}

/* Heredocs by name: with the same name twice, both sources get the last body. */
static void index_heredocs(const struct check *check, struct map *by_name) {
    struct instruction *copy = check->instruction;
    for (size_t i = 0; i < copy->heredoc_count; i++) {
        map_set(by_name, copy->heredocs[i].name, &copy->heredocs[i]);
    }
}

static struct ast_heredoc *find_heredoc(const struct check *check, const struct map *by_name,
                                        struct str source) {
    struct ast_heredoc wanted;
    if (by_name->count == 0 || !heredoc_match(source, check->arena, &wanted)) {
        return NULL;
    }
    return map_get(by_name, wanted.name);
}

static int check_operands(const struct check *check) {
    struct instruction *copy = check->instruction;
    _cleanup_map_ struct map heredocs = MAP_INIT;
    const char *name = instruction_name(copy->kind);
    if (copy->word_count < 2) {
        check_fail(
            check, copy->word_count == 1 ? copy->words[0].span : copy->keyword.span,
            "%s requires at least two arguments, but only one was provided. Destination could "
            "not be determined",
            name);
        return error_hint(check->error, "write `%s SOURCE... DESTINATION`", name);
    }
    size_t sources = copy->word_count - 1;
    copy->copy.destination = copy->words[sources];
    index_heredocs(check, &heredocs);
    if (find_heredoc(check, &heredocs, copy->copy.destination.text)) {
        check_fail(check, copy->copy.destination.span,
                   "%s cannot accept a heredoc as a destination", name);
        return error_hint(check->error, "name the file to write: `%s <<EOF /path`", name);
    }
    copy->copy.sources = arena_array(check->arena, sources, sizeof(*copy->copy.sources));
    copy->copy.inline_files = arena_array(check->arena, sources, sizeof(*copy->copy.inline_files));
    for (size_t i = 0; i < sources; i++) {
        struct ast_heredoc *heredoc = find_heredoc(check, &heredocs, copy->words[i].text);
        if (heredoc) {
            copy->copy.inline_files[copy->copy.inline_file_count++] = heredoc;
        } else {
            copy->copy.sources[copy->copy.source_count++] = copy->words[i];
        }
    }
    return 0;
}

int check_copy(const struct check *check) {
    struct instruction *copy = check->instruction;
    if (check_operands(check) < 0) {
        return -1;
    }
    copy->copy.from = check_flag_value(check, "from");
    copy->copy.chown = check_flag_value(check, "chown");
    copy->copy.chmod = check_flag_value(check, "chmod");
    copy->copy.checksum = check_flag_value(check, "checksum");
    check_flag_bool(check, "link", &copy->copy.is_link);
    check_flag_bool(check, "parents", &copy->copy.is_parents);
    copy->copy.has_keep_git_dir =
        check_flag_bool(check, "keep-git-dir", &copy->copy.is_keep_git_dir);
    copy->copy.has_unpack = check_flag_bool(check, "unpack", &copy->copy.is_unpack);
    check_flag_list(check, "exclude", &copy->copy.excludes, &copy->copy.exclude_count);
    if (copy->copy.checksum.text.len > 0 && copy->copy.source_count > 1) {
        check_fail(check, copy->copy.checksum.span,
                   "checksum can't be specified for multiple sources");
        return error_hint(check->error, "use one ADD for each source");
    }
    return check_from(check, copy->copy.from);
}
