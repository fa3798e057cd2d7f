#include "tests/lib/turn.h"

#include "controller/api/api_int.h"
#include "controller/api/api_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 1000 /* of a body that is read whole */
#define PUT_MAX  5000 /* that the route in pieces takes */

/* The API before routes that stream; any key that the test made is good, with the scopes that the test says.
 */
struct fixture {
    struct loop *loop;
    struct api *api;
    struct api_key key;
    uint32_t scopes;
    struct key_query *query;
    struct api_call *call; /* of the stream that goes on */
    size_t taken;          /* bytes of its pieces */
    unsigned begun, gone;
    bool awaits;
};

/* --- what the routes do --- */

static bool on_piece(void *arg, const void *bytes, size_t len)
{
    struct fixture *f = arg;
    f->taken += len;
    if (f->call->route->upgrade)
        http_stream_write(f->call->exchange, bytes, len);
    return true;
}

static void on_end(void *arg)
{
    struct fixture *f = arg;
    char text[64];
    snprintf(text, sizeof text, "{\"bytes\":%zu}", f->taken);
    api_answer_json(f->call, 200, NULL, text);
    f->call = NULL;
}

static void on_gone(void *arg)
{
    struct fixture *f = arg;
    f->gone++;
    api_stream_end(f->call);
    f->call = NULL;
}

static const struct http_stream_ops up = {.on_piece = on_piece, .on_end = on_end, .on_gone = on_gone};
static const struct http_stream_ops down = {.on_gone = on_gone};
static const struct http_stream_ops both = {.on_piece = on_piece, .on_end = on_gone, .on_gone = on_gone};

static struct fixture *begin(void *owner, struct api_call *call)
{
    struct fixture *f = owner;
    f->begun++;
    f->taken = 0;
    f->call = call;
    return f;
}

static void put(void *owner, struct api_call *call)
{
    assert_true(api_stream_body(call, PUT_MAX, &up, begin(owner, call)));
}

static void feed(void *owner, struct api_call *call)
{
    assert_true(api_stream_begin(call, 200, "text/plain", "X-More: 1\r\n", &down, begin(owner, call)));
    http_stream_write(call->exchange, "one", 3);
}

static void talk(void *owner, struct api_call *call)
{
    assert_true(api_stream_upgrade(call, NULL, &both, begin(owner, call)));
}

/* Nobody waits for the answer any more. */
static void on_abandoned(void *arg)
{
    struct fixture *f = arg;
    f->gone++;
    api_answer_json(f->call, 200, NULL, "{}");
    f->call = NULL;
}

static void await(void *owner, struct api_call *call)
{
    static const struct http_stream_ops waits = {.on_gone = on_abandoned};
    struct fixture *f = begin(owner, call);
    f->awaits = api_stream_await(call, &waits, f);
    if (!f->awaits)
        f->call = NULL;
}

static void whole(void *owner, struct api_call *call)
{
    struct fixture *f = owner;
    f->begun++;
    api_answer_json(call, 200, NULL, "{}");
}

static const struct api_route rows[] = {
    {"PUT", "PUT", "/bytes", API_WRITE, &no_body, 200, "object", "", put, .streamed_body = true},
    {"FEED", "GET", "/feed", API_READ, &no_body, 200, "bytes", "", feed, .streamed_answer = true},
    {"TALK", "GET", "/talk", API_EXEC, &no_body, 101, "", "", talk, .upgrade = "websocket"},
    {"AWAIT", "POST", "/await", API_WRITE, &no_body, 200, "object", "", await},
    {"WHOLE", "POST", "/whole", API_WRITE, &no_body, 200, "object", "", whole},
};
static const struct api_routes routes = {.route = rows, .count = ARRAY_LEN(rows), .objects = "{\"info\":{}}"};

/* --- the installation --- */

static void find_key(void *owner, const char *prefix, struct key_query *query)
{
    struct fixture *f = owner;
    f->query = query;
}

