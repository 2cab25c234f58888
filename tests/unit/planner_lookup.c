/* A build, a change, a plan: exactly which steps run, and why. The executor is played by run_plan(). */
#include "tests/unit/planner_fixture.h"

#include "base/json.h"
#include "planner/estimate.h"
#include "planner/former.h"
#include "planner/print.h"
#include "store/image.h"

struct scenario {
    const char *source;
    const char *before;      /* Dockerfile */
    const char *before_args; /* build arguments */
    const char *after;       /* NULL: the same */
    const char *after_args;  /* NULL: the same; "": none */
    void (*change)(struct fixture *fixture);
    const char *runs;   /* "stage/number …" that run after the change, "image" for the image */
    const char *reason; /* of the first step in the plan that is not a hit, NULL: all are hits */
    bool is_output_changed; /* the files a rebuilt stage gives are others */
};

/* ---- a stand-in for the executor ---- */

static void add_snapshot(struct fixture *fixture, char id[SNAPSHOT_ID_LEN + 1],
                         struct cache_record *record) {
    _cleanup_error_ struct error error = ERROR_INIT;
    snprintf(id, SNAPSHOT_ID_LEN + 1, "test%028u", fixture->snapshots++);
    const char *path =
        arena_printf(&fixture->arena, "%s/bud/snapshots/%s/diff", fixture->store->root, id);
    assert_ok(fs_make_directories(AT_FDCWD, path, 0755, &error), &error);
    record->state = directory_state_read(path);
}

static struct str add_image(struct fixture *fixture) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *names[] = { NULL };
    struct image_draft draft = {
        .config = str_printf(&fixture->arena, "{\"author\":\"%u\"}", fixture->snapshots++),
        .manifest = STR("{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"),
        .names = names,
    };
    struct digest_hex id;
    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    struct digest manifest = digest_of(draft.manifest.data, draft.manifest.len);
    return str_printf(&fixture->arena, "%s@sha256:%s", id.text, digest_hex(&manifest).text);
}

static void record(struct fixture *fixture, struct step *step) {
    _cleanup_error_ struct error error = ERROR_INIT;
    char id[SNAPSHOT_ID_LEN + 1];
    struct cache_record *made = &step->record;
    *made = (struct cache_record){
        .key = step->key,
        .parent = step->parent ? step->parent->record.result : STR_EMPTY,
        .duration = 1500000000,
        .text = step->text,
        .stage = step->stage->label,
        .ingredients = step->ingredients,
        .ingredient_count = step->ingredient_count,
    };
    if (step->kind == STEP_IMAGE) {
        made->kind = CACHE_IMAGE;
        made->result = add_image(fixture);
    } else {
        add_snapshot(fixture, id, made);
        made->result = str_of(arena_strdup(&fixture->arena, id));
    }
    assert_ok(cache_store(fixture->cache, made, &step->place, &error), &error);
}

/* What a stage's files are: the same after every run, unless the output is said to have changed. */
static struct digest content_of(const struct step_input *input, bool is_changed) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, input->label);
    hasher_update_u64(&hasher, is_changed);
    return hasher_finish(&hasher);
}

static void run_step(struct fixture *fixture, struct lookup *lookup, struct step *step,
                     bool is_changed, struct buf *ran) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest contents[4];
    assert_true(step->input_count <= 4);
    for (size_t i = 0; i < step->input_count; i++) {
        const struct step_input *input = &step->inputs[i];
        if (!input->step || !input->selection || step->state != STEP_DEFERRED) {
            continue;
        }
        contents[i] = content_of(input, is_changed);
        struct digest id = lookup_input_id(input, input->step->record.result);
        assert_ok(cache_content_put(fixture->cache, &id, &contents[i], &error), &error);
    }
    if (step->state == STEP_DEFERRED) {
        assert_ok(lookup_step(lookup, step, contents, &error), &error);
        assert_true(step->state != STEP_DEFERRED);
    }
    if (step->state == STEP_HIT) {
        return;
    }
    if (step->kind == STEP_IMAGE) {
        buf_append_c(ran, "image ");
    } else {
        buf_printf(ran, "%.*s/%u ", STR_ARG(step->stage->label), step->number);
    }
    record(fixture, step);
}

static void run_plan(struct fixture *fixture, struct plan *plan, bool is_changed, struct buf *ran) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct lookup lookup = {
        .store = fixture->store, .cache = fixture->cache, .arena = &plan->arena, .plan = plan
    };
    assert_ok(layer_list_read(fixture->store, &plan->arena, &lookup.layers, &error), &error);
    struct cache_place *places;
    size_t count = former_places(plan, fixture->cache, &plan->arena, &places);
    assert_ok(cache_places_put(fixture->cache, places, count, &error), &error);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i]->is_needed) {
            run_step(fixture, &lookup, plan->steps[i], is_changed, ran);
        }
    }
}

