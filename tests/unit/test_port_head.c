/* Heads of answers from inside a sandbox: what is read, what is refused, and what is handed on. */
#include "controller/ports/port_head.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define PREFIX "/p/abcdefghijklmnopqrstuvwxyz234567"
#define OK     "HTTP/1.1 200 OK\r\n"

static struct port_head read_it(const char *text, const char *prefix, bool is_head)
{
    const struct port_outside outside = {prefix, "h.example:3001", 8000};
    struct port_head head;
    struct err e;
    size_t len = strlen(text);
    for (size_t i = 1; i < len; i++)
        assert_int_equal(port_head_read(text, i, &outside, is_head, &head, &e), 0);
    assert_int_equal(port_head_read(text, len, &outside, is_head, &head, &e), len);
    return head;
}

static void assert_lines(const char *text, const char *prefix, const char *lines)
{
    struct port_head head = read_it(text, prefix, false);
    assert_string_equal(head.lines.data ? head.lines.data : "", lines);
    port_head_fini(&head);
}

static void assert_refused(const char *text)
{
    struct port_head head;
    struct err e;
    assert_int_equal(
        port_head_read(text, strlen(text), &(struct port_outside){.prefix = ""}, false, &head, &e), -1);
    assert_int_equal(e.code, ERR_BAD_GATEWAY);
}

static enum port_body body_of(const char *text, bool is_head)
{
    struct port_head head = read_it(text, "", is_head);
    enum port_body body = head.body;
    port_head_fini(&head);
    return body;
}

static void test_framing(void **state)
{
    assert_int_equal(body_of(OK "\r\n", false), PORT_BODY_CLOSE);
    assert_int_equal(body_of(OK "Content-Length: 5\r\n\r\n", false), PORT_BODY_LENGTH);
    assert_int_equal(body_of(OK "Transfer-Encoding: Chunked\r\n\r\n", false), PORT_BODY_CHUNKS);
    assert_int_equal(body_of(OK "Content-Length: 5\r\n\r\n", true), PORT_BODY_NONE);
    assert_int_equal(body_of("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n", false), PORT_BODY_NONE);
    assert_int_equal(body_of("HTTP/1.1 304\r\n\r\n", false), PORT_BODY_NONE);
    assert_int_equal(body_of("HTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n", false), PORT_BODY_LENGTH);
    struct port_head head = read_it(OK "Content-Length: 123456789012345678\r\n\r\n", "", true);
    assert_true(head.has_length && head.length == 123456789012345678);
    port_head_fini(&head);
}

