#include "parser/glob.h"

#include "base/vec.h"

enum { GLOB_WORDS = GLOB_SIZE / 64 + 1 };

static uint32_t pack(struct str character) {
    uint32_t packed = 0;
    for (size_t i = 0; i < 4; i++) {
        packed = packed << 8 | (i < character.len ? (unsigned char)character.data[i] : 0);
    }
    return packed;
}

size_t glob_unpack(uint32_t character, char *bytes) {
    size_t len = 0;
    do {
        bytes[len++] = (char)(character >> 24);
        character <<= 8;
    } while (character);
    return len;
}

/* ---- compiling ----------------------------------------------------------------------------------------- */

static void compile_class(struct str text, struct arena *arena, struct glob_part *part) {
    VEC(struct glob_range) ranges = VEC_INIT;
    struct scan scan = scan_of(text);
    struct str low, high;
    while (pattern_class_next(&scan, &low, &high)) {
        arena_vec_push(arena, &ranges, (struct glob_range){ pack(low), pack(high) });
    }
    part->ranges = ranges.items;
    part->range_count = ranges.count;
}

/* The second `*` was next: takes it, and a '/' behind it, which `**` includes. */
static enum glob_kind compile_double_star(struct scan *scan) {
    struct str text;
    pattern_next(scan, &text);
    if (scan->cursor < scan->limit && *scan->cursor == '/') {
        scan->cursor++;
    }
    return scan->cursor == scan->limit ? GLOB_ALL : GLOB_DIRECTORIES;
}

/* Nothing but characters that mean themselves. */
static bool is_plain(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (memchr("*?[]\\", text.data[i], 5)) {
            return false;
        }
    }
    return true;
}

/* `**` before plain text is any text, whether it ends with a '/' or not: `**a` matches `ba`. Elsewhere `**` means whole
 * components (moby/patternmatcher, suffixMatch). */
static bool is_suffix_pattern(struct str pattern) {
    return str_has_prefix(pattern, STR("**")) && !str_has_prefix(pattern, STR("**/")) &&
           is_plain(str_from(pattern, 2));
}

/* Plain text before `**` (moby/patternmatcher, prefixMatch). */
static bool is_prefix_pattern(struct str pattern) {
    return str_has_suffix(pattern, STR("**")) && is_plain(str_sub(pattern, 0, pattern.len - 2));
}

static bool is_in_class(const struct glob_part *part, uint32_t character) {
    for (size_t i = 0; i < part->range_count; i++) {
        if (part->ranges[i].low <= character && character <= part->ranges[i].high) {
            return true;
        }
    }
    return false;
}

static const uint32_t slash = (uint32_t)'/' << 24;

/* How many components parts [1, COUNT) match: 0 when that depends on the path. */
static size_t count_components(const struct glob_part *parts, size_t count) {
    size_t components = 1;
    for (size_t i = 1; i < count; i++) {
        const struct glob_part *part = &parts[i];
        switch (part->kind) {
        case GLOB_DIRECTORIES:
        case GLOB_ALL:
            return 0;
        case GLOB_CLASS:
        case GLOB_NEGATED_CLASS:
            if (is_in_class(part, slash) == (part->kind == GLOB_CLASS)) {
                return 0;
            }
            break;
        default:
            components += part->kind == GLOB_CHARACTER && part->character == slash;
        }
    }
    return components;
}

/* A byte that is no character may be one half of one in a path; it is compared as a part, but where bytes are meant. */
static bool is_literal(const struct glob_part *part, bool is_bytes) {
    uint32_t first = part->character >> 24;
    return part->kind == GLOB_CHARACTER && (is_bytes || first < 0x80 || part->character << 8);
}

static struct str literal_of(const struct glob_part *parts, size_t from, size_t to,
                             struct arena *arena) {
    char *bytes = arena_alloc(arena, (to - from) * 4);
    size_t len = 0;
    for (size_t i = from; i < to; i++) {
        len += glob_unpack(parts[i].character, bytes + len);
    }
    return str_make(bytes, len);
}

