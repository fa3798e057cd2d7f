/* Both ends of one connection in one process, without TLS; tests/integration and tests/system use it with
 * TLS. */
#include "common/io/mux.h"

#include "tests/lib/unit.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY  ((size_t)3 << 20)
#define LIMIT 25000 /* ms; a test that takes longer fails */

struct side {
    struct fixture *f;
    struct mux *mux;
    struct mux_stream *stream; /* the last one that was opened */
    const char *over;
    char opened[100];
    uint8_t got[200];
    size_t got_len, bytes;
    unsigned channel, opens, rooms, drains;
    bool closed, takes, right;
    int code;
    char text[100];
    size_t to_send, sent;
};

struct fixture {
    struct loop *loop;
    struct side a, b; /* a opens, b serves */
    int raw;          /* in place of b's connection */
    struct timer limit, look;
    bool (*until)(struct fixture *f);
    bool late;
};

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void on_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
    struct side *s = arg;
    for (size_t i = 0; i < len; i++)
        s->right &= bytes[i] == byte_at(s->bytes + i) || s->bytes + len < sizeof s->got;
    if (s->got_len + len < sizeof s->got) {
        memcpy(s->got + s->got_len, bytes, len);
        s->got_len += len;
    }
    s->bytes += len;
    s->channel = channel;
    if (s->takes)
        mux_took(s->stream, len);
}

static void send_more(struct side *s)
{
    uint8_t bytes[40000];
    while (s->sent < s->to_send && mux_room(s->stream)) {
        size_t len = mux_room(s->stream);
        if (len > sizeof bytes)
            len = sizeof bytes;
        if (len > s->to_send - s->sent)
            len = s->to_send - s->sent;
        for (size_t i = 0; i < len; i++)
            bytes[i] = byte_at(s->sent + i);
        mux_write(s->stream, 1, bytes, len);
        s->sent += len;
    }
}

static void on_room(void *arg)
{
    struct side *s = arg;
    s->rooms++;
    send_more(s);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct side *s = arg;
    s->closed = true;
    s->code = code;
    snprintf(s->text, sizeof s->text, "%s", text);
    s->stream = NULL;
}

static const struct mux_stream_ops stream_ops = {on_data, on_room, on_closed};

static void on_open(void *owner, struct mux_stream *stream, const uint8_t *bytes, size_t len)
{
    struct side *s = owner;
    s->opens++;
    snprintf(s->opened, sizeof s->opened, "%.*s", (int)len, (const char *)bytes);
    s->stream = stream;
    if (strcmp(s->opened, "later") != 0)
        mux_serve(stream, &stream_ops, s);
}

static void on_over(void *owner, const char *why)
{
    struct side *s = owner;
    s->over = why;
    mux_free(s->mux);
    s->mux = NULL;
}

static void on_limit(void *arg)
{
    struct fixture *f = arg;
    f->late = true;
    loop_stop(f->loop);
}

static void on_look(void *arg)
{
    struct fixture *f = arg;
    if (f->until(f))
        loop_stop(f->loop);
    else
        timer_start(&f->look, f->loop, 2, on_look, f);
}

static void run(struct fixture *f, bool (*until)(struct fixture *f))
{
    f->until = until;
    timer_start(&f->limit, f->loop, LIMIT, on_limit, f);
    timer_start(&f->look, f->loop, 1, on_look, f);
    loop_run(f->loop);
    timer_stop(&f->limit);
    timer_stop(&f->look);
    assert_false(f->late);
}

static void begin_over(struct fixture *f, bool raw, int kind)
{
    static const struct mux_ops ops = {.on_open = on_open, .on_over = on_over};
    int ends[2];
    assert_false(socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, ends));
    *f = (struct fixture){.loop = loop_new(), .raw = raw ? ends[1] : -1};
    f->a = (struct side){.f = f, .takes = true, .right = true};
    f->b = (struct side){.f = f, .takes = true, .right = true};
    f->a.mux = mux_new(f->loop, stream_new(NULL, ends[0]), &ops, &f->a);
    if (!raw)
        f->b.mux = mux_new(f->loop, stream_new(NULL, ends[1]), &ops, &f->b);
}

static void begin(struct fixture *f, bool raw)
{
    begin_over(f, raw, SOCK_STREAM);
}

static void end(struct fixture *f)
{
    mux_free(f->a.mux);
    mux_free(f->b.mux);
    if (f->raw >= 0)
        close(f->raw);
    loop_free(f->loop);
}

