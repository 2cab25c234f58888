#include "planner/signal_name.h"

static const char *const names[] = {
    "ABRT", "ALRM",   "BUS",  "CHLD",   "CLD",   "CONT", "FPE",  "HUP",  "ILL",
    "INT",  "IO",     "IOT",  "KILL",   "PIPE",  "POLL", "PROF", "PWR",  "QUIT",
    "SEGV", "STKFLT", "STOP", "SYS",    "TERM",  "TRAP", "TSTP", "TTIN", "TTOU",
    "URG",  "USR1",   "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", NULL,
};

/* RTMIN, RTMIN+1 … RTMIN+15, RTMAX-14 … RTMAX. */
static bool is_real_time(struct str text) {
    bool is_min = str_equal_nocase(str_sub(text, 0, 5), STR("RTMIN"));
    bool is_max = str_equal_nocase(str_sub(text, 0, 5), STR("RTMAX"));
    if (!is_min && !is_max) {
        return false;
    }
    if (text.len == 5) {
        return true;
    }
    uint64_t offset;
    return text.data[5] == (is_min ? '+' : '-') &&
           str_parse_uint(str_from(text, 6), 10, is_min ? 15 : 14, &offset) && offset > 0;
}

bool signal_name_is_valid(struct str text) {
    uint64_t number;
    struct str digits =
        text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? str_from(text, 1) : text;
    if (str_parse_uint(digits, 10, INT32_MAX, &number)) {
        return number != 0;
    }
    if (str_equal_nocase(str_sub(text, 0, 3), STR("SIG"))) {
        text = str_from(text, 3);
    }
    for (size_t i = 0; names[i]; i++) {
        if (str_equal_nocase(text, str_of(names[i]))) {
            return true;
        }
    }
    return is_real_time(text);
}
