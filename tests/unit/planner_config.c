/* The image config and history a Dockerfile makes, row by row; `source` names the section the row is from. */
#include "tests/unit/planner_fixture.h"

struct row {
    const char *source;
    const char *dockerfile;
    const char *build_args; /* "A=1 B=2", or NULL */
    const char *config;     /* must occur in the config; NULL: not looked at */
    const char *
        history; /* created_by of all entries, one a line, "!" before empty layers; NULL: not looked at */
    const char *error; /* the message, or NULL */
};

#define PATH_ENV "\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""

static const struct row rows[] = {
    { "image-config 5.1", "FROM scratch\n", NULL,
      "\"config\":{\"Env\":[" PATH_ENV
      "],\"WorkingDir\":\"/\"},\"os\":\"linux\",\"rootfs\":{\"type\":"
      "\"layers\",\"diff_ids\":[]}",
      "", NULL },
    { "image-config 5.2", "FROM scratch\nSHELL [\"/bin/sh\",\"-ec\"]\nCMD echo \"a b\"\n", NULL,
      "\"Cmd\":[\"/bin/sh\",\"-ec\",\"echo \\\"a b\\\"\"]",
      "!SHELL [/bin/sh -ec]\n!CMD [\"/bin/sh\" \"-ec\" \"echo \\\"a b\\\"\"]\n", NULL },
    { "image-config 5.3", "FROM scratch\nWORKDIR /\n", NULL, NULL, "!WORKDIR /\n", NULL },
    { "image-config 5.4", "FROM scratch\nRUN true\n", NULL, NULL,
      "RUN /bin/sh -c true # buildkit\n", NULL },
    { "image-config 5.5", "FROM scratch\nENV A=1\nENV B=2\nENV A=3\n", NULL,
      "\"Env\":[" PATH_ENV ",\"A=3\",\"B=2\"]", "!ENV A=1\n!ENV B=2\n!ENV A=3\n", NULL },
    { "image-config 5.6", "FROM scratch\nEXPOSE 80 53/udp 8000-8002\n", NULL,
      "\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tcp\":{},\"8002/"
      "tcp\":{}}",
      "!EXPOSE [53/udp 80/tcp 8000/tcp 8001/tcp 8002/tcp]\n", NULL },
    { "image-config 5.7", "FROM scratch\nHEALTHCHECK NONE\n", NULL,
      "\"Healthcheck\":{\"Test\":[\"NONE\"]}", NULL, NULL },
    { "image-config 5.9", "FROM scratch\nENTRYPOINT [\"x\"]\nENTRYPOINT []\n", NULL,
      "\"config\":{\"Env\":[" PATH_ENV "],\"WorkingDir\":\"/\"}",
      "!ENTRYPOINT [\"x\"]\n!ENTRYPOINT []\n", NULL },
    { "image-config 5.10", "FROM scratch\nCMD []\n", NULL,
      "\"Cmd\":[],\"WorkingDir\":\"/\",\"ArgsEscaped\":true", "!CMD []\n", NULL },
    { "image-config 5.11", "FROM scratch\nARG X\nRUN x\n", NULL, NULL,
      "!ARG X\nRUN |1 X= /bin/sh -c x # buildkit\n", NULL },
    { "image-config 5.12", "FROM scratch\nRUN x\n", "HTTP_PROXY=http://p", NULL,
      "RUN /bin/sh -c x # buildkit\n", NULL },

    { "image-config 2",
      "FROM scratch\nENV X=1 Y=\"2 3\"\nLABEL a=b c=\"d e\"\nUSER web\nVOLUME /v /w\n"
      "STOPSIGNAL SIGTERM\nMAINTAINER me\n",
      NULL, "\"author\":\"me\",\"config\":{\"User\":\"web\"",
      "!ENV X=1 Y=2 3\n!LABEL a=b c=d e\n!USER web\n!VOLUME [/v /w]\n!STOPSIGNAL "
      "SIGTERM\n!MAINTAINER me\n",
      NULL },
    { "image-config 2 |N",
      "FROM scratch\nARG FOO=bar\nARG BAZ\nRUN echo $FOO > /o\nRUN [\"/bin/true\",\"x\",\"y\"]\n",
      "BAZ=q", NULL,
      "!ARG FOO=bar\n!ARG BAZ=q\nRUN |2 FOO=bar BAZ=q /bin/sh -c echo $FOO > /o # buildkit\n"
      "RUN |2 FOO=bar BAZ=q /bin/true x y # buildkit\n",
      NULL },
    { "image-config 2 |N merged", "FROM scratch\nARG foo=bar\nARG bar=123\nARG foo=bar2\nRUN x\n",
      NULL, NULL,
      "!ARG foo=bar\n!ARG bar=123\n!ARG foo=bar2\nRUN |2 foo=bar2 bar=123 /bin/sh -c x # "
      "buildkit\n",
      NULL },
    { "image-config 2 ARG list", "FROM scratch\nARG FOO=bar BAZ\n", NULL, NULL,
      "!ARG FOO=bar BAZ\n", NULL },
    { "image-config 2 HEALTHCHECK",
      "FROM scratch\nHEALTHCHECK --interval=5s --retries=2 CMD true x\n", NULL,
      "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true x\"],\"Interval\":5000000000,\"Retries\":2}",
      "!HEALTHCHECK {Test:[CMD-SHELL true x] Interval:5s Timeout:0s StartPeriod:0s "
      "StartInterval:0s "
      "Retries:2}\n",
      NULL },
    { "image-config 2 WORKDIR", "FROM scratch\nWORKDIR /a\nWORKDIR b/../c\n", NULL,
      "\"WorkingDir\":\"/a/c\"", "WORKDIR /a\nWORKDIR /a/c\n", NULL },
    { "image-config 2 ONBUILD", "FROM scratch\nONBUILD RUN t\n", NULL, "\"OnBuild\":[\"RUN t\"]",
      "", NULL },
    { "image-config 2 COPY",
      "FROM scratch AS a\nFROM scratch\nCOPY --from=a --chown=1:2 --chmod=755 /etc/passwd /p\n",
      NULL, NULL, "COPY --chown=1:2 --chmod=755 /etc/passwd /p # buildkit\n", NULL },
    { "image-config 2 COPY heredoc", "FROM scratch\nCOPY <<EOF <<X /f/\na\nEOF\nb\nX\n", NULL, NULL,
      "COPY <<EOF <<X /f/ # buildkit\n", NULL },
    { "image-config 2 heredoc", "FROM scratch\nRUN <<EOF\na\nb\nEOF\n", NULL, NULL,
      "RUN /bin/sh -c a\nb\n # buildkit\n", NULL },
    { "image-config 2 go quoting", "FROM scratch\nCMD [\"a\\tb\", \"\\u00e9\\u0001\"]\n", NULL,
      NULL, "!CMD [\"a\\tb\" \"\u00e9\\x01\"]\n", NULL },
    { "dockerfile 6 CMD", "FROM scratch\nCMD\n", NULL, "\"Cmd\":[\"/bin/sh\",\"-c\",\"\"]", NULL,
      NULL },

    { "stages 9.15",
      "FROM scratch AS b\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\nFROM b\nENTRYPOINT [\"f\"]\n", NULL,
      "\"Entrypoint\":[\"f\"],\"WorkingDir\"", NULL, NULL },
    { "stages 9.16",
      "FROM scratch AS b\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\nFROM b\nCMD [\"d\"]\nENTRYPOINT "
      "[\"f\"]\n",
      NULL, "\"Entrypoint\":[\"f\"],\"Cmd\":[\"d\"]", NULL, NULL },
    { "stages 6.1", "FROM base\n", NULL,
      "\"config\":{\"User\":\"u\",\"ExposedPorts\":{\"1/tcp\":{}},\"Env\":[\"A=1\",\"PATH=/"
      "x\",\"T=1\"],"
      "\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"],\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\","
      "\"Labels\":{\"l\":\"1\"},\"StopSignal\":\"9\",\"Healthcheck\":{\"Test\":[\"CMD\",\"h\"],"
      "\"Retries\":3},\"Shell\":[\"/bin/ash\",\"-c\"]},\"history\":[{\"created_by\":\"base\","
      "\"comment\":\"c\",\"empty_layer\":true},{\"created_by\":\"ENV T=1\"",
      "!base\n!ENV T=1\n", NULL },
    { "stages 6.1 relative WORKDIR", "FROM base\nWORKDIR x\n", NULL, "\"WorkingDir\":\"/w/x\"",
      NULL, NULL },

    { "expansion 5.1", "FROM scratch\nENV X=1\nENV X=2 Y=$X\n", NULL, "\"X=2\",\"Y=1\"", NULL,
      NULL },
    { "expansion 5.2", "FROM scratch\nENV old some value  with   \"quotes\"\n", NULL,
      "\"old=some value  with   quotes\"", NULL, NULL },
    { "expansion 5.3", "FROM scratch\nENV E4='$A' E5=\\$A E6=a\\ b E7=${ZZ:-def}\n", NULL,
      "\"E4=$A\",\"E5=$A\",\"E6=a b\",\"E7=def\"", NULL, NULL },
    { "expansion 5.4", "FROM scratch\nARG C\nENV X=${C-unset}\n", NULL, "\"X=unset\"", NULL, NULL },
    { "expansion 5.4 empty", "FROM scratch\nARG C\nENV X=${C-unset}\n", "C=", "\"X=\"", NULL,
      NULL },
    { "expansion 5.5", "ARG V=base\nFROM scratch\nARG V\nENV A=$V\nARG V=over\nENV B=$V\n", NULL,
      "\"A=base\",\"B=over\"", NULL, NULL },
    { "expansion 5.6", "FROM scratch\nARG A=x\nARG A=y\nRUN r\n", "A=z", NULL,
      "!ARG A=z\n!ARG A=z\nRUN |1 A=z /bin/sh -c r # buildkit\n", NULL },
    { "expansion 5.7", "FROM scratch\nARG BAR=${FOO:?\"foo missing\"}\n", NULL, NULL, NULL,
      "failed to process \"${FOO:?\\\"foo missing\\\"}\": FOO: foo missing" },
    { "expansion 5.7 given", "FROM scratch\nARG BAR=${FOO:?\"foo missing\"}\nENV X=$BAR\n", "BAR=1",
      "\"X=1\"", NULL, NULL },
    { "expansion 5.8", "ARG FOO=${FOO:?\"custom error\"}\nFROM scratch\n", NULL, NULL, NULL,
      "failed to process \"${FOO:?\\\"custom error\\\"}\": FOO: custom error" },
    { "expansion 5.8 given", "ARG FOO=${FOO:?\"custom error\"}\nFROM scratch\n", "FOO=1", NULL, "",
      NULL },
    { "expansion 5.9", "ARG a1=\"foo bar\" a2=se\nFROM ba$a2\n", NULL, "\"l\":\"1\"", NULL, NULL },
    { "expansion 5.10", "FROM scratch\nENV P=\"80 90\"\nEXPOSE $P\n", NULL,
      "\"ExposedPorts\":{\"80/tcp\":{},\"90/tcp\":{}}", NULL, NULL },
    { "expansion 5.10 quoted", "FROM scratch\nENV P=\"80 90\"\nEXPOSE \"$P\"\n", NULL, NULL, NULL,
      "invalid port: \"80 90\": invalid containerPort: 80 90" },
    { "expansion 5.12", "FROM scratch\nENV K=name\nLABEL $K=v\n", NULL,
      "\"Labels\":{\"name\":\"v\"}", NULL, NULL },
    { "expansion 5.13", "FROM scratch\nENV D=/d\nVOLUME [\"$D\"]\n", NULL,
      "\"Volumes\":{\"/d\":{}}", NULL, NULL },
    { "expansion 5.14", "FROM scratch\nCMD [\"$A\"]\nRUN [\"echo\",\"$HOME\"]\n", NULL,
      "\"Cmd\":[\"$A\"]", "!CMD [\"$A\"]\nRUN echo $HOME # buildkit\n", NULL },
    { "expansion 5.15", "FROM scratch\nWORKDIR /w\nWORKDIR $U\n", NULL, "\"WorkingDir\":\"/w\"",
      NULL, NULL },
    { "expansion 5.16", "FROM scratch\nUSER ${u:-web}\nARG u\n", "u=x", "\"User\":\"web\"", NULL,
      NULL },
    { "expansion 5.17", "FROM scratch\nENV A=$A\n", NULL, "\"A=\"", NULL, NULL },
    { "expansion 5.18", "FROM scratch\nENV PATH=/x:$PATH\n", NULL,
      "\"PATH=/x:/usr/local/sbin:", NULL, NULL },
    { "expansion 5.21", "FROM scratch AS p\nENV y=early\nONBUILD ENV x=$y\nFROM p\n", NULL,
      "\"x=early\"", NULL, NULL },
    { "expansion 5.22", "FROM scratch\nENV a=b$\n", NULL, "\"a=b$\"", NULL, NULL },
    { "expansion 5.23", "FROM scratch\nENV a=\"it's\"\n", NULL, "\"a=it's\"", NULL, NULL },
    { "expansion 5.24", "FROM scratch\nENV a=${b:-\"}\"}\n", NULL, "\"a=}\"", NULL, NULL },
    { "expansion 5.25", "FROM scratch\nENV a=\\", NULL, "\"a=\"", NULL, NULL },
    { "expansion 5.26", "# escape=`\nFROM scratch\nENV d=c:\\x\n", NULL, "\"d=c:\\\\x\"", NULL,
      NULL },
    { "expansion 5.28", "FROM scratch\nENV S=SIGINT\nSTOPSIGNAL $S\n", NULL,
      "\"StopSignal\":\"SIGINT\"", NULL, NULL },
    { "expansion 5.29", "ARG n=a$\nFROM $n\n", NULL, NULL, NULL,
      "failed to parse stage name \"a$\"" },
    { "expansion 5.30", "FROM scratch\nHEALTHCHECK CMD echo $A\n", NULL, "\"echo $A\"", NULL,
      NULL },
    { "expansion 4.1", "ARG V=base\nFROM scratch\nENV X=[$V]\n", NULL, "\"X=[]\"", NULL, NULL },
    { "expansion 4.2 default beats global", "ARG V=base\nFROM scratch\nARG V=dflt\nENV X=$V\n",
      NULL, "\"X=dflt\"", NULL, NULL },
    { "expansion 4.2 earlier value stays", "FROM scratch\nARG W=w1\nARG W\nENV X=$W\n", NULL,
      "\"X=w1\"", NULL, NULL },
    { "expansion 4.2 empty is set", "FROM scratch\nARG D=\nENV X=${D-unset}\n", NULL, "\"X=\"",
      NULL, NULL },
    { "expansion 4.3 ENV after ARG", "FROM scratch\nARG A=a\nENV A=e\nENV X=$A\n", NULL, "\"X=e\"",
      NULL, NULL },
    { "expansion 4.3 ARG after ENV", "FROM scratch\nENV B=e\nARG B=a\nENV X=$B\n", NULL,
      "\"B=e\",\"X=a\"", NULL, NULL },
    { "expansion 3 ARG sees itself", "FROM scratch\nARG a=1 b=$a\nENV X=$b\n", NULL, "\"X=1\"",
      NULL, NULL },
    { "expansion 4.4",
      "FROM scratch\nARG TARGETVARIANT TARGETOS\nENV X=[${TARGETVARIANT-unset}]$TARGETOS\n", NULL,
      "\"X=[]linux\"", NULL, NULL },
    { "expansion 4.4 not declared", "FROM scratch\nENV X=[$TARGETOS]\n", NULL, "\"X=[]\"", NULL,
      NULL },
    { "expansion 4.4 overridden", "FROM scratch\nARG TARGETOS\nENV X=$TARGETOS\n", "TARGETOS=plan9",
      "\"X=plan9\"", NULL, NULL },
    { "expansion 4.4 TARGETSTAGE", "FROM scratch AS last\nARG TARGETSTAGE\nENV X=$TARGETSTAGE\n",
      NULL, "\"X=last\"", NULL, NULL },
    { "expansion 4.7", "FROM scratch AS p\nARG Q=1\nFROM p\nENV X=$Q\nRUN r\n", NULL, "\"X=1\"",
      "!ARG Q=1\n!ENV X=1\nRUN |1 Q=1 /bin/sh -c r # buildkit\n", NULL },
    { "dockerfile 6 STOPSIGNAL", "FROM scratch\nSTOPSIGNAL 0\n", NULL, NULL, NULL,
      "invalid signal: 0" },
    { "dockerfile 6 STOPSIGNAL names", "FROM scratch\nSTOPSIGNAL rtmin+3\nSTOPSIGNAL sigfoo\n",
      NULL, NULL, NULL, "invalid signal: sigfoo" },
    { "dockerfile 6 EXPOSE", "FROM scratch\nEXPOSE 80/foo\n", NULL, NULL, NULL,
      "invalid port: \"80/foo\": invalid proto: foo" },
    { "dockerfile 6 EXPOSE host", "FROM scratch\nEXPOSE 127.0.0.1:8080:80/UDP 90/\n", NULL,
      "\"ExposedPorts\":{\"80/udp\":{},\"90/tcp\":{}}", NULL, NULL },
};

