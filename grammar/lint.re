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

/* Endings of what people write by hand. Many others are archives without saying so: .gem, .crate, .ova, .apk. A name
 * with a `/` behind it and a `.` in it may be anything, for the `/` counts for nothing. */
enum lint_file lint_file_of(struct str name) {
    const char *cursor = name.data, *const limit = cursor + name.len, *marker = cursor;
    /*!re2c
        text    = 'txt' | 'md' | 'rst' | 'html' | 'css' | 'csv' | 'sql' | 'log' | 'pem' | 'crt';
        setting = 'conf' | 'cfg' | 'cnf' | 'ini' | 'json' | 'yaml' | 'yml' | 'toml' | 'xml' | 'env' | 'properties' |
                  'list' | 'repo' | 'service' | 'lock' | 'mod' | 'sum';
        code    = 'sh' | 'bash' | 'py' | 'js' | 'mjs' | 'cjs' | 'ts' | 'jsx' | 'tsx' | 'php' | 'rb' | 'pl' | 'go' |
                  'rs' | 'c' | 'h' | 'cc' | 'cpp' | 'hpp' | 'java' | 'kt' | 'lua';

        ([^]* "/")? "." "."? "/"*                { return cursor == limit ? LINT_FILE_DIRECTORY : LINT_FILE_UNKNOWN; }
        ([^]* "/")? [^/*?[\]\\.]+ "/"+            { return cursor == limit ? LINT_FILE_DIRECTORY : LINT_FILE_UNKNOWN; }
        [^]* "." (text | setting | code)         { return cursor == limit ? LINT_FILE_PLAIN : LINT_FILE_UNKNOWN; }
        *                                        { return LINT_FILE_UNKNOWN; }
        $                                        { return LINT_FILE_UNKNOWN; }
    */
}
