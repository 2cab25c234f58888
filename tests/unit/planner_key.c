/* What a key is made of: two builds whose last step must, or must not, have the same one. */
#include "tests/unit/planner_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

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
    { true, "RUN a\n", "RUN b\nFROM scratch AS other\nRUN c\nFROM scratch\nRUN a\n", NULL, NULL },
    { true, "RUN a\n", "RUN a\nARG X\nENV Y=1\n", NULL, "X=1" },
    { true, "ARG X\nRUN a\n", "RUN a\n", NULL, NULL },
    { true, "RUN a\n", "ARG X=1\nFROM scratch\nRUN a\n", NULL, "X=2" },
    { true, "RUN --network=host a\n", "RUN a\n", NULL, NULL },
    { true, "ENV A=1 B=2\nRUN a\n", "ENV B=2\nENV A=1\nRUN a\n", NULL, NULL },
    { true, "ARG A=1\nCOPY f /d\n", "ARG A=2\nENV B=3\nUSER u\nCOPY ./x/../f /d\n", NULL, NULL },
    { true, "WORKDIR /w\nCOPY f .\n", "WORKDIR /w\nCOPY --link=false f ./\n", NULL, NULL },
    { true, "COPY --chmod=644 f /d\n", "COPY --chmod=0644 f /d\n", NULL, NULL },
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
    { false, "RUN x\nRUN a\n", "RUN y\nRUN a\n", NULL, NULL },
    { false, "RUN a\n", "SHELL [\"/b\"]\nRUN a\n", NULL, NULL },
    { false, "WORKDIR /w\nRUN a\n", "WORKDIR /w\nWORKDIR /\nRUN a\n", NULL, NULL },
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
    { false, "RUN --mount=type=cache,target=/c a\n",
      "RUN --mount=type=cache,target=/c,id=/c,ro a\n", NULL, NULL },
    { false, "RUN --mount=type=cache,target=/c,id=x a\n",
      "RUN --mount=type=cache,target=/d,id=x a\n", NULL, NULL },
    { false, "RUN a\n", "RUN --mount=type=tmpfs,target=/c a\n", NULL, NULL },
    { false, "RUN --mount=type=tmpfs,target=/c a\n", "RUN --mount=type=tmpfs,target=/c,size=1m a\n",
      NULL, NULL },
    { true, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,target=/run/secrets/x a\n",
      NULL, NULL },
    { true, "RUN --mount=type=secret,id=x a\n",
      "RUN --mount=type=secret,mode=400,uid=0,gid=0,source=x,required=false a\n", NULL, NULL },
    { false, "RUN --mount=type=secret,id=x a\n",
      "RUN --mount=type=secret,id=y,target=/run/secrets/x a\n", NULL, NULL },
    { false, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,id=x,target=/s a\n", NULL,
      NULL },
    { false, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,id=x,mode=444 a\n", NULL,
      NULL },
    { false, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,id=x,uid=1 a\n", NULL,
      NULL },
    { false, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,id=x,gid=1 a\n", NULL,
      NULL },
    { false, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,id=x,required a\n", NULL,
      NULL },
    { false, "RUN --mount=type=secret,id=x a\n", "RUN --mount=type=secret,id=x,env=X a\n", NULL,
      NULL },
    { false, "RUN --mount=type=secret,id=x,env=X a\n", "RUN --mount=type=secret,id=y,env=X a\n",
      NULL, NULL },
    { false, "RUN --mount=type=secret,id=x,env=X a\n", "RUN --mount=type=secret,id=x,env=Y a\n",
      NULL, NULL },
    { false, "RUN a\n", "RUN --mount=type=secret,id=x a\n", NULL, NULL },
    { false, "RUN --mount=source=f,target=/c a\n", "RUN --mount=source=g,target=/c a\n", NULL,
      NULL },
    { false, "RUN --mount=source=f,target=/c a\n", "RUN --mount=source=f,target=/c,rw a\n", NULL,
      NULL },
    { false, "RUN --mount=source=d,target=/c a\n", "RUN --mount=source=e,target=/c a\n", NULL,
      NULL },

    /* files */
    { false, "COPY f /d\n", "COPY f /d/\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY f /e\n", NULL, NULL },
    { false, "COPY f /d\n", "ADD f /d\n", NULL, NULL },
    { false, "ADD f /d\n", "ADD --unpack=false f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY --chown=1 f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY --chmod=600 f /d\n", NULL, NULL },
    { false, "COPY --chmod=644 f /d\n", "COPY --chmod=u=rw,go=r f /d\n", NULL, NULL },
    { false, "COPY f /d\n", "COPY --link f /d\n", NULL, NULL },
    { false, "COPY f g /d/\n", "COPY g f /d/\n", NULL, NULL },
    { false, "COPY d /x\n", "COPY --exclude=a d /x\n", NULL, NULL },
    { false, "COPY d/a /x/\n", "COPY --parents d/a /x/\n", NULL, NULL },
    { false, "COPY <<a /x\n1\na\n", "COPY --parents <<a /x\n1\na\n", NULL, NULL },
    { false, "COPY no* /x/\n", "COPY --parents no*/./a /x/\n", NULL, NULL },
    { false, "COPY d/a /x/\n", "COPY d /x/\n", NULL, NULL },
    { false, "COPY d e /x/\n", "COPY d /x/\n", NULL, NULL },
    { false, "COPY <<a <<b /x/\n1\na\n2\nb\n", "COPY <<b <<a /x/\n2\nb\n1\na\n", NULL, NULL },
    { false, "COPY <<a /x/\n1\na\n", "COPY <<b /x/\n1\nb\n", NULL, NULL },
    { false, "COPY <<a /x/\n1\na\n", "COPY <<a /x/\n2\na\n", NULL, NULL },
    { false, "WORKDIR /w\n", "WORKDIR /v\n", NULL, NULL },
    { false, "WORKDIR /w\n", "USER u\nWORKDIR /w\n", NULL, NULL },
    { false, "WORKDIR /w\n", "WORKDIR /w\n", NULL, "SOURCE_DATE_EPOCH=1" },
    /* from nothing: a root is there, no file is */
    { false, "COPY --from=scratch / /x/\n", "COPY --from=scratch no* /x/\n", NULL, NULL },
};