static void join_history(const struct image_config *config, struct buf *out) {
    for (size_t i = 0; i < config->history_count; i++) {
        if (config->history[i].is_empty_layer) {
            buf_append_byte(out, '!');
        }
        buf_append_str(out, config->history[i].created_by);
        buf_append_byte(out, '\n');
    }
}

static int check_plan(const struct row *row, const struct plan *plan) {
    int failures = 0;
    _cleanup_buf_ struct buf config = BUF_INIT;
    image_config_write_untimed(&config, &plan->image->image.config);
    if (row->config && !strstr(config.data, row->config)) {
        print_error("%s: config\n%s\nlacks\n%s\n", row->source, config.data, row->config);
        failures++;
    }
    _cleanup_buf_ struct buf history = BUF_INIT;
    join_history(&plan->image->image.config, &history);
    if (row->history && !str_equal_c(buf_str(&history), row->history)) {
        print_error("%s: history\n%s\nwanted\n%s\n", row->source, history.data, row->history);
        failures++;
    }
    return failures;
}

static int check_row(struct fixture *fixture, const struct row *row) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    fixture_build_args(fixture, row->build_args);
    if (fixture_plan(fixture, row->dockerfile, &plan, &error)) {
        if (!row->error || strcmp(row->error, error.message) != 0) {
            print_error("%s: error: %s\nwanted: %s\n", row->source, error.message,
                        row->error ? row->error : "none");
            return 1;
        }
        if (!error.place.file) {
            print_error("%s: the error has no place\n", row->source);
            return 1;
        }
        return 0;
    }
    int failures = 0;
    if (row->error) {
        print_error("%s: no error, wanted: %s\n", row->source, row->error);
        failures = 1;
    } else {
        failures = check_plan(row, plan);
    }
    plan_free(plan);
    return failures;
}