static struct plan *plan_text(struct fixture *fixture, const char *text) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    assert_ok(fixture_plan(fixture, text, &plan, &error), &error);
    return plan;
}

static const struct step *first_miss(const struct plan *plan) {
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i]->state != STEP_HIT) {
            return plan->steps[i];
        }
    }
    return NULL;
}

/* ---- changes ---- */

static void touch(struct fixture *f) {
    struct timespec times[2] = { { 5, 0 }, { 5, 0 } };
    assert_int_equal(0, utimensat(AT_FDCWD, fixture_path(f, "src/main.c"), times, 0));
}

static void change_mode(struct fixture *f) {
    assert_int_equal(0, chmod(fixture_path(f, "src/main.c"), 0755));
}

static void change_owner(struct fixture *f) {
    assert_int_equal(0, chown(fixture_path(f, "src/main.c"), 5, 5));
}

static void add_unrelated(struct fixture *f) {
    fixture_file(f, "README", "x");
}

static void rename_file(struct fixture *f) {
    assert_int_equal(0, rename(fixture_path(f, "src/main.c"), fixture_path(f, "src/other.c")));
}

static void change_file(struct fixture *f) {
    fixture_file(f, "src/main.c", "int main;");
}

static void add_file(struct fixture *f) {
    fixture_file(f, "src/web/x.js", "x");
}

static void change_four(struct fixture *f) {
    fixture_file(f, "src/1", "");
    fixture_file(f, "src/2", "");
    fixture_file(f, "src/3", "");
    fixture_file(f, "src/4", "");
}

static void edit_ignore(struct fixture *f) {
    fixture_file(f, ".dockerignore", "nothing-of-that\n");
}

static void ignore_file(struct fixture *f) {
    fixture_file(f, ".dockerignore", "src/b.h\n");
}

static void remove_snapshot(struct fixture *f) {
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ok(snapshot_remove(f->store, "test0000000000000000000000000000", &error), &error);
}

