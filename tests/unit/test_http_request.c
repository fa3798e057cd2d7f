#include "tests/lib/unit.h"

#include "common/http/http_request.h"

#include <stdio.h>

static int head(struct http_request *r, const char *text)
{
    struct err e;
    http_request_init(r, 100);
    return http_request_head(r, text, strlen(text), &e);
}

static void test_a_request_is_taken_apart(void **state)
{
    struct http_request r;
    struct err e;
    size_t used;
    assert_int_equal(
        head(&r, "POST /a/b?x=1 HTTP/1.1\r\nHost: h\r\nX-API-Key: k\r\nContent-Length: 5\r\n\r\n"), 0);
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.target, "/a/b");
    assert_string_equal(r.query, "x=1");
    assert_string_equal(http_request_field(&r, "x-api-key"), "k");
    assert_false(r.done);
    assert_int_equal(http_request_body(&r, "12345GET /next", 14, &used, &e), 0);
    assert_true(r.done && r.keep_alive);
    assert_string_equal(r.body.bytes, "12345");
    assert_int_equal(used, 5);
    http_request_fini(&r);
}

static void test_chunks_end_where_they_end(void **state)
{
    struct http_request r;
    struct err e;
    size_t used;
    static const char body[] = "3\r\nabc\r\n0\r\n\r\nGET";
    assert_int_equal(head(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    assert_int_equal(http_request_body(&r, body, sizeof body - 1, &used, &e), 0);
    assert_true(r.done);
    assert_string_equal(r.body.bytes, "abc");
    assert_int_equal(used, sizeof body - 1 - 3);
    http_request_fini(&r);
}

static int chunks(const char *text, size_t *used)
{
    struct http_request r;
    struct err e;
    assert_int_equal(head(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    int rc = 0;
    /* Fed byte by byte and in one piece: the same answer. */
    for (size_t i = 0; text[i] && !rc && !r.done; i++)
        rc = http_request_body(&r, text + i, 1, used, &e);
    bool done = r.done;
    http_request_fini(&r);
    assert_int_equal(head(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    assert_int_equal(http_request_body(&r, text, strlen(text), used, &e), rc);
    assert_int_equal(r.done, done);
    http_request_fini(&r);
    return rc ? rc : done;
}

static void test_chunks_are_read_strictly(void **state)
{
    static const char *const bad[] = {
        "1\r\naXY0\r\n\r\n",
        "1\na\n0\n\n",
        "1;x=y\r\na\r\n0\r\n\r\n",
        "0\r\nX-API-Key: k\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "-1\r\n",
        "\r\n",
        "000000001\r\na\r\n",
        "1\r\na0\r\n\r\n",
        "0\r\n\n",
    };
    size_t used;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (chunks(bad[i], &used) != ERR_BAD_REQUEST)
            fail_msg("taken: %s", bad[i]);
    }
    assert_int_equal(chunks("ffffffff\r\na", &used), ERR_TOO_LARGE);
    assert_int_equal(chunks("A\r\n0123456789\r\n00\r\n\r\nGET", &used), 1);
    assert_int_equal(used, 21);
}

static void test_what_two_could_read_in_two_ways_is_refused(void **state)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n",
        "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET ftp://x/a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a%2 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
        "GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX-API-Key: a\r\nX-Api-Key: b\r\n\r\n",
        "\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http_request r;
        if (head(&r, heads[i]) != ERR_BAD_REQUEST)
            fail_msg("taken: head %zu", i);
        http_request_fini(&r);
    }
}

static void test_what_is_not_spoken_is_told_apart(void **state)
{
    static char far[HTTP_TARGET_MAX + 64];
    static const struct {
        const char *head;
        int code;
    } rows[] = {
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", ERR_HTTP_VERSION},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", ERR_HTTP_VERSION},
        {"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 0}, /* a later minor version is read as 1.1 */
        {"NONSENSE / HTTP/1.1\r\nHost: h\r\n\r\n", ERR_NOT_IMPLEMENTED},
        {"get / HTTP/1.1\r\nHost: h\r\n\r\n", ERR_NOT_IMPLEMENTED},
        {far, ERR_URI_TOO_LONG},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n", 0},
        {"GET / HTTP/1.0\r\n\r\n", 0},
    };
    snprintf(far, sizeof far, "GET /%0*d HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_TARGET_MAX, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request r;
        if (head(&r, rows[i].head) != rows[i].code)
            fail_msg("head %zu", i);
        http_request_fini(&r);
    }
}

/* RFC 9110 section 5.5, RFC 9112 section 3.2.2, RFC 3986 section 6.2.2.2 */
static void test_ways_to_say_the_same(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } rows[] = {
        {"http://other:3000/a/b?x=1", "/a/b", "x=1"},
        {"HTTPS://h/a", "/a", NULL},
        {"http://h", "/", NULL},
        {"http://h?x=%5F", "/", "x=%5F"},
        {"/sbx%5f%30%7E", "/sbx_0~", NULL},
        {"/a%2Fb%25%00", "/a%2Fb%25%00", NULL},
    };
    struct http_request r;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[200];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h \r\nX-API-Key: \t k \t \r\n\r\n",
                 rows[i].target);
        assert_int_equal(head(&r, text), 0);
        assert_string_equal(r.target, rows[i].path);
        assert_string_equal(r.query ? r.query : "", rows[i].query ? rows[i].query : "");
        assert_string_equal(http_request_field(&r, "x-api-key"), "k");
        http_request_fini(&r);
    }
    assert_int_equal(head(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked \r\n\r\n"), 0);
    http_request_fini(&r);
}

static void test_a_parameter_is_decoded_or_not_there(void **state)
{
    struct http_request r;
    char out[8];
    assert_int_equal(head(&r, "GET /?a=%41+b%2f&ab=2&twice=1&twice=2&no&half=%4&nul=%00&long=12345678 "
                              "HTTP/1.1\r\nHost: h\r\n\r\n"),
                     0);
    assert_true(http_request_query(&r, "a", out, sizeof out));
    assert_string_equal(out, "A b/");
    assert_true(http_request_query(&r, "ab", out, sizeof out));
    assert_string_equal(out, "2");
    assert_true(http_request_query(&r, "no", out, sizeof out));
    assert_string_equal(out, "");
    for (const char *const *name = (const char *const[]){"b", "twice", "half", "nul", "long", NULL}; *name;
         name++)
        assert_false(http_request_query(&r, *name, out, sizeof out));
    http_request_fini(&r);
}

/* RFC 9110, 5.3: a list over several lines is the same as on one line. */
static void test_lines_of_one_name_are_one_list(void **state)
{
    struct http_request r;
    assert_int_equal(
        head(&r, "POST / HTTP/1.1\r\nPrefer: wait=1\r\nHost: h\r\nExpect: x\r\nprefer: respond-async\r\n"
                 "Content-Encoding:\r\nPREFER: z\r\nExpect: 100-continue\r\nContent-Encoding: gzip \r\n"
                 "Cookie: a=b\r\nCookie: c=d; e=f\r\n\r\n"),
        0);
    assert_string_equal(http_request_field(&r, "prefer"), "wait=1, respond-async, z");
    assert_string_equal(http_request_field(&r, "expect"), "x, 100-continue");
    assert_string_equal(http_request_field(&r, "content-encoding"), ", gzip");
    assert_string_equal(http_request_field(&r, "host"), "h");
    assert_string_equal(http_request_field(&r, "cookie"), "a=b; c=d; e=f");
    http_request_fini(&r);
}

static void test_bounds(void **state)
{
    struct http_request r;
    struct err e;
    char text[8192];
    size_t used, n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        n += (size_t)sprintf(text + n, "a%d: b\r\n", i);
    strcpy(text + n, "\r\n");
    assert_int_equal(head(&r, text), ERR_HEADERS_TOO_LARGE);
    http_request_fini(&r);
    assert_int_equal(head(&r, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n"), ERR_TOO_LARGE);
    http_request_fini(&r);
    assert_int_equal(head(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    n = (size_t)sprintf(text, "65\r\n%0101d\r\n", 0);
    assert_int_equal(http_request_body(&r, text, n, &used, &e), ERR_TOO_LARGE);
    http_request_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_taken_apart),
        cmocka_unit_test(test_chunks_end_where_they_end),
        cmocka_unit_test(test_chunks_are_read_strictly),
        cmocka_unit_test(test_what_two_could_read_in_two_ways_is_refused),
        cmocka_unit_test(test_what_is_not_spoken_is_told_apart),
        cmocka_unit_test(test_ways_to_say_the_same),
        cmocka_unit_test(test_a_parameter_is_decoded_or_not_there),
        cmocka_unit_test(test_lines_of_one_name_are_one_list),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
