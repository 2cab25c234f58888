/* Findings for programs: JSON of our own, and SARIF 2.1.0 (OASIS) for code hosts and editors. docs/check.md describes both. */
#include "cli/check.h"

#include <assert.h>

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

/* An error and its causes in one sentence. */
static json_t *message_of(const struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    for (const struct error *each = error; each; each = each->cause) {
        buf_printf(&text, "%s%s", each == error ? "" : ": ", each->message);
    }
    return json_from_str(buf_str(&text));
}

static const char *hint_of(const struct error *error) {
    for (const struct error *each = error; each; each = each->cause) {
        if (each->hint) {
            return each->hint;
        }
    }
    return NULL;
}

/* ---- our own ------------------------------------------------------------------------------------------- */

static void set_place(json_t *object, const struct error_place *place) {
    json_set_integer(object, "line", place->line_number);
    json_set_integer(object, "column", place->column);
    json_set_integer(object, "end_line", place->end_line);
    json_set_integer(object, "end_column", place->end_column);
}

static json_t *plain_fix(const struct check_lines *lines, const struct lint_finding *finding) {
    json_t *edits = json_array();
    for (size_t i = 0; i < finding->edit_count; i++) {
        struct error_place place = check_place(lines, finding->edits[i].span);
        json_t *edit = json_object();
        set_place(edit, &place);
        json_set_str(edit, "text", finding->edits[i].text);
        json_array_append_new(edits, edit);
    }
    return edits;
}

static json_t *plain_finding(const struct check_lines *lines, const struct lint_finding *finding) {
    struct error_place place = check_place(lines, finding->span);
    json_t *object = json_object();
    json_set_str(object, "file", str_of(lines->file->name));
    set_place(object, &place);
    json_set_str(object, "rule", str_of(lint_rules[finding->rule].name));
    json_set_str(object, "severity", str_of("warning"));
    json_set_str(object, "message", finding->message);
    json_object_set_new(object, "hint",
                        finding->hint.len > 0 ? json_from_str(finding->hint) : json_null());
    json_object_set_new(object, "fix", plain_fix(lines, finding));
    return object;
}

static json_t *plain_error(const struct check_file *file, const struct error *error) {
    json_t *object = json_object();
    const char *hint = hint_of(error);
    json_set_str(object, "file", str_of(file->name));
    if (error->place.line_number > 0) {
        set_place(object, &error->place);
    }
    json_object_set_new(object, "rule", json_null());
    json_set_str(object, "severity", str_of("error"));
    json_object_set_new(object, "message", message_of(error));
    json_object_set_new(object, "hint", hint ? json_from_str(str_of(hint)) : json_null());
    json_object_set_new(object, "fix", json_array());
    return object;
}

/* ---- SARIF --------------------------------------------------------------------------------------------- */

/* A relative URI reference (RFC 3986), or file:// for an absolute path. */
static json_t *uri_of(const char *name) {
    _cleanup_buf_ struct buf uri = BUF_INIT;
    buf_append_c(&uri, name[0] == '/' ? "file://" : "");
    for (const char *c = name; *c != '\0'; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || strchr("-._~/", *c) != NULL;
        if (is_plain) {
            buf_append_byte(&uri, *c);
        } else {
            buf_printf(&uri, "%%%02X", (unsigned char)*c);
        }
    }
    return json_from_str(buf_str(&uri));
}

/* Columns are counted in characters there, in bytes here. */
static unsigned count_characters(struct str line, unsigned column) {
    unsigned count = 1;
    for (size_t at = 0; at + 1 < column && at < line.len; count++) {
        uint32_t code;
        size_t len = str_decode_utf8(str_from(line, at), &code);
        at += len > 0 ? len : 1;
    }
    return count;
}

static struct str line_of(const struct check_lines *lines, unsigned number) {
    size_t start = lines->starts[number - 1];
    size_t end = number < lines->count ? lines->starts[number] : lines->file->source.len;
    return str_sub(lines->file->source, start, end);
}

static json_t *region_of(const struct check_lines *lines, const struct error_place *place) {
    json_t *region = json_object();
    json_set_integer(region, "startLine", place->line_number);
    json_object_set_new(
        region, "startColumn",
        json_integer(count_characters(line_of(lines, place->line_number), place->column)));
    json_set_integer(region, "endLine", place->end_line);
    json_object_set_new(
        region, "endColumn",
        json_integer(count_characters(line_of(lines, place->end_line), place->end_column)));
    return region;
}

static json_t *artifact_of(const struct check_file *file) {
    json_t *artifact = json_object();
    json_object_set_new(artifact, "uri", uri_of(file->path ? file->name : "stdin"));
    return artifact;
}

static json_t *text_object(json_t *text) {
    json_t *object = json_object();
    json_object_set_new(object, "text", text);
    return object;
}

