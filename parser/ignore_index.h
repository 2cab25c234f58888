/* ignore_index: which of many rules may match a path, without asking each. Private to parser/ignore.c.
 *
 * Every rule is filed under a few bytes that any path it matches contains: four or three in a row where it has that many, else
 * those at the end or at the start. One look at each place of a path finds the rules filed there; few others are left,
 * which are always asked. It only grows while a list is compiled; then any thread may read it. */
#ifndef BUD_PARSER_IGNORE_INDEX_H
#define BUD_PARSER_IGNORE_INDEX_H

#include "parser/glob.h"

struct ignore_slot {
    uint32_t key;
    uint32_t rule; /* the last filed here, + 1; 0: the slot is free */
    uint32_t count;
};

struct ignore_index {
    struct ignore_slot *slots; /* power-of-two sized, at least twice as many as rules */
    unsigned slot_shift;       /* 32 - log2 of their number */
    uint64_t *filter;          /* a bit per hash: most places of a path stop here */
    unsigned filter_shift;
    uint32_t *next;   /* per rule: the one filed under the same bytes before it, + 1 */
    uint64_t *always; /* bits: rules that are filed nowhere */
    size_t word_count;
    bool has_short;  /* is a rule filed under three bytes in a row */
    bool has_end[3]; /* by length: is a rule filed under that many bytes at the end, at the start */
    bool has_start[3];
};

/* For RULE_COUNT rules, in ARENA. */
void ignore_index_init(struct ignore_index *index, size_t rule_count, struct arena *arena);
void ignore_index_add(struct ignore_index *index, const struct glob *glob, size_t rule);
/* FOUND, of word_count words, gets a bit for every rule that may match PATH. */
void ignore_index_find(const struct ignore_index *index, struct str path, uint64_t *found);

#endif