static int serving(void *owner, struct err *e)
{
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct api_ops ops = {.routes = &routes, .serving = serving, .find_key = find_key};
    struct api_conf conf = {.address = "127.0.0.1",
                            .limits = http_default_limits,
                            .rate_per_second = 100,
                            .rate_burst = 100,
                            .auth_failures_per_second = 100,
                            .auth_failures_burst = 100};
    struct err e;
    conf.limits.body_bytes = BODY_MAX;
    conf.limits.connections = 8; /* a quarter of them for one user */
    f->loop = loop_new();
    f->key = api_key_make();
    f->scopes = SCOPE_READ | SCOPE_WRITE;
    assert_int_equal(api_new(&f->api, f->loop, &conf, &ops, f, &e), 0);
    char prefix[API_KEY_PREFIX_LEN + 1];
    assert_true(api_key_prefix(f->key.text, prefix));
    api_know_keys(f->api, prefix);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->call)
        api_stream_end(f->call);
    api_free(f->api);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void turn(struct fixture *f)
{
    struct caller caller = {.user_id = "usr_a", .key_id = "key_a", .scopes = f->scopes};
    struct key_query *query = f->query;
    uint8_t sha256[32];
    run_for(f->loop, 1);
    f->query = query == f->query ? NULL : f->query;
    if (!query)
        return;
    api_key_sha256(f->key.text, sha256);
    api_key_found(query, 0, NULL, &caller, sha256, false, 0);
}

static void turn_without_answer(struct fixture *f)
{
    run_for(f->loop, 1);
}

/* head: the request's line and headers, to which its key comes. */
static int ask(struct fixture *f, const char *key, const char *head, const char *body)
{
    char text[8000];
    int len = snprintf(text, sizeof text, "%s\r\nHost: h\r\nX-API-Key: %s\r\n\r\n%s", head, key, body);
    int fd = connect_to(http_server_port(f->api->server), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    return fd;
}

/* Adds what comes to text, until it ends with `end` or the connection does. */
static void receive(struct fixture *f, int fd, char text[static 8000], const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    for (int i = 0; i < 10000 && (len < n || strcmp(text + len - n, end)); i++) {
        ssize_t got = recv(fd, text + len, 8000 - 1 - len, 0);
        if (!got || (got < 0 && errno != EAGAIN))
            return;
        len += got > 0 ? (size_t)got : 0;
        text[len] = 0;
        turn(f);
    }
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in: %s", part, text);
}

/* --- the tests --- */

static void test_a_body_in_pieces_is_of_no_type_and_longer_than_one_that_is_read_whole(void **state)
{
    struct fixture *f = *state;
    char text[8000] = "", body[PUT_MAX + 2] = "", head[100];
    memset(body, 'x', 4000);
    int fd =
        ask(f, f->key.text, "PUT /bytes HTTP/1.1\r\nContent-Length: 4000\r\nContent-Type: image/png", body);
    receive(f, fd, text, "{\"bytes\":4000}");
    assert_has(text, "HTTP/1.1 200 ");
    assert_has(text, "\r\nX-Request-Id: ");
    close(fd);
    for (int i = 0; i < 2; i++) { /* past the bound of the one, and of the other */
        snprintf(head, sizeof head, "%s HTTP/1.1\r\nContent-Length: %d", i ? "PUT /bytes" : "POST /whole",
                 i ? PUT_MAX + 1 : BODY_MAX + 1);
        memset(body, 'x', i ? PUT_MAX + 1 : 0);
        fd = ask(f, f->key.text, head, i ? body : "");
        text[0] = 0;
        receive(f, fd, text, "}");
        assert_has(text, "HTTP/1.1 413 ");
        close(fd);
    }
}

static void test_nothing_of_a_stream_begins_for_a_stranger(void **state)
{
    static const char *const heads[] = {"PUT /bytes HTTP/1.1\r\nContent-Length: 4000", "GET /feed HTTP/1.1",
                                        "GET /talk HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket"};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        char text[8000] = "";
        int fd = ask(f, "none", heads[i], "");
        receive(f, fd, text, "}");
        assert_has(text, "HTTP/1.1 401 ");
        close(fd);
    }
    assert_int_equal(f->begun, 0);
}

