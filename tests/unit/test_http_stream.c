#include "tests/lib/turn.h"

#include "common/http/http_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 16384
#define MUCH  (8u << 20)

/* An owner of one stream at a time, with real sockets; a path other than "/up", "/down" or "/ws" is answered
 * "ok". */
struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_exchange *x;
    bool takes;                  /* what on_piece returns */
    bool later;                  /* the test itself answers */
    bool answers_at_once;        /* from within on_piece */
    bool echoes, ends, produces; /* echoes: on_room continues; ends: on_end calls http_stream_end */
    size_t got, left;            /* left: still to be produced */
    unsigned pieces, end, room, gone;
};

static char zeros[PIECE];

static void produce(struct fixture *f)
{
    while (f->left) {
        size_t len = f->left < PIECE ? f->left : PIECE;
        f->left -= len;
        if (!http_stream_write(f->x, zeros, len))
            return;
    }
    http_stream_end(f->x);
    f->x = NULL;
}

static bool on_piece(void *arg, const void *bytes, size_t len)
{
    struct fixture *f = arg;
    f->got += len;
    f->pieces++;
    if (f->answers_at_once) {
        http_answer(f->x, 507, "text/plain", NULL, "full", 4);
        f->x = NULL;
    }
    return f->echoes ? http_stream_write(f->x, bytes, len) : f->takes;
}

static void on_end(void *arg)
{
    struct fixture *f = arg;
    f->end++;
    if (!f->ends)
        return;
    http_answer(f->x, 201, "text/plain", NULL, "made", 4);
    f->x = NULL;
}

static void on_room(void *arg)
{
    struct fixture *f = arg;
    f->room++;
    if (f->echoes)
        http_stream_more(f->x);
    if (f->produces)
        produce(f);
}

static void on_gone(void *arg)
{
    struct fixture *f = arg;
    f->gone++;
    http_stream_end(f->x);
    f->x = NULL;
}

/* The test still has to answer. */
static void on_abandoned(void *arg)
{
    struct fixture *f = arg;
    f->gone++;
}

static const struct http_stream_ops both = {on_piece, on_end, on_room, on_gone};
static const struct http_stream_ops down = {.on_room = on_room, .on_gone = on_gone};

static void on_head(void *owner, struct http_exchange *x)
{
    struct fixture *f = owner;
    http_charge(x, "ann");
    if (f->later) {
        f->x = x;
        return;
    }
    if (!strcmp(http_path(x), "/up")) {
        f->x = x;
        assert_true(http_stream_body(x, MUCH, &both, f));
    } else if (!strcmp(http_path(x), "/down")) {
        f->x = x;
        assert_true(http_stream_begin(x, 200, "text/plain", "X-More: 1\r\n", &down, f));
        if (f->produces)
            produce(f);
    } else if (http_stream_may_upgrade(x, "websocket")) {
        f->x = x;
        assert_true(http_stream_upgrade(x, "websocket", NULL, &both, f));
    } else {
        http_answer(x, 200, "text/plain", NULL, "ok", 2);
    }
}

static const char *problem(void *owner, int code, const char *detail, bool tls, const char **headers)
{
    return "{}";
}

static uint64_t body_max(void *owner, const struct http_exchange *x)
{
    return strcmp(http_path(x), "/up") ? 1000 : MUCH;
}

static struct http_limits limits = {.head_bytes = 8192,
                                    .body_bytes = 1000,
                                    .connections = 100,
                                    .connections_per_address = 100,
                                    .strangers = 50,
                                    .strangers_bytes = 1u << 20,
                                    .known_bytes = 4u << 20,
                                    .account_bytes = 4u << 20,
                                    .head_ms = 60000,
                                    .body_ms = 60000,
                                    .idle_ms = 60000,
                                    .write_ms = 60000};

