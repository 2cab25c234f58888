/* URLs of remote files and git repositories. Rules: RFC 3986 for the parts, git-clone(1) "GIT URLS" for the scp form, BuildKit's
 * contexts for the fragment REF:DIRECTORY. */
#include "base/remote_scan.h"

/* Nothing is read at or behind the limit, so no text needs a NUL after it. */
#define YYCTYPE unsigned char
#define YYPEEK() (cursor < limit ? (unsigned char)*cursor : 0)
#define YYSKIP() ++cursor
#define YYBACKUP() marker = cursor
#define YYRESTORE() cursor = marker
#define YYLESSTHAN(count) (limit - cursor < (count))
#define YYSTAGP(tag) tag = cursor
#define YYSTAGN(tag) tag = NULL
#define YYSHIFTSTAG(tag, shift) tag += shift

/*!re2c
    re2c:api = custom;
    re2c:api:style = functions;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;
    re2c:flags:tags = 1;

    http     = 'http' 's'? "://";
    visible  = [^\x00-\x20\x7f];

    // A host or user that begins with `-` would be an option of ssh.
    host     = [a-zA-Z0-9] [a-zA-Z0-9._-]* | "[" [a-fA-F0-9:.]+ "]";
    port     = ":" [0-9]{1,5};
    user     = [a-zA-Z0-9_.] [a-zA-Z0-9_.+-]*;
    userinfo = [^\x00-\x20\x7f/?#@\\]+;
    path     = "/" (visible \ [?#])*;
    query    = "?" (visible \ [#])*;

    // git-check-ref-format(1), what one character can tell.
    ref      = (visible \ [-/~^:?*[\\#]) (visible \ [~^:?*[\\#])*;
    inside   = [^\x00-\x1f\x7f]*;
    fragment = "#" @ref_start ref? @ref_end (":" @inside_start inside)?;
*/

static struct str between(const char *from, const char *to) {
    return from ? str_make(from, (size_t)(to - from)) : STR_EMPTY;
}

enum remote_form remote_scan_form(struct str text, struct str *path) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor;
    const char *path_start;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    *path = STR_EMPTY;
    /*!re2c
        http [^/?#]* @path_start [^?#]* {
            *path = between(path_start, cursor);
            return REMOTE_FORM_HTTP;
        }
        'git://' | 'ssh://' { return REMOTE_FORM_GIT; }
        [^@:/]+ "@" [^:/]+ ":" { return REMOTE_FORM_SCP; }
        * { return REMOTE_FORM_NONE; }
        $ { return REMOTE_FORM_NONE; }
    */
}

bool remote_scan(struct str text, struct remote_parts *out) {
    const char *const start = text.data;
    const char *cursor = start, *const limit = start + text.len, *marker = cursor;
    const char *host_start, *secret_start, *secret_end, *path_start, *query_start, *url_end;
    const char *ref_start, *ref_end, *inside_start;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    host_start = secret_start = secret_end = path_start = query_start = ref_start = ref_end =
        inside_start = NULL;
    /*!re2c
        http (@secret_start userinfo @secret_end "@")? @host_start host port? @path_start path?
        @query_start query? @url_end fragment? { goto whole; }
        ('git://' | 'ssh://' (user "@")?) @host_start host port? @path_start path
        @query_start @url_end fragment? { goto whole; }
        user "@" @host_start host ":" @path_start (visible \ [-#?]) (visible \ [#?])*
        @query_start @url_end fragment? { goto whole; }
        * { return false; }
        $ { return false; }
    */
whole:
    *out = (struct remote_parts){
        .before_secret = between(start, secret_start ? secret_start : host_start),
        .secret = between(secret_start, secret_end),
        .host_and_path = between(host_start, query_start),
        .query = between(query_start, url_end),
        .url = between(start, url_end),
        .ref = between(ref_start, ref_end),
        .directory = between(inside_start, cursor),
    };
    return cursor == limit;
}

/* The rules are looser than those above: what is malformed may hold a password, too. */
bool remote_scan_secret(struct str text, size_t at, size_t *secret, size_t *end) {
    const char *cursor = text.data + at, *const limit = text.data + text.len, *marker = cursor;
    const char *secret_start, *secret_end;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    for (;;) {
        /*!re2c
            secret = [^\x00-\x20\x7f/?#\\]+;

            root = ":/" "/"?; // one, once a path was cleaned
            'http' 's'? root @secret_start secret @secret_end "@" { break; }
            root [^\x00-\x20\x7f/?#\\@:]* ":" @secret_start secret @secret_end "@" { break; }
            * { continue; }
            $ { return false; }
        */
    }
    *secret = (size_t)(secret_start - text.data);
    *end = (size_t)(secret_end - text.data);
    return true;
}
