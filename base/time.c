#include "base/time.h"

#include <stdio.h>

#define SECOND INT64_C(1000000000)
#define DAY INT64_C(86400)

/* gmtime_r() would do, but takes a lock and reads /etc/localtime on the first call. */

int64_t time_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return time_of(now);
}

uint64_t time_monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)time_of(now);
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of a Gregorian date. Years are counted from March, so that the leap day is their last;
 * an era is the 400 years (146097 days) after which the calendar repeats. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
    days += 719468;
    int64_t era = floor_divide(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

void time_format(char out[TIME_TEXT_SIZE], int64_t nanoseconds) {
    if (nanoseconds == INT64_MIN) {
        snprintf(out, TIME_TEXT_SIZE, "0001-01-01T00:00:00Z");
        return;
    }
    int64_t seconds = floor_divide(nanoseconds, SECOND);
    int64_t fraction = nanoseconds - seconds * SECOND;
    int64_t days = floor_divide(seconds, DAY);
    int64_t rest = seconds - days * DAY;
    int64_t year;
    int64_t month;
    int64_t day;
    date_of(days, &year, &month, &day);
    int len = snprintf(out, TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09d", (int)year,
                       (int)month, (int)day, (int)(rest / 3600), (int)(rest / 60 % 60),
                       (int)(rest % 60), (int)fraction);
    while (out[len - 1] == '0') {
        len--;
    }
    if (out[len - 1] == '.') {
        len--;
    }
    out[len] = 'Z';
    out[len + 1] = '\0';
}

/* COUNT digits and, unless AFTER is NUL, the byte AFTER them (in either case). */
static bool take_number(struct str *text, size_t count, char after, int64_t *value) {
    uint64_t number;
    size_t total = count + (after != '\0');
    if (text->len < total || !str_parse_uint(str_sub(*text, 0, count), 10, 9999, &number) ||
        (after && !str_equal_nocase(str_sub(*text, count, total), str_make(&after, 1)))) {
        return false;
    }
    *value = (int64_t)number;
    *text = str_from(*text, total);
    return true;
}

/* `.` and digits; those after the ninth are dropped. */
static bool take_fraction(struct str *text, int64_t *nanoseconds) {
    *nanoseconds = 0;
    if (!text->len || text->data[0] != '.') {
        return true;
    }
    size_t at = 1;
    int64_t unit = SECOND / 10;
    for (; at < text->len && text->data[at] >= '0' && text->data[at] <= '9'; at++) {
        *nanoseconds += (text->data[at] - '0') * unit;
        unit /= 10;
    }
    *text = str_from(*text, at);
    return at > 1;
}

/* `Z` or an offset like +01:30, in seconds east; nothing may follow. */
static bool take_zone(struct str text, int64_t *seconds) {
    *seconds = 0;
    if (str_equal_nocase(text, STR("Z"))) {
        return true;
    }
    if (!text.len || (text.data[0] != '+' && text.data[0] != '-')) {
        return false;
    }
    int64_t sign = text.data[0] == '-' ? -1 : 1;
    int64_t hours;
    int64_t minutes;
    text = str_from(text, 1);
    if (!take_number(&text, 2, ':', &hours) || !take_number(&text, 2, '\0', &minutes) || text.len ||
        hours > 23 || minutes > 59) {
        return false;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool is_date(int64_t year, int64_t month, int64_t day) {
    static const int64_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= lengths[month - 1] + (month == 2 && is_leap);
}

bool time_parse(struct str text, int64_t *nanoseconds) {
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t fraction;
    int64_t offset;
    if (!take_number(&text, 4, '-', &year) || !take_number(&text, 2, '-', &month) ||
        !take_number(&text, 2, 'T', &day) || !take_number(&text, 2, ':', &hour) ||
        !take_number(&text, 2, ':', &minute) || !take_number(&text, 2, '\0', &second) ||
        !take_fraction(&text, &fraction) || !take_zone(text, &offset)) {
        return false;
    }
    /* A second 60 is a leap second (RFC 3339, 5.7), which Unix time counts as the next one. */
    if (!is_date(year, month, day) || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    int64_t seconds = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    int64_t value;
    if (__builtin_mul_overflow(seconds, SECOND, &value) ||
        __builtin_add_overflow(value, fraction, &value)) {
        value = seconds < 0 ? INT64_MIN : INT64_MAX;
    }
    *nanoseconds = value;
    return true;
}