static void move_base(struct fixture *f) {
    fixture_image(f, "base",
                  "{\"author\":\"new\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

static void change_snapshot(struct fixture *f) {
    const char *path =
        arena_printf(&f->arena, "%s/bud/snapshots/test%028u/diff", f->store->root, 0u);
    struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void replace_base(struct fixture *f) {
    fixture_image(f, "other",
                  "{\"author\":\"other\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    f->request.from = "other";
}

static void add_twin(struct fixture *f) {
    fixture_image(f, "twin",
                  "{\"author\":\"twin\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

static void add_same(struct fixture *f) {
    fixture_image(f, "same",
                  "{\"author\":\"old\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

static void replace_base_by_context(struct fixture *f) {
    replace_base(f);
    f->request.from = NULL;
    name_values_set(&f->request.build_contexts, &f->arena, STR("base"),
                    STR("docker-image://other"));
}

static void remove_image(struct fixture *f) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct image_list list;
    assert_ok(image_list_read(f->store, &f->arena, &list, &error), &error);
    for (size_t i = 0; i < list.count; i++) {
        struct image_removal removal = { .is_forced = true };
        if (list.items[i].name_count == 0) {
            assert_ok(image_remove(f->store, list.items[i].id.data, NULL, &removal, &error),
                      &error);
        }
        buf_free(&removal.untagged);
        buf_free(&removal.deleted);
    }
}

static void disable_cache(struct fixture *f) {
    f->request.is_no_cache = true;
}

static void set_network(struct fixture *f) {
    f->request.run.network = NETWORK_NONE;
}

static void set_timestamp(struct fixture *f) {
    f->request.has_timestamp = true;
    f->request.timestamp = 5000000000;
}

static void set_file_times(struct fixture *f) {
    set_timestamp(f);
    f->request.timestamp = 5500000000;
    f->request.is_rewriting_times = true;
}

static void set_format(struct fixture *f) {
    f->request.is_docker = true;
}

#define COPY_RUN "FROM scratch\nCOPY src /src\nRUN make\n"
#define STAGES                                                                                     \
    "FROM scratch AS b\nCOPY src /src\nRUN make\nFROM scratch\nCOPY --from=b /out /\nRUN x\n"

static const struct scenario scenarios[] = {
    { "nothing", COPY_RUN, NULL, NULL, NULL, NULL, "", NULL, false },
    { "caching 7.1", COPY_RUN, NULL, NULL, NULL, touch, "", NULL, false },
    { "caching 7.2", COPY_RUN, NULL, NULL, NULL, change_mode, "stage-0/1 stage-0/2 image ",
      "mode of src/main.c: 0644 → 0755", false },
    { "caching 7.3", COPY_RUN, NULL, NULL, NULL, change_owner, "", NULL, false },
    { "caching 7.4", COPY_RUN, NULL, NULL, NULL, add_unrelated, "", NULL, false },
    { "caching 7.5", COPY_RUN, NULL, NULL, NULL, rename_file, "stage-0/1 stage-0/2 image ",
      "new file src/other.c, src/main.c was removed", false },
    { "changed file", COPY_RUN, NULL, NULL, NULL, change_file, "stage-0/1 stage-0/2 image ",
      "src/main.c changed", false },
    { "new file", COPY_RUN, NULL, NULL, NULL, add_file, "stage-0/1 stage-0/2 image ",
      "new directory src/web", false },
    { "many new files", COPY_RUN, NULL, NULL, NULL, change_four, "stage-0/1 stage-0/2 image ",
      "new file src/1, new file src/2, new file src/3 and 1 more", false },
    { "caching 7.6", COPY_RUN, NULL, NULL, "Y=1", NULL, "", NULL, false },
    { "caching 7.7", "FROM scratch\nARG X=1\nCOPY src /src\nRUN make\n", NULL, NULL, "X=2", NULL,
      "stage-0/2 image ", "ARG X: 1 → 2", false },
    { "caching 7.8", "FROM scratch\nRUN a\n", NULL, "FROM scratch\nRUN a  \n", NULL, NULL, "", NULL,
      false },
    { "caching 7.9", "FROM scratch\nRUN a\n", NULL, "FROM scratch\nrun    a\n", NULL, NULL, "",
      NULL, false },
    { "caching 7.10", "FROM scratch\nRUN a b\n", NULL, "FROM scratch\nRUN a  b\n", NULL, NULL,
      "stage-0/1 image ", "the command changed", false },
    { "caching 7.11", "FROM scratch\nRUN a\n", NULL,
      "FROM scratch\nRUN [\"/bin/sh\",\"-c\",\"a\"]\n", NULL, NULL, "", NULL, false },
    { "caching 7.14", "FROM scratch\nRUN a\n", "HTTP_PROXY=1", NULL, "HTTP_PROXY=2", NULL, "", NULL,
      false },
    { "caching 7.15", "FROM scratch\nRUN --mount=source=src,target=/s a\n", NULL, NULL, NULL,
      change_file, "stage-0/1 image ", "src/main.c changed", false },
    { "caching 7.15 elsewhere", "FROM scratch\nRUN --mount=source=src,target=/s a\n", NULL, NULL,
      NULL, add_unrelated, "", NULL, false },
    { "caching 7.16", "FROM scratch\nLABEL a=1\nCMD x\nRUN a\n", NULL,
      "FROM scratch\nLABEL a=2\nCMD y\nRUN a\n", NULL, NULL, "image ",
      "LABEL a: 1 → 2, CMD changed", false },
    { "caching 7.17 RUN", "FROM scratch\nENV A=1\nRUN a\n", NULL, "FROM scratch\nENV A=2\nRUN a\n",
      NULL, NULL, "stage-0/1 image ", "ENV A: 1 → 2", false },
    { "caching 7.17 COPY", "FROM scratch\nENV A=1\nCOPY src /s\n", NULL,
      "FROM scratch\nENV A=2\nCOPY src /s\n", NULL, NULL, "image ", "ENV A: 1 → 2", false },
    { "caching 7.19", STAGES, NULL, NULL, NULL, change_file, "b/1 b/2 ", "src/main.c changed",
      false },
    { "caching 7.19 other output", STAGES, NULL, NULL, NULL, change_file,
      "b/1 b/2 stage-1/1 stage-1/2 image ", "src/main.c changed", true },
    { "caching 7.20", "FROM base\nRUN a\n", NULL, NULL, NULL, move_base, "stage-0/2 image ",
      "base image base moved", false },
    { "--from", "FROM base\nRUN a\n", NULL, NULL, NULL, replace_base, "stage-0/2 image ",
      "another base image: base → other (--from other)", false },
    { "--build-context", "FROM base\nRUN a\n", NULL, NULL, NULL, replace_base_by_context,
      "stage-0/2 image ", "another base image: base → other (build context docker-image://other)",
      false },
    { "another FROM", "FROM base\nRUN a\n", NULL, "FROM twin\nRUN a\n", NULL, add_twin,
      "stage-0/2 image ", "another base image: base → twin", false },
    { "another FROM, and nothing else", "FROM base\n", NULL, "FROM twin\n", NULL, add_twin,
      "image ", "another base image: base → twin, MAINTAINER: old → twin", false },
    { "a base that moved below nothing", "FROM base\n", NULL, NULL, NULL, move_base, "image ",
      "base image base moved, MAINTAINER: old → new", false },
    { "an image below instead of a step", "FROM scratch\nRUN a\nCOPY src /s\n", NULL,
      "FROM base\nCOPY src /s\n", NULL, NULL, "stage-0/2 image ", "the steps before it are others",
      false },
    { "an argument that names the base", "ARG B=base\nFROM $B\nRUN a\n", NULL, NULL, "B=twin",
      add_twin, "stage-0/2 image ", "another base image: base → twin", false },
    { "the same image by another name", "FROM base\nRUN a\n", NULL, "FROM same\nRUN b\n", NULL,
      add_same, "stage-0/2 image ", "the command changed", false },
    { "a step before others", "FROM scratch\nCOPY src /s\nRUN a\n", NULL,
      "FROM scratch\nRUN z\nCOPY src /s\nRUN a\n", NULL, NULL,
      "stage-0/1 stage-0/2 stage-0/3 image ", "new instruction", false },
    { "a step less", "FROM scratch\nRUN a\nCOPY src /s\nRUN b\n", NULL,
      "FROM scratch\nRUN a\nRUN b\n", NULL, NULL, "stage-0/2 image ",
      "the steps before it are others", false },
    { "another kind of step", "FROM scratch\nRUN a\nRUN b\n", NULL,
      "FROM scratch\nRUN a\nCOPY src /s\n", NULL, NULL, "stage-0/2 image ", "new instruction",
      false },
    { "one that was not there, before one that changed", "FROM scratch\nRUN a\nRUN make -j4\n",
      NULL, "FROM scratch\nRUN a\nRUN z\nRUN make -j8\n", NULL, NULL, "stage-0/2 stage-0/3 image ",
      "new instruction", false },
    { "a base, and all steps have another number", "FROM scratch\nCOPY src /s\n", NULL,
      "FROM base\nCOPY src /s\n", NULL, NULL, "stage-0/2 image ",
      "another base image: scratch → base", false },
    { "caching 7.21", "FROM scratch\nRUN a \\\n# one\n b\n", NULL,
      "FROM scratch\nRUN a \\\n# two\n b\n", NULL, NULL, "", NULL, false },
    { "caching 7.22", COPY_RUN, NULL, NULL, NULL, edit_ignore, "", NULL, false },
    { "ignored now", COPY_RUN, NULL, NULL, NULL, ignore_file, "stage-0/1 stage-0/2 image ",
      "src/b.h is left out now", false },
    { "caching 2 USER before COPY", "FROM scratch\nCOPY src /s\n", NULL,
      "FROM scratch\nUSER u\nCOPY src /s\n", NULL, NULL, "image ", "USER: none → u", false },
    { "caching 2 USER before RUN", "FROM scratch\nRUN a\n", NULL, "FROM scratch\nUSER u\nRUN a\n",
      NULL, NULL, "stage-0/1 image ", "user: none → u", false },
    { "caching 2 unused ENV", "FROM scratch\nRUN a\n", NULL, "FROM scratch\nENV B=1\nRUN a\n", NULL,
      NULL, "stage-0/1 image ", "ENV B is new", false },
    { "caching 2 ARG that becomes ENV", "FROM scratch\nARG B=1\nRUN a\n", NULL,
      "FROM scratch\nENV B=1\nRUN a\n", NULL, NULL, "image ", "ENV B is new", false },
    { "caching 2 destination", "FROM scratch\nCOPY src /a\n", NULL, "FROM scratch\nCOPY src /b\n",
      NULL, NULL, "stage-0/1 image ", "destination: /a → /b", false },
    { "caching 2 source text", "FROM scratch\nCOPY src/main.c /a/\n", NULL,
      "FROM scratch\nCOPY ./src/ma?n.c /a/\n", NULL, NULL, "image ",
      "history: COPY src/main.c /a/ # buildkit → COPY ./src/ma?n.c /a/ # buildkit", false },
    { "caching 2 chown", "FROM scratch\nCOPY src /a\n", NULL,
      "FROM scratch\nCOPY --chown=1 src /a\n", NULL, NULL, "stage-0/1 image ", "chown: none → 1",
      false },
    { "caching 2 heredoc", "FROM scratch\nCOPY <<E /a\n1\nE\n", NULL,
      "FROM scratch\nCOPY <<E /a\n2\nE\n", NULL, NULL, "stage-0/1 image ", "a heredoc changed",
      false },
    { "caching 2 WORKDIR", "FROM scratch\nWORKDIR /a\n", NULL, "FROM scratch\nUSER u\nWORKDIR /a\n",
      NULL, NULL, "stage-0/1 image ", "user: none → u", false },
    { "caching 2 network", "FROM scratch\nRUN a\n", NULL, NULL, NULL, set_network,
      "stage-0/1 image ", "network: host → none", false },
    { "caching 2 timestamp", "FROM scratch\nWORKDIR /a\nRUN a\n", NULL, NULL, NULL, set_timestamp,
      "stage-0/1 stage-0/2 image ", "timestamp: none → 5", false },
    { "timestamp of a RUN", "FROM scratch\nRUN a\n", NULL, NULL, NULL, set_timestamp, "image ",
      "timestamp: none → 5", false },
    { "times of files", "FROM scratch\nRUN a\n", NULL, NULL, NULL, set_file_times,
      "stage-0/1 image ", "file times: none → 5.500000000", false },
    { "format", "FROM scratch\nRUN a\n", NULL, NULL, NULL, set_format, "image ",
      "format: oci → docker", false },
    { "other stages", "FROM scratch AS a\nRUN a\n", NULL,
      "FROM scratch AS z\nRUN z\nFROM scratch AS a\nRUN a\n", NULL, NULL, "", NULL, false },
    { "caching 3 no cache", COPY_RUN, NULL, NULL, NULL, disable_cache, "stage-0/1 stage-0/2 image ",
      "the cache is not used", false },
    { "result removed", COPY_RUN, NULL, NULL, NULL, remove_snapshot, "stage-0/1 stage-0/2 image ",
      "its result was removed", false },
    { "result changed", COPY_RUN, NULL, NULL, NULL, change_snapshot, "stage-0/1 stage-0/2 image ",
      "its result was changed by somebody else", false },
    { "image removed", COPY_RUN, NULL, NULL, NULL, remove_image, "image ",
      "its image was removed or has another manifest now", false },
    { "the step in the middle", "FROM scratch\nRUN a\nRUN b\nRUN c\n", NULL,
      "FROM scratch\nRUN a\nRUN x\nRUN c\n", NULL, NULL, "stage-0/2 stage-0/3 image ",
      "the command changed", false },
    { "a first build", "FROM scratch\n", NULL, COPY_RUN, NULL, NULL, "stage-0/1 stage-0/2 image ",
      "no record: first build", false },
};

static bool is_reason(const char *expected, const struct step *step) {
    if (!expected || !step) {
        return !expected && !step;
    }
    const char *mark = strstr(expected, "…");
    return mark ? strncmp(expected, step->reason.data, (size_t)(mark - expected)) == 0
                : str_equal_c(step->reason, expected);
}

static int check_scenario(struct fixture *fixture, const struct scenario *scenario) {
    int failures = 0;
    _cleanup_buf_ struct buf ran = BUF_INIT;
    fixture_image(fixture, "base",
                  "{\"author\":\"old\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    fixture_file(fixture, "src/main.c", "main");
    fixture_file(fixture, "src/b.h", "b");
    fixture_build_args(fixture, scenario->before_args);
    struct plan *plan = plan_text(fixture, scenario->before);
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    buf_reset(&ran);

    /* Content of other stages that a first build left open is known now. */
    plan = plan_text(fixture, scenario->before);
    if (first_miss(plan)) {
        print_error("%s: built, and not all is a hit: %.*s: %.*s\n", scenario->source,
                    STR_ARG(first_miss(plan)->text), STR_ARG(first_miss(plan)->reason));
        failures++;
    }
    plan_free(plan);

    if (scenario->change) {
        scenario->change(fixture);
    }
    if (scenario->after_args) {
        fixture_build_args(fixture, scenario->after_args);
    }
    plan = plan_text(fixture, scenario->after ? scenario->after : scenario->before);
    const struct step *miss = first_miss(plan);
    if (!is_reason(scenario->reason, miss)) {
        print_error("%s: reason\n%.*s\nwanted\n%s\n", scenario->source,
                    STR_ARG(miss ? miss->reason : STR("none: all hits")),
                    scenario->reason ? scenario->reason : "all hits");
        failures++;
    }
    run_plan(fixture, plan, scenario->is_output_changed, &ran);
    plan_free(plan);
    if (strcmp(ran.data ? ran.data : "", scenario->runs) != 0) {
        print_error("%s: ran %s\nwanted %s\n", scenario->source, ran.data, scenario->runs);
        failures++;
    }
    return failures;
}

static void test_scenarios(void **state) {
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        void *own;
        fixture_begin(&own);
        failures += check_scenario(own, &scenarios[i]);
        fixture_end(&own);
    }
    assert_int_equal(0, failures);
}

/* A step keeps its time wherever it stands. */
static void test_steps_are_compared_with_what_they_were(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf ran = BUF_INIT, many = BUF_INIT;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan = plan_text(fixture, "FROM scratch\nCOPY src /s\nRUN make\nRUN test\n");
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    plan = plan_text(fixture, "FROM scratch\nRUN z\nCOPY src /s\nRUN make -j2\nRUN y\nRUN test\n");
    static const bool is_known[] = { false, true, true, false, true, true };
    for (size_t i = 0; i < plan->step_count; i++) {
        assert_int_equal(is_known[i], plan->steps[i]->expected > 0);
    }
    assert_string_equal("new instruction", plan->steps[0]->reason.data);
    /* It fails at once; the next build knows as much. */
    struct cache_place *places;
    size_t count = former_places(plan, fixture->cache, &plan->arena, &places);
    assert_int_equal(0, cache_places_put(fixture->cache, places, count, NULL));
    plan_free(plan);
    plan = plan_text(fixture, "FROM scratch\nRUN test\n");
    assert_true(plan->steps[0]->expected > 0);
    assert_string_equal("the steps before it are others", plan->steps[0]->reason.data);
    plan_free(plan);

    /* Too many for the table, and still no instruction is another than it is. */
    fixture->request.is_squashed = true; /* an image has no more than 127 layers */
    buf_append_c(&many, "FROM scratch\n");
    for (unsigned i = 0; i < 300; i++) {
        buf_printf(&many, "RUN new %u\n", i);
    }
    plan = plan_text(fixture, "FROM scratch\nRUN other\n");
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    plan = plan_text(fixture, many.data);
    assert_string_equal("the command changed", plan->steps[0]->reason.data);
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    buf_append_c(&many, "RUN end\n");
    char *first = strstr(many.data, "new 0");
    memcpy(first, "nEw 0", 5);
    plan = plan_text(fixture, many.data);
    assert_string_equal("the command changed", plan->steps[0]->reason.data);
    assert_true(plan->steps[299]->expected > 0);
    plan_free(plan);
}

/* Directories count, too. */
static void test_of_more_than_a_thousand_files_the_directory_is_named(void **state) {
    static const struct {
        unsigned files;
        const char *reason;
    } cases[] = {
        { 999, "src/deep/f7 changed" },
        { 1000, "files in src/deep/ changed" },
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_buf_ struct buf ran = BUF_INIT;
        for (unsigned j = 0; j < cases[i].files; j++) {
            fixture_file(fixture, arena_printf(&fixture->arena, "src/deep/f%u", j), "x");
        }
        struct plan *plan = plan_text(fixture, "FROM scratch\nCOPY src /\n");
        run_plan(fixture, plan, false, &ran);
        plan_free(plan);
        fixture_file(fixture, "src/deep/f7", "other");
        plan = plan_text(fixture, "FROM scratch\nCOPY src /\n");
        assert_true(str_equal_c(first_miss(plan)->reason, cases[i].reason));
        plan_free(plan);
    }
}

static void make_files(struct fixture *fixture, unsigned directories, unsigned files) {
    for (unsigned i = 0; i < directories * files; i++) {
        fixture_file(fixture,
                     arena_printf(&fixture->arena, "src/d%u/f%u", i % directories, i / directories),
                     "x");
    }
}

static void remove_files(struct fixture *fixture, const char *path) {
    assert_int_equal(0, fs_remove_tree(AT_FDCWD, fixture_path(fixture, path), NULL));
}

/* One side knows the files, the other directories only: what is told is true of both. */
static void test_directories_are_not_compared_with_files(void **state) {
    static const char text[] = "FROM scratch\nCOPY src /\n";
    struct fixture *fixture = *state;
    const char *reasons[] = {
        "src/d2 was removed",
        "new directory src/d2",
        "files in src/d0/ changed, src/d2 was removed",
        "the files from context changed",
    };
    make_files(fixture, 3, 400);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        _cleanup_buf_ struct buf ran = BUF_INIT;
        struct plan *plan = plan_text(fixture, text);
        run_plan(fixture, plan, false, &ran);
        plan_free(plan);
        if (i % 2 == 0) {
            remove_files(fixture, "src/d2");
        }
        if (i == 1) {
            make_files(fixture, 3, 401);
        } else if (i == 2) {
            fixture_file(fixture, "src/d0/f1", "other");
        } else if (i == 3) {
            make_files(fixture, 2, 600);
        }
        plan = plan_text(fixture, text);
        assert_string_equal(reasons[i], str_dup(&fixture->arena, first_miss(plan)->reason));
        plan_free(plan);
    }
}

/* ---- states ---- */

static void test_copies_from_a_stage_wait_for_it(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan = plan_text(fixture, STAGES);
    assert_int_equal(STEP_MISS, plan->steps[0]->state);
    assert_int_equal(STEP_DEFERRED, plan->steps[2]->state);
    assert_string_equal("decided when stage b is built", plan->steps[2]->reason.data);
    assert_int_equal(STEP_DEFERRED, plan->steps[3]->state);
    assert_string_equal("follows a step that is decided later", plan->steps[3]->reason.data);
    assert_int_equal(STEP_DEFERRED, plan->image->state);
    plan_free(plan);
}

static void test_links_wait_only_for_what_they_may_repeat(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan = plan_text(fixture, "FROM scratch AS b\nRUN make\nFROM scratch\n"
                                           "COPY --link --from=b /out /a/\n"
                                           "COPY --link src /b/\nCOPY --link src /a/\n");
    assert_int_equal(STEP_DEFERRED, plan->steps[1]->state);
    assert_int_equal(STEP_MISS, plan->steps[2]->state);
    assert_string_equal("no record: first build", plan->steps[2]->reason.data);
    assert_int_equal(STEP_DEFERRED, plan->steps[3]->state);
    plan_free(plan);
}

static void test_an_image_that_is_there_needs_nothing(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf ran = BUF_INIT;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan = plan_text(fixture, STAGES);
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    plan = plan_text(fixture, STAGES);
    for (size_t i = 0; i < plan->step_count; i++) {
        assert_int_equal(STEP_HIT, plan->steps[i]->state);
        assert_false(plan->steps[i]->is_needed);
    }
    plan_free(plan);
}

/* The layers of the image are located when it must be written anew; a stage that is only copied from is not. */
static void test_needed_are_the_layers(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf ran = BUF_INIT;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan = plan_text(fixture, STAGES);
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    plan = plan_text(fixture, STAGES "LABEL a=b\n");
    static const bool needed[] = { false, false, true, true, true };
    assert_int_equal(5, plan->step_count);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(needed[i], plan->steps[i]->is_needed);
    }
    plan_free(plan);
}

static void test_a_result_on_another_parent_is_no_hit(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf ran = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    static const char text[] = "FROM scratch\nRUN a\nRUN b\n";
    struct plan *plan = plan_text(fixture, text);
    run_plan(fixture, plan, false, &ran);
    struct cache_record other = plan->steps[0]->record;
    char id[SNAPSHOT_ID_LEN + 1];
    add_snapshot(fixture, id, &other);
    other.result = str_of(id);
    assert_ok(cache_store(fixture->cache, &other, NULL, &error), &error);
    plan_free(plan);
    plan = plan_text(fixture, text);
    assert_int_equal(STEP_HIT, plan->steps[0]->state);
    assert_int_equal(STEP_MISS, plan->steps[1]->state);
    assert_string_equal("the step before it was built anew", plan->steps[1]->reason.data);
    plan_free(plan);
}

static void test_images_copied_from(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf ran = BUF_INIT;
    static const char text[] = "FROM scratch\nCOPY --from=img /etc /e\n";
    fixture_layer_image(fixture, "img");
    struct plan *plan = plan_text(fixture, text);
    assert_int_equal(STEP_HIT, plan->steps[0]->state);
    assert_int_equal(STEP_DEFERRED, plan->steps[1]->state);
    assert_string_equal("the files of image img have not been read yet",
                        plan->steps[1]->reason.data);
    assert_true(plan->steps[0]->is_needed);
    run_plan(fixture, plan, false, &ran);
    plan_free(plan);
    plan = plan_text(fixture, text);
    assert_int_equal(STEP_HIT, plan->image->state);
    plan_free(plan);
}

static void test_errors_of_files_point_at_the_instruction(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    assert_int_equal(-1, fixture_plan(fixture, "FROM scratch\nCOPY x /\n", &plan, &error));
    assert_int_equal(ERROR_NOT_FOUND, error.code);
    assert_int_equal(2, error.place.line_number);
    error_clear(&error);
    fixture->request.context = NULL;
    assert_int_equal(-1, fixture_plan(fixture, "FROM scratch\nCOPY x /\n", &plan, &error));
    assert_string_equal("there is no build context to read files from", error.message);
}

static void test_a_pattern_without_match_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "a", "a");
    name_values_set(&fixture->request.build_contexts, &fixture->arena, STR("src"),
                    str_of(fixture->context));
    struct plan *plan = plan_text(fixture, "FROM scratch\nCOPY a no* n?ne /d/\n"
                                           "COPY --parents */nope /e/\nCOPY --exclude=a a a* /f/\n"
                                           "COPY --from=src no* /\n");
    static const char *const warnings[] = {
        "line 2: nothing in the build context matches no*",
        "line 2: nothing in the build context matches n?ne",
        "line 3: nothing in the build context matches */nope",
        "line 5: nothing in the build context src matches no*",
    };
    assert_int_equal(4, plan->warnings.count);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(warnings[i], plan->warnings.items[i].data);
    }
    plan_free(plan);
}

/* ---- printing ---- */

static void test_the_tree(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf out = BUF_INIT;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan =
        plan_text(fixture, "FROM scratch AS unused\nFROM scratch AS b\nENV A=1\nCOPY src /src\n"
                           "FROM scratch\nCOPY --from=b /src /\n");
    print_tree(&out, plan, false);
    plan_free(plan);
    assert_string_equal(
        "b\n"
        "├─                  FROM scratch AS b  :2\n"
        "├─                  ENV A=1  :3\n"
        "└─ 1/1     MISS     COPY src /src  :4 (1 file, 4 B)  ← no record: first build\n"
        "stage-2  (target)\n"
        "├─                  FROM scratch  :5\n"
        "└─ 1/1     DEFERRED COPY --from=b /src /  :6  ← decided when stage b is built\n"
        "image  DEFERRED  ← follows a step that is decided later\n"
        "not built: unused  :1 (the target does not need it)\n"
        "critical path: b 1/1 → stage-2 1/1 → image\n"
        "1 to run, 0 cached, 1 decided later, 4 B to copy\n",
        out.data);
}

/* Of the ways that nobody knows the time of, the one with more commands. */
static void test_the_critical_path_of_a_first_build(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "src/main.c", "main");
    struct plan *plan =
        plan_text(fixture, "FROM scratch AS b\nRUN make\n"
                           "FROM scratch\nCOPY src /1\nCOPY src /2\nCOPY --from=b /out /\n");
    struct estimate estimate = estimate_plan(plan, &fixture->arena);
    assert_int_equal(3, estimate.critical_count);
    assert_true(str_equal_c(estimate.critical[0]->text, "RUN make"));
    plan_free(plan);
}

static void test_shared_steps_are_told_once(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct plan *plan =
        plan_text(fixture, "FROM scratch AS a\nRUN x\nRUN y\nFROM scratch\nRUN x\nRUN y\n"
                           "COPY --from=a /o /\n");
    print_tree(&out, plan, false);
    plan_free(plan);
    assert_non_null(strstr(out.data, "├─ 1/3     MISS     RUN x  :5  ← same as a 1/2\n"
                                     "├─ 2/3     MISS     RUN y  :6  ← same as a 2/2\n"));
    assert_non_null(strstr(out.data, "\n3 to run, 0 cached\n"));
}

static void test_the_json(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct plan *plan = plan_text(fixture, "FROM scratch\nRUN a\n");
    print_json(&out, plan);
    plan_free(plan);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_json_ json_t *root = json_parse(buf_str(&out), "plan", &error);
    assert_non_null(root);
    json_t *step = json_array_get(json_object_get(root, "steps"), 0);
    assert_string_equal("exec", json_string_value(json_object_get(step, "kind")));
    assert_string_equal("miss", json_string_value(json_object_get(step, "state")));
    assert_string_equal("RUN a", json_string_value(json_object_get(step, "text")));
    assert_int_equal(64, strlen(json_string_value(json_object_get(step, "key"))));
    assert_true(json_is_null(json_object_get(step, "parent")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios),
        cmocka_unit_test_setup_teardown(test_steps_are_compared_with_what_they_were, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_of_more_than_a_thousand_files_the_directory_is_named,
                                        fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_directories_are_not_compared_with_files, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_copies_from_a_stage_wait_for_it, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_links_wait_only_for_what_they_may_repeat,
                                        fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_an_image_that_is_there_needs_nothing, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_needed_are_the_layers, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_a_result_on_another_parent_is_no_hit, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_images_copied_from, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_errors_of_files_point_at_the_instruction,
                                        fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_a_pattern_without_match_is_told, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_the_tree, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_the_critical_path_of_a_first_build, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_shared_steps_are_told_once, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_the_json, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
