/* Requests to ports: whose they are, and what of them is handed on. */
#include "controller/ports/port_request.h"

#include "tests/lib/unit.h"

#include <stdio.h>

#define TOKEN "abcdefghijklmnopqrstuvwxyz234567"

static void test_tokens(void **state)
{
    assert_true(port_token_is(TOKEN) && port_token_is(TOKEN "/") && port_token_is(TOKEN ".a"));
    assert_false(port_token_is(TOKEN "a") || port_token_is("") || port_token_is("A" TOKEN) ||
                 port_token_is("1bcdefghijklmnopqrstuvwxyz234567"));
}

static const char *place(const char *host, const char *domain, const char *path)
{
    static struct port_place at;
    static char text[128];
    if (!port_place_find(host, domain, path, &at))
        return "none";
    assert_string_equal(at.token, TOKEN);
    snprintf(text, sizeof text, "%s %s", at.in_path ? "path" : "host", at.path);
    return text;
}

static void test_places(void **state)
{
    assert_string_equal(place("a:1", NULL, "/p/" TOKEN "/x/y"), "path /x/y");
    assert_string_equal(place(NULL, NULL, "/p/" TOKEN "/"), "path /");
    assert_string_equal(place("a", NULL, "/p/" TOKEN), "path ");
    assert_string_equal(place("a", NULL, "/p/" TOKEN "x/"), "none");
    assert_string_equal(place("a", NULL, "/p/" TOKEN ".x/"), "none");
    assert_string_equal(place("a", NULL, "/q/" TOKEN "/"), "none");
    assert_string_equal(place("a", NULL, "/"), "none");
    assert_string_equal(place(TOKEN ".ports.example", "ports.example", "/x"), "host /x");
    assert_string_equal(place(TOKEN ".PORTS.example:3001", "ports.example", "/p/x/"), "host /p/x/");
    assert_string_equal(place(TOKEN ".ports.example", "ports.example:3001", "/"), "host /");
    assert_string_equal(place(TOKEN ".ports.example.evil", "ports.example", "/x"), "none");
    assert_string_equal(place(TOKEN ".ports.example:80.evil", "ports.example", "/x"), "none");
    assert_string_equal(place(TOKEN ".ports.exampl", "ports.example", "/x"), "none");
    assert_string_equal(place(TOKEN, "ports.example", "/x"), "none");
    assert_string_equal(place("x." TOKEN ".ports.example", "ports.example", "/x"), "none");
    assert_string_equal(place(TOKEN ".ports.example", NULL, "/x"), "none");
}

static const struct port_field fields[] = {{"host", "a"},
                                           {"accept", "*/*"},
                                           {"connection", "close, X-Hop"},
                                           {"x-hop", "1"},
                                           {"te", "trailers"},
                                           {"transfer-encoding", "chunked"},
                                           {"x-forwarded-for", "6.6.6.6"},
                                           {"x-forwarded-whatever", "6"},
                                           {"forwarded", "for=6"},
                                           {"x-api-key", "crl_secret"},
                                           {"authorization", "Bearer crl_secret"},
                                           {"cookie", "a=b"},
                                           {"expect", "100-continue"}};

static void assert_head(struct port_request *r, const char *path, bool in_path, const char *expected)
{
    struct port_place at = {.token = TOKEN, .in_path = in_path, .path = path};
    struct text out = {0};
    port_request_write(r, &at, fields, sizeof fields / sizeof fields[0], &out);
    assert_string_equal(out.data, expected);
    text_fini(&out);
}

static void test_heads(void **state)
{
    struct port_request r = {.method = "GET", .query = "a=b", .address = "10.0.0.1", .host = "h:1"};
    assert_head(&r, "/x", true,
                "GET /x?a=b HTTP/1.1\r\nHost: h:1\r\naccept: */*\r\ncookie: a=b\r\n"
                "Forwarded: for=10.0.0.1;proto=http;host=\"h:1\"\r\nX-Forwarded-For: "
                "10.0.0.1\r\nX-Forwarded-Proto: http\r\n"
                "X-Forwarded-Host: h:1\r\nX-Forwarded-Prefix: /p/" TOKEN "\r\nConnection: close\r\n\r\n");
    r = (struct port_request){.method = "POST",
                              .query = "",
                              .address = "::1",
                              .tls = true,
                              .has_body = true,
                              .has_length = true,
                              .length = 5};
    assert_head(&r, "", false,
                "POST / HTTP/1.1\r\nHost: localhost\r\naccept: */*\r\ncookie: a=b\r\n"
                "Forwarded: for=\"[::1]\";proto=https\r\nX-Forwarded-For: ::1\r\nX-Forwarded-Proto: https\r\n"
                "Content-Length: 5\r\nConnection: close\r\n\r\n");
    r = (struct port_request){.method = "GET", .query = "", .address = "::1", .upgrade = "websocket"};
    assert_head(&r, "/", false,
                "GET / HTTP/1.1\r\nHost: localhost\r\naccept: */*\r\ncookie: a=b\r\n"
                "Forwarded: for=\"[::1]\";proto=http\r\nX-Forwarded-For: ::1\r\nX-Forwarded-Proto: http\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void test_keys_of_others_stay(void **state)
{
    const struct port_field own = {"authorization", "Bearer other"};
    struct port_request r = {.method = "PUT", .query = "", .address = "::1", .has_body = true};
    struct port_place at = {.token = TOKEN, .path = "/"};
    struct text out = {0};
    port_request_write(&r, &at, &own, 1, &out);
    assert_non_null(strstr(out.data, "authorization: Bearer other\r\n"));
    assert_non_null(strstr(out.data, "Transfer-Encoding: chunked\r\n"));
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_keys_of_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
