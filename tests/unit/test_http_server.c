#include "tests/lib/turn.h"

#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* An owner that knows callers by a header, and keeps a request for "/held" until the test releases it. */
struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_exchange *held;
    char order[300]; /* the first letters of the callers, in the order in which they were served */
    unsigned gone;
    size_t body_len;
};

struct asked {
    struct fixture *fixture;
    struct http_exchange *x;
};

static void on_body(void *arg, bool whole)
{
    struct asked asked = *(struct asked *)arg;
    free(arg);
    asked.fixture->gone += !whole;
    if (!whole)
        return;
    http_body(asked.x, &asked.fixture->body_len);
    http_answer(asked.x, 200, "text/plain", NULL, "ok", 2);
}

static bool read_body(struct fixture *f, struct http_exchange *x, bool keep)
{
    struct asked *asked = malloc(sizeof *asked);
    *asked = (struct asked){f, x};
    bool there = http_read_body(x, keep, on_body, asked);
    if (!there)
        free(asked);
    return there;
}

static void on_head(void *owner, struct http_exchange *x)
{
    struct fixture *f = owner;
    http_charge(x, http_header(x, "x-who"));
    if (http_header(x, "x-who") && strlen(f->order) + 1 < sizeof f->order)
        strncat(f->order, http_header(x, "x-who"), 1);
    if (!strcmp(http_path(x), "/held"))
        f->held = x;
    else if (!strcmp(http_path(x), "/refused"))
        http_answer(x, 401, "text/plain", NULL, "no", 2);
    else if (!http_has_body(x))
        http_answer(x, 200, "text/plain", NULL, "ok", 2);
    else
        assert_true(read_body(f, x, !strcmp(http_path(x), "/kept")));
}

static const char *problem(void *owner, int code, const char *detail, bool tls, const char **headers)
{
    return "{}";
}

static const struct http_limits limits = {.head_bytes = 8192,
                                          .body_bytes = 300000,
                                          .connections = 100,
                                          .connections_per_address = 100,
                                          .strangers = 50,
                                          .strangers_bytes = 100000,
                                          .known_bytes = 700000,
                                          .account_bytes = 400000,
                                          .head_ms = 60000,
                                          .body_ms = 60000,
                                          .idle_ms = 60000,
                                          .write_ms = 60000};

