/* What a key is made of: two builds whose last step must, or must not, have the same one. */
#include "tests/unit/planner_fixture.h"

struct row {
    bool is_same;
    const char *first; /* behind FROM scratch, as is the other */
    const char *second;
    const char *first_args; /* "A=1 B=2", or NULL */
    const char *second_args;
};

static const struct row rows[] = {
    /* nothing but the form */
    { true, "RUN a\n", "run \\\n# c\n  a  \n", NULL, NULL },
    { true, "RUN a\n", "RUN [\"/bin/sh\", \"-c\", \"a\"]\n", NULL, NULL },
    { true, "RUN a\n", "LABEL a=b\nCMD x\nEXPOSE 1\nRUN a\n", NULL, NULL },
    { true, "RUN a\n", "RUN a\n", NULL, "X=1" },
    { true, "RUN a\n", "RUN a\n", NULL, "HTTP_PROXY=http://p" },
    { true, "RUN --network=host a\n", "RUN a\n", NULL, NULL },
    { true, "ENV A=1 B=2\nRUN a\n", "ENV B=2\nENV A=1\nRUN a\n", NULL, NULL },
    { true, "ARG A=1\nCOPY f /d\n", "ARG A=2\nENV B=3\nUSER u\nCOPY ./x/../f /d\n", NULL, NULL },
    { true, "WORKDIR /w\nCOPY f .\n", "WORKDIR /w\nCOPY --link=false f ./\n", NULL, NULL },
    { true, "COPY <<E /d\na$A\nE\n", "COPY <<'E' /d\na\nE\n", NULL, NULL },
    { true, "RUN --mount=type=cache,target=/c a\n",
      "RUN --mount=sharing=shared,target=/c,type=cache,uid=0,mode=755,id=/c a\n", NULL, NULL },

    /* --link: whatever is below; but not what stands on it, or is looked up in the image */
    { true, "COPY --link f /d\n", "RUN a\nCOPY --link f /d\n", NULL, NULL },
    { true, "COPY --link --chown=1:2 f /d\n", "RUN a\nCOPY --link --chown=1:2 f /d\n", NULL, NULL },
    { false, "COPY --link --chown=u f /d\n", "RUN a\nCOPY --link --chown=u f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "RUN a\nCOPY f /d\n", NULL, NULL },
    { false, "COPY --link f /d\nRUN b\n", "RUN a\nCOPY --link f /d\nRUN b\n", NULL, NULL },
    { false, "COPY --link f /d\n", "COPY --link f /d\nCOPY --link f /d\n", NULL, NULL },

    /* what the command is given */
    { false, "RUN a b\n", "RUN a  b\n", NULL, NULL },
    { false, "RUN [\"a\", \"b c\"]\n", "RUN [\"a b\", \"c\"]\n", NULL, NULL },
    { false, "ENV A=\"b\\nc=d\"\nRUN a\n", "ENV A=b c=d\nRUN a\n", NULL, NULL },
    { false, "ARG A\nRUN a\n", "ARG A\nRUN a\n", NULL, "A=" },
    { false, "ARG A\nRUN a\n", "ARG A\nRUN a\n", "A=1", "A=2" },
    { false, "RUN a\n", "USER u\nRUN a\n", NULL, NULL },
    { false, "RUN a\n", "RUN --network=none a\n", NULL, NULL },
    { false, "RUN <<E\n#!/x\nE\n", "RUN <<E\n#!/y\nE\n", NULL, NULL },
    { false, "RUN a\n", "RUN a\n", NULL, "BUILDKIT_SANDBOX_HOSTNAME=h" },

    /* mounts */
    { false, "RUN --mount=type=cache,target=/c a\n", "RUN --mount=type=cache,target=/c,id=x a\n",
      NULL, NULL },
    { false, "RUN --mount=type=cache,target=/c a\n", "RUN --mount=type=cache,target=/c,uid=1 a\n",
      NULL, NULL },
    { false, "RUN --mount=type=cache,target=/c a\n", "RUN --mount=type=cache,target=/c,gid=1 a\n",
      NULL, NULL },
    { false, "RUN --mount=type=cache,target=/c a\n",
      "RUN --mount=type=cache,target=/c,mode=700 a\n", NULL, NULL },
    { false, "RUN --mount=type=cache,target=/c a\n",
      "RUN --mount=type=cache,target=/c,sharing=private a\n", NULL, NULL },
    { false, "RUN --mount=type=cache,target=/c a\n", "RUN --mount=type=cache,target=/c a\n", NULL,
      "BUILDKIT_CACHE_MOUNT_NS=n" },
    { false, "RUN --mount=type=tmpfs,target=/c a\n", "RUN --mount=type=tmpfs,target=/c,size=1m a\n",
      NULL, NULL },
    { false, "RUN --mount=source=f,target=/c a\n", "RUN --mount=source=g,target=/c a\n", NULL,
      NULL },
    { false, "RUN --mount=source=f,target=/c a\n", "RUN --mount=source=f,target=/c,rw a\n", NULL,
      NULL },
    { false, "RUN --mount=source=d,target=/c a\n", "RUN --mount=source=e,target=/c a\n", NULL,
      NULL },

    /* files */
    { false, "COPY f /d\n", "COPY f /d/\n", NULL, NULL },
    { false, "COPY f /d\n", "ADD f /d\n", NULL, NULL },
    { false, "ADD f /d\n", "ADD --unpack=false f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY --chown=1 f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY --chmod=600 f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY --link f /d\n", NULL, NULL },
    { false, "COPY f g /d/\n", "COPY g f /d/\n", NULL, NULL },
    { false, "COPY d /x\n", "COPY --exclude=a d /x\n", NULL, NULL },
    { false, "COPY d/a /x/\n", "COPY --parents d/a /x/\n", NULL, NULL },
    { false, "COPY d/a /x/\n", "COPY d /x/\n", NULL, NULL },
    { false, "COPY d e /x/\n", "COPY d /x/\n", NULL, NULL },
    { false, "COPY <<a <<b /x/\n1\na\n2\nb\n", "COPY <<b <<a /x/\n2\nb\n1\na\n", NULL, NULL },
    { false, "COPY <<a /x/\n1\na\n", "COPY <<b /x/\n1\nb\n", NULL, NULL },
    { false, "WORKDIR /w\n", "USER u\nWORKDIR /w\n", NULL, NULL },
    { false, "WORKDIR /w\n", "WORKDIR /w\n", NULL, "SOURCE_DATE_EPOCH=1" },
    /* from nothing: a root is there, no file is */
    { false, "COPY --from=scratch / /x/\n", "COPY --from=scratch no* /x/\n", NULL, NULL },
};

static struct digest last_key(struct fixture *fixture, const char *lines, const char *arguments) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    fixture_build_args(fixture, arguments);
    assert_ok(fixture_plan(fixture, arena_printf(&fixture->arena, "FROM scratch\n%s", lines), &plan,
                           &error),
              &error);
    const struct step *step = plan->steps[plan->step_count - 2];
    assert_true(step->has_key);
    struct digest key = step->key;
    plan_free(plan);
    return key;
}

static void test_rows(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "f", "f");
    fixture_file(fixture, "g", "g");
    fixture_file(fixture, "d/a", "a");
    fixture_file(fixture, "e/a", "b");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct digest first = last_key(fixture, row->first, row->first_args);
        struct digest second = last_key(fixture, row->second, row->second_args);
        if (digest_equal(&first, &second) != row->is_same) {
            fail_msg("%s: %s| and %s", row->is_same ? "differ" : "the same", row->first,
                     row->second);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