static void test_an_answer_in_pieces_carries_the_headers_of_any_other(void **state)
{
    struct fixture *f = *state;
    char text[8000] = "";
    int fd = ask(f, f->key.text, "GET /feed HTTP/1.1", "");
    receive(f, fd, text, "3\r\none\r\n");
    assert_has(text, "HTTP/1.1 200 ");
    assert_has(text, "\r\nX-Request-Id: ");
    assert_has(text, "\r\nRateLimit-Limit: 100\r\n");
    assert_has(text, "\r\nX-More: 1\r\n");
    api_stream_end(f->call);
    f->call = NULL;
    receive(f, fd, text, "0\r\n\r\n");
    assert_has(text, "3\r\none\r\n0\r\n\r\n");
    assert_int_equal(api_stats(f->api).answered[2], 1);
    close(fd);
}

/* Streams are requests under way: a user who has the share of all connections is refused another. */
static void test_a_stream_takes_a_place_until_it_ends(void **state)
{
    struct fixture *f = *state;
    struct api_call *first;
    char text[2][8000] = {"", ""}, refused[8000] = "", again[8000] = "";
    int fd[2];
    for (int i = 0; i < 2; i++) {
        fd[i] = ask(f, f->key.text, "GET /feed HTTP/1.1", "");
        receive(f, fd[i], text[i], "3\r\none\r\n");
        first = i ? first : f->call;
    }
    int third = ask(f, f->key.text, "POST /whole HTTP/1.1\r\nContent-Length: 0", "");
    receive(f, third, refused, "}");
    assert_has(refused, "HTTP/1.1 429 ");
    close(third);
    api_stream_end(first);
    third = ask(f, f->key.text, "POST /whole HTTP/1.1\r\nContent-Length: 0", "");
    receive(f, third, again, "{}");
    assert_has(again, "HTTP/1.1 200 ");
    close(third);
    close(fd[0]);
    close(fd[1]);
    while (!f->gone)
        turn(f);
}

static void test_an_answer_that_takes_long(void **state)
{
    struct fixture *f = *state;
    char text[8000] = "";
    int fd = ask(f, f->key.text, "POST /await HTTP/1.1\r\nContent-Length: 0", "");
    while (!f->call)
        turn(f);
    assert_true(f->awaits);
    api_answer_json(f->call, 200, NULL, "{\"long\":1}");
    f->call = NULL;
    receive(f, fd, text, "{\"long\":1}");
    assert_has(text, "HTTP/1.1 200 ");
    assert_null(strstr(text, "Connection: close"));
    close(fd);
    assert_int_equal(f->gone, 0);
}

/* A client that is gone, or has only ended its side, waits no more; its place is free then. */
static void test_a_client_that_waits_no_more(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 6; i++) {
        int fd = ask(f, f->key.text, "POST /await HTTP/1.1\r\nContent-Length: 0", "");
        while (!f->call)
            turn(f);
        if (i % 2)
            shutdown(fd, SHUT_WR);
        else
            close(fd);
        while (f->gone == i)
            turn(f);
        if (i % 2)
            close(fd);
    }
}

/* It is gone before its key is known. */
static void test_a_client_that_went_before_it_could_wait(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 4; i++) {
        api_forget_key(f->api, "*");
        int fd = ask(f, f->key.text, "POST /await HTTP/1.1\r\nContent-Length: 0", "");
        while (!f->query)
            turn_without_answer(f);
        close(fd);
        for (int k = 0; k < 20; k++)
            turn_without_answer(f);
        while (f->begun == i || (f->awaits && f->call)) /* it is told, at once or soon */
            turn(f);
    }
    char text[8000] = "";
    int fd = ask(f, f->key.text, "POST /whole HTTP/1.1\r\nContent-Length: 0", "");
    receive(f, fd, text, "{}");
    assert_has(text, "HTTP/1.1 200 ");
    close(fd);
}

