#include "tests/lib/turn.h"

#include "controller/api/api_int.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The API in front of an owner that is asked for keys and answers when the test says so. */
struct fixture {
    struct loop *loop;
    struct api *api;
    struct key_query *query[64];
    unsigned queries, listed, deleted;
    int delete_code; /* 0: the key existed and is deleted */
    bool away;       /* the database is, and what works without it is served */
    bool keeps;      /* lists wait until the test answers them */
    struct api_call *kept[128];
    unsigned kept_count;
};

static void find_key(void *owner, const char *prefix, struct key_query *query)
{
    struct fixture *f = owner;
    assert_true(f->queries < 64);
    f->query[f->queries++] = query;
}

static void list(void *owner, struct api_call *call)
{
    struct fixture *f = owner;
    f->listed++;
    if (f->keeps) {
        f->kept[f->kept_count++] = call;
        return;
    }
    api_answer_json(call, 200, NULL, "{}");
}

static void delete (void *owner, struct api_call *call)
{
    struct fixture *f = owner;
    struct err e;
    f->deleted++;
    (void)err_set(&e, ERR_NOT_FOUND, "none");
    if (f->delete_code)
        api_answer_err(call, &e);
    else
        api_answer_empty(call, 204, NULL);
}

static void work(void *owner, struct api_call *call)
{
    api_answer_json(call, 200, NULL, "{}");
}

static int serving(void *owner, struct err *e)
{
    const struct fixture *f = owner;
    return f->away ? err_set(e, ERR_DATABASE_UNAVAILABLE, "away") : 0;
}