static int setup(void **state)
{
    static const struct http_server_ops ops = {.on_head = on_head, .problem = problem};
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    f->loop = loop_new();
    assert_int_equal(http_server_new(&f->server, f->loop, "127.0.0.1", 0, &limits, &ops, f, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void turn(struct fixture *f)
{
    run_for(f->loop, 2);
}

static int client(struct fixture *f)
{
    int fd = connect_to(http_server_port(f->server), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    turn(f);
    return fd;
}

/* Sends all of it, and lets the server handle it. */
static void send_bytes(struct fixture *f, int fd, const char *text, size_t more)
{
    static char bytes[65536];
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    turn(f);
    while (more) {
        ssize_t n = send(fd, bytes, more < sizeof bytes ? more : sizeof bytes, MSG_NOSIGNAL);
        if (n > 0)
            more -= (size_t)n;
        turn(f);
    }
    for (int i = 0; i < 20; i++)
        turn(f);
}

/* The status of the next answer; 0: none came; -1: the connection ended. */
static int status(struct fixture *f, int fd)
{
    char text[2048] = "";
    ssize_t n = -1;
    for (int i = 0; i < 100 && n < 0; i++) {
        turn(f);
        n = recv(fd, text, sizeof text - 1, 0);
    }
    return n < 0 ? 0 : n == 0 ? -1 : atoi(text + strlen("HTTP/1.1 "));
}

#define BODY(path, who, len)                                                                                 \
    "POST " path " HTTP/1.1\r\nHost: h\r\nX-Who: " who "\r\nContent-Length: " #len "\r\n\r\n"

static void test_no_byte_is_read_before_its_owner_wants_it(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);
    send_bytes(f, fd, BODY("/held", "ann", 200000), 0);
    assert_true(f->held && http_has_body(f->held));
    char bytes[65536] = "";
    size_t sent = 0;
    for (int i = 0; i < 50; i++) {
        ssize_t n = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        turn(f);
    }
    assert_true(read_body(f, f->held, true));
    while (sent < 200000) {
        ssize_t n =
            send(fd, bytes, 200000 - sent < sizeof bytes ? 200000 - sent : sizeof bytes, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        turn(f);
    }
    assert_int_equal(status(f, fd), 200);
    assert_int_equal(f->body_len, 200000);
    close(fd);
}

static void test_a_body_may_be_thrown_away(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);
    f->body_len = 1;
    send_bytes(f, fd, BODY("/thrown", "ann", 200000), 200000);
    assert_int_equal(status(f, fd), 200);
    assert_int_equal(f->body_len, 0);
    send_bytes(f, fd, BODY("/thrown", "ann", 300001), 0);
    assert_int_equal(status(f, fd), 413);
    close(fd);
}

static void test_past_its_share_an_account_loses_its_oldest(void **state)
{
    struct fixture *f = *state;
    int one = client(f), two = client(f), other = client(f);
    send_bytes(f, other, BODY("/kept", "bob", 100000), 50000);
    send_bytes(f, one, BODY("/kept", "ann", 300000), 250000);
    send_bytes(f, two, BODY("/kept", "ann", 300000), 250000);
    assert_int_equal(status(f, one), 429);
    send_bytes(f, two, "", 50000);
    assert_int_equal(status(f, two), 200);
    assert_int_equal(f->body_len, 300000);
    send_bytes(f, other, "", 50000);
    assert_int_equal(status(f, other), 200);
    assert_int_equal(f->gone, 1);
    close(one), close(two), close(other);
}

static void test_past_the_budget_who_holds_most_loses_its_oldest(void **state)
{
    struct fixture *f = *state;
    int small = client(f), ann = client(f), bob = client(f), cat = client(f);
    send_bytes(f, small, BODY("/kept", "dan", 2000), 1000);
    send_bytes(f, ann, BODY("/kept", "ann", 300000), 299000);
    send_bytes(f, bob, BODY("/kept", "bob", 200000), 199000);
    send_bytes(f, cat, BODY("/kept", "cat", 250000), 249000);
    assert_int_equal(status(f, ann), 429);
    send_bytes(f, small, "", 1000);
    assert_int_equal(status(f, small), 200);
    send_bytes(f, cat, "", 1000);
    assert_int_equal(status(f, cat), 200);
    close(small), close(ann), close(bob), close(cat);
}

static void test_strangers_share_a_budget(void **state)
{
    struct fixture *f = *state;
    int fd[16];
    char head[7000];
    memset(head, 'x', sizeof head);
    memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
    head[sizeof head - 1] = 0;
    for (int i = 0; i < 16; i++) {
        fd[i] = client(f);
        send_bytes(f, fd[i], head, 0);
    }
    assert_int_equal(status(f, fd[0]), 429);
    assert_int_equal(status(f, fd[15]), 0);
    send_bytes(f, fd[15], "\r\nHost: h\r\n\r\n", 0);
    assert_int_equal(status(f, fd[15]), 200);
    for (int i = 0; i < 16; i++)
        close(fd[i]);
}

static void test_who_waits_for_a_body_is_told_that_none_comes(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);
    send_bytes(f, fd, BODY("/kept", "ann", 200000), 1000);
    close(fd);
    for (int i = 0; i < 100 && !f->gone; i++)
        turn(f);
    assert_int_equal(f->gone, 1);
    fd = client(f);
    send_bytes(f, fd, BODY("/held", "ann", 10), 0);
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    for (int i = 0; i < 100 && http_server_connections(f->server); i++)
        turn(f);
    assert_false(read_body(f, f->held, true));
}

static void test_a_body_that_nobody_reads_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);
    send_bytes(f, fd, BODY("/refused", "ann", 200000), 100000);
    assert_int_equal(status(f, fd), 401);
    for (int i = 0; i < 1000 && http_server_connections(f->server); i++)
        turn(f);
    assert_int_equal(http_server_connections(f->server), 0);
    close(fd);
}

static void test_who_shares_an_address_keeps_nobody_out(void **state)
{
    struct fixture *f = *state;
    struct http_limits few = limits;
    int fd[5];
    few.connections_per_address = 4;
    http_server_set_limits(f->server, &few);
    for (int i = 0; i < 5; i++)
        fd[i] = client(f);
    assert_int_equal(status(f, fd[0]), -1);
    assert_int_equal(http_server_connections(f->server), 4);
    for (int i = 1; i < 5; i++) {
        send_bytes(f, fd[i], "GET / HTTP/1.1\r\nHost: h\r\nX-Who: ann\r\n\r\n", 0);
        assert_int_equal(status(f, fd[i]), 200);
    }
    close(fd[0]);
    fd[0] = client(f); /* each open connection belongs to a caller */
    assert_int_equal(status(f, fd[0]), -1);
    for (int i = 0; i < 5; i++)
        close(fd[i]);
}

