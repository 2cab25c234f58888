/* What lint has to know of the text of shell commands and of file names, no more than certain cases need. */
#include "parser/lint_scan.h"

/* Nothing is read at or behind the limit, so no text needs a NUL after it. */
#define YYCTYPE unsigned char
#define YYPEEK() (cursor < limit ? (unsigned char)*cursor : 0)
#define YYSKIP() ++cursor
#define YYBACKUP() marker = cursor
#define YYRESTORE() cursor = marker
#define YYLESSTHAN(count) (limit - cursor < (count))

/*!re2c
    re2c:api = custom;
    re2c:api:style = functions;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    space = [ \t\r\v\f];
    name  = [A-Za-z_][A-Za-z0-9_]*;
*/

enum lint_shell_token lint_shell_next(struct scan *scan, struct str *token) {
    const char *cursor = scan->cursor, *const limit = scan->limit, *marker = cursor;
    enum lint_shell_token kind = LINT_SHELL_OTHER;
    /*!re2c
        [-A-Za-z0-9_./:@%+,=]+     { kind = LINT_SHELL_WORD; goto done; }
        "$" (name | "{" name "}")  { kind = LINT_SHELL_VARIABLE; goto done; }
        space+                     { kind = LINT_SHELL_SPACE; goto done; }
        "&&" | "||" | ";" | "\n"   { kind = LINT_SHELL_SEPARATOR; goto done; }
        *                          { goto done; }
        $                          { kind = LINT_SHELL_END; goto done; }
    */
done:
    *token = str_make(scan->cursor, (size_t)(cursor - scan->cursor));
    scan->cursor = cursor;
    return kind;
}

/* `["a` is no command; `[ "a" ]` may be the shell's test, unless a comma follows. */
bool lint_is_json_like(struct str text) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor;
    /*!re2c
        "["  ["']                                { return true; }
        "[" space+ "\"" [^"\n]* "\"" space* "," { return true; }
        "[" space+ "'" [^'\n]* "'" space* ","   { return true; }
        *                                        { return false; }
        $                                        { return false; }
    */
}

/* By what their names end with: what ADD may unpack. Without an ending nobody can tell. */
enum lint_file lint_file_of(struct str name) {
    const char *cursor = name.data, *const limit = cursor + name.len, *marker = cursor;
    /*!re2c
        end = [^/*?[\]\\.]+;

        ([^]* "/")? "." "."? "/"*           { return cursor == limit ? LINT_FILE_DIRECTORY : LINT_FILE_UNKNOWN; }
        [^]* "/"                            { return cursor == limit ? LINT_FILE_DIRECTORY : LINT_FILE_UNKNOWN; }
        [^]* "." ('tar' | 'gz' | 'tgz' | 'taz' | 'bz2' | 'tbz' | 'tbz2' | 'tb2' | 'xz' | 'txz' | 'lzma' | 'tlz' |
                  'zst' | 'tzst' | 'lz4' | 'lz' | 'z') { return LINT_FILE_ARCHIVE; }
        [^]* "." end                        { return cursor == limit ? LINT_FILE_PLAIN : LINT_FILE_UNKNOWN; }
        *                                   { return LINT_FILE_UNKNOWN; }
        $                                   { return LINT_FILE_UNKNOWN; }
    */
}
