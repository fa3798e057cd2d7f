#include "tests/lib/unit.h"

#include "cli/upgrade.h"

/* A request of a client, and its answer in pieces of so many bytes. Returns how many bytes are left. */
static size_t answer(struct upgrade *u, const char *text, size_t piece)
{
    struct text request = {0};
    size_t len = strlen(text), at = 0;
    upgrade_begin(u, "h:1", "/t?x=1", "crl_key", &request);
    assert_ptr_equal(strstr(request.data, "GET /t?x=1 HTTP/1.1\r\nHost: h:1\r\nX-API-Key: crl_key\r\n"),
                     request.data);
    text_fini(&request);
    strcpy(u->key, "dGhlIHNhbXBsZSBub25jZQ=="); /* of the example in RFC 6455 */
    while (at < len && u->state == UPGRADE_MORE) {
        size_t some = len - at < piece ? len - at : piece;
        at += upgrade_read(u, text + at, some);
    }
    return len - at;
}

#define HEAD "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
#define KEY                                                                                                  \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n"

static void expect(const char *text, enum upgrade_state state)
{
    for (size_t piece = 1; piece < 400; piece += 7) {
        struct upgrade u;
        (void)answer(&u, text, piece);
        assert_int_equal(u.state, state);
        upgrade_fini(&u);
    }
}

static void test_opened(void **state)
{
    struct upgrade u;
    (void)state;
    assert_int_equal(
        answer(&u, HEAD KEY "x-process-id: 12\r\nX-OUTPUT-FROM: 77\r\nX-Input-From: 5\r\n\r\n\x82\x01", 1000),
        2);
    assert_int_equal(u.state, UPGRADE_OPEN);
    assert_int_equal(u.pid, 12);
    assert_int_equal(u.output_from, 77);
    assert_true(u.has_input_from && u.input_from == 5);
    upgrade_fini(&u);
    expect(HEAD KEY "X-Process-Id: 12\r\nX-Empty:\r\n\r\n", UPGRADE_OPEN);
    expect(HEAD KEY "X-Empty:\r\nX-Process-Id: 12\r\n\r\n", UPGRADE_OPEN);
}

/* A 101 has no body, whatever its headers say (RFC 9110, section 8.6). */
static void test_opened_with_a_length(void **state)
{
    const char *text = HEAD KEY "X-Process-Id: 12\r\nContent-Length: 3\r\n\r\n\x82\x01x";
    (void)state;
    for (size_t piece = 1; piece < 400; piece += 7) {
        struct upgrade u;
        assert_int_equal(answer(&u, text, piece), 3);
        assert_int_equal(u.state, UPGRADE_OPEN);
        upgrade_fini(&u);
    }
}

static void test_not_opened(void **state)
{
    (void)state;
    expect(HEAD KEY "\r\n", UPGRADE_BROKEN); /* no process */
    expect(HEAD KEY "X-Process-Id: 99999999999\r\n\r\n", UPGRADE_BROKEN);
    expect(HEAD "X-Process-Id: 12\r\n\r\n", UPGRADE_BROKEN);
    expect("HTTP/1.1 101 X\r\n" KEY "X-Process-Id: 12\r\n\r\n", UPGRADE_BROKEN);
    expect("HTTP/1.1 200 OK\r\n" KEY "X-Process-Id: 12\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
           UPGRADE_BROKEN);
    expect("SSH-2.0-x\r\n", UPGRADE_BROKEN);
    expect("HTTP/1.1 101 X\r\n", UPGRADE_MORE);
    expect("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n" HEAD KEY "X-Process-Id: 12\r\n\r\n",
           UPGRADE_REFUSED);
}

static void test_refusals(void **state)
{
    struct upgrade u;
    (void)state;
    (void)answer(&u, "HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\nhello", 3);
    assert_int_equal(u.state, UPGRADE_REFUSED);
    assert_int_equal(u.status, 409);
    assert_string_equal(u.body.data, "hello");
    upgrade_fini(&u);
    (void)answer(&u, "HTTP/1.1 502 Bad\r\n\r\nuntil", 100);
    assert_int_equal(u.state, UPGRADE_MORE);
    upgrade_eof(&u);
    assert_int_equal(u.state, UPGRADE_REFUSED);
    upgrade_fini(&u);
}

static void test_a_body_without_end(void **state)
{
    struct upgrade u;
    char piece[1000];
    (void)state;
    memset(piece, 'x', sizeof piece);
    (void)answer(&u, "HTTP/1.1 502 Bad\r\n\r\n", 100);
    for (int i = 0; i < 100; i++)
        (void)upgrade_read(&u, piece, sizeof piece);
    assert_int_equal(u.state, UPGRADE_REFUSED);
    assert_int_equal(u.body.len, UPGRADE_BODY_MAX);
    upgrade_fini(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_opened),
                                       cmocka_unit_test(test_opened_with_a_length),
                                       cmocka_unit_test(test_not_opened), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_a_body_without_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
