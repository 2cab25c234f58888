#include "executor/chmod.h"

#include "base/vec.h"

#include <sys/stat.h>

#define STICKY S_ISVTX
#define EXECUTE 0111

struct chmod_action {
    char operation;      /* + - = */
    mode_t who;          /* the bits it may touch */
    mode_t bits;         /* of those, the bits it names */
    bool is_conditional; /* X */
    bool copies[3];      /* the present permissions of u, g, o */
};

static int refuse(struct str text, struct error *error) {
    error_set(error, ERROR_INPUT,
              "invalid chmod parameter: '%.*s'. it should be octal string and between 0 and 07777",
              STR_ARG(text));
    return error_hint(error, "write it as in --chmod=644 or --chmod=u=rwX,go=rX");
}

/* The set-id bits belong to the owner's and the group's part, the sticky bit to nobody's: `t` names it (BSD's
 * setmode(3), whose rules BuildKit uses; umask 0). */
static mode_t parse_who(struct str *rest) {
    mode_t who = 0;
    for (; rest->len; *rest = str_from(*rest, 1)) {
        switch (rest->data[0]) {
        case 'u':
            who |= S_ISUID | S_IRWXU;
            break;
        case 'g':
            who |= S_ISGID | S_IRWXG;
            break;
        case 'o':
            who |= S_IRWXO;
            break;
        case 'a':
            who |= S_ISUID | S_ISGID | 0777;
            break;
        default:
            return who ? who : S_ISUID | S_ISGID | 0777;
        }
    }
    return who;
}

static bool parse_permission(char letter, struct chmod_action *action) {
    switch (letter) {
    case 'r':
        action->bits |= 0444;
        return true;
    case 'w':
        action->bits |= 0222;
        return true;
    case 'x':
        action->bits |= EXECUTE;
        return true;
    case 'X':
        action->is_conditional = true;
        return true;
    case 's':
        action->bits |= S_ISUID | S_ISGID;
        return true;
    case 't':
        if (action->who & ~(mode_t)S_IRWXO) {
            action->who |= STICKY;
            action->bits |= STICKY;
        }
        return true;
    case 'u':
        return action->copies[0] = true;
    case 'g':
        return action->copies[1] = true;
    case 'o':
        return action->copies[2] = true;
    default:
        return false;
    }
}

static bool is_operation(struct str rest) {
    return rest.len && (rest.data[0] == '+' || rest.data[0] == '-' || rest.data[0] == '=');
}

static int parse_symbolic(struct str text, struct arena *arena, struct chmod *out,
                          struct error *error) {
    VEC(struct chmod_action) actions = VEC_INIT;
    struct str rest = text;
    struct str clause;
    while (str_split(&rest, ',', &clause)) {
        mode_t who = parse_who(&clause);
        if (!is_operation(clause)) {
            return refuse(text, error);
        }
        while (is_operation(clause)) {
            struct chmod_action action = { .operation = clause.data[0], .who = who };
            clause = str_from(clause, 1);
            while (clause.len && parse_permission(clause.data[0], &action)) {
                clause = str_from(clause, 1);
            }
            arena_vec_push(arena, &actions, action);
        }
        if (clause.len) {
            return refuse(text, error);
        }
    }
    out->kind = CHMOD_SYMBOLIC;
    out->actions = actions.items;
    out->action_count = actions.count;
    return 0;
}

int chmod_parse(struct str text, struct arena *arena, struct chmod *out, struct error *error) {
    *out = (struct chmod){ .kind = CHMOD_KEEP };
    if (!text.len) {
        return 0;
    }
    uint64_t value;
    if (str_parse_uint(text, 8, 07777, &value)) {
        out->kind = CHMOD_OCTAL;
        out->octal = (mode_t)value;
        return 0;
    }
    if (text.data[0] >= '0' && text.data[0] <= '9') {
        return refuse(text, error);
    }
    return parse_symbolic(text, arena, out, error);
}

static mode_t value_of(const struct chmod_action *action, mode_t mode, bool is_executable) {
    mode_t value = action->bits;
    if (action->is_conditional && is_executable) {
        value |= EXECUTE;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (action->copies[i]) {
            value |= ((mode >> (6 - 3 * i)) & 7) * EXECUTE;
        }
    }
    return value & action->who;
}

mode_t chmod_apply(const struct chmod *chmod, mode_t mode, bool is_directory) {
    mode &= 07777;
    if (chmod->kind == CHMOD_OCTAL) {
        return chmod->octal;
    }
    if (chmod->kind == CHMOD_KEEP) {
        return mode;
    }
    bool is_executable = is_directory || (mode & EXECUTE);
    for (size_t i = 0; i < chmod->action_count; i++) {
        const struct chmod_action *action = &chmod->actions[i];
        mode_t value = value_of(action, mode, is_executable);
        if (action->operation == '-') {
            mode &= ~value;
        } else {
            mode = (action->operation == '=' ? mode & ~action->who : mode) | value;
        }
    }
    return mode;
}

mode_t chmod_of_made_directory(const struct chmod *chmod) {
    return chmod->kind == CHMOD_OCTAL ? chmod->octal : 0755;
}