static enum glob_middle middle_of(const struct glob *glob) {
    const struct glob_part *part = &glob->parts[glob->first];
    switch (glob->last - glob->first) {
    case 0:
        return GLOB_NOTHING;
    case 1:
        return part->kind == GLOB_STAR && glob->components == 1 ? GLOB_ANYTHING
               : part->kind == GLOB_STAR                        ? GLOB_NO_SLASH
               : part->kind == GLOB_DIRECTORIES                 ? GLOB_PARENTS
               : part->kind == GLOB_ALL                         ? GLOB_ANYTHING
                                                                : GLOB_PARTS;
    case 2:
        return part[0].kind == GLOB_DIRECTORIES && part[1].kind == GLOB_STAR ? GLOB_ANYTHING
                                                                             : GLOB_PARTS;
    default:
        return GLOB_PARTS;
    }
}

/* What can be said of a match without running the automaton. */
static void find_ends(struct glob *glob, bool is_bytes, struct arena *arena) {
    size_t start = 0;
    if (glob->count > 0 && glob->parts[0].kind == GLOB_DIRECTORIES) {
        glob->components = count_components(glob->parts, glob->count);
        start = glob->components > 0;
    }
    for (glob->first = start; glob->first < glob->count; glob->first++) {
        if (!is_literal(&glob->parts[glob->first], is_bytes)) {
            break;
        }
    }
    for (glob->last = glob->count; glob->last > glob->first; glob->last--) {
        if (!is_literal(&glob->parts[glob->last - 1], is_bytes)) {
            break;
        }
    }
    glob->head = literal_of(glob->parts, start, glob->first, arena);
    glob->tail = literal_of(glob->parts, glob->last, glob->count, arena);
    glob->middle = middle_of(glob);
}

/* Does a part that takes one character take this one? */
static bool accepts(const struct glob_part *part, uint32_t character) {
    switch (part->kind) {
    case GLOB_CHARACTER:
        return part->character == character;
    case GLOB_ANY:
        return character != slash;
    case GLOB_CLASS:
    case GLOB_NEGATED_CLASS:
        return is_in_class(part, character) == (part->kind == GLOB_CLASS);
    default:
        return false;
    }
}