static bool serving_away(void *owner)
{
    const struct fixture *f = owner;
    return f->away;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    static const struct api_route rows[] = {
        {"LIST", "GET", "/sandbox", API_READ, &no_body, 200, "object", "Lists", list},
        {"DELETE", "DELETE", "/sandbox/{id}", API_WRITE, &no_body, 204, "", "Deletes", delete},
        {"WORK", "PUT", "/sandbox/{id}", API_WRITE, &no_body, 200, "object", "Works", work,
         .without_database = true}};
    static const struct api_routes routes = {
        .route = rows, .count = ARRAY_LEN(rows), .objects = "{\"info\":{}}"};
    struct api_ops ops = {
        .routes = &routes, .serving = serving, .find_key = find_key, .serving_away = serving_away};
    struct api_conf conf = {.address = "127.0.0.1",
                            .limits = http_default_limits,
                            .rate_per_second = 1,
                            .rate_burst = 5,
                            .auth_failures_per_second = 1,
                            .auth_failures_burst = 30,
                            .cors_origins = ""};
    struct err e;
    f->loop = loop_new();
    assert_int_equal(api_new(&f->api, f->loop, &conf, &ops, f, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err e;
    (void)err_set(&e, ERR_CANCELLED, "end");
    while (f->queries)
        api_key_found(f->query[--f->queries], ERR_CANCELLED, &e, NULL, NULL, false, 0);
    api_free(f->api);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void turns(struct fixture *f)
{
    for (int i = 0; i < 5; i++) {
        run_for(f->loop, 2);
    }
}

static int send_one(struct fixture *f, const char *method, const char *key)
{
    char text[300];
    int len = snprintf(text, sizeof text, "%s /sandbox%s HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n",
                       method, strcmp(method, "GET") ? "/none" : "", key);
    int fd = connect_to(http_server_port(f->api->server), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    return fd;
}

static int ask(struct fixture *f, const char *method, const char *key)
{
    int fd = send_one(f, method, key);
    turns(f);
    return fd;
}

static int status(struct fixture *f, int fd)
{
    char text[4096] = "";
    ssize_t n = -1;
    for (int i = 0; i < 50 && n < 0; i++) {
        turns(f);
        n = recv(fd, text, sizeof text - 1, 0);
    }
    close(fd);
    return n <= 0 ? 0 : atoi(text + strlen("HTTP/1.1 "));
}

static void found_of(struct fixture *f, unsigned i, const struct api_key *key, const char *user)
{
    struct caller caller = {.key_id = "key_a", .scopes = SCOPE_READ | SCOPE_WRITE};
    strcpy(caller.user_id, user);
    struct key_query *query = f->query[i];
    uint8_t sha256[32];
    struct err e;
    f->query[i] = f->query[--f->queries];
    if (key)
        api_key_sha256(key->text, sha256);
    (void)err_set(&e, ERR_UNAUTHENTICATED, "none");
    api_key_found(query, key ? 0 : ERR_UNAUTHENTICATED, &e, &caller, sha256, false, 0);
}

static void found(struct fixture *f, unsigned i, const struct api_key *key)
{
    found_of(f, i, key, "usr_a");
}

static void know(struct fixture *f, const struct api_key *keys, size_t count)
{
    char all[64 * 12 + 1] = "";
    for (size_t i = 0; i < count; i++)
        strncat(all, keys[i].text + 4, 12);
    api_know_keys(f->api, all);
}

static void test_one_look_up_serves_all(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make(), wrong = key;
    wrong.text[API_KEY_LEN - 1] ^= 1;
    know(f, &key, 1);
    int fd[4] = {ask(f, "GET", key.text), ask(f, "GET", key.text), ask(f, "GET", wrong.text),
                 ask(f, "GET", key.text)};
    assert_int_equal(f->queries, 1);
    found(f, 0, &key);
    assert_int_equal(status(f, fd[0]), 200);
    assert_int_equal(status(f, fd[1]), 200);
    assert_int_equal(status(f, fd[2]), 401);
    assert_int_equal(status(f, fd[3]), 200);
    /* Neither the key nor a wrong secret with its prefix is looked up again. */
    assert_int_equal(status(f, ask(f, "GET", key.text)), 200);
    assert_int_equal(status(f, ask(f, "GET", wrong.text)), 401);
    assert_int_equal(f->queries, 0);
}

static void test_a_key_that_changes_meanwhile_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make();
    know(f, &key, 1);
    int fd = ask(f, "GET", key.text);
    api_forget_key(f->api, "*");
    found(f, 0, &key);
    assert_int_equal(f->queries, 1);
    found(f, 0, NULL);
    assert_int_equal(status(f, fd), 401);
    assert_int_equal(status(f, ask(f, "GET", key.text)), 401);
    assert_int_equal(f->queries, 0);
    api_forget_key(f->api, "*");
    fd = ask(f, "GET", key.text);
    found(f, 0, &key);
    assert_int_equal(status(f, fd), 200);
}

static void test_guesses_are_counted_before_they_are_looked_up(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make();
    int fd[40], refused = 0, limited = 0;
    know(f, &key, 1);
    for (int i = 0; i < 40; i++)
        fd[i] = ask(f, "GET", api_key_make().text);
    assert_int_equal(f->queries, 4);
    int valid = ask(f, "GET", key.text);
    assert_int_equal(f->queries, 5);
    found(f, 4, &key);
    assert_int_equal(status(f, valid), 200);
    while (f->queries) {
        assert_true(f->queries <= 4);
        found(f, 0, NULL);
    }
    for (int i = 0; i < 40; i++) {
        int got = status(f, fd[i]);
        refused += got == 401;
        limited += got == 429;
    }
    assert_int_equal(refused + limited, 40);
    assert_in_range(refused, 28, 34);
    assert_in_range(api_stats(f->api).key_lookups, 29, 35);
}

static void test_a_new_key_is_no_guess(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make();
    char prefix[API_KEY_PREFIX_LEN + 1];
    know(f, NULL, 0);
    for (int i = 0; i < 40; i++)
        close(ask(f, "GET", "nonsense"));
    /* Spends what the bucket gained meanwhile, if the machine is busy. */
    while (rate_table_take(&f->api->failures, "127.0.0.1", &f->api->failure_rate, loop_now_ms()).allowed) {
    }
    assert_int_equal(status(f, ask(f, "GET", key.text)), 429);
    assert_true(api_key_prefix(key.text, prefix));
    api_forget_key(f->api, prefix);
    int fd = ask(f, "GET", key.text);
    found(f, 0, &key);
    assert_int_equal(status(f, fd), 200);
}

static void test_few_are_asked_for_at_once(void **state)
{
    struct fixture *f = *state;
    struct api_key key[12];
    int fd[12];
    for (int i = 0; i < 12; i++)
        key[i] = api_key_make();
    know(f, key, 12);
    for (int i = 0; i < 12; i++)
        fd[i] = ask(f, "GET", key[i].text);
    assert_int_equal(f->queries, 8);
    for (int i = 0; i < 12; i++) {
        unsigned at = 0;
        while (strncmp(f->query[at]->prefix, key[i].text, API_KEY_PREFIX_LEN))
            at++;
        found(f, at, &key[i]);
        assert_int_equal(status(f, fd[i]), 200);
    }
}

static void test_deletes_that_make_no_room_are_held_to_the_rate(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make();
    int limited = 0;
    know(f, &key, 1);
    int fd = ask(f, "DELETE", key.text);
    found(f, 0, &key);
    assert_int_equal(status(f, fd), 204);
    for (int i = 0; i < 60; i++)
        assert_int_equal(status(f, ask(f, "DELETE", key.text)), 204);
    f->delete_code = ERR_NOT_FOUND;
    for (int i = 0; i < 50; i++)
        limited += status(f, ask(f, "DELETE", key.text)) == 429;
    assert_in_range(limited, 5, 20);
}

/* The database does not answer a look-up. */
static void unread(struct fixture *f)
{
    struct err e;
    (void)err_set(&e, ERR_DATABASE_UNAVAILABLE, "away");
    assert_int_equal(f->queries, 1);
    api_key_found(f->query[--f->queries], e.code, &e, NULL, NULL, false, 0);
}

static int ask_unread(struct fixture *f, const char *method, const char *key)
{
    int fd = ask(f, method, key);
    unread(f);
    return status(f, fd);
}

/* A known key goes on working on the routes that need no database, until it was read too long ago. */
static void test_a_known_key_works_without_the_database(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make(), other = api_key_make(), wrong = key;
    const struct api_key both[] = {key, other};
    wrong.text[API_KEY_LEN - 1] ^= 1;
    know(f, both, 2);
    int fd = ask(f, "PUT", key.text);
    found(f, 0, &key);
    assert_int_equal(status(f, fd), 200);
    f->away = true;
    assert_int_equal(status(f, ask(f, "PUT", key.text)), 200);
    assert_int_equal(status(f, ask(f, "GET", key.text)), 503);
    assert_int_equal(status(f, ask(f, "DELETE", key.text)), 503);
    api_doubt_keys(f->api);
    assert_false(api_key_is_current(f->api, &f->api->keys->caller));
    assert_int_equal(ask_unread(f, "PUT", key.text), 200);
    assert_int_equal(ask_unread(f, "PUT", other.text), 503);
    assert_int_equal(status(f, ask(f, "PUT", wrong.text)), 401);
    f->api->keys->caller.read_ms -= CALLER_KNOWN_MS - 10000;
    assert_int_equal(ask_unread(f, "PUT", key.text), 200);
    f->api->keys->caller.read_ms -= 10000;
    assert_int_equal(ask_unread(f, "PUT", key.text), 503);
}

/* Neither does one whose change was told, nor one that has expired. */
static void test_a_key_that_ended_is_not_known(void **state)
{
    struct fixture *f = *state;
    struct api_key key = api_key_make();
    know(f, &key, 1);
    int fd = ask(f, "PUT", key.text);
    found(f, 0, &key);
    assert_int_equal(status(f, fd), 200);
    f->away = true;
    api_doubt_keys(f->api);
    f->api->keys->caller.expires = true;
    f->api->keys->caller.expires_ms = loop_now_ms() + 10000;
    assert_int_equal(ask_unread(f, "PUT", key.text), 200);
    f->api->keys->caller.expires_ms = loop_now_ms();
    assert_int_equal(ask_unread(f, "PUT", key.text), 503);
    f->api->keys->caller.expires = false;
    api_forget_key(f->api, "*");
    assert_int_equal(ask_unread(f, "PUT", key.text), 503);
}

#define HELD 128 /* as in api_answer.c */

static void introduce(struct fixture *f, const struct api_key *key, const char *user)
{
    int fd = ask(f, "GET", key->text);
    found_of(f, 0, key, user);
    assert_int_equal(status(f, fd), 200);
}

/* Asks after the rate is spent, whatever the bucket gained meanwhile. */
static int ask_spent(struct fixture *f, const struct api_key *key)
{
    char prefix[API_KEY_PREFIX_LEN + 1];
    assert_true(api_key_prefix(key->text, prefix));
    while (rate_table_take(&f->api->rates, prefix, &f->api->rate, loop_now_ms()).allowed) {
    }
    return ask(f, "GET", key->text);
}

/* Whether the connection stays open after the refusal. */
static bool goes_on(struct fixture *f, int fd)
{
    char text[2048] = "";
    ssize_t n = -1;
    for (int i = 0; i < 100 && n < 0; i++) {
        turns(f);
        n = recv(fd, text, sizeof text - 1, 0);
    }
    close(fd);
    assert_non_null(strstr(text, "HTTP/1.1 429 "));
    return !strstr(text, "\r\nConnection: close\r\n");
}

/* However many connections a user has: some refused ones stay open, the others are closed; those of another
 * user stay open. */
static void test_refusals_past_a_bound_end_their_connections(void **state)
{
    struct fixture *f = *state;
    struct api_key key[2] = {api_key_make(), api_key_make()};
    know(f, key, 2);
    introduce(f, &key[0], "usr_a");
    introduce(f, &key[1], "usr_b");
    for (int i = 0; i < HELD; i++) /* the user has as many open refused connections as allowed */
        assert_true(call_share_take(&f->api->held_shares, "usr_a", HELD));
    assert_false(goes_on(f, ask_spent(f, &key[0])));
    assert_true(goes_on(f, ask_spent(f, &key[1])));
    for (int i = 0; i < HELD; i++)
        call_share_return(&f->api->held_shares, "usr_a");
    assert_true(goes_on(f, ask_spent(f, &key[0])));
}

/* A few reads of one user are at the database at a time; the user's others wait, and no other user waits for
 * them. */
static void test_reads_of_one_user_wait_for_each_other(void **state)
{
    struct fixture *f = *state;
    struct api_key key[2] = {api_key_make(), api_key_make()};
    int fd[CALL_GATE_PER_USER + 20];
    know(f, key, 2);
    f->api->rate = (struct rate_rule){1000, 1000};
    for (int i = 0; i < 2; i++) {
        int first = ask(f, "GET", key[i].text);
        found_of(f, 0, &key[i], i ? "usr_b" : "usr_a");
        assert_int_equal(status(f, first), 200);
    }
    f->keeps = true;
    for (int i = 0; i < CALL_GATE_PER_USER + 20; i++)
        fd[i] = ask(f, "GET", key[0].text);
    assert_int_equal(f->kept_count, CALL_GATE_PER_USER);
    int other = ask(f, "GET", key[1].text);
    assert_int_equal(f->kept_count, CALL_GATE_PER_USER + 1);
    api_answer_json(f->kept[CALL_GATE_PER_USER], 200, NULL, "{}");
    assert_int_equal(status(f, other), 200);
    for (unsigned i = 0; i < f->kept_count; i++) {
        if (i != CALL_GATE_PER_USER)
            api_answer_json(f->kept[i], 200, NULL, "{}");
        turns(f);
    }
    assert_int_equal(f->kept_count, CALL_GATE_PER_USER + 1 + 20);
    for (int i = 0; i < CALL_GATE_PER_USER + 20; i++)
        assert_int_equal(status(f, fd[i]), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_look_up_serves_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_that_changes_meanwhile_is_asked_for_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_guesses_are_counted_before_they_are_looked_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_key_is_no_guess, setup, teardown),
        cmocka_unit_test_setup_teardown(test_few_are_asked_for_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletes_that_make_no_room_are_held_to_the_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_known_key_works_without_the_database, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_that_ended_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_past_a_bound_end_their_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads_of_one_user_wait_for_each_other, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