/* The key of the step that is so many before the image; 0: that of the image. */
static struct digest key_before(struct fixture *fixture, const char *lines, const char *arguments,
                                unsigned distance) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    fixture_build_args(fixture, arguments);
    assert_ok(fixture_plan(fixture, arena_printf(&fixture->arena, "FROM scratch\n%s", lines), &plan,
                           &error),
              &error);
    const struct step *step = plan->steps[plan->step_count - 1 - distance];
    assert_true(step->has_key);
    struct digest key = step->key;
    plan_free(plan);
    return key;
}

static struct digest last_key(struct fixture *fixture, const char *lines, const char *arguments) {
    return key_before(fixture, lines, arguments, 1);
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

/* ---- what is outside of the Dockerfile: one change each, and whether the key of COPY, of RUN, and of the image
 * of COPY stays ---- */

static void touch(struct fixture *fixture) {
    const struct timespec times[2] = { { 1000, 0 }, { 2000, 5 } };
    assert_int_equal(0, utimensat(AT_FDCWD, fixture_path(fixture, "d/a"), times, 0));
    assert_int_equal(0, utimensat(AT_FDCWD, fixture_path(fixture, "d"), times, 0));
}
static void another_inode(struct fixture *fixture) {
    fixture_file(fixture, "t", "a");
    assert_int_equal(0, rename(fixture_path(fixture, "t"), fixture_path(fixture, "d/a")));
}
static void hard_link(struct fixture *fixture) {
    assert_int_equal(0, link(fixture_path(fixture, "d/a"), fixture_path(fixture, "t")));
}
/* The entries come in another order: made anew, the last one first. */
static void directory_order(struct fixture *fixture) {
    assert_int_equal(0, rename(fixture_path(fixture, "d"), fixture_path(fixture, "old")));
    fixture_file(fixture, "d/sub/x", "x");
    fixture_file(fixture, "d/b", "b");
    fixture_file(fixture, "d/a", "a");
    assert_int_equal(0, symlink("a", fixture_path(fixture, "d/l")));
}
static void file_outside(struct fixture *fixture) {
    fixture_file(fixture, "t", "anything");
}
static void another_owner(struct fixture *fixture) {
    if (geteuid() == 0) {
        assert_int_equal(0, chown(fixture_path(fixture, "d/a"), 7, 8));
    }
}
static void context_moves(struct fixture *fixture) {
    char *moved = arena_printf(&fixture->arena, "%s/moved", fixture->directory);
    assert_int_equal(0, rename(fixture->context, moved));
    fixture->context = fixture->request.context = moved;
}
static void mode_of_root(struct fixture *fixture) {
    assert_int_equal(0, chmod(fixture_path(fixture, "d"), 0700));
}
static void hosts_address(struct fixture *fixture) {
    fixture->request.run.add_hosts.items[0] = STR("h:2.2.2.2");
}
static void label(struct fixture *fixture) {
    arena_vec_push(&fixture->arena, &fixture->request.labels,
                   (struct name_value){ STR("a"), STR("b") });
}
static void data(struct fixture *fixture) {
    fixture_file(fixture, "d/a", "A");
}
static void name(struct fixture *fixture) {
    assert_int_equal(0, rename(fixture_path(fixture, "d/a"), fixture_path(fixture, "d/z")));
}
static void mode(struct fixture *fixture) {
    assert_int_equal(0, chmod(fixture_path(fixture, "d/a"), 0755));
}
static void mode_of_directory(struct fixture *fixture) {
    assert_int_equal(0, chmod(fixture_path(fixture, "d/sub"), 0700));
}
static void new_file(struct fixture *fixture) {
    fixture_file(fixture, "d/n", "");
}
static void new_directory(struct fixture *fixture) {
    fixture_file(fixture, "d/n/", "");
}
static void moved_down(struct fixture *fixture) {
    assert_int_equal(0, rename(fixture_path(fixture, "d/b"), fixture_path(fixture, "d/sub/b")));
}
static void link_target(struct fixture *fixture) {
    assert_int_equal(0, unlink(fixture_path(fixture, "d/l")));
    assert_int_equal(0, symlink("b", fixture_path(fixture, "d/l")));
}
static void add_item(struct fixture *fixture, struct str_list *list, struct str item) {
    arena_vec_push(&fixture->arena, list, item);
}
static void capability(struct fixture *fixture) {
    add_item(fixture, &fixture->request.run.cap_add, STR("CAP_SYS_PTRACE"));
}
static void dropped_capability(struct fixture *fixture) {
    add_item(fixture, &fixture->request.run.cap_drop, STR("CAP_CHOWN"));
}
static void capabilities_turned_round(struct fixture *fixture) {
    struct str *items = fixture->request.run.cap_add.items;
    struct str first = items[0];
    items[0] = items[1];
    items[1] = first;
}
static void capability_again(struct fixture *fixture) {
    add_item(fixture, &fixture->request.run.cap_drop, STR("CAP_MKNOD"));
}
static void security_option(struct fixture *fixture) {
    add_item(fixture, &fixture->request.run.security_options, STR("no-new-privileges"));
}
static void limit(struct fixture *fixture) {
    add_item(fixture, &fixture->request.run.ulimits, STR("nofile=10"));
}
static void host(struct fixture *fixture) {
    fixture->request.run.add_hosts.items[0] = STR("i:1.1.1.1");
}
/* Options a user gives one of: the path of a seccomp profile, and what is in it. */
static void profile_moves(struct fixture *fixture) {
    fixture->request.run.security_options.items[0] = STR("seccomp=/elsewhere");
}
static void profile(struct fixture *fixture) {
    fixture->request.run.seccomp = digest_of("x", 1);
}
static void volume(struct fixture *fixture) {
    add_item(fixture, &fixture->request.volumes, STR("/:/host"));
}
static void platform(struct fixture *fixture) {
    struct platform *other = arena_new(&fixture->arena, struct platform);
    *other = (struct platform){ .os = STR("linux"), .architecture = STR("riscv64") };
    fixture->request.platforms = other;
    fixture->request.platform_count = 1;
}
static void annotation(struct fixture *fixture) {
    arena_vec_push(&fixture->arena, &fixture->request.annotations,
                   (struct name_value){ STR("a"), STR("b") });
}
static void env_of_the_image(struct fixture *fixture) {
    arena_vec_push(&fixture->arena, &fixture->request.envs,
                   (struct name_value){ STR("a"), STR("b") });
}
static void format(struct fixture *fixture) {
    fixture->request.is_docker = true;
}
static void squash(struct fixture *fixture) {
    fixture->request.is_squashed = true;
}
static void network(struct fixture *fixture) {
    fixture->request.run.network = NETWORK_NONE;
}
static void timestamp(struct fixture *fixture) {
    fixture->request.has_timestamp = fixture->request.is_rewriting_times = true;
    fixture->request.timestamp = 5;
}

static const struct change {
    void (*change)(struct fixture *fixture);
    bool copy_stays, run_stays, image_stays;
} changes[] = {
    { touch, true, true, true },
    { another_inode, true, true, true },
    { hard_link, true, true, true },
    { directory_order, true, true, true },
    { file_outside, true, true, true },
    { another_owner, true, true, true },
    { context_moves, true, true, true },
    { mode_of_root, true, true, true }, /* of what is copied the directory itself is not */
    { hosts_address, true, true, true },
    { label, true, true, false },
    { data, false, true, false },
    { name, false, true, false },
    { mode, false, true, false },
    { mode_of_directory, false, true, false },
    { new_file, false, true, false },
    { new_directory, false, true, false },
    { moved_down, false, true, false },
    { link_target, false, true, false },
    { capability, true, false, true },
    { dropped_capability, true, false, true },
    { capabilities_turned_round, true, true, true },
    { capability_again, true, true, true },
    { security_option, true, false, true },
    { limit, true, false, true },
    { host, true, false, true },
    { network, true, false, true },
    { timestamp, false, false, false },
    { profile_moves, true, true, true },
    { profile, true, false, true },
    { volume, true, false, true },
    { platform, true, false, false },
    { annotation, true, true, false },
    { env_of_the_image, true, true, false },
    { format, true, true, false },
    { squash, true, true, false },
};

static void make_files(struct fixture *fixture) {
    fixture_file(fixture, "d/a", "a");
    fixture_file(fixture, "d/b", "b");
    fixture_file(fixture, "d/sub/x", "x");
    assert_int_equal(0, symlink("a", fixture_path(fixture, "d/l")));
    add_item(fixture, &fixture->request.run.add_hosts, STR("h:1.1.1.1"));
    add_item(fixture, &fixture->request.run.security_options, STR("seccomp=/profile"));
    add_item(fixture, &fixture->request.run.cap_add, STR("CAP_SYS_ADMIN"));
    add_item(fixture, &fixture->request.run.cap_add, STR("CAP_NET_ADMIN"));
    add_item(fixture, &fixture->request.run.cap_drop, STR("CAP_MKNOD"));
}

static void test_changes(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        void *state;
        assert_int_equal(0, fixture_begin(&state));
        struct fixture *fixture = state;
        make_files(fixture);
        struct digest copy = last_key(fixture, "COPY d /d\n", NULL);
        struct digest run = last_key(fixture, "RUN a\n", NULL);
        struct digest image = key_before(fixture, "COPY d /d\n", NULL, 0);
        changes[i].change(fixture);
        struct digest copy_now = last_key(fixture, "COPY d /d\n", NULL);
        struct digest run_now = last_key(fixture, "RUN a\n", NULL);
        struct digest image_now = key_before(fixture, "COPY d /d\n", NULL, 0);
        if (digest_equal(&copy, &copy_now) != changes[i].copy_stays ||
            digest_equal(&image, &image_now) != changes[i].image_stays ||
            digest_equal(&run, &run_now) != changes[i].run_stays) {
            fail_msg("change %zu", i);
        }
        fixture_end(&state);
    }
}

/* A directory's digest is the same however it was found: listed in another order, known to the index or not. */
static void test_order_does_not_matter(void **state) {
    struct fixture *fixture = *state;
    char text[32];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "d/%u", i);
        fixture_file(fixture, text, text);
    }
    struct digest cold = last_key(fixture, "COPY d /d\n", NULL);
    assert_int_equal(0, rename(fixture_path(fixture, "d"), fixture_path(fixture, "old")));
    for (unsigned i = 300; i-- > 0;) {
        snprintf(text, sizeof(text), "d/%u", i);
        fixture_file(fixture, text, text);
    }
    fixture_age();
    struct digest other = last_key(fixture, "COPY d /d\n", NULL);
    struct digest warm = last_key(fixture, "COPY d /d\n", NULL);
    fixture->request.is_paranoid = true;
    struct digest again = last_key(fixture, "COPY d /d\n", NULL);
    assert_true(digest_equal(&cold, &other) && digest_equal(&cold, &warm));
    assert_true(digest_equal(&cold, &again));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
        cmocka_unit_test(test_changes),
        cmocka_unit_test_setup_teardown(test_order_does_not_matter, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