static void open_with(struct fixture *f, const char *text)
{
    f->a.stream = mux_open(f->a.mux, (const uint8_t *)text, strlen(text), &stream_ops, &f->a);
    assert_non_null(f->a.stream);
}

static bool b_has_five(struct fixture *f)
{
    return f->b.bytes == 5;
}

static bool a_closed(struct fixture *f)
{
    return f->a.closed;
}

static bool b_closed(struct fixture *f)
{
    return f->b.closed;
}

static bool a_over(struct fixture *f)
{
    return f->a.over;
}

static bool a_has_room(struct fixture *f)
{
    return f->a.rooms;
}

static bool never(struct fixture *f)
{
    return false;
}

static void test_a_stream(void **state)
{
    struct fixture f;
    begin(&f, false);
    open_with(&f, "hello");
    mux_write(f.a.stream, 7, "bytes", 5);
    run(&f, b_has_five);
    assert_string_equal(f.b.opened, "hello");
    assert_memory_equal(f.b.got, "bytes", 5);
    assert_int_equal(f.b.channel, 7);
    mux_write(f.b.stream, 2, "back!", 5);
    mux_close(f.b.stream, 9, "that was all");
    run(&f, a_closed);
    assert_memory_equal(f.a.got, "back!", 5);
    assert_int_equal(f.a.code, 9);
    assert_string_equal(f.a.text, "that was all");
    assert_int_equal(mux_streams(f.a.mux), 0);
    assert_int_equal(mux_streams(f.b.mux), 0);
    end(&f);
}

static bool all_came(struct fixture *f)
{
    return f->b.bytes == MANY;
}

static void test_many_bytes(void **state)
{
    struct fixture f;
    begin(&f, false);
    open_with(&f, "");
    f.a.to_send = MANY;
    send_more(&f.a);
    run(&f, all_came);
    assert_true(f.b.right);
    end(&f);
}

static bool b_has_a_window(struct fixture *f)
{
    return f->b.bytes > MUX_WINDOW - 100;
}

/* A reader that takes nothing stops the writer, and other streams go on. */
static void test_a_reader_that_stops(void **state)
{
    struct fixture f;
    begin(&f, false);
    f.b.takes = false;
    open_with(&f, "");
    f.a.to_send = MANY;
    send_more(&f.a);
    run(&f, b_has_a_window);
    struct mux_stream *stuck = f.a.stream;
    assert_int_equal(mux_room(stuck), 0);
    assert_true(f.b.bytes <= MUX_WINDOW);
    f.b.bytes = f.b.got_len = 0;
    f.b.takes = true;
    open_with(&f, "another");
    mux_write(f.a.stream, 1, "bytes", 5);
    run(&f, b_has_five);
    assert_int_equal(mux_room(stuck), 0);
    end(&f);
}

static bool b_has_all_of_it(struct fixture *f)
{
    return f->b.bytes == MUX_WINDOW;
}

/* The window counts bytes, not frames: it can be filled to the last by the smallest. */
static void test_a_window_of_small_frames(void **state)
{
    struct fixture f;
    begin(&f, false);
    f.b.takes = false;
    open_with(&f, "");
    for (size_t i = 0; i < MUX_WINDOW; i++)
        mux_write(f.a.stream, i % 2, "x", 1);
    assert_int_equal(mux_room(f.a.stream), 0);
    run(&f, b_has_all_of_it);
    assert_null(f.a.over);
    assert_null(f.b.over);
    end(&f);
}

static bool b_has_a_stream(struct fixture *f)
{
    return f->b.stream;
}

static bool a_has_a_wide_window(struct fixture *f)
{
    return mux_room(f->a.stream) == MUX_WIDE;
}

static bool b_has_a_wide_window_full(struct fixture *f)
{
    return f->b.bytes == MUX_WIDE;
}

/* Wide windows are for few streams at once: who is one too many keeps its narrow one until another has gone.
 */
