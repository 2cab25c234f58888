#include "planner/history.h"

static struct str finish(struct arena *arena, struct buf *text) {
    struct str out = str_copy(arena, buf_str(text));
    buf_free(text);
    return out;
}

/* Characters outside ASCII that Go does not count as printable; the ones a Dockerfile may really hold. */
static bool is_printable(uint32_t code) {
    return !((code >= 0x80 && code <= 0xa0) || code == 0xad || (code >= 0x2000 && code <= 0x200f) ||
             (code >= 0x2028 && code <= 0x202f) || (code >= 0x205f && code <= 0x206f) ||
             code == 0x3000 || code == 0xfeff || (code >= 0xe000 && code <= 0xf8ff) ||
             code >= 0xf0000);
}

static void quote_ascii(struct buf *out, unsigned char c) {
    static const char escapes[] = "\aa\bb\tt\nn\vv\ff\rr\"\"\\\\";
    for (size_t i = 0; escapes[i]; i += 2) {
        if ((unsigned char)escapes[i] == c) {
            buf_append_byte(out, '\\');
            buf_append_byte(out, escapes[i + 1]);
            return;
        }
    }
    if (c < 0x20 || c == 0x7f) {
        buf_printf(out, "\\x%02x", c);
    } else {
        buf_append_byte(out, (char)c);
    }
}

void history_quote(struct buf *out, struct str text) {
    buf_append_byte(out, '"');
    while (text.len > 0) {
        uint32_t code = 0;
        size_t len = str_decode_utf8(text, &code);
        if (len == 0) {
            buf_printf(out, "\\x%02x", (unsigned char)text.data[0]);
            len = 1;
        } else if (len == 1) {
            quote_ascii(out, (unsigned char)text.data[0]);
        } else if (is_printable(code)) {
            buf_append(out, text.data, len);
        } else {
            buf_printf(out, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
        }
        text = str_from(text, len);
    }
    buf_append_byte(out, '"');
}

/* WHOLE units and FRACTION / SCALE of one, trailing zeros dropped. */
static void append_decimal(struct buf *out, uint64_t whole, uint64_t fraction, uint64_t scale,
                           const char *unit) {
    buf_printf(out, "%llu", (unsigned long long)whole);
    if (fraction > 0) {
        buf_append_byte(out, '.');
        while (fraction > 0) {
            scale /= 10;
            buf_append_byte(out, (char)('0' + fraction / scale));
            fraction %= scale;
        }
    }
    buf_append_c(out, unit);
}

void history_duration(struct buf *out, int64_t nanoseconds) {
    uint64_t n = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    if (n == 0) {
        buf_append_c(out, "0s");
        return;
    }
    if (nanoseconds < 0) {
        buf_append_byte(out, '-');
    }
    if (n < 1000) {
        append_decimal(out, n, 0, 1, "ns");
    } else if (n < 1000000) {
        append_decimal(out, n / 1000, n % 1000, 1000, "\u00b5s");
    } else if (n < 1000000000) {
        append_decimal(out, n / 1000000, n % 1000000, 1000000, "ms");
    } else {
        uint64_t seconds = n / 1000000000;
        if (seconds >= 3600) {
            buf_printf(out, "%lluh", (unsigned long long)(seconds / 3600));
        }
        if (seconds >= 60) {
            buf_printf(out, "%llum", (unsigned long long)(seconds / 60 % 60));
        }
        append_decimal(out, seconds % 60, n % 1000000000, 1000000000, "s");
    }
}

struct str history_quoted_list(struct arena *arena, const char *keyword,
                               const struct str_list *list) {
    struct buf text = BUF_INIT;
    buf_printf(&text, "%s [", keyword);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_append_byte(&text, ' ');
        }
        history_quote(&text, list->items[i]);
    }
    buf_append_byte(&text, ']');
    return finish(arena, &text);
}

static void append_plain(struct buf *text, const struct str_list *list) {
    buf_append_byte(text, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_append_byte(text, ' ');
        }
        buf_append_str(text, list->items[i]);
    }
    buf_append_byte(text, ']');
}

struct str history_plain_list(struct arena *arena, const char *keyword,
                              const struct str_list *list) {
    struct buf text = BUF_INIT;
    buf_printf(&text, "%s ", keyword);
    append_plain(&text, list);
    return finish(arena, &text);
}

struct str history_pairs(struct arena *arena, const char *keyword,
                         const struct name_values *pairs) {
    struct buf text = BUF_INIT;
    buf_append_c(&text, keyword);
    for (size_t i = 0; i < pairs->count; i++) {
        buf_append_byte(&text, ' ');
        buf_append_str(&text, pairs->items[i].name);
        if (pairs->items[i].value.data) { /* ARG without a value: the name alone */
            buf_append_byte(&text, '=');
            buf_append_str(&text, pairs->items[i].value);
        }
    }
    return finish(arena, &text);
}

struct str history_healthcheck(struct arena *arena, const struct healthcheck *check) {
    struct buf text = BUF_INIT;
    buf_append_c(&text, "HEALTHCHECK {Test:");
    append_plain(&text, &check->test);
    const struct {
        const char *name;
        int64_t value;
    } times[] = {
        { "Interval", check->interval },
        { "Timeout", check->timeout },
        { "StartPeriod", check->start_period },
        { "StartInterval", check->start_interval },
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        buf_printf(&text, " %s:", times[i].name);
        history_duration(&text, times[i].value);
    }
    buf_printf(&text, " Retries:%lld}", (long long)check->retries);
    return finish(arena, &text);
}

struct str history_run(struct arena *arena, const struct scope *scope,
                       const struct str_list *argv) {
    struct buf text = BUF_INIT;
    buf_append_c(&text, "RUN");
    if (scope->args.count > 0) {
        buf_printf(&text, " |%zu", scope->args.count);
        for (size_t i = 0; i < scope->args.count; i++) {
            /* The value in force: an ENV of the same name shows. */
            const struct str *value = scope_get(scope, scope->args.items[i].name);
            buf_append_byte(&text, ' ');
            buf_append_str(&text, scope->args.items[i].name);
            buf_append_byte(&text, '=');
            buf_append_str(&text, value ? *value : STR_EMPTY);
        }
    }
    for (size_t i = 0; i < argv->count; i++) {
        buf_append_byte(&text, ' ');
        buf_append_str(&text, argv->items[i]);
    }
    buf_append_c(&text, " # buildkit");
    return finish(arena, &text);
}
