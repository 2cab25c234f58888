/* The build cache: what it keeps, what it does not believe, and what it makes of damage. */
#include "store_fixture.h"

#include "store/cache.h"
#include "store/cache_file.h"
#include "store/cache_record.h"
#include "store/cache_table.h"
#include "store/cache_verify.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAP_SIZE ((size_t)64 << 20)
#define MOST_READERS 10000 /* more than LMDB is told to have places for */

static struct cache *open_cache(struct fixture *fixture, enum cache_access access) {
    struct cache *cache = NULL;
    assert_int_equal(cache_open(fixture->store, access, &cache, NULL), 0);
    assert_non_null(cache);
    return cache;
}

static struct digest key_of(unsigned number) {
    return digest_of(&number, sizeof(number));
}

static int store_number(struct cache *cache, unsigned number) {
    char result[33], text[64];
    snprintf(result, sizeof(result), "%032u", number);
    snprintf(text, sizeof(text), "RUN step %u", number);
    struct cache_record record = { .key = key_of(number),
                                   .result = str_of(result),
                                   .parent = STR_EMPTY,
                                   .text = str_of(text),
                                   .stage = STR("stage") };
    return cache_store(cache, &record, NULL, NULL);
}

static bool has_number(struct cache *cache, unsigned number) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct cache_record record;
    struct digest key = key_of(number);
    char text[64];
    snprintf(text, sizeof(text), "RUN step %u", number);
    return cache_lookup(cache, &key, &arena, &record) && str_equal_c(record.text, text);
}

/* Those that are believed. */
static unsigned count_records(struct cache *cache) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct digest *keys;
    size_t count;
    unsigned believed = 0;
    assert_int_equal(cache_keys(cache, &arena, &keys, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct cache_record record;
        believed += cache_lookup(cache, &keys[i], &arena, &record);
    }
    return believed;
}

static void forget(struct cache *cache, struct digest key) {
    struct cache_victim victim = { .key = key };
    assert_int_equal(cache_forget(cache, &victim, 1, NULL), 0);
}

static void records_come_back(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    struct ingredient ingredients[] = { { STR("parent"), STR("abc") },
                                        { STR("env PATH"), STR("/bin:\0/sbin") },
                                        { STR("empty"), STR_EMPTY } };
    struct cache_record record = { .key = key_of(1),
                                   .kind = CACHE_IMAGE,
                                   .result = STR("result"),
                                   .parent = STR("below"),
                                   .created = -5,
                                   .duration = UINT64_MAX,
                                   .state = { 42, -43, 45, 44 },
                                   .text = STR("RUN true"),
                                   .stage = STR("build"),
                                   .ingredients = ingredients,
                                   .ingredient_count = COUNT(ingredients) };
    struct digest place = key_of(1000), last;
    assert_false(cache_last_at(cache, &place, &last));
    assert_int_equal(cache_store(cache, &record, &place, NULL), 0);
    cache_close(cache);

    cache = open_cache(fixture, CACHE_READ);
    struct cache_record found;
    assert_true(cache_lookup(cache, &record.key, &fixture->arena, &found));
    assert_true(digest_equal(&found.key, &record.key));
    assert_int_equal(found.kind, CACHE_IMAGE);
    assert_string_equal(found.result.data, "result");
    assert_string_equal(found.parent.data, "below");
    assert_int_equal(found.created, -5);
    assert_true(found.duration == UINT64_MAX);
    assert_int_equal(found.state.inode, 42);
    assert_int_equal(found.state.modified, -43);
    assert_int_equal(found.state.changed, 45);
    assert_int_equal(found.state.shape, 44);
    assert_string_equal(found.text.data, "RUN true");
    assert_string_equal(found.stage.data, "build");
    assert_int_equal(found.ingredient_count, COUNT(ingredients));
    for (size_t i = 0; i < COUNT(ingredients); i++) {
        assert_true(str_equal(found.ingredients[i].name, ingredients[i].name));
        assert_true(str_equal(found.ingredients[i].value, ingredients[i].value));
    }
    assert_true(cache_last_at(cache, &place, &last));
    assert_true(digest_equal(&last, &record.key));
    struct digest other = key_of(2);
    assert_false(cache_lookup(cache, &other, &fixture->arena, &found));
    cache_close(cache);
}