/* A new connection replaces the one that is idle for longest; however many requests are older, one under way
 * is left alone. */
static void test_the_longest_idle_one_makes_room(void **state)
{
    struct fixture *f = *state;
    int fd[101];
    for (int i = 0; i < 100; i++) {
        const char *text =
            i < 80 ? BODY("/kept", "ann", 10) : "GET / HTTP/1.1\r\nHost: h\r\nX-Who: bob\r\n\r\n";
        fd[i] = client(f);
        assert_int_equal(send(fd[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
        turn(f);
        if (i >= 80)
            assert_int_equal(status(f, fd[i]), 200);
    }
    assert_int_equal(http_server_connections(f->server), 100);
    send_bytes(f, fd[80], "GET / HTTP/1.1\r\nHost: h\r\nX-Who: bob\r\n\r\n", 0);
    assert_int_equal(status(f, fd[80]), 200);
    fd[100] = client(f);
    send_bytes(f, fd[100], "GET / HTTP/1.1\r\nHost: h\r\nX-Who: eve\r\n\r\n", 0);
    assert_int_equal(status(f, fd[100]), 200);
    assert_int_equal(status(f, fd[81]), -1);
    send_bytes(f, fd[0], "0123456789", 0);
    assert_int_equal(status(f, fd[0]), 200);
    for (int i = 0; i < 101; i++)
        close(fd[i]);
}

#define GET(who) "GET / HTTP/1.1\r\nHost: h\r\nX-Who: " who "\r\n\r\n"

#define FIVE(who) GET(who) GET(who) GET(who) GET(who) GET(who)

static void send_only(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* A caller gets its share, however many connections another one has and however much that sends over each. */
static void test_accounts_take_turns(void **state)
{
    struct fixture *f = *state;
    int ann[20], bob = client(f);
    for (int i = 0; i < 20; i++) {
        ann[i] = client(f);
        send_only(ann[i], GET("ann"));
        assert_int_equal(status(f, ann[i]), 200);
    }
    send_only(bob, GET("bob"));
    assert_int_equal(status(f, bob), 200);
    f->order[0] = 0;
    for (int i = 0; i < 20; i++)
        send_only(ann[i], FIVE("ann") FIVE("ann"));
    send_only(bob, FIVE("bob") FIVE("bob"));
    while (strlen(f->order) < 210)
        turn(f);
    assert_non_null(strstr(f->order, "bababababababababab"));
    assert_true(strchr(f->order, 'b') - f->order <= 64);
    for (int i = 0; i < 20; i++)
        close(ann[i]);
    close(bob);
}

/* A flood of new connections is accepted a few at a time, and clients that are connected are served in
 * between. */
static void test_new_connections_take_turns_too(void **state)
{
    struct fixture *f = *state;
    struct http_limits wide = limits;
    int in = client(f), fd[400];
    wide.connections = wide.strangers = wide.connections_per_address = 1000;
    http_server_set_limits(f->server, &wide);
    for (int i = 0; i < 400; i++)
        fd[i] = connect_to(http_server_port(f->server), 0);
    f->order[0] = 0;
    send_only(in, GET("ann"));
    struct deferred deferred = {0};
    while (!f->order[0]) {
        deferred_call(&deferred, f->loop, turn_over, f->loop);
        loop_run(f->loop);
    }
    assert_in_range(http_server_connections(f->server), 1, 200);
    deferred_cancel(&deferred);
    while (http_server_connections(f->server) < 401)
        turn(f);
    for (int i = 0; i < 400; i++)
        close(fd[i]);
    close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_byte_is_read_before_its_owner_wants_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_may_be_thrown_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_past_its_share_an_account_loses_its_oldest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_past_the_budget_who_holds_most_loses_its_oldest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_strangers_share_a_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_waits_for_a_body_is_told_that_none_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_that_nobody_reads_ends_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_shares_an_address_keeps_nobody_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_longest_idle_one_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accounts_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_connections_take_turns_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
