/* Image references. Rules: distribution/reference, its grammar is repeated here. */
#include "registry/reference_scan.h"

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

    alnum     = [a-zA-Z0-9];
    label     = alnum ([a-zA-Z0-9-]* alnum)?;
    host      = label ("." label)* | "[" [a-fA-F0-9:]+ "]";
    domain    = host (":" [0-9]+)?;

    separator = [._] | "__" | "-"+;
    component = [a-z0-9]+ (separator [a-z0-9]+)*;
    path      = component ("/" component)*;
    tag       = [a-zA-Z0-9_] [a-zA-Z0-9_.-]{0,127};
    algorithm = [A-Za-z] [A-Za-z0-9]* ([-_+.] [A-Za-z] [A-Za-z0-9]*)*;
    digest    = algorithm ":" [0-9a-fA-F]{32,};
*/

static struct str between(const char *from, const char *to) {
    return from ? str_make(from, (size_t)(to - from)) : STR_EMPTY;
}

bool reference_scan(struct str text, struct str *path, struct str *tag, struct str *digest) {
    const char *const start = text.data;
    const char *cursor = start, *const limit = start + text.len, *marker = cursor;
    const char *path_end, *tag_start, *tag_end, *digest_start;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    /*!re2c
        path @path_end (":" @tag_start tag @tag_end)? ("@" @digest_start digest)? {
            *path = between(start, path_end);
            *tag = between(tag_start, tag_end);
            *digest = between(digest_start, cursor);
            return cursor == limit;
        }
        * { return false; }
        $ { return false; }
    */
}

bool reference_scan_domain(struct str text) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor;
    /*!re2c
        domain { return cursor == limit; }
        *      { return false; }
        $      { return false; }
    */
}
