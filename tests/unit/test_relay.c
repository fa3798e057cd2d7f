/* The relay without TLS; tests/integration/node_link.c and tests/chaos/test_node_port.py use it with TLS. */
#include "common/io/relay.h"

#include "tests/lib/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY ((size_t)4 << 20)

struct fixture {
    struct loop *loop;
    struct relay *relay;
    int a, b; /* the outer ends */
    bool over;
    struct watch in, out;
    struct timer look;
    size_t sent, got, before;
    bool right;
};

static void on_over(void *arg)
{
    struct fixture *f = arg;
    f->over = true;
    loop_stop(f->loop);
}

static void begin(struct fixture *f)
{
    int left[2], right[2], size = 65536;
    assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, left));
    assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, right));
    setsockopt(left[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    *f = (struct fixture){.loop = loop_new(), .a = left[0], .b = right[0], .right = true};
    f->relay = relay_new(f->loop, stream_new(NULL, left[1]), stream_new(NULL, right[1]), on_over, f);
}

static void end(struct fixture *f)
{
    watch_stop(&f->in);
    watch_stop(&f->out);
    timer_stop(&f->look);
    relay_free(f->relay);
    if (f->a >= 0)
        close(f->a);
    close(f->b);
    loop_free(f->loop);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void on_writable(void *arg, bool readable, bool writable)
{
    struct fixture *f = arg;
    uint8_t bytes[5000];
    size_t len = sizeof bytes < MANY - f->sent ? sizeof bytes : MANY - f->sent;
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(f->sent + i);
    ssize_t n = len ? send(f->a, bytes, len, MSG_NOSIGNAL) : 0;
    f->sent += n > 0 ? (size_t)n : 0;
    if (f->sent == MANY)
        watch_stop(&f->out);
}

static void on_readable(void *arg, bool readable, bool writable)
{
    struct fixture *f = arg;
    uint8_t bytes[3000];
    ssize_t n = recv(f->b, bytes, sizeof bytes, 0);
    for (ssize_t i = 0; i < n; i++)
        f->right &= bytes[i] == byte_at(f->got + (size_t)i);
    f->got += n > 0 ? (size_t)n : 0;
    if (f->got == MANY)
        loop_stop(f->loop);
}

/* Stops the loop once nothing was taken for some turns. */
static void look(void *arg)
{
    struct fixture *f = arg;
    if (f->sent == f->before)
        loop_stop(f->loop);
    f->before = f->sent;
    timer_start(&f->look, f->loop, 100, look, f);
}

static void test_who_is_not_read_is_not_sent_to(void **state)
{
    struct fixture f;
    begin(&f);
    watch_start(&f.out, f.loop, f.a, false, true, on_writable, &f);
    timer_start(&f.look, f.loop, 200, look, &f);
    loop_run(f.loop);
    timer_stop(&f.look);
    assert_true(f.sent > 0 && f.sent < MANY / 2); /* the kernel's buffers, and one record */
    watch_start(&f.in, f.loop, f.b, true, false, on_readable, &f);
    loop_run(f.loop);
    assert_int_equal(f.got, MANY);
    assert_true(f.right && !f.over);
    end(&f);
}

static void test_it_is_over_where_either_is(void **state)
{
    struct fixture f;
    begin(&f);
    close(f.a);
    f.a = -1;
    loop_run(f.loop);
    assert_true(f.over);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_is_not_read_is_not_sent_to),
                                       cmocka_unit_test(test_it_is_over_where_either_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