static void test_wide_windows(void **state)
{
    struct fixture f;
    struct mux_stream *of_b[MUX_WIDE_MOST + 1];
    begin(&f, false);
    for (int i = 0; i < MUX_WIDE_MOST + 1; i++) {
        f.b.stream = NULL;
        open_with(&f, "");
        run(&f, b_has_a_stream);
        of_b[i] = f.b.stream;
        mux_widen(of_b[i]);
        mux_widen(of_b[i]); /* once is enough */
        if (i < MUX_WIDE_MOST)
            run(&f, a_has_a_wide_window);
    }
    struct mux_stream *last = f.a.stream;
    mux_close(of_b[0], 0, "");
    run(&f, a_closed);
    assert_int_equal(mux_room(last), MUX_WINDOW);
    mux_widen(of_b[MUX_WIDE_MOST]);
    f.a.stream = last;
    run(&f, a_has_a_wide_window);
    f.b.takes = false;
    f.a.to_send = MANY;
    send_more(&f.a);
    run(&f, b_has_a_wide_window_full);
    assert_int_equal(mux_room(last), 0);
    end(&f);
}

/* A peer that asks and does not read is answered no more than fits. */
static void test_a_flood_of_pings(void **state)
{
    static uint8_t pings[8 * 4096];
    struct fixture f;
    size_t sent = 0;
    begin(&f, true);
    for (size_t i = 0; i < sizeof pings; i += 8)
        pings[i + 3] = 5;
    f.until = never;
    for (int turns = 0; turns < 2000; turns++) {
        ssize_t n = send(f.raw, pings, sizeof pings, 0);
        sent += n > 0 ? (size_t)n : 0;
        timer_start(&f.look, f.loop, 0, on_limit, &f);
        loop_run(f.loop);
    }
    assert_true(sent > 4 * (size_t)MUX_FULL);
    assert_null(mux_open(f.a.mux, NULL, 0, &stream_ops, &f.a)); /* so much waits */
    end(&f);
}

static bool b_opened(struct fixture *f)
{
    return f->b.opens;
}

/* What comes before the stream is served waits, and comes in order. */
static void test_served_later(void **state)
{
    struct fixture f;
    begin(&f, false);
    open_with(&f, "later");
    mux_write(f.a.stream, 0, "by", 2);
    run(&f, b_opened);
    mux_serve(f.b.stream, &stream_ops, &f.b);
    mux_write(f.a.stream, 0, "tes", 3);
    run(&f, b_has_five);
    assert_memory_equal(f.b.got, "bytes", 5);
    end(&f);
}

/* The other side hears of it, and of what was on its way nothing comes. */
static void test_closed_by_its_opener(void **state)
{
    struct fixture f;
    begin(&f, false);
    open_with(&f, "");
    mux_write(f.a.stream, 0, "bytes", 5);
    mux_close(f.a.stream, 0, "");
    run(&f, b_closed);
    assert_int_equal(f.b.bytes, 5);
    assert_int_equal(f.b.code, 0);
    end(&f);
}

/* Streams are told that their connection is lost, before its owner is. */
static void test_lost(void **state)
{
    struct fixture f;
    begin(&f, true);
    open_with(&f, "");
    close(f.raw);
    f.raw = -1;
    run(&f, a_over);
    assert_true(f.a.closed);
    assert_int_equal(f.a.code, MUX_LOST);
    end(&f);
}

static void say(const struct fixture *f, unsigned type, uint32_t number, const void *payload, size_t len)
{
    uint32_t head[2] = {htobe32((uint32_t)len << 8 | type), htobe32(number)};
    assert_int_equal(send(f->raw, head, sizeof head, 0), sizeof head);
    if (payload && len)
        assert_int_equal(send(f->raw, payload, len, 0), len);
}