static void test_a_connection_is_handed_over_to_the_scope_exec(void **state)
{
    static const char *const upgrade = "GET /talk HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket";
    struct fixture *f = *state;
    char text[8000] = "", plain[8000] = "", refused[8000] = "";
    int fd = ask(f, f->key.text, "GET /talk HTTP/1.1", "");
    receive(f, fd, plain, "}");
    assert_has(plain, "HTTP/1.1 400 ");
    assert_has(plain, "upgrade of HTTP/1.1 to websocket");
    close(fd);
    fd = ask(f, f->key.text, upgrade, ""); /* write has exec in it */
    receive(f, fd, text, "\r\n\r\n");
    assert_has(text, "HTTP/1.1 101 ");
    assert_has(text, "\r\nX-Request-Id: ");
    assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
    receive(f, fd, text, "hello");
    assert_has(text, "\r\n\r\nhello");
    close(fd);
    while (!f->gone)
        turn(f);
    f->scopes = SCOPE_READ;
    api_forget_key(f->api, "*");
    fd = ask(f, f->key.text, upgrade, "");
    receive(f, fd, refused, "}");
    assert_has(refused, "HTTP/1.1 403 ");
    assert_has(refused, "lacks the scope exec");
    close(fd);
    assert_int_equal(f->begun, 1);
}

static void test_the_scope_exec_alone_neither_reads_nor_writes(void **state)
{
    static const struct {
        const char *head;
        const char *status;
    } asked[] = {{"GET /feed HTTP/1.1", "HTTP/1.1 403 "},
                 {"POST /whole HTTP/1.1\r\nContent-Length: 0", "HTTP/1.1 403 "},
                 {"GET /talk HTTP/1.1", "HTTP/1.1 400 "}};
    struct fixture *f = *state;
    f->scopes = SCOPE_EXEC;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        char text[8000] = "";
        int fd = ask(f, f->key.text, asked[i].head, "");
        receive(f, fd, text, "}");
        assert_has(text, asked[i].status);
        close(fd);
    }
}

/* A client that goes away in the middle: its handler hears of it, and ends. */
static void test_a_client_that_leaves_is_told(void **state)
{
    struct fixture *f = *state;
    int fd = ask(f, f->key.text, "PUT /bytes HTTP/1.1\r\nContent-Length: 4000", "xx");
    while (!f->taken)
        turn(f);
    close(fd);
    while (!f->gone)
        turn(f);
    assert_null(f->call);
}

static void test_streams_are_described(void **state)
{
    struct fixture *f = *state;
    const char *text = f->api->openapi;
    assert_has(text, "\"requestBody\":{\"required\":false,\"content\":{\"application/octet-stream\":{}}}");
    assert_has(text, "\"101\":{\"description\":\"The connection is handed over\"");
    assert_has(text,
               "\"description\":\"Done\",\"headers\":{\"X-Request-Id\":{\"$ref\":\"#/components/headers/"
               "RequestId\"},\"traceresponse\":{\"$ref\":\"#/components/headers/"
               "TraceResponse\"}},\"content\":{\"application/octet-stream\":{}}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_body_in_pieces_is_of_no_type_and_longer_than_one_that_is_read_whole),
        TEST(test_nothing_of_a_stream_begins_for_a_stranger),
        TEST(test_an_answer_in_pieces_carries_the_headers_of_any_other),
        TEST(test_a_stream_takes_a_place_until_it_ends),
        TEST(test_an_answer_that_takes_long),
        TEST(test_a_client_that_waits_no_more),
        TEST(test_a_client_that_went_before_it_could_wait),
        TEST(test_a_connection_is_handed_over_to_the_scope_exec),
        TEST(test_the_scope_exec_alone_neither_reads_nor_writes),
        TEST(test_a_client_that_leaves_is_told),
        TEST(test_streams_are_described)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