static void test_rows(void **state) {
    struct fixture *fixture = *state;
    fixture_image(
        fixture, "base",
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"u\",\"ExposedPorts\":{"
        "\"1/tcp\":{}},\"Env\":[\"A=1\",\"PATH=/x\"],\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"],"
        "\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/"
        "w\",\"Labels\":{\"l\":\"1\"},\"StopSignal\":\"9\","
        "\"Healthcheck\":{\"Test\":[\"CMD\",\"h\"],\"Retries\":3},\"Shell\":[\"/bin/ash\",\"-c\"],"
        "\"OnBuild\":[\"ENV "
        "T=1\"]},\"history\":[{\"created\":\"2020-01-02T03:04:05Z\",\"created_by\":"
        "\"base\",\"comment\":\"c\",\"empty_layer\":true}],\"rootfs\":{\"type\":\"layers\","
        "\"diff_ids\":[]}}");
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += check_row(fixture, &rows[i]);
    }
    assert_int_equal(0, failures);
}

static void test_labels_of_the_command_line_win(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    name_values_set(&fixture->request.labels, &fixture->arena, STR("a"), STR("2"));
    assert_ok(fixture_plan(fixture, "FROM scratch\nLABEL a=1\n", &plan, &error), &error);
    assert_string_equal("2", name_values_get(&plan->image->image.config.labels, STR("a"))->data);
    plan_free(plan);
}

