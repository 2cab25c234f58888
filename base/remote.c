#include "base/remote.h"

#include "base/fs.h"
#include "base/remote_scan.h"

enum remote_kind remote_kind_of(struct str text) {
    struct str path;
    switch (remote_scan_form(text, &path)) {
    case REMOTE_FORM_NONE:
        return REMOTE_NONE;
    case REMOTE_FORM_HTTP:
        return str_has_suffix(path, STR(".git")) ? REMOTE_GIT : REMOTE_HTTP;
    default:
        return REMOTE_GIT;
    }
}

static struct str without_secrets(const struct remote_parts *parts, struct arena *arena) {
    return str_printf(arena, "%.*s%.*s%s", STR_ARG(parts->before_secret),
                      STR_ARG(parts->host_and_path), parts->query.len > 0 ? "?…" : "");
}

/* Of what is malformed all that could be user info is left out: up to the last @. */
struct str remote_shown(struct str text, struct arena *arena) {
    struct remote_parts parts;
    size_t scheme = str_find(text, STR("://"));
    if (remote_scan(text, &parts)) {
        return without_secrets(&parts, arena);
    }
    if (scheme == SIZE_MAX) {
        return text;
    }
    struct str rest = str_from(text, scheme + 3);
    size_t at = str_rfind_byte(rest, '@');
    rest = at == SIZE_MAX ? rest : str_from(rest, at + 1);
    size_t query = str_find_byte(rest, '?');
    return str_printf(arena, "%.*s%.*s%s", STR_ARG(str_sub(text, 0, scheme + 3)),
                      STR_ARG(str_sub(rest, 0, query)), query == SIZE_MAX ? "" : "?…");
}

void remote_mask(char *text, size_t len) {
    size_t start, end = 0;
    while (remote_scan_secret(str_make(text, len), end, &start, &end)) {
        memset(text + start, '*', end - start);
    }
}

bool remote_is_commit(struct str ref) {
    for (size_t i = 0; i < ref.len; i++) {
        if (!strchr("0123456789abcdef", ref.data[i]) || ref.data[i] == '\0') {
            return false;
        }
    }
    return ref.len == 40 || ref.len == 64; /* SHA-1, SHA-256 */
}

static int malformed(struct str shown, const char *hint, struct error *error) {
    error_set(error, ERROR_USAGE, "malformed URL: %.*s", STR_ARG(shown));
    return error_hint(error, "%s", hint);
}

#define GIT_FRAGMENT                                                                               \
    "of a repository's URL the branch, tag or commit and the directory are written as "            \
    "#REF:DIRECTORY"

/* SHOWN is the URL with its fragment, in which nothing is secret. */
static int check_git(const struct remote_parts *parts, const struct remote *remote,
                     struct str shown, struct error *error) {
    if (parts->query.len > 0) {
        return malformed(shown, GIT_FRAGMENT, error);
    }
    if (str_find(remote->ref, STR("..")) != SIZE_MAX ||
        str_find(remote->ref, STR("@{")) != SIZE_MAX) {
        return malformed(shown, "what follows # is a branch, a tag or a commit", error);
    }
    return path_climbs_out(parts->directory)
               ? malformed(shown,
                           "the directory is one of the repository, which `..` may not leave",
                           error)
               : 0;
}

int remote_parse(struct str text, enum remote_kind kind, struct arena *arena, struct remote *out,
                 struct error *error) {
    struct remote_parts parts;
    *out = (struct remote){ .kind = kind };
    if (!remote_scan(text, &parts)) {
        bool has_query = str_find_byte(text, '?') != SIZE_MAX;
        return malformed(remote_shown(text, arena),
                         kind == REMOTE_GIT && has_query ? GIT_FRAGMENT
                         : kind == REMOTE_GIT
                             ? "https://HOST/PATH.git#REF:DIRECTORY, git://…, ssh://… or "
                               "USER@HOST:PATH; an @ in a password is %40"
                             : "http://HOST[:PORT]/PATH; blanks are %20, an @ in a password is %40",
                         error);
    }
    out->shown = without_secrets(&parts, arena);
    out->url = parts.url;
    out->secret = parts.secret;
    out->identity = str_printf(arena, "%.*s%.*s%.*s", STR_ARG(parts.before_secret),
                               STR_ARG(parts.host_and_path), STR_ARG(parts.query));
    struct str shown =
        str_printf(arena, "%.*s%.*s", STR_ARG(out->shown), STR_ARG(str_from(text, parts.url.len)));
    if (kind != REMOTE_GIT) {
        return parts.ref.len + parts.directory.len == 0
                   ? 0
                   : malformed(shown,
                               "#REF:DIRECTORY is for repositories, and the path of their URL ends "
                               "in .git; an archive is taken as a whole",
                               error);
    }
    out->ref = parts.ref;
    if (check_git(&parts, out, shown, error) < 0) {
        return -1;
    }
    struct str directory = path_clean(arena, str_printf(arena, "/%.*s", STR_ARG(parts.directory)));
    out->directory = str_from(directory, 1);
    return 0;
}
