/* The JSON form of arguments, beside jansson. What jansson refuses and Go takes (bytes that are no UTF-8, surrogates
 * without their other half, deep nesting) is not compared, nor what only jansson takes (a NUL behind a number). */
#include "parser/scan.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

static bool is_all_strings(const json_t *array) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!json_is_string(json_array_get(array, i))) {
            return false;
        }
    }
    return true;
}

/* Every string is decoded as jansson does. */
static void compare(struct str text, const json_t *array) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct scan scan = scan_of(text);
    struct str raw, decoded;
    size_t i = 0;
    for (; scan_json_string(&scan, &arena, &raw, &decoded); i++) {
        const json_t *other = json_array_get(array, i);
        fuzz_expect(raw.data >= text.data && raw.data + raw.len <= text.data + text.len,
                    "string %zu is not in the text", i);
        fuzz_expect(!array || (other && str_equal(decoded, str_make(json_string_value(other),
                                                                    json_string_length(other)))),
                    "string %zu is %.*s", i, STR_ARG(decoded));
    }
    fuzz_expect(!array || i == json_array_size(array), "%zu strings", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_copy_ struct str text = fuzz_copy(str_make((const char *)data, size));
    struct str offender;
    enum json_form form = scan_json_form(text, &offender);
    bool has_nul = str_find_byte(text, '\0') != SIZE_MAX;
    json_t *array = has_nul ? NULL : json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    if (json_is_array(array)) {
        enum json_form expected = is_all_strings(array) ? JSON_STRINGS : JSON_OTHER;
        fuzz_expect(form == expected, "form %d, wanted %d", form, expected);
    }
    if (form == JSON_STRINGS) {
        compare(text, array);
    } else if (form == JSON_OTHER) {
        fuzz_expect(offender.data >= text.data && offender.data < text.data + text.len,
                    "the offender is not in the text");
    }
    json_decref(array);
    return 0;
}
