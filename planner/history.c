#include "planner/history.h"

#include "parser/words.h"

static struct str finish(struct arena *arena, struct buf *text) {
    struct str out = str_copy(arena, buf_str(text));
    buf_free(text);
    return out;
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

/* `1m30s`: time.Duration's String. */
static void append_duration(struct buf *out, int64_t nanoseconds) {
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
        words_quote(&text, list->items[i]);
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
        append_duration(&text, times[i].value);
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
            const struct scope_arg *argument = &scope->args.items[i];
            buf_append_byte(&text, ' ');
            buf_append_str(&text, argument->name);
            buf_append_byte(&text, '=');
            if (argument->variable != SCOPE_UNSET) {
                /* The value in force: an ENV of the same name shows. */
                buf_append_str(&text, scope->env.items[argument->variable].value);
            }
        }
    }
    for (size_t i = 0; i < argv->count; i++) {
        buf_append_byte(&text, ' ');
        buf_append_str(&text, argv->items[i]);
    }
    buf_append_c(&text, " # buildkit");
    return finish(arena, &text);
}