static void test_empty_layers_take_the_time_of_a_neighbour(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    assert_ok(fixture_plan(fixture, "FROM scratch\nENV A=1\nRUN a\nENV B=1\nRUN b\nCMD c\n", &plan,
                           &error),
              &error);
    const struct history_entry *history = plan->image->image.config.history;
    assert_ptr_equal(history[0].step, plan->steps[0]);
    assert_ptr_equal(history[1].step, plan->steps[0]);
    assert_ptr_equal(history[2].step, plan->steps[0]);
    assert_ptr_equal(history[3].step, plan->steps[1]);
    assert_ptr_equal(history[4].step, plan->steps[1]);
    plan_free(plan);
}

static void test_the_blob_is_read_back(void **state) {
    (void)state;
    static const char blob[] =
        "{\"architecture\":\"arm\",\"author\":\"a\",\"config\":{\"User\":\"u\",\"Env\":[\"A=\"],"
        "\"Cmd\":[],\"WorkingDir\":\"/\",\"Labels\":{\"a\":\"1\",\"b\":\"2\"},\"ArgsEscaped\":true,"
        "\"Healthcheck\":{\"Test\":[\"NONE\"],\"Timeout\":7},\"OnBuild\":[\"RUN x\"]},"
        "\"created\":\"2020-01-02T03:04:05.6Z\",\"history\":[{\"created\":\"2020-01-02T03:04:05Z\","
        "\"created_by\":\"x\",\"author\":\"y\",\"comment\":\"z\",\"empty_layer\":true}],"
        "\"os\":\"linux\",\"os.version\":\"1\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
        "[\"sha256:00\"]},\"variant\":\"v7\"}";
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct image_config config, copy;
    assert_ok(image_config_parse(str_of(blob), &arena, &config, &error), &error);
    image_config_copy(&copy, &config, &arena);
    image_config_write(&out, &copy);
    assert_string_equal(blob, out.data);
}

static void test_wrong_types_are_named(void **state) {
    (void)state;
    static const struct {
        const char *blob;
        const char *member;
    } blobs[] = {
        { "{\"config\":{\"Env\":[1]}}", "Env" },
        { "{\"config\":{\"Labels\":{\"x\":1}}}", "x" },
        { "{\"config\":[]}", "config" },
        { "{\"created\":\"yesterday\"}", "created" },
        { "{\"rootfs\":{\"diff_ids\":{}}}", "diff_ids" },
        { "{\"history\":[1]}", "history" },
        { "{\"config\":{\"Healthcheck\":{\"Interval\":\"1s\"}}}", "Interval" },
    };
    for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct image_config config;
        assert_int_equal(-1, image_config_parse(str_of(blobs[i].blob), &arena, &config, &error));
        assert_int_equal(ERROR_CORRUPT, error.code);
        assert_non_null(strstr(error.message, blobs[i].member));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_labels_of_the_command_line_win, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_empty_layers_take_the_time_of_a_neighbour,
                                        fixture_begin, fixture_end),
        cmocka_unit_test(test_the_blob_is_read_back),
        cmocka_unit_test(test_wrong_types_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