static int setup(void **state)
{
    static const struct http_server_ops ops = {.on_head = on_head, .body_max = body_max, .problem = problem};
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    f->takes = true;
    f->loop = loop_new();
    assert_int_equal(http_server_new(&f->server, f->loop, "127.0.0.1", 0, &limits, &ops, f, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    assert_null(f->x);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void turn(struct fixture *f)
{
    run_for(f->loop, 1);
}

/* A client with small buffers: what it does not read soon waits in the server. */
static int client(struct fixture *f, const char *text)
{
    int fd = connect_to(http_server_port(f->server), 8192);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    for (int i = 0; i < 10; i++)
        turn(f);
    return fd;
}

/* While nothing happens the loop waits, and does not go round and round. */
static void assert_rests(struct fixture *f)
{
    uint64_t before = loop_spent_us();
    run_for(f->loop, 200);
    assert_true(loop_spent_us() - before < 10000);
}

/* Sends until nothing is taken for a while. */
static size_t send_most(struct fixture *f, int fd, size_t most)
{
    size_t sent = 0;
    for (int idle = 0; idle < 50 && sent < most; idle++) {
        ssize_t n = send(fd, zeros, most - sent < PIECE ? most - sent : PIECE, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            idle = 0;
        }
        turn(f);
    }
    return sent;
}

/* Reads until the text ends with `until`, or the connection ends. The caller frees it. */
static char *receive(struct fixture *f, int fd, const char *until, size_t *len)
{
    static char last[1 << 20];
    char *all = malloc(MUCH + (1 << 20));
    size_t n = strlen(until);
    ssize_t got = 1;
    *len = 0;
    for (int i = 0; i < 20000 && got; i++) {
        got = recv(fd, last, sizeof last, 0);
        if (got <= 0) {
            if (got < 0 && errno != EAGAIN)
                break;
            turn(f);
            continue;
        }
        assert_true(*len + (size_t)got < MUCH + (1 << 20));
        memcpy(all + *len, last, (size_t)got);
        *len += (size_t)got;
        if (n && *len >= n && !memcmp(all + *len - n, until, n))
            break;
    }
    all[*len] = 0;
    return all;
}

static void expect(struct fixture *f, int fd, const char *until, const char *begin)
{
    size_t len;
    char *text = receive(f, fd, until, &len);
    assert_true(len >= strlen(until) && !memcmp(text + len - strlen(until), until, strlen(until)));
    assert_true(!strncmp(text, begin, strlen(begin)));
    free(text);
}

/* The content of the chunks, which must be whole. */
static size_t chunks(const char *at, const char *end)
{
    size_t all = 0, n;
    while (at < end) {
        char *after;
        n = strtoul(at, &after, 16);
        assert_memory_equal(after, "\r\n", 2);
        at = after + 2 + n;
        assert_memory_equal(at, "\r\n", 2);
        at += 2;
        all += n;
        if (!n)
            break;
    }
    assert_ptr_equal(at, end);
    return all;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK        "Content-Length: 2\r\n\r\nok"
#define PUT(len)  "PUT /up HTTP/1.1\r\nHost: h\r\nContent-Length: " #len "\r\n\r\n"

static void test_a_slow_reader_holds_the_producer(void **state)
{
    struct fixture *f = *state;
    f->produces = true;
    f->left = MUCH;
    int fd = client(f, GET("/down"));
    for (int i = 0; i < 50; i++)
        turn(f);
    assert_non_null(f->x);
    assert_true(f->left > 0);
    size_t before = f->left, len;
    for (int i = 0; i < 50; i++)
        turn(f);
    assert_int_equal(f->left, before);
    char *text = receive(f, fd, "0\r\n\r\n", &len);
    const char *body = strstr(text, "\r\n\r\n") + 4;
    assert_non_null(strstr(text, "\r\nTransfer-Encoding: chunked\r\nX-More: 1\r\n"));
    assert_int_equal(chunks(body, text + len), MUCH);
    assert_true(f->room > 10);
    assert_null(f->x);
    free(text);
    close(fd);
}

static void test_a_slow_producer_and_the_request_behind(void **state)
{
    struct fixture *f = *state;
    int fd = client(f, GET("/down") GET("/"));
    expect(f, fd, "\r\n\r\n", "HTTP/1.1 200 ");
    assert_true(http_stream_write(f->x, "abc", 3));
    expect(f, fd, "3\r\nabc\r\n", "3");
    assert_true(http_stream_write(f->x, "", 0));
    assert_true(http_stream_write(f->x, "de", 2));
    expect(f, fd, "2\r\nde\r\n", "2");
    http_stream_end(f->x);
    f->x = NULL;
    expect(f, fd, OK, "0\r\n\r\nHTTP/1.1 200 ");
    close(fd);
}

static void test_a_client_that_goes_is_told_of_once(void **state)
{
    struct fixture *f = *state;
    for (int way = 0; way < 2; way++) {
        int fd = client(f, way ? GET("/down") : PUT(1000));
        assert_non_null(f->x);
        if (way)
            assert_true(http_stream_write(f->x, "abc", 3));
        close(fd);
        for (int i = 0; i < 200 && f->x; i++)
            turn(f);
        assert_int_equal(f->gone, way + 1);
    }
}

static void test_a_body_waits_until_more_is_desired(void **state)
{
    struct fixture *f = *state;
    f->takes = false;
    f->ends = true;
    int fd = client(f, PUT(4000000));
    size_t sent = send_most(f, fd, 4000000);
    assert_true(sent < 4000000);
    assert_int_equal(f->pieces, 1);
    assert_rests(f);
    f->takes = true;
    http_stream_more(f->x);
    sent += send_most(f, fd, 4000000 - sent);
    assert_int_equal(sent, 4000000);
    expect(f, fd, "made", "HTTP/1.1 201 ");
    assert_int_equal(f->got, 4000000);
    assert_int_equal(f->end, 1);
    assert_int_equal(send(fd, GET("/"), strlen(GET("/")), MSG_NOSIGNAL), strlen(GET("/")));
    expect(f, fd, OK, "HTTP/1.1 200 ");
    close(fd);
}

static void test_requests_wait_until_answers_are_read(void **state)
{
    struct fixture *f = *state;
    static const char get[] = GET("/");
    size_t len = strlen(get), sent = len, got;
    int fd = client(f, get);
    for (int idle = 0; idle < 50; idle++) {
        ssize_t n = send(fd, get + sent % len, len - sent % len, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            idle = 0;
        }
        if (n <= 0 || sent % (100 * len) == 0)
            turn(f);
    }
    assert_rests(f);
    for (size_t left = sent / len, had; left; left -= had) { /* each is answered in the end */
        char *text = receive(f, fd, OK, &got);
        had = 0;
        for (char *at = text; (at = strstr(at, OK)); at += strlen(OK))
            had++;
        assert_true(had && had <= left);
        free(text);
    }
    close(fd);
}

static void test_chunks_of_a_body_come_one_by_one(void **state)
{
    struct fixture *f = *state;
    f->takes = false;
    f->ends = true;
    int fd = client(f, "PUT /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" GET("/"));
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(f->pieces, i);
        http_stream_more(f->x);
        for (int n = 0; n < 5; n++)
            turn(f);
    }
    assert_int_equal(f->got, 5);
    expect(f, fd, OK, "HTTP/1.1 201 ");
    close(fd);
}

static void test_a_body_may_be_answered_before_its_end(void **state)
{
    struct fixture *f = *state;
    f->answers_at_once = true;
    int fd = client(f, PUT(4000000) "abc");
    expect(f, fd, "full", "HTTP/1.1 507 ");
    assert_int_equal(f->pieces, 1);
    assert_int_equal(f->gone, 0);
    close(fd);
}

static void test_bounds_of_a_body(void **state)
{
    struct fixture *f = *state;
    int fd = client(f, PUT(9000000));
    expect(f, fd, "{}", "HTTP/1.1 413 ");
    close(fd);
    fd = client(f, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
    expect(f, fd, "{}", "HTTP/1.1 413 ");
    close(fd);
    fd = client(f, "PUT /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n900000\r\n");
    expect(f, fd, "{}", "HTTP/1.1 413 ");
    assert_int_equal(f->gone, 1);
    close(fd);
}

static void test_upgrade(void **state)
{
    struct fixture *f = *state;
    size_t sent = 0, got = 0;
    char in[PIECE];
    f->echoes = true;
    int fd =
        client(f, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
                  "\r\nfirst");
    expect(f, fd, "first", "HTTP/1.1 101 Switching Protocols\r\n");
    assert_int_equal(http_server_connections(f->server), 1);
    for (int i = 0; i < 20000 && got < 1000000; i++) { /* more than both buffers hold */
        ssize_t n = sent < 1000000 ? send(fd, zeros, PIECE, MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        turn(f);
        n = i % 3 ? -1 : recv(fd, in, sizeof in, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_true(got >= 1000000);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 20000 && !f->end; i++) {
        turn(f);
        (void)!recv(fd, in, sizeof in, 0);
    }
    assert_int_equal(f->end, 1);
    assert_int_equal(f->gone, 0);
    (void)http_stream_write(f->x, "bye", 3);
    http_stream_end(f->x);
    f->x = NULL;
    size_t len;
    char *text = receive(f, fd, "", &len);
    assert_true(len >= 3 && !memcmp(text + len - 3, "bye", 3));
    free(text);
    close(fd);
}

#define UPGRADE "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

/* Until the answer is known, a client that ends its side is gone; what it sends early waits for its owner. */
static void test_an_upgrade_after_a_wait(void **state)
{
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct fixture *f = *state;
    f->later = f->echoes = true;
    int fd = client(f, UPGRADE "first");
    assert_true(http_stream_await(f->x, &waits, f));
    for (int i = 0; i < 10; i++)
        turn(f);
    assert_int_equal(f->pieces, 0);
    assert_true(http_stream_upgrade(f->x, "websocket", NULL, &both, f));
    expect(f, fd, "first", "HTTP/1.1 101 Switching Protocols\r\n");
    assert_int_equal(send(fd, "last", 4, MSG_NOSIGNAL), 4);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 1000 && !f->end; i++)
        turn(f);
    assert_int_equal(f->got, 9);
    assert_int_equal(f->end, 1);
    assert_int_equal(f->gone, 0);
    http_stream_end(f->x);
    f->x = NULL;
    close(fd);
}

static void test_who_is_gone_before_the_answer_begins(void **state)
{
    static const struct http_stream_ops waits = {.on_gone = on_abandoned};
    struct fixture *f = *state;
    f->later = true;
    for (unsigned way = 0; way < 2; way++) {
        int fd = client(f, UPGRADE);
        assert_true(http_stream_await(f->x, &waits, f));
        close(fd);
        for (int i = 0; i < 1000 && f->gone == way; i++)
            turn(f);
        assert_int_equal(f->gone, way + 1);
        if (way)
            assert_false(http_stream_upgrade(f->x, "websocket", NULL, &both, f));
        else
            assert_false(http_stream_begin(f->x, 200, "text/plain", NULL, &down, f));
        f->x = NULL;
    }
}

/* A stream that has nothing to say is not given up for what others hold; what its owner keeps counts. */
static void test_what_its_owner_keeps_is_charged(void **state)
{
    struct fixture *f = *state;
    int fd = client(f, UPGRADE), other;
    struct http_exchange *first = f->x;
    expect(f, fd, "\r\n\r\n", "HTTP/1.1 101 ");
    other = client(f, UPGRADE);
    expect(f, other, "\r\n\r\n", "HTTP/1.1 101 ");
    http_stream_hold(f->x, 5u << 20);
    for (int i = 0; i < 10; i++)
        turn(f);
    assert_int_equal(f->gone, 1);
    assert_int_equal(http_server_connections(f->server), 1);
    f->x = first;
    close(fd);
    close(other);
}

static void on_whole(void *arg, bool whole)
{
    struct fixture *f = arg;
    f->end += whole;
}

/* It cannot be given up while its answer is owed, so it holds as little as it can. */
static void test_what_waits_for_its_answer_holds_no_body(void **state)
{
    static const struct http_stream_ops waits = {.on_gone = on_abandoned};
    struct fixture *f = *state;
    size_t len;
    f->later = true;
    int fd = client(f, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    assert_true(http_read_body(f->x, true, on_whole, f));
    for (int i = 0; i < 10; i++)
        turn(f);
    assert_int_equal(f->end, 1);
    assert_string_equal(http_body(f->x, &len), "hello");
    assert_true(http_stream_await(f->x, &waits, f));
    assert_string_equal(http_body(f->x, &len), "");
    assert_int_equal(len, 0);
    turn(f);
    http_answer(f->x, 200, "text/plain", NULL, "ok", 2);
    f->x = NULL;
    expect(f, fd, OK, "HTTP/1.1 200 ");
    close(fd);
}

/* An answer that was waited for is given up as any other once it has begun: clients that read nothing
 * of many answers hold no more than their account may. */
static void test_what_waits_for_slow_readers_is_bounded(void **state)
{
    static const struct http_stream_ops waits = {.on_gone = on_abandoned};
    struct http_limits tight = limits;
    struct fixture *f = *state;
    struct http_exchange *x[8];
    int fd[8];
    f->later = true;
    tight.account_bytes = 4 * HTTP_STREAM_HIGH;
    http_server_set_limits(f->server, &tight);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        fd[i] = client(f, GET("/"));
        x[i] = f->x;
        assert_true(http_stream_await(x[i], &waits, f));
        turn(f);
        assert_true(http_stream_begin(x[i], 200, "text/plain", NULL, &waits, f));
    }
    for (int t = 0; t < 1000 && f->gone < 4; t++) {
        for (size_t i = 0; i < ARRAY_LEN(x); i++) {
            if (http_stream_waiting(x[i]) <= HTTP_STREAM_HIGH)
                (void)http_stream_write(x[i], zeros, PIECE);
        }
        turn(f);
    }
    assert_in_range(f->gone, 4, 7);
    assert_int_equal(http_server_connections(f->server), ARRAY_LEN(x) - f->gone);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        http_stream_end(x[i]);
        close(fd[i]);
    }
    f->x = NULL;
}

static void test_an_upgrade_that_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const asked[] = {
        "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
        "POST /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        int fd = client(f, asked[i]);
        expect(f, fd, OK, "HTTP/1.1 200 ");
        assert_int_equal(send(fd, GET("/"), strlen(GET("/")), MSG_NOSIGNAL), strlen(GET("/")));
        expect(f, fd, OK, "HTTP/1.1 200 ");
        close(fd);
    }
}

static void test_who_speaks_1_0_gets_no_chunks(void **state)
{
    struct fixture *f = *state;
    f->produces = true;
    f->left = 40000;
    size_t len;
    int fd = client(f, "GET /down HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    char *text = receive(f, fd, "", &len);
    assert_null(strstr(text, "Transfer-Encoding"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_int_equal(text + len - strstr(text, "\r\n\r\n") - 4, 40000);
    free(text);
    close(fd);
}

static void test_head_gets_the_head_only(void **state)
{
    struct fixture *f = *state;
    f->produces = true;
    f->left = MUCH;
    int fd = client(f, "HEAD /down HTTP/1.1\r\nHost: h\r\n\r\n" GET("/"));
    size_t len;
    char *text = receive(f, fd, OK, &len);
    const char *next = strstr(text, "\r\n\r\n") + 4;
    assert_non_null(strstr(text, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_true(!strncmp(next, "HTTP/1.1 200 ", 13));
    free(text);
    close(fd);
}

static void test_what_breaks_has_no_last_chunk(void **state)
{
    struct fixture *f = *state;
    size_t len;
    int fd = client(f, GET("/down"));
    (void)http_stream_write(f->x, "abc", 3);
    http_stream_break(f->x);
    f->x = NULL;
    char *text = receive(f, fd, "", &len);
    assert_non_null(strstr(text, "3\r\nabc\r\n"));
    assert_null(strstr(text, "\r\n0\r\n"));
    free(text);
    close(fd);
}

static void test_who_writes_on_regardless_loses_the_connection(void **state)
{
    struct fixture *f = *state;
    int fd = client(f, GET("/down"));
    for (size_t n = 0; n < 2 * HTTP_STREAM_MAX; n += PIECE)
        (void)http_stream_write(f->x, zeros, PIECE);
    for (int i = 0; i < 100 && f->x; i++)
        turn(f);
    assert_int_equal(f->gone, 1);
    close(fd);
}

static void test_what_stalls_has_its_time(void **state)
{
    struct fixture *f = *state;
    struct http_limits quick = limits;
    quick.body_ms = quick.write_ms = 100;
    http_server_set_limits(f->server, &quick);
    int fd = client(f, PUT(1000) "abc");
    expect(f, fd, "{}", "HTTP/1.1 408 ");
    assert_int_equal(f->gone, 1);
    close(fd);
    f->produces = true;
    f->left = MUCH;
    fd = client(f, GET("/down"));
    for (int i = 0; i < 3000 && f->x; i++)
        turn(f);
    assert_int_equal(f->gone, 2);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_slow_reader_holds_the_producer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_slow_producer_and_the_request_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_goes_is_told_of_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_waits_until_more_is_desired, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests_wait_until_answers_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunks_of_a_body_come_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_may_be_answered_before_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds_of_a_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_upgrade_after_a_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_gone_before_the_answer_begins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_its_owner_keeps_is_charged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_for_its_answer_holds_no_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_for_slow_readers_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_upgrade_that_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_speaks_1_0_gets_no_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_head_gets_the_head_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_breaks_has_no_last_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_writes_on_regardless_loses_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_stalls_has_its_time, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