static void set_bit(uint64_t *words, size_t bit) {
    words[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* Numbers the ASCII characters that some part names, from 1. Returns how many numbers there are. */
static size_t number_symbols(const struct glob *glob, uint8_t *symbol_of) {
    size_t count = 2;
    symbol_of['/'] = 1;
    for (size_t i = 0; i < glob->count; i++) {
        const struct glob_part *part = &glob->parts[i];
        bool is_class = part->kind >= GLOB_CLASS;
        uint32_t from = is_class ? 0 : part->character >> 24, to = is_class ? 127 : from;
        for (uint32_t c = from; (is_class || part->kind == GLOB_CHARACTER) && c <= to; c++) {
            if (c < 128 && !symbol_of[c] && (!is_class || is_in_class(part, c << 24))) {
                symbol_of[c] = (uint8_t)count++;
            }
        }
    }
    return count;
}

/* The column of a part in the table of what is accepted. */
static void fill_column(const struct glob *glob, size_t part, const struct glob_machine *machine,
                        size_t symbol_count, uint64_t *table) {
    const struct glob_part *it = &glob->parts[part];
    size_t words = machine->word_count;
    if (it->kind == GLOB_CHARACTER && it->character >> 24 < 128) {
        set_bit(table + machine->symbol_of[it->character >> 24] * words, part);
    } else if (it->kind == GLOB_ANY) {
        for (size_t symbol = 0; symbol < symbol_count; symbol++) {
            if (symbol != machine->symbol_of['/']) {
                set_bit(table + symbol * words, part);
            }
        }
    } else if (it->kind >= GLOB_CLASS) {
        for (uint32_t c = 0; c < 128; c++) {
            if (machine->symbol_of[c] && accepts(it, c << 24)) {
                set_bit(table + machine->symbol_of[c] * words, part);
            }
        }
        if (it->kind == GLOB_NEGATED_CLASS) { /* and what no part names */
            set_bit(table, part);
        }
    }
}

static const struct glob_machine *machine_new(const struct glob *glob, struct arena *arena) {
    struct glob_machine *machine = arena_new(arena, struct glob_machine);
    size_t words = machine->word_count = glob->count / 64 + 1;
    size_t symbol_count = number_symbols(glob, machine->symbol_of);
    uint64_t *table = arena_array(arena, symbol_count * words, sizeof(*table));
    machine->accepts = table;
    machine->stars = arena_array(arena, words, sizeof(*machine->stars));
    machine->directories = arena_array(arena, words, sizeof(*machine->directories));
    machine->alls = arena_array(arena, words, sizeof(*machine->alls));
    for (size_t i = 0; i < glob->count; i++) {
        switch (glob->parts[i].kind) {
        case GLOB_STAR:
            set_bit(machine->stars, i);
            break;
        case GLOB_DIRECTORIES:
            set_bit(machine->directories, i);
            break;
        case GLOB_ALL:
            set_bit(machine->alls, i);
            break;
        default:
            fill_column(glob, i, machine, symbol_count, table);
        }
    }
    return machine;
}

bool glob_compile(struct str pattern, struct arena *arena, struct glob *out) {
    size_t limit = pattern.len < GLOB_SIZE ? pattern.len : GLOB_SIZE, count = 0;
    struct glob_part *parts = arena_array(arena, limit, sizeof(*parts));
    struct scan scan = scan_of(pattern);
    struct str text;
    enum pattern_token token;
    while ((token = pattern_next(&scan, &text)) != PATTERN_END) {
        struct glob_part part = { GLOB_CHARACTER, pack(text), NULL, 0 };
        if (token == PATTERN_ANY) {
            part.kind = GLOB_ANY;
        } else if (token == PATTERN_STAR) {
            bool is_double = scan.cursor < scan.limit && *scan.cursor == '*';
            part.kind = is_double ? compile_double_star(&scan) : GLOB_STAR;
        } else if (token != PATTERN_CHARACTER) {
            part.kind = token == PATTERN_CLASS ? GLOB_CLASS : GLOB_NEGATED_CLASS;
            compile_class(text, arena, &part);
        }
        if (count == limit) {
            return false;
        }
        parts[count++] = part;
    }
    bool is_suffix = is_suffix_pattern(pattern);
    if (is_suffix) {
        parts[0].kind = GLOB_ALL;
    }
    *out = (struct glob){ .parts = parts, .count = count };
    find_ends(out, is_suffix || is_prefix_pattern(pattern), arena);
    if (out->middle == GLOB_PARTS || (out->middle == GLOB_NO_SLASH && out->components == 0)) {
        out->machine = machine_new(out, arena);
    }
    return true;
}

/* ---- matching: the set of parts that are waited for ---------------------------------------------------- */

struct states {
    uint64_t words[GLOB_WORDS];
};

/* What may be empty does not hold up what follows it: adds that, from the lowest part up. *CARRY goes from word to
 * word. */
static uint64_t close_over(uint64_t bits, uint64_t may_be_empty, uint64_t *carry) {
    uint64_t before;
    bits |= *carry;
    do {
        before = bits;
        bits |= (bits & may_be_empty) << 1;
    } while (bits != before);
    *carry = (bits & may_be_empty) >> 63;
    return bits;
}

static uint64_t may_be_empty(const struct glob_machine *machine, size_t word) {
    return machine->stars[word] | machine->directories[word] | machine->alls[word];
}

static void start(const struct glob_machine *machine, size_t part, struct states *states) {
    uint64_t carry = 0;
    memset(states->words, 0, machine->word_count * sizeof(states->words[0]));
    set_bit(states->words, part);
    for (size_t word = part / 64; word < machine->word_count; word++) {
        states->words[word] = close_over(states->words[word], may_be_empty(machine, word), &carry);
    }
}

/* Beyond ASCII there is no table: asks the parts that are waited for. */
static uint64_t accepts_in_word(const struct glob *glob, size_t word, uint64_t waiting,
                                uint32_t character) {
    uint64_t result = 0;
    for (; waiting; waiting &= waiting - 1) {
        size_t part = word * 64 + (size_t)__builtin_ctzll(waiting);
        if (part < glob->count && accepts(&glob->parts[part], character)) {
            result |= waiting & -waiting;
        }
    }
    return result;
}

/* All parts that wait read CHARACTER; false when none waits any more. */
static bool read_character(const struct glob *glob, uint32_t character, struct states *states) {
    const struct glob_machine *machine = glob->machine;
    const uint64_t *table =
        character >> 24 < 128
            ? machine->accepts + machine->symbol_of[character >> 24] * machine->word_count
            : NULL;
    bool is_slash = character == slash;
    uint64_t moved_carry = 0, carry = 0, alive = 0;
    for (size_t word = 0; word < machine->word_count; word++) {
        uint64_t waiting = states->words[word];
        uint64_t moved =
            waiting & (table ? table[word] : accepts_in_word(glob, word, waiting, character));
        /* `**` goes on, and is done behind a '/': only then is what follows it waited for. */
        uint64_t stays = waiting & machine->directories[word];
        moved |= is_slash ? stays : 0;
        uint64_t next = moved << 1 | moved_carry | (waiting & machine->alls[word]) |
                        (is_slash ? 0 : waiting & machine->stars[word]);
        moved_carry = moved >> 63;
        states->words[word] = close_over(next, may_be_empty(machine, word), &carry) | stays;
        alive |= states->words[word];
    }
    return alive != 0;
}

/* Feeds TEXT to the automaton, beginning with PART; false as soon as nothing can match any more. */
static bool run(const struct glob *glob, size_t part, struct str text, struct states *states) {
    struct scan scan = scan_of(text);
    struct str character;
    start(glob->machine, part, states);
    while (scan.cursor < scan.limit) {
        uint32_t packed = (uint32_t)(unsigned char)*scan.cursor << 24;
        if (packed >> 24 < 128) {
            scan.cursor++;
        } else if (pattern_character(&scan, &character)) {
            packed = pack(character);
        }
        if (!read_character(glob, packed, states)) {
            return false;
        }
    }
    return true;
}

static bool waits_for(const struct states *states, size_t part) {
    return states->words[part / 64] >> part % 64 & 1;
}

/* The last COUNT components of PATH, or all of it. */
static struct str last_components(struct str path, size_t count) {
    struct str rest = path;
    for (; count > 0; count--) {
        size_t at = str_rfind_byte(rest, '/');
        if (at == SIZE_MAX) {
            return path;
        }
        rest = str_sub(rest, 0, at);
    }
    return str_from(path, rest.len + 1);
}

static bool middle_matches(const struct glob *glob, struct str text) {
    switch (glob->middle) {
    case GLOB_NOTHING:
        return text.len == 0;
    case GLOB_NO_SLASH:
        return str_find_byte(text, '/') == SIZE_MAX;
    case GLOB_PARENTS:
        return text.len == 0 || text.data[text.len - 1] == '/';
    case GLOB_ANYTHING:
        return true;
    case GLOB_PARTS:
        break;
    }
    struct states states;
    return run(glob, glob->first, text, &states) && waits_for(&states, glob->last);
}

bool glob_matches(const struct glob *glob, struct str path) {
    if (!str_has_suffix(path, glob->tail)) {
        return false;
    }
    if (glob->components > 0) {
        path = last_components(path, glob->components);
    }
    return path.len >= glob->head.len + glob->tail.len && str_has_prefix(path, glob->head) &&
           middle_matches(glob, str_sub(path, glob->head.len, path.len - glob->tail.len));
}

bool glob_may_match_below(const struct glob *glob, struct str prefix) {
    if (glob->components > 0) {
        return true;
    }
    bool is_more = glob->middle != GLOB_NOTHING; /* behind the head */
    if (str_has_prefix(glob->head, prefix)) {
        return is_more || glob->head.len > prefix.len;
    }
    if (!is_more || !str_has_prefix(prefix, glob->head)) {
        return false;
    }
    if (!glob->machine) {
        return true;
    }
    struct states states;
    if (!run(glob, 0, prefix, &states)) {
        return false;
    }
    for (size_t i = 0; i < glob->count; i++) {
        if (waits_for(&states, i)) {
            return true;
        }
    }
    return false;
}
