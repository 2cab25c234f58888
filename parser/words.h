/* words: the scanners of grammar/words.re, the pieces that variable expansion is made of. As in scan.h, a
 * scanner reads only between `cursor` and `limit` and allocates nothing. Here text is UTF-8; a byte that is
 * not is a character of its own. */
#ifndef BUD_PARSER_WORDS_H
#define BUD_PARSER_WORDS_H

#include "parser/scan.h"

enum words_token {
    WORDS_END,
    WORDS_TEXT,         /* characters that mean themselves */
    WORDS_SPACE,        /* a run of SP */
    WORDS_SINGLE_QUOTE, /* a quote character */
    WORDS_DOUBLE_QUOTE,
    WORDS_ESCAPE, /* the escape and the character behind it, which is missing at the end of the text */
    WORDS_NAME,  /* $NAME; *name is set */
    WORDS_BRACE, /* ${ */
    WORDS_CLOSE, /* } */
    WORDS_SLASH, /* / */
};

/* The next token outside of quotes. */
enum words_token words_next(struct scan *scan, char escape, struct str *token, struct str *name);
/* Inside double quotes: spaces, slashes and braces are text; ESCAPE only before `"`, `$` and the escape. */
enum words_token words_next_quoted(struct scan *scan, char escape, struct str *token,
                                   struct str *name);
/* The name behind `${`, which may be empty. */
struct str words_name(struct scan *scan);
/* The next run of SP or of anything else; false at the end. */
bool words_piece(struct scan *scan, struct str *piece, bool *is_space);
/* One character. */
bool words_character(struct scan *scan, struct str *character);
/* No quote, escape or `$` in TEXT: expansion would change nothing. */
bool words_is_plain(struct str text);

/* The heredoc word `[N]<<[-] DELIMITER`; false for anything else. DELIMITER is still quoted. */
bool words_heredoc(struct str word, struct str *descriptor, bool *is_chomped,
                   struct str *delimiter);

/* TEXT with one space for each run of white space outside of quotes, as a continued line leaves it; for people, not for a
 * shell. A quote that is not closed is a character like others. TEXT itself where that changes nothing. */
struct str words_squeeze(struct str text, struct arena *arena);

/* TEXT as Go's strconv.Quote writes it, appended to OUT. */
void words_quote(struct buf *out, struct str text);

#endif
