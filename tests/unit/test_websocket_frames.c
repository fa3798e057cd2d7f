#include "tests/lib/unit.h"

#include "common/base/text.h"
#include "common/http/websocket_frames.h"
#include "common/http/websocket_key.h"

#define MESSAGE_MAX 1000

/* A client's frame: byte 0 as it is (FIN, reserved bits, opcode), masked with a key unless the test says
 * otherwise. Returns its length. */
static size_t frame(uint8_t *out, unsigned first, const void *bytes, size_t len)
{
    static const uint8_t key[4] = {0x11, 0xa2, 0x33, 0xc4};
    size_t n = 0;
    out[n++] = (uint8_t)first;
    out[n++] = (uint8_t)(0x80 | (len < 126 ? len : 126));
    if (len >= 126) {
        out[n++] = (uint8_t)(len >> 8);
        out[n++] = (uint8_t)len;
    }
    memcpy(out + n, key, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        out[n++] = ((const uint8_t *)bytes)[i] ^ key[i % 4];
    return n;
}

static int setup(void **state)
{
    *state = websocket_reader_new(MESSAGE_MAX);
    return 0;
}

static int teardown(void **state)
{
    websocket_reader_free(*state);
    return 0;
}

static void put(struct websocket_reader *r, unsigned first, const void *bytes, size_t len)
{
    uint8_t out[2 * MESSAGE_MAX];
    websocket_reader_put(r, out, frame(out, first, bytes, len));
}

static void expect(struct websocket_reader *r, enum websocket_what what, const void *bytes, size_t len)
{
    struct websocket_read read = websocket_reader_next(r);
    assert_int_equal(read.what, what);
    assert_int_equal(read.len, len);
    if (len)
        assert_memory_equal(read.bytes, bytes, len);
}

static void expect_broken(struct websocket_reader *r, unsigned code)
{
    struct websocket_read read = websocket_reader_next(r);
    assert_int_equal(read.what, WEBSOCKET_BROKEN);
    assert_int_equal(read.code, code);
}

static void test_messages(void **state)
{
    static const char zeros[600];
    struct websocket_reader *r = *state;
    put(r, 0x81, "hi", 2);
    put(r, 0x82, "", 0);
    put(r, 0x82, zeros, sizeof zeros);
    expect(r, WEBSOCKET_TEXT, "hi", 2);
    expect(r, WEBSOCKET_BINARY, "", 0);
    expect(r, WEBSOCKET_BINARY, zeros, sizeof zeros);
    expect(r, WEBSOCKET_NOTHING, "", 0);
    assert_int_equal(websocket_reader_held(r), 0);
}

static void test_fragments_with_control_frames_between(void **state)
{
    struct websocket_reader *r = *state;
    put(r, 0x01, "\xc3", 1); /* in the middle of a character */
    put(r, 0x89, "p", 1);
    put(r, 0x00, "\xa4", 1);
    put(r, 0x8a, "", 0);
    expect(r, WEBSOCKET_PING, "p", 1);
    expect(r, WEBSOCKET_PONG, "", 0);
    expect(r, WEBSOCKET_NOTHING, "", 0);
    assert_true(websocket_reader_held(r) > 0);
    put(r, 0x80, "!", 1);
    expect(r, WEBSOCKET_TEXT, "\xc3\xa4!", 3);
}

/* The same, however the bytes fall. */
static void test_byte_by_byte(void **state)
{
    struct websocket_reader *r = *state;
    uint8_t all[1000];
    char text[300];
    unsigned messages = 0;
    memset(text, 'x', sizeof text);
    size_t len = frame(all, 0x01, text, 200);
    len += frame(all + len, 0x89, "", 0);
    len += frame(all + len, 0x80, text, 100);
    for (size_t i = 0; i < len; i++) {
        websocket_reader_put(r, all + i, 1);
        struct websocket_read read = websocket_reader_next(r);
        if (read.what != WEBSOCKET_TEXT)
            continue;
        messages++;
        assert_int_equal(read.len, 300);
        assert_memory_equal(read.bytes, text, 300);
    }
    assert_int_equal(messages, 1);
}

static void test_what_breaks_a_rule(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        unsigned code;
    } bad[] = {
        {"\x81\x02hi", 4, 1002},                                 /* no mask */
        {"\xc1\x80\0\0\0\0", 6, 1002},                           /* a reserved bit */
        {"\x91\x80\0\0\0\0", 6, 1002},                           /* and another one */
        {"\x83\x80\0\0\0\0", 6, 1002},                           /* opcodes that there are not */
        {"\x8b\x80\0\0\0\0", 6, 1002},                           /* */
        {"\x80\x80\0\0\0\0", 6, 1002},                           /* the continuation of nothing */
        {"\x01\x80\0\0\0\0\x81\x80\0\0\0\0", 12, 1002},          /* a message within a message */
        {"\x09\x80\0\0\0\0", 6, 1002},                           /* a fragment of a ping */
        {"\x89\xfe\0\x7e\0\0\0\0", 8, 1002},                     /* a ping of 126 bytes */
        {"\x82\xfe\0\x05\0\0\0\0hello", 13, 1002},               /* a length that is longer than needed */
        {"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 1002},        /* and a negative one */
        {"\x82\xff\0\0\0\0\xff\xff\xff\xff\0\0\0\0x", 15, 1009}, /* announced, not there */
        {"\x82\xfe\x03\xe9\0\0\0\0x", 9, 1009},                  /* a byte too much */
        {"\x88\x81\0\0\0\0\x03", 7, 1002},                       /* half a code */
        {"\x88\x82\0\0\0\0\x03\xe7", 8, 1002},                   /* 999 */
        {"\x88\x82\0\0\0\0\x03\xed", 8, 1002},                   /* 1005, which is never sent */
        {"\x88\x82\0\0\0\0\x03\xee", 8, 1002},                   /* 1006 */
        {"\x88\x83\0\0\0\0\x03\xe8\xff", 9, 1007},               /* a reason that is no text */
        {"\x81\x81\0\0\0\0\xff", 7, 1007},                       /* no UTF-8 */
        {"\x81\x82\0\0\0\0\xc0\x80", 8, 1007},                   /* longer than needed */
        {"\x81\x83\0\0\0\0\xed\xa0\x80", 9, 1007},               /* a surrogate */
        {"\x81\x81\0\0\0\0\xc3", 7, 1007},                       /* half a character */
        {"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0x", 14, 1007},     /* in two fragments */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct websocket_reader *r = websocket_reader_new(MESSAGE_MAX);
        websocket_reader_put(r, bad[i].bytes, bad[i].len);
        expect_broken(r, bad[i].code);
        websocket_reader_free(r);
    }
}

static void test_fragments_count_together(void **state)
{
    static const char zeros[600];
    struct websocket_reader *r = *state;
    put(r, 0x02, zeros, 600);
    put(r, 0x80, zeros, 401);
    expect_broken(r, 1009);
}

static void test_closes(void **state)
{
    static const struct {
        const char *payload;
        size_t len;
        unsigned code;
    } closes[] = {{"", 0, 1005},
                  {"\x03\xe8", 2, 1000},
                  {"\x03\xe9"
                   "bye \xc3\xa4",
                   8, 1001},
                  {"\x0f\xa0", 2, 4000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(closes); i++) {
        struct websocket_reader *r = websocket_reader_new(MESSAGE_MAX);
        put(r, 0x88, closes[i].payload, closes[i].len);
        struct websocket_read read = websocket_reader_next(r);
        assert_int_equal(read.what, WEBSOCKET_CLOSE);
        assert_int_equal(read.code, closes[i].code);
        websocket_reader_free(r);
    }
}

static void collect(void *arg, const void *bytes, size_t len)
{
    struct text *text = arg;
    text_add_bytes(text, bytes, len);
}

static void test_writing(void **state)
{
    static char large[70000];
    char reason[300];
    (void)state;
    struct text out = {0};
    websocket_frame_write(WEBSOCKET_BINARY, "abc", 3, collect, &out);
    assert_memory_equal(out.data,
                        "\x82\x03"
                        "abc",
                        5);
    text_fini(&out);
    out = (struct text){0};
    websocket_frame_write(WEBSOCKET_TEXT, large, 300, collect, &out);
    assert_int_equal(out.len, 304);
    assert_memory_equal(out.data, "\x81\x7e\x01\x2c", 4);
    text_fini(&out);
    out = (struct text){0};
    websocket_frame_write(WEBSOCKET_BINARY, large, sizeof large, collect, &out);
    assert_int_equal(out.len, 70010);
    assert_memory_equal(out.data, "\x82\x7f\0\0\0\0\0\x01\x11\x70", 10);
    text_fini(&out);
    out = (struct text){0};
    memset(reason, 'r', sizeof reason);
    reason[122] = '\xc3'; /* a character that the bound would cut */
    reason[123] = '\xa4';
    reason[299] = 0;
    websocket_close_write(1011, reason, collect, &out);
    assert_int_equal(out.len, 4 + 122);
    assert_memory_equal(out.data, "\x88\x7c\x03\xf3r", 5);
    text_fini(&out);
}

/* The example of RFC 6455, section 1.3. */
static void test_accept(void **state)
{
    char accept[29];
    (void)state;
    websocket_key_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* What a client writes, a server reads; and the other way round. Neither reads its own kind. */
static void test_both_sides(void **state)
{
    static const uint8_t key[4] = {1, 0xfe, 3, 0};
    struct text masked = {0}, plain = {0};
    char bytes[700];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    websocket_frame_write_masked(WEBSOCKET_BINARY, bytes, sizeof bytes, key, collect, &masked);
    websocket_frame_write(WEBSOCKET_BINARY, bytes, sizeof bytes, collect, &plain);
    for (int i = 0; i < 4; i++) {
        bool of_server = i & 1, is_masked = i & 2;
        struct websocket_reader *r =
            of_server ? websocket_reader_of_server(MESSAGE_MAX) : websocket_reader_new(MESSAGE_MAX);
        const struct text *frame = is_masked ? &masked : &plain;
        websocket_reader_put(r, frame->data, frame->len);
        if (of_server != is_masked)
            expect(r, WEBSOCKET_BINARY, bytes, sizeof bytes);
        else
            expect_broken(r, WEBSOCKET_BAD_FRAMES);
        websocket_reader_free(r);
    }
    text_fini(&masked);
    text_fini(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fragments_with_control_frames_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_byte_by_byte, setup, teardown),
        cmocka_unit_test(test_what_breaks_a_rule),
        cmocka_unit_test_setup_teardown(test_fragments_count_together, setup, teardown),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_both_sides),
        cmocka_unit_test(test_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