/* What breaks a rule ends the connection, and says which. */
static void test_liars(void **state)
{
    static uint8_t many[MUX_DATA_MAX + 1];
    const uint32_t much = htobe32(MUX_WINDOW_MAX);
    static const struct {
        const char *why;
        unsigned type;
        uint32_t number;
        size_t len;
    } lies[] = {
        {"it sends frames that there are not", 0, 1, 0},
        {"it sends frames that there are not", 7, 1, 0},
        {"it sends frames that there are not", 3, 1, 3},
        {"it sends frames that there are not", 2, 1, 1},
        {"it sends frames that there are not", 2, 1, MUX_DATA_MAX + 2},
        {"it speaks of a stream that was never opened", 2, 2, 2},
        {"it opens what it may not", 1, 1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct fixture f;
        begin(&f, true);
        open_with(&f, "");
        say(&f, lies[i].type, lies[i].number, lies[i].len > sizeof many ? NULL : many, lies[i].len);
        run(&f, a_over);
        assert_string_equal(f.a.over, lies[i].why);
        end(&f);
    }
    struct fixture f;
    begin(&f, true);
    open_with(&f, "");
    f.a.takes = false;
    for (int i = 0; i < 5; i++)
        say(&f, 2, 1, many, sizeof many);
    run(&f, a_over);
    assert_string_equal(f.a.over, "it sends more than it was granted");
    end(&f);
    begin(&f, true);
    open_with(&f, "");
    say(&f, 3, 1, &much, sizeof much);
    run(&f, a_over);
    assert_string_equal(f.a.over, "it grants more than it may");
    end(&f);
}

static bool raw_has_bytes(struct fixture *f)
{
    uint8_t bytes[4096];
    ssize_t n = recv(f->raw, bytes, sizeof bytes, 0);
    f->b.bytes += n > 0 ? (size_t)n : 0;
    return f->b.bytes >= 8 + 1 + 8 + 2 + 5;
}

static size_t frame_at(const uint8_t *at)
{
    uint32_t head;
    memcpy(&head, at, sizeof head);
    return 8 + (be32toh(head) >> 8);
}

/* Each packet is a record here. Of a frame that is larger than one the rest comes in the next, with whole
 * frames behind it. */
static bool raw_has_records(struct fixture *f)
{
    static uint8_t record[TLS_RECORD_MAX + 1];
    for (ssize_t n; (n = recv(f->raw, record, sizeof record, 0)) > 0;) {
        size_t at = f->a.sent; /* of the frame before */
        assert_in_range(n, 1, TLS_RECORD_MAX);
        while (at < (size_t)n) {
            f->b.opens++;
            at += frame_at(record + at);
        }
        f->a.sent = at - (size_t)n;
        f->b.got_len += f->a.sent > 0;
        f->b.bytes += (size_t)n;
        f->b.channel++;
    }
    return f->b.bytes >= f->b.to_send;
}

/* A reader that takes a record at a time has whole frames, unless one is larger than a record. */
static void test_records(void **state)
{
    static const uint8_t bytes[60000];
    struct fixture f;
    begin_over(&f, true, SOCK_SEQPACKET);
    open_with(&f, "x");
    mux_write(f.a.stream, 1, bytes, 100);
    mux_write(f.a.stream, 1, bytes, sizeof bytes);
    mux_write(f.a.stream, 1, bytes, 7);
    f.b.to_send = (8 + 1) + (8 + 1 + 100) + (4 * (8 + 1) + sizeof bytes) + (8 + 1 + 7);
    run(&f, raw_has_records);
    assert_int_equal(f.b.bytes, f.b.to_send);
    assert_int_equal(f.b.opens, 7);
    assert_int_equal(f.b.got_len, 0);
    f.b.bytes = f.b.opens = f.b.channel = 0;
    say(&f, 3, 1, (const uint32_t[]){htobe32(sizeof bytes)}, 4);
    run(&f, a_has_room);
    for (int i = 0; i < 2; i++)
        mux_write(f.a.stream, 1, bytes, MUX_DATA_MAX);
    mux_write(f.a.stream, 1, bytes, 7);
    f.b.to_send = 2 * (8 + 1 + MUX_DATA_MAX) + (8 + 1 + 7);
    run(&f, raw_has_records);
    assert_int_equal(f.b.opens, 3);
    assert_int_equal(f.b.got_len, 2);
    assert_int_equal(f.b.channel, 3);
    end(&f);
}

/* Of a stream that was closed here, what the peer has still sent means nothing. */
static void test_late_words(void **state)
{
    struct fixture f;
    begin(&f, true);
    open_with(&f, "x");
    mux_close(f.a.stream, 0, "enough");
    run(&f, raw_has_bytes);
    say(&f, 2, 1, "\1abc", 4);
    say(&f, 4, 1, "\0\0", 2);
    f.b.bytes = 0;
    open_with(&f, "still here");
    run(&f, raw_has_bytes);
    assert_null(f.a.over);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream),
        cmocka_unit_test(test_many_bytes),
        cmocka_unit_test(test_a_reader_that_stops),
        cmocka_unit_test(test_a_window_of_small_frames),
        cmocka_unit_test(test_wide_windows),
        cmocka_unit_test(test_a_flood_of_pings),
        cmocka_unit_test(test_served_later),
        cmocka_unit_test(test_closed_by_its_opener),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_liars),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_late_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