static void test_what_is_refused(void **state)
{
    static const char *const texts[] = {"H2",
                                        "HTTP/2",
                                        "http/1.1 200 OK\r\n\r\n",
                                        "HTTP/1.1 099 X\r\n\r\n",
                                        "HTTP/1.1 600 X\r\n\r\n",
                                        "HTTP/1.1 2000 X\r\n\r\n",
                                        "HTTP/1.1  200 OK\r\n\r\n",
                                        "HTTP/1.2 200 OK\r\n\r\n",
                                        "HTTP/1.1 200 O\x01K\r\n\r\n",
                                        "HTTP/1.1 200 OK\nA: b\r\n\r\n",
                                        "HTTP/1.1 200 OK\nA: b\n\n",
                                        OK "A: b\n\nmore",
                                        OK "A: b\n\r\n\r\n",
                                        OK "A: b\rC: d\r\n\r\n",
                                        OK "A: b\r\n c\r\n\r\n",
                                        OK " A: b\r\n\r\n",
                                        OK "A : b\r\n\r\n",
                                        OK "A\r\n\r\n",
                                        OK ": b\r\n\r\n",
                                        OK "A(: b\r\n\r\n",
                                        OK "A: \x7f\r\n\r\n",
                                        OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
                                        OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        OK "Content-Length:\r\n\r\n",
                                        OK "Content-Length: 1 1\r\n\r\n",
                                        OK "Content-Length: 0x1\r\n\r\n",
                                        OK "Content-Length: 1, 1\r\n\r\n",
                                        OK "Content-Length: -1\r\n\r\n",
                                        OK "Content-Length: 1234567890123456789\r\n\r\n",
                                        OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
                                        OK "Transfer-Encoding: \r\n\r\n",
                                        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "HTTP/1.1 101 X\r\n\r\n",
                                        "HTTP/1.1 101 X\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n",
                                        "HTTP/1.1 101 X\r\nUpgrade:\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(texts[i]);
}

static void test_bounds(void **state)
{
    static char text[PORT_HEAD_MAX + 64];
    struct port_head head;
    struct err e;
    memset(text, 'a', sizeof text);
    memcpy(text, OK "A: ", strlen(OK "A: "));
    assert_int_equal(
        port_head_read(text, PORT_HEAD_MAX - 1, &(struct port_outside){.prefix = ""}, false, &head, &e), 0);
    assert_int_equal(
        port_head_read(text, PORT_HEAD_MAX, &(struct port_outside){.prefix = ""}, false, &head, &e), -1);
    memcpy(text + PORT_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(
        port_head_read(text, PORT_HEAD_MAX, &(struct port_outside){.prefix = ""}, false, &head, &e),
        PORT_HEAD_MAX);
    port_head_fini(&head);
    size_t len = strlen(strcpy(text, OK));
    for (int i = 0; i < PORT_FIELDS_MAX; i++)
        len += (size_t)sprintf(text + len, "A: b\r\n");
    strcpy(text + len, "\r\n");
    assert_int_equal(port_head_read(text, len + 2, &(struct port_outside){.prefix = ""}, false, &head, &e),
                     len + 2);
    port_head_fini(&head);
    strcpy(text + len, "A: b\r\n\r\n");
    assert_refused(text);
    assert_int_equal(port_head_read(OK "A: \0\r\n\r\n", sizeof OK + 7, &(struct port_outside){.prefix = ""},
                                    false, &head, &e),
                     -1);
}

static void test_what_is_handed_on(void **state)
{
    assert_lines(OK "A: b\r\nConnection: close, X-B\r\nKeep-Alive: 1\r\nx-b: c\r\nDate: now\r\nAlt-Svc: "
                    "h2\r\nUpgrade: x\r\n"
                    "Content-Length: 0\r\nB:\t c \r\nSet-Cookie: a=b; domain=x.y; Secure\r\nLocation: /a\r\n"
                    "Strict-Transport-Security: max-age=1\r\n\r\n",
                 "",
                 "A: b\r\nB: c\r\nSet-Cookie: a=b; Secure; Path=/\r\nLocation: "
                 "/a\r\nStrict-Transport-Security: max-age=1\r\n");
}

#define SHARED                                                                                               \
    "Content-Security-Policy: sandbox allow-downloads allow-forms allow-modals allow-popups "                \
    "allow-scripts\r\nReferrer-Policy: no-referrer\r\n"

static void test_what_ports_share(void **state)
{
    assert_lines(
        OK
        "Service-Worker-Allowed: /\r\nClear-Site-Data: *\r\nStrict-Transport-Security: x\r\nReferrer-Policy: "
        "unsafe-url\r\nNEL: {}\r\n\r\n",
        PREFIX, SHARED);
    assert_lines(OK "Set-Cookie: a=b; Path=/; HttpOnly\r\nset-cookie: c=d; path=/x\r\nSet-Cookie: e=f; "
                    "Path=x\r\nSet-Cookie: Path=/\r\n\r\n",
                 PREFIX,
                 "Set-Cookie: a=b; HttpOnly; Path=" PREFIX "/\r\nSet-Cookie: c=d; Path=" PREFIX
                 "/x\r\nSet-Cookie: e=f; Path=" PREFIX "/\r\nSet-Cookie: Path=/; Path=" PREFIX
                 "/\r\n" SHARED);
    assert_lines(OK "Location: /a?b\r\nLocation: //other/\r\nLocation: https://other/\r\nLocation: "
                    "a\r\nLocation: /\\other\r\n\r\n",
                 PREFIX,
                 "Location: " PREFIX "/a?b\r\nLocation: //other/\r\nLocation: https://other/\r\nLocation: "
                 "a\r\nLocation: /\\other\r\n" SHARED);
}

/* read_it: the client says h.example:3001, and the server listens at 8000. */
static void test_where_it_leads(void **state)
{
    static const char *const ways[][2] = {
        {"http://localhost:8000/a?b#c", PREFIX "/a?b#c"},
        {"https://127.0.0.1:8000", PREFIX "/"},
        {"HTTP://[::1]:8000?a", PREFIX "/?a"},
        {"http://H.example:3001/a", PREFIX "/a"},
        {PREFIX "/a", PREFIX "/a"},
        {"http://h.example:3001" PREFIX "/a", PREFIX "/a"},
        {"http://h.example:3001/p/2bcdefghijklmnopqrstuvwxyz234567/", "/p/2bcdefghijklmnopqrstuvwxyz234567/"},
        {"http://localhost:8001/a", "http://localhost:8001/a"},
        {"http://localhost/a", "http://localhost/a"},
        {"http://h.example/a", "http://h.example/a"},
        {"http://localhost:8000//other/", "http://localhost:8000//other/"},
        {"https://other/localhost:8000", "https://other/localhost:8000"},
        {"ftp://localhost:8000/a", "ftp://localhost:8000/a"},
        {"", ""},
    };
    char text[256], lines[512];
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        snprintf(text, sizeof text, OK "Location: %s\r\n\r\n", ways[i][0]);
        snprintf(lines, sizeof lines, "Location: %s\r\n" SHARED, ways[i][1]);
        assert_lines(text, PREFIX, lines);
    }
    assert_lines(OK "Location: http://localhost:8000/a\r\nLocation: http://h.example:3001/a\r\n\r\n", "",
                 "Location: /a\r\nLocation: http://h.example:3001/a\r\n");
    assert_lines(OK "Set-Cookie: a=b; Path=" PREFIX "/x\r\nSet-Cookie: c=d; Path=" PREFIX "\r\n\r\n", PREFIX,
                 "Set-Cookie: a=b; Path=" PREFIX "/x\r\nSet-Cookie: c=d; Path=" PREFIX "\r\n" SHARED);
}

static void test_an_upgrade(void **state)
{
    struct port_head head = read_it(
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nA: b\r\n\r\n", "", false);
    assert_int_equal(head.status, 101);
    assert_string_equal(head.upgrade, "WebSocket");
    assert_string_equal(head.lines.data, "A: b\r\n");
    port_head_fini(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),          cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_bounds),           cmocka_unit_test(test_what_is_handed_on),
        cmocka_unit_test(test_what_ports_share), cmocka_unit_test(test_where_it_leads),
        cmocka_unit_test(test_an_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