static json_t *sarif_result(const struct check_lines *lines, const char *rule, const char *level,
                            json_t *message, const struct error_place *place) {
    json_t *result = json_object(), *physical = json_object(), *location = json_object();
    json_set_str(result, "ruleId", str_of(rule));
    json_set_str(result, "level", str_of(level));
    json_object_set_new(result, "message", text_object(message));
    json_object_set_new(physical, "artifactLocation", artifact_of(lines->file));
    if (place->line_number > 0 && place->end_line <= lines->count) {
        json_object_set_new(physical, "region", region_of(lines, place));
    }
    json_object_set_new(location, "physicalLocation", physical);
    json_t *locations = json_array();
    json_array_append_new(locations, location);
    json_object_set_new(result, "locations", locations);
    return result;
}

static json_t *sarif_fixes(const struct check_lines *lines, const struct lint_finding *finding) {
    json_t *replacements = json_array();
    for (size_t i = 0; i < finding->edit_count; i++) {
        struct error_place place = check_place(lines, finding->edits[i].span);
        json_t *replacement = json_object();
        json_object_set_new(replacement, "deletedRegion", region_of(lines, &place));
        json_object_set_new(replacement, "insertedContent",
                            text_object(json_from_str(finding->edits[i].text)));
        json_array_append_new(replacements, replacement);
    }
    json_t *change = json_object(), *changes = json_array(), *fix = json_object();
    json_object_set_new(change, "artifactLocation", artifact_of(lines->file));
    json_object_set_new(change, "replacements", replacements);
    json_array_append_new(changes, change);
    if (finding->hint.len > 0) {
        json_object_set_new(fix, "description", text_object(json_from_str(finding->hint)));
    }
    json_object_set_new(fix, "artifactChanges", changes);
    json_t *fixes = json_array();
    json_array_append_new(fixes, fix);
    return fixes;
}

static json_t *sarif_finding(const struct check_lines *lines, const struct lint_finding *finding) {
    struct error_place place = check_place(lines, finding->span);
    json_t *result = sarif_result(lines, lint_rules[finding->rule].name, "warning",
                                  json_from_str(finding->message), &place);
    json_set_integer(result, "ruleIndex", finding->rule);
    if (finding->edit_count > 0) {
        json_object_set_new(result, "fixes", sarif_fixes(lines, finding));
    }
    return result;
}

/* Errors have one rule of their own, behind all others. */
static json_t *sarif_rules(void) {
    json_t *rules = json_array();
    for (size_t i = 0; i <= LINT_RULE_COUNT; i++) {
        json_t *rule = json_object();
        bool is_error = i == LINT_RULE_COUNT;
        json_object_set_new(rule, "id",
                            json_from_str(str_of(is_error ? "Error" : lint_rules[i].name)));
        json_object_set_new(
            rule, "shortDescription",
            text_object(json_from_str(
                str_of(is_error ? "The Dockerfile can be built." : lint_rules[i].summary))));
        json_array_append_new(rules, rule);
    }
    return rules;
}

static json_t *sarif_log(json_t *results) {
    json_t *driver = json_object(), *tool = json_object(), *run = json_object();
    json_set_str(driver, "name", str_of("bud"));
    json_set_str(driver, "version", str_of(BUD_VERSION));
    json_object_set_new(driver, "rules", sarif_rules());
    json_object_set_new(tool, "driver", driver);
    json_object_set_new(run, "tool", tool);
    json_set_str(run, "columnKind", str_of("unicodeCodePoints"));
    json_object_set(run, "results", results);
    json_t *runs = json_array(), *log = json_object();
    json_array_append_new(runs, run);
    json_set_str(log, "$schema", str_of(SARIF_SCHEMA));
    json_set_str(log, "version", str_of("2.1.0"));
    json_object_set_new(log, "runs", runs);
    return log;
}

/* ---- both ---------------------------------------------------------------------------------------------- */

void check_json_add(struct check_output *output, const struct check_file *file) {
    struct check_lines lines;
    bool is_sarif = output->format == CHECK_SARIF;
    check_lines_make(&lines, file);
    const struct error *each = file->report.error.code ? &file->report.error : NULL;
    for (; each; each = each->next) {
        json_t *result =
            is_sarif ? sarif_result(&lines, "Error", "error", message_of(each), &each->place)
                     : plain_error(file, each);
        if (is_sarif) {
            json_set_integer(result, "ruleIndex", LINT_RULE_COUNT);
        }
        json_array_append_new(output->results, result);
    }
    assert(file->report.count == 0 || file->report.findings);
    for (size_t i = 0; i < file->report.count; i++) {
        const struct lint_finding *finding = &file->report.findings[i];
        json_array_append_new(output->results, is_sarif ? sarif_finding(&lines, finding)
                                                        : plain_finding(&lines, finding));
    }
    check_lines_free(&lines);
}

void check_json_finish(struct check_output *output) {
    _cleanup_json_ json_t *root = NULL;
    if (output->format == CHECK_SARIF) {
        root = sarif_log(output->results);
    } else {
        root = json_object();
        json_set_integer(root, "version", 1);
        json_set_integer(root, "files", output->files);
        json_set_integer(root, "errors", output->errors);
        json_set_integer(root, "warnings", output->warnings);
        json_object_set(root, "findings", output->results);
    }
    json_write_indented(&output->text, root, 2);
}