static void a_step_is_told_otherwise(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    struct ingredient before = { STR("sources"), STR("a b") },
                      now = { STR("sources"), STR("[ab]") };
    struct cache_record record = { .result = STR("result"),
                                   .text = STR("COPY a b /"),
                                   .reason = STR("new"),
                                   .created = 5,
                                   .ingredients = &before,
                                   .ingredient_count = 1 };
    struct cache_record found;
    struct digest place = key_of(1000), gone = key_of(7);
    record.key = key_of(2);
    assert_int_equal(cache_store(cache, &record, &place, NULL), 0);
    record.key = key_of(1);
    assert_int_equal(cache_store(cache, &record, &place, NULL), 0);
    assert_int_equal(cache_settle(cache, &record.key, 1, NULL), 0);
    assert_int_equal(cache_tell(cache, &gone, STR("COPY"), &now, 1, NULL), 0);
    assert_int_equal(cache_lack(cache, &gone), CACHE_LACKS_RECORD);
    assert_int_equal(cache_tell(cache, &record.key, STR("COPY [ab] /"), &now, 1, NULL), 0);
    assert_true(cache_lookup(cache, &record.key, &fixture->arena, &found));
    assert_string_equal(found.text.data, "COPY [ab] /");
    assert_int_equal(found.ingredient_count, 1);
    assert_string_equal(found.ingredients[0].value.data, "[ab]");
    assert_string_equal(found.result.data, "result");
    assert_string_equal(found.reason.data, "new");
    assert_int_equal(found.created, 5);
    struct digest previous = key_of(2);
    assert_true(digest_equal(found.previous, &previous));
    assert_true(cache_is_settled(cache, &record.key, 1));
    cache_close(cache);
}

static void who_is_found_is_the_last(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    struct cache_record record = { .result = STR("one"), .text = STR("RUN") };
    struct digest place = key_of(1000), gone = key_of(1001), last;
    struct digest first = key_of(1), second = key_of(2), missing = key_of(3);
    record.key = first;
    assert_int_equal(cache_store(cache, &record, &place, NULL), 0);
    record.key = second;
    assert_int_equal(cache_store(cache, &record, &place, NULL), 0);
    assert_int_equal(cache_store(cache, &record, &gone, NULL), 0);
    const struct cache_place found[] = { { place, &first }, { gone, NULL } };
    assert_false(cache_places_are(cache, found, COUNT(found)));
    assert_int_equal(cache_all_found(cache), 0);
    assert_int_equal(cache_count_hits(cache, found, COUNT(found), true, 7, NULL), 0);
    assert_true(cache_places_are(cache, found, COUNT(found)));
    assert_int_equal(cache_all_found(cache), 7);
    assert_true(cache_last_at(cache, &place, &last));
    assert_true(digest_equal(&last, &first));
    assert_false(cache_last_at(cache, &gone, &last));
    struct cache_use use;
    assert_true(cache_use_get(cache, &first, &use));
    assert_int_equal(use.hits, 1);
    assert_int_equal(use.last, 7);
    const struct cache_place pruned = { place, &missing };
    assert_int_equal(cache_count_hits(cache, &pruned, 1, false, 9, NULL), 0);
    assert_int_equal(cache_all_found(cache), 0); /* the last build ran something */
    struct cache_last *all;
    size_t count;
    assert_int_equal(cache_last_keys(cache, &fixture->arena, &all, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(digest_equal(&all[0].place, &place));
    assert_true(digest_equal(&all[0].key, &first));
    cache_close(cache);
}

/* The places of three sites, of which the middle one is forgotten. */
static void sites_go_with_their_places(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    struct digest key = key_of(1), last;
    struct cache_site *sites;
    size_t count;
    assert_int_equal(cache_sites(cache, &fixture->arena, &sites, &count, NULL), 0);
    assert_int_equal(count, 0);
    struct cache_place places[9];
    for (unsigned char i = 0; i < COUNT(places); i++) {
        struct cache_site site = { .context = STR("/context"), .dockerfile = STR("/file") };
        memset(site.id, i / 3, sizeof(site.id));
        places[i] = (struct cache_place){ key_of(i), &key };
        memcpy(places[i].place.bytes, site.id, sizeof(site.id));
        assert_int_equal(cache_site_put(cache, &site, NULL), 0);
    }
    assert_int_equal(cache_places_put(cache, places, COUNT(places), NULL), 0);
    assert_int_equal(cache_sites(cache, &fixture->arena, &sites, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_true(str_equal(sites[2].context, STR("/context")));
    assert_true(str_equal(sites[2].dockerfile, STR("/file")));
    assert_int_equal(cache_forget_sites(cache, &sites[1], 1, NULL), 0);
    for (size_t i = 0; i < COUNT(places); i++) {
        assert_int_equal(cache_last_at(cache, &places[i].place, &last), i / 3 != 1);
    }
    assert_int_equal(cache_forget_sites(cache, &sites[2], 1, NULL), 0);
    assert_int_equal(cache_sites(cache, &fixture->arena, &sites, &count, NULL), 0);
    assert_int_equal(count, 1);
    cache_close(cache);
}

/* A snapshot without a record is removed: so what cannot be asked for has one. */
static void results_that_cannot_be_asked_for_are_kept(void **state) {
    struct cache *cache = open_cache(*state, CACHE_READ);
    assert_false(cache_has_result(cache, STR("one"))); /* there is no file */
    cache_close(cache);
    cache = open_cache(*state, CACHE_WRITE);
    assert_int_equal(store_number(cache, 1), 0);
    assert_false(cache_has_result(cache, STR("one")));
    /* All places for readers are taken. */
    MDB_txn **readers = xcalloc(MOST_READERS, sizeof(MDB_txn *));
    size_t count = 0;
    while (count < MOST_READERS && (readers[count] = cache_file_begin_read(cache->file))) {
        count++;
    }
    assert_true(count < MOST_READERS);
    assert_true(cache_has_result(cache, STR("one")));
    while (count > 0) {
        cache_file_end_read(cache->file, readers[--count]);
    }
    free(readers);
    assert_false(cache_has_result(cache, STR("one")));
    cache_close(cache);
}

static void results_are_indexed(void **state) {
    struct cache *cache = open_cache(*state, CACHE_WRITE);
    struct cache_record record = { .key = key_of(1), .result = STR("one"), .text = STR("RUN") };
    assert_int_equal(cache_store(cache, &record, NULL, NULL), 0);
    record.key = key_of(2);
    assert_int_equal(cache_store(cache, &record, NULL, NULL), 0);
    assert_true(cache_has_result(cache, STR("one")));
    assert_false(cache_has_result(cache, STR("on")));
    assert_false(cache_has_result(cache, STR("onee")));
    assert_false(cache_has_result(cache, STR_EMPTY));

    record.result = STR("two"); /* replaces the second */
    assert_int_equal(cache_store(cache, &record, NULL, NULL), 0);
    assert_true(cache_has_result(cache, STR("one")));
    assert_true(cache_has_result(cache, STR("two")));
    forget(cache, key_of(1));
    forget(cache, key_of(1));
    assert_false(cache_has_result(cache, STR("one")));
    assert_int_equal(count_records(cache), 1);
    cache_close(cache);
}

/* As another boot left it. */
static int put_bytes(struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                     struct str key, struct buf *payload) {
    MDB_val wanted = { key.len, (void *)key.data }, value = { CHECKSUM_SIZE + payload->len, NULL };
    int code = mdb_put(transaction, cache_file_table(file, table), &wanted, &value, MDB_RESERVE);
    if (code) {
        return code;
    }
    cache_checksum(value.mv_data, key, buf_str(payload));
    memcpy((char *)value.mv_data + CHECKSUM_SIZE, payload->data, payload->len);
    return 0;
}

static int put_foreign(struct cache_file *file, MDB_txn *transaction, void *context) {
    struct digest key = key_of(1);
    return put_bytes(file, transaction, CACHE_RECORDS,
                     str_make((const char *)key.bytes, sizeof(key.bytes)), context);
}

static int put_foreign_layer(struct cache_file *file, MDB_txn *transaction, void *context) {
    return put_bytes(file, transaction, CACHE_LAYERS, STR("snap"), context);
}

/* Its tar-split log may have been lost. */
static void layers_of_other_boots_are_digested_again(void **state) {
    struct fixture *fixture = *state;
    struct cache_layer layer = { .diff_id = key_of(7), .diff_size = 5 };
    _cleanup_buf_ struct buf payload = BUF_INIT;
    cache_layer_encode(&payload, &layer);
    buf_append_c(&payload, "01234567-89ab-cdef-0123-456789abcdef");
    struct cache_file *file = cache_file_open(fixture_path(fixture, "bud"), CACHE_WRITE, MAP_SIZE);
    assert_int_equal(cache_file_write(file, put_foreign_layer, &payload, NULL), 0);
    cache_file_close(file);

    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    assert_false(cache_layer_get(cache, "snap", &fixture->arena, &layer));
    assert_int_equal(cache_layer_put(cache, "snap", &layer, NULL), 0);
    assert_true(cache_layer_get(cache, "snap", &fixture->arena, &layer));
    cache_close(cache);
}

static void other_boots_are_not_believed(void **state) {
    struct fixture *fixture = *state;
    for (int is_settled = 0; is_settled < 2; is_settled++) {
        struct cache_claim claim = { .is_settled = is_settled };
        memcpy(claim.boot, "01234567-89ab-cdef-0123-456789abcdef", BOOT_ID_LEN);
        _cleanup_buf_ struct buf payload = BUF_INIT;
        struct cache_record record = { .key = key_of(1), .result = STR("r"), .text = STR("t") };
        cache_record_encode(&payload, &record, &claim);
        struct cache_file *file =
            cache_file_open(fixture_path(fixture, "bud"), CACHE_WRITE, MAP_SIZE);
        assert_int_equal(cache_file_write(file, put_foreign, &payload, NULL), 0);
        cache_file_close(file);

        struct cache *cache = open_cache(fixture, CACHE_WRITE);
        assert_int_equal(cache_lookup(cache, &record.key, &fixture->arena, &record), is_settled);
        assert_int_equal(count_records(cache), is_settled);
        /* Settling is for one's own records: it makes no other boot's true. */
        assert_int_equal(cache_settle(cache, &record.key, 1, NULL), 0);
        assert_int_equal(cache_lookup(cache, &record.key, &fixture->arena, &record), is_settled);
        cache_close(cache);
    }
}

static void settled_records_stay(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    struct digest keys[] = { key_of(1), key_of(2), key_of(99) };
    store_number(cache, 1);
    store_number(cache, 2);
    assert_int_equal(cache_settle(cache, keys, COUNT(keys), NULL), 0);
    assert_int_equal(cache_settle(cache, keys, COUNT(keys), NULL), 0);
    assert_true(has_number(cache, 1));
    assert_true(has_number(cache, 2));
    cache_close(cache);
}

static void other_tables_work(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    uint32_t uids[] = { 0, 1000, UINT32_MAX }, gids[] = { 5 };
    struct cache_layer layer = { key_of(7), 1234567890123, uids, gids, 3, 1 }, found;
    assert_false(cache_layer_get(cache, "snap", &fixture->arena, &found));
    assert_int_equal(cache_layer_put(cache, "snap", &layer, NULL), 0);
    assert_true(cache_layer_get(cache, "snap", &fixture->arena, &found));
    assert_true(digest_equal(&found.diff_id, &layer.diff_id));
    assert_true(found.diff_size == layer.diff_size);
    assert_int_equal(found.uid_count, 3);
    assert_memory_equal(found.uids, uids, sizeof(uids));
    assert_int_equal(found.gid_count, 1);
    assert_int_equal(found.gids[0], 5);

    const char *snapshots[] = { "a", "b" };
    struct digest one = key_of(1), two = key_of(2), content;
    struct cache_publication layers[] = { { digest_hex(&one), { 0, 0, 0, 0 } },
                                          { digest_hex(&two), { 1, -2, 3, 4 } } };
    struct cache_publication published;
    assert_false(cache_published_get(cache, "a", &published));
    assert_int_equal(cache_published_put(cache, snapshots, layers, 2, NULL), 0);
    assert_true(cache_published_get(cache, "b", &published));
    assert_string_equal(published.layer.text, layers[1].layer.text);
    assert_int_equal(published.state.modified, -2);
    assert_int_equal(published.state.changed, 3);
    assert_int_equal(published.state.shape, 4);

    assert_false(cache_content_get(cache, &one, &content));
    assert_int_equal(cache_content_put(cache, &one, &two, NULL), 0);
    assert_true(cache_content_get(cache, &one, &content));
    assert_true(digest_equal(&content, &two));

    _cleanup_free_ char *large = xcalloc(1, 300000);
    struct cache_node nodes[] = { { one, STR("small") }, { two, str_make(large, 300000) } };
    _cleanup_buf_ struct buf node = BUF_INIT;
    assert_int_equal(cache_nodes_put(cache, nodes, 2, NULL), 0);
    assert_true(cache_node_get(cache, &one, &node));
    assert_true(str_equal(buf_str(&node), STR("small")));
    assert_true(cache_node_get(cache, &two, &node)); /* appended */
    assert_int_equal(node.len, 5 + 300000);
    nodes[1].node = STR_EMPTY;
    assert_int_equal(cache_nodes_put(cache, nodes, 2, NULL), 0);
    assert_false(cache_node_get(cache, &two, &node));
    cache_close(cache);
}

static void nothing_is_found_where_nothing_is(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_READ);
    assert_true(cache_is_readable(cache));
    assert_false(has_number(cache, 1));
    assert_false(cache_has_result(cache, STR("x")));
    assert_int_equal(count_records(cache), 0);
    assert_int_equal(store_number(cache, 1), 0); /* without effect */
    assert_false(has_number(cache, 1));
    cache_close(cache);
    assert_false(fixture_has(fixture, "bud/cache.mdb"));
    assert_false(fixture_has(fixture, "bud/cache.mdb-lock"));
}

static void lookups_write_nothing(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    store_number(cache, 1);
    assert_true(fixture_has(fixture, "bud/cache.mdb-unsynced"));
    cache_close(cache);
    assert_false(fixture_has(fixture, "bud/cache.mdb-unsynced"));
    struct stat before, after;
    assert_int_equal(stat(fixture_path(fixture, "bud/cache.mdb"), &before), 0);
    cache = open_cache(fixture, CACHE_WRITE);
    struct digest key = key_of(2);
    assert_true(has_number(cache, 1));
    assert_false(has_number(cache, 2));
    assert_int_equal(cache_settle(cache, &key, 1, NULL), 0);
    assert_false(fixture_has(fixture, "bud/cache.mdb-unsynced"));
    cache_close(cache);
    assert_int_equal(stat(fixture_path(fixture, "bud/cache.mdb"), &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void nothing_is_inherited(void **state) {
    struct cache *cache = open_cache(*state, CACHE_WRITE);
    assert_int_equal(store_number(cache, 1), 0);
    for (int fd = 3; fd < 100; fd++) {
        int flags = fcntl(fd, F_GETFD);
        char path[100] = "", link[32];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (flags >= 0 && readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/bud/")) {
            assert_true(flags & FD_CLOEXEC);
        }
    }
    cache_close(cache);
}

static void overwrite(struct fixture *fixture, const char *name, off_t offset, const char *data,
                      size_t len) {
    int fd = open(fixture_path(fixture, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, offset), len);
    close(fd);
}

static void shorten(struct fixture *fixture, off_t size) {
    assert_int_equal(truncate(fixture_path(fixture, "bud/cache.mdb"), size), 0);
}

static void damage_head(struct fixture *fixture) {
    char zeros[8192];
    memset(zeros, 0x5a, sizeof(zeros));
    overwrite(fixture, "bud/cache.mdb", 0, zeros, sizeof(zeros));
}
static void damage_to_text(struct fixture *fixture) {
    shorten(fixture, 0);
    overwrite(fixture, "bud/cache.mdb", 0, "hello\n", 6);
}
static void damage_half(struct fixture *fixture) {
    struct stat status;
    assert_int_equal(stat(fixture_path(fixture, "bud/cache.mdb"), &status), 0);
    shorten(fixture, status.st_size / 2);
}
static void damage_last_page(struct fixture *fixture) {
    struct stat status;
    assert_int_equal(stat(fixture_path(fixture, "bud/cache.mdb"), &status), 0);
    shorten(fixture, status.st_size - 1);
}
static void damage_first_page_only(struct fixture *fixture) {
    shorten(fixture, 4096);
}
static void damage_by_crash(struct fixture *fixture) {
    overwrite(fixture, "bud/cache.mdb-unsynced", 0, "01234567-89ab-cdef-0123-456789abcdef", 36);
}

static int put_other_format(struct cache_file *file, MDB_txn *transaction, void *context) {
    (void)context;
    MDB_val key = { 6, (char[]){ "format" } }, value = { 13, (char[]){ "bud-cache 999" } };
    return mdb_put(transaction, cache_file_table(file, CACHE_META), &key, &value, 0);
}
static void damage_format(struct fixture *fixture) {
    struct cache_file *file = cache_file_open(fixture_path(fixture, "bud"), CACHE_WRITE, MAP_SIZE);
    assert_int_equal(cache_file_write(file, put_other_format, NULL, NULL), 0);
    cache_file_close(file);
}

static unsigned count_damaged(struct fixture *fixture) {
    struct str *names;
    size_t count;
    unsigned found = 0;
    int fd = open(fixture_path(fixture, "bud"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fs_list(fd, &fixture->arena, &names, &count, NULL), 0);
    close(fd);
    for (size_t i = 0; i < count; i++) {
        found += str_has_prefix(names[i], STR("cache.mdb.damaged-"));
    }
    return found;
}

static void damaged_files_are_set_aside(void **state) {
    struct fixture *fixture = *state;
    static void (*const damages[])(struct fixture *) = {
        damage_head,     damage_to_text, damage_half, damage_last_page, damage_first_page_only,
        damage_by_crash, damage_format,
    };
    for (size_t i = 0; i < COUNT(damages); i++) {
        struct cache *cache = open_cache(fixture, CACHE_WRITE);
        for (unsigned number = 0; number < 200; number++) {
            assert_int_equal(store_number(cache, number), 0);
        }
        cache_close(cache);
        damages[i](fixture);

        cache = open_cache(fixture, CACHE_READ); /* may not repair */
        assert_false(has_number(cache, 1));
        assert_false(cache_is_readable(cache));
        cache_close(cache);

        cache = open_cache(fixture, CACHE_WRITE);
        assert_true(cache_is_readable(cache));
        assert_false(has_number(cache, 1));
        assert_int_equal(store_number(cache, 1), 0);
        cache_close(cache);
        cache = open_cache(fixture, CACHE_READ);
        assert_true(has_number(cache, 1));
        cache_close(cache);
        assert_int_equal(count_damaged(fixture), 1);
    }
}

static void rotten_values_do_not_exist(void **state) {
    struct fixture *fixture = *state;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    struct cache_record record = { .key = key_of(1),
                                   .result = STR("r"),
                                   .text = STR("FIND-THIS-TEXT") };
    assert_int_equal(cache_store(cache, &record, NULL, NULL), 0);
    store_number(cache, 2);
    cache_close(cache);
    _cleanup_buf_ struct buf file = BUF_INIT;
    assert_int_equal(
        fs_read_file(AT_FDCWD, fixture_path(fixture, "bud/cache.mdb"), SIZE_MAX / 2, &file, NULL),
        0);
    for (size_t from = 0, at;
         (at = str_find(str_from(buf_str(&file), from), STR("FIND-THIS-TEXT"))) != SIZE_MAX;
         from += at + 1) {
        overwrite(fixture, "bud/cache.mdb", (off_t)(from + at), "L", 1);
    }
    cache = open_cache(fixture, CACHE_WRITE);
    assert_false(cache_lookup(cache, &record.key, &fixture->arena, &record));
    assert_true(has_number(cache, 2));
    assert_int_equal(count_records(cache), 1);
    cache_close(cache);
}

/* Everything a build stores, and enough of it for branches, overflow pages and free pages. */
static void fill(struct cache *cache) {
    char large[9100];
    memset(large, 'x', sizeof(large));
    for (unsigned i = 0; i < 400; i++) {
        struct digest key = key_of(i);
        struct cache_node node = { key, str_make(large, 50 + (size_t)i % 200 * 45) };
        assert_int_equal(store_number(cache, i), 0);
        assert_int_equal(cache_nodes_put(cache, &node, 1, NULL), 0);
        if (i % 3 == 0) {
            forget(cache, key);
        }
    }
}

/* A process that looks at everything and writes: its wait status. */
static int use_in_child(struct fixture *fixture) {
    pid_t child = fork();
    if (child == 0) {
        struct cache *cache = open_cache(fixture, CACHE_WRITE);
        count_records(cache);
        for (unsigned i = 0; i < 400; i++) {
            struct digest key = key_of(i);
            _cleanup_buf_ struct buf node = BUF_INIT;
            has_number(cache, i);
            if (cache_node_get(cache, &key, &node)) {
                assert_int_equal(node.len, 50 + (size_t)i % 200 * 45);
            }
        }
        for (unsigned i = 0; i < 20; i++) {
            store_number(cache, 1000 + i);
        }
        bool is_good = has_number(cache, 1000);
        cache_close(cache);
        _exit(is_good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void flipped_bits_harm_nobody(void **state) {
    struct fixture *fixture = *state;
    const char *flips = getenv("FLIPS");
    unsigned count = flips ? (unsigned)atoi(flips) : 100;
    _cleanup_buf_ struct buf original = BUF_INIT;
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    fill(cache);
    cache_close(cache);
    assert_int_equal(fs_read_file(AT_FDCWD, fixture_path(fixture, "bud/cache.mdb"), SIZE_MAX / 2,
                                  &original, NULL),
                     0);
    unlink(fixture_path(fixture, "bud/cache.mdb"));
    overwrite(fixture, "bud/cache.mdb", 0, original.data, original.len);
    assert_int_equal(use_in_child(fixture), 0); /* a copy is checked, and found to be sound */
    assert_int_equal(count_damaged(fixture), 0);
    unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
    int errors = open("/dev/null", O_WRONLY | O_CLOEXEC), terminal = dup(STDERR_FILENO);
    dup2(errors, STDERR_FILENO); /* many warnings */
    for (unsigned i = 0; i < count; i++) {
        size_t at = (size_t)rand_r(&seed) % original.len;
        if (i % 4 != 0) { /* where pages have their heads and entries */
            at = at / 4096 * 4096 + at % 64;
        }
        char flipped = (char)(original.data[at] ^ (1 << rand_r(&seed) % 8));
        unlink(fixture_path(fixture, "bud/cache.mdb"));
        overwrite(fixture, "bud/cache.mdb", 0, original.data, original.len);
        overwrite(fixture, "bud/cache.mdb", (off_t)at, &flipped, 1);
        int status = use_in_child(fixture);
        if (status != 0) {
            fail_msg("byte %zu became %02x: status %x", at, (unsigned char)flipped, status);
        }
    }
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    close(errors);
}

/* The head a transaction began with is gone after two commits: that is no damage, nor is it when the file is sound. */
static void being_overtaken_is_no_damage(void **state) {
    struct fixture *fixture = *state;
    struct cache_file *file = cache_file_open(fixture_path(fixture, "bud"), CACHE_WRITE, MAP_SIZE);
    assert_int_equal(cache_file_write(file, put_other_format, NULL, NULL), 0);
    int fd = open(fixture_path(fixture, "bud/cache.mdb"), O_RDONLY | O_CLOEXEC);
    MDB_txn *transaction = cache_file_begin_read(file);
    size_t id = mdb_txn_id(transaction);
    for (int commits = 0; commits < 4; commits++) {
        bool is_overtaken;
        assert_null(cache_verify_pages(fd, id, &is_overtaken));
        assert_int_equal(is_overtaken, commits >= 2);
        /* One that never was: nobody has committed that much. */
        assert_non_null(cache_verify_pages(fd, id + 100, &is_overtaken));
        assert_false(is_overtaken);
        assert_int_equal(cache_file_write(file, put_other_format, NULL, NULL), 0);
    }
    cache_file_end_read(file, transaction);
    close(fd);
    cache_file_close(file);
}

static int put_large(struct cache_file *file, MDB_txn *transaction, void *context) {
    struct digest key = key_of(*(unsigned *)context);
    static char zeros[100000];
    MDB_val wanted = { sizeof(key.bytes), key.bytes }, value = { sizeof(zeros), zeros };
    return mdb_put(transaction, cache_file_table(file, CACHE_NODES), &wanted, &value, 0);
}

static int write_large(struct cache_file *file) {
    int result = 0;
    for (unsigned i = 0; i < 100; i++) {
        result |= cache_file_write(file, put_large, &i, NULL);
    }
    return result;
}

static void a_full_map_grows(void **state) {
    struct fixture *fixture = *state;
    struct cache_file *file = cache_file_open(fixture_path(fixture, "bud"), CACHE_WRITE, 1 << 20);
    assert_int_equal(write_large(file), 0);
    cache_file_close(file);
}

/* Another process's growth is followed, by readers and by writers. */
static void a_grown_file_is_followed(void **state) {
    struct fixture *fixture = *state;
    for (int is_writer = 0; is_writer < 2; is_writer++) {
        const char *directory = fixture_path(fixture, is_writer ? "writer" : "reader");
        cache_file_close(cache_file_open(directory, CACHE_WRITE, 1 << 20));
        struct cache_file *small =
            cache_file_open(directory, is_writer ? CACHE_WRITE : CACHE_READ, 1 << 20);
        pid_t child = fork();
        if (child == 0) {
            struct cache_file *file = cache_file_open(directory, CACHE_WRITE, MAP_SIZE);
            int result = write_large(file);
            cache_file_close(file);
            _exit(result ? 1 : 0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        unsigned number = 3;
        assert_int_equal(cache_file_write(small, put_large, &number, NULL), 0);
        MDB_txn *transaction = cache_file_begin_read(small);
        assert_non_null(transaction);
        struct digest key = key_of(99);
        MDB_val wanted = { sizeof(key.bytes), key.bytes }, value;
        assert_int_equal(
            mdb_get(transaction, cache_file_table(small, CACHE_NODES), &wanted, &value), 0);
        cache_file_end_read(small, transaction);
        cache_file_close(small);
    }
}

#define WRITERS 4
#define EACH 150

static void write_numbers(struct fixture *fixture, unsigned writer) {
    for (unsigned i = 0; i < EACH;) {
        struct cache *cache = open_cache(fixture, CACHE_WRITE);
        for (unsigned end = i + 10; i < end; i++) {
            if (store_number(cache, writer * EACH + i) || !has_number(cache, writer * EACH + i) ||
                !has_number(cache, writer * EACH)) {
                _exit(1);
            }
        }
        cache_close(cache);
    }
    _exit(0);
}

static void processes_share_it(void **state) {
    struct fixture *fixture = *state;
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        if (fork() == 0) {
            write_numbers(fixture, writer);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    assert_int_equal(count_records(cache), WRITERS * EACH);
    cache_close(cache);
    assert_false(fixture_has(fixture, "bud/cache.mdb-unsynced"));
    assert_int_equal(count_damaged(fixture), 0);
}

static void killed_writers_lose_nothing_committed(void **state) {
    struct fixture *fixture = *state;
    unsigned expected = 0;
    for (int round = 0; round < 10; round++) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
            struct cache *cache = open_cache(fixture, CACHE_WRITE);
            for (unsigned number = expected;; number++) {
                if (store_number(cache, number) || write(ends[1], &number, sizeof(number)) < 0) {
                    _exit(1);
                }
            }
        }
        close(ends[1]);
        for (int i = 0; i < 5 + round * 3; i++) {
            assert_int_equal(read(ends[0], &expected, sizeof(expected)), sizeof(expected));
        }
        kill(child, SIGKILL);
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct cache *cache = open_cache(fixture, CACHE_WRITE);
        for (unsigned number = 0; number <= expected; number++) {
            assert_true(has_number(cache, number));
        }
        cache_close(cache);
        expected++;
    }
    assert_int_equal(count_damaged(fixture), 0);
}

struct worker {
    struct cache *cache;
    unsigned from;
    bool is_bad;
};

static void *work(void *context) {
    struct worker *worker = context;
    for (unsigned i = worker->from; i < worker->from + 100; i++) {
        worker->is_bad |= store_number(worker->cache, i) || !has_number(worker->cache, i);
        worker->is_bad |= !has_number(worker->cache, worker->from);
    }
    return NULL;
}

static void threads_share_it(void **state) {
    struct cache *cache = open_cache(*state, CACHE_WRITE);
    struct worker workers[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < 8; i++) {
        workers[i] = (struct worker){ cache, i * 100, false };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].is_bad);
    }
    assert_int_equal(count_records(cache), 800);
    cache_close(cache);
}

/* In a mount namespace where the directory is read-only: 0 when all is as it should be. */
static int use_read_only(struct fixture *fixture, const char *directory, bool has_file) {
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount(directory, directory, NULL, MS_BIND, NULL) ||
        mount(NULL, directory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)) {
        return 77;
    }
    struct cache *cache = open_cache(fixture, CACHE_WRITE);
    bool is_good =
        has_number(cache, 1) == has_file && store_number(cache, 2) == 0 && !has_number(cache, 2);
    cache_close(cache);
    return is_good ? 0 : 1;
}

static void read_only_directories_are_read(void **state) {
    struct fixture *fixture = *state;
    const char *directory = fixture_path(fixture, "bud");
    for (int has_file = 0; has_file < 2; has_file++) {
        if (has_file) {
            struct cache *cache = open_cache(fixture, CACHE_WRITE);
            store_number(cache, 1);
            cache_close(cache);
        } else {
            mkdir(directory, 0700);
        }
        pid_t child = fork();
        if (child == 0) {
            _exit(use_read_only(fixture, directory, has_file));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WEXITSTATUS(status) == 77) {
            skip();
        }
        assert_int_equal(status, 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_overlay, fixture_end)
    const struct CMUnitTest tests[] = {
        TEST(records_come_back),
        TEST(a_step_is_told_otherwise),
        TEST(who_is_found_is_the_last),
        TEST(sites_go_with_their_places),
        TEST(results_that_cannot_be_asked_for_are_kept),
        TEST(results_are_indexed),
        TEST(other_boots_are_not_believed),
        TEST(layers_of_other_boots_are_digested_again),
        TEST(settled_records_stay),
        TEST(other_tables_work),
        TEST(nothing_is_found_where_nothing_is),
        TEST(lookups_write_nothing),
        TEST(nothing_is_inherited),
        TEST(damaged_files_are_set_aside),
        TEST(rotten_values_do_not_exist),
        TEST(flipped_bits_harm_nobody),
        TEST(being_overtaken_is_no_damage),
        TEST(a_full_map_grows),
        TEST(a_grown_file_is_followed),
        TEST(processes_share_it),
        TEST(killed_writers_lose_nothing_committed),
        TEST(threads_share_it),
        TEST(read_only_directories_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
