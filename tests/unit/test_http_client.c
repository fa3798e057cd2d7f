/* What is refused before anything is sent, and what ends a try: over real sockets on loopback. */
#include "controller/webhooks/http_client.h"
#include "common/io/pki.h"
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_which_urls(void **state)
{
    static const char *const good[] = {"https://example.com/a?b=c", "http://203.0.113.1:8080",
                                       "HTTPS://EXAMPLE.COM", "https://[2606:4700::1111]/x",
                                       "http://localhost/"};
    static const char *const bad[] = {"",
                                      "example.com",
                                      "ftp://example.com/",
                                      "file:///etc/passwd",
                                      "gopher://example.com",
                                      "http://",
                                      "http://user@example.com/",
                                      "http://user:pw@example.com/",
                                      "http://:pw@example.com/",
                                      "http://example.com:0/",
                                      "http://example.com:65536/",
                                      "http://exam ple.com/",
                                      "http://example.com/\r\nX: y",
                                      "http://[fe80::1%25eth0]/",
                                      "http://[::1",
                                      "http://b\u00fccher.example/",
                                      "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (http_client_url_fault(good[i]))
            fail_msg("%s: %s", good[i], http_client_url_fault(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!http_client_url_fault(bad[i]))
            fail_msg("%s is taken", bad[i]);
    }
}

/* --- posting --- */

struct posting {
    struct loop *loop;
    struct http_client_answer answer;
    int count;
};

static void on_answer(void *arg, const struct http_client_answer *answer)
{
    struct posting *p = arg;
    p->answer = *answer;
    p->count++;
    loop_stop(p->loop);
}

static struct http_client_answer post(const char *url, bool allow_private, uint64_t time_ms)
{
    struct posting p = {.loop = loop_new()};
    struct http_client *client;
    struct err e;
    struct http_client_post request = {.url = url,
                                       .header = {"webhook-id: x"},
                                       .body = "{}",
                                       .body_len = 2,
                                       .time_ms = time_ms,
                                       .allow_private = allow_private};
    assert_int_equal(http_client_new(&client, p.loop, &e), 0);
    http_client_start(client, &request, on_answer, &p);
    assert_int_equal(p.count, 0); /* never inside the call */
    loop_run(p.loop);
    assert_int_equal(p.count, 1);
    http_client_free(client);
    loop_free(p.loop);
    return p.answer;
}

static void test_addresses_that_are_not_public(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:9/",
                                       "http://localhost:9/",
                                       "http://localhost.:9/",
                                       "http://127.0.0.1.:9/",
                                       "http://2130706433:9/",
                                       "http://0x7f.1:9/",
                                       "http://0177.0.0.1:9/",
                                       "http://[::1]:9/",
                                       "http://[::ffff:127.0.0.1]:9/",
                                       "http://[::ffff:a9fe:a9fe]/",
                                       "http://169.254.169.254/latest/meta-data/",
                                       "http://10.0.0.1/",
                                       "http://100.100.100.200/",
                                       "http://[fd00:ec2::254]/",
                                       "http://[64:ff9b::a9fe:a9fe]/",
                                       "http://[2002:7f00:1::]/",
                                       "http://224.0.0.1/",
                                       "http://0.0.0.0:9/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct http_client_answer answer = post(urls[i], false, 5000);
        assert_int_equal(answer.status, 0);
        if (!strstr(answer.problem, "private"))
            fail_msg("%s: %s", urls[i], answer.problem);
    }
}

/* A listener whose connections nobody takes from its queue. */
static int listener(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 5), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_silence_ends_in_time(void **state)
{
    uint16_t port;
    char url[64];
    int fd = listener(&port);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    struct http_client_answer answer = post(url, true, 300);
    assert_int_equal(answer.status, 0);
    assert_string_equal(answer.problem, "it did not answer in time");
    assert_in_range(answer.took_ms, 290, 3000);
    close(fd);
    answer = post(url, true, 5000);
    assert_int_equal(answer.status, 0);
    assert_non_null(strstr(answer.problem, "onnect"));
}

/* A receiver that answers with `head`, and then with `piece` again and again. Returns its process. */
static pid_t endless(int listening, const char *head, const char *piece)
{
    char request[4096];
    pid_t child = fork();
    if (child)
        return child;
    int fd = accept(listening, NULL, NULL);
    (void)!read(fd, request, sizeof request);
    (void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
    while (send(fd, piece, strlen(piece), MSG_NOSIGNAL) > 0)
        ;
    _exit(0);
}

/* What the library counts neither as head nor as body. */
static void test_endless_extensions_of_a_chunk(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    char url[64], piece[4097];
    uint16_t port;
    int fd = listener(&port);
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    pid_t child = endless(fd, head, piece);
    struct http_client_answer answer = post(url, true, 5000);
    assert_int_equal(answer.status, 0);
    assert_string_equal(answer.problem, "its answer is too long");
    assert_in_range(answer.took_ms, 0, 4000);
    assert_int_equal(waitpid(child, NULL, 0), child);
    child = endless(fd, "HTTP/1.1 200 OK\r\n\r\n", piece); /* a body is cut, and its status counts */
    answer = post(url, true, 5000);
    assert_int_equal(answer.status, 200);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(fd);
}

static struct http_client_answer post_with(struct http_client *client, struct loop *loop, const char *url,
                                           const char *ca_file)
{
    struct posting p = {.loop = loop};
    struct http_client_post request = {
        .url = url, .body = "", .time_ms = 200, .allow_private = true, .ca_file = ca_file};
    http_client_start(client, &request, on_answer, &p);
    loop_run(loop);
    assert_int_equal(p.count, 1);
    return p.answer;
}

/* Reading the hundred and more certificates of a machine stops the loop for some 30 ms: it is done once. The
 * server is silent, which the client learns only after it has begun with TLS. */
static void test_authorities_are_read_once(void **state)
{
    struct loop *loop = loop_new();
    struct http_client *client;
    struct err e;
    uint16_t port;
    char url[64], dir[] = "/tmp/test_http_client.XXXXXX", ca_file[64];
    int fd = listener(&port);
    assert_non_null(mkdtemp(dir));
    snprintf(ca_file, sizeof ca_file, "%s/ca.crt", dir);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
    assert_int_equal(pki_init(dir, NULL, &e), 0);
    assert_int_equal(http_client_new(&client, loop, &e), 0);
    for (int i = 0; i < 2; i++) {
        struct http_client_answer answer = post_with(client, loop, url, ca_file);
        assert_string_equal(answer.problem, "it did not answer in time");
        unlink(ca_file);
    }
    http_client_free(client);
    loop_free(loop);
    close(fd);
    snprintf(url, sizeof url, "rm -r %s", dir);
    assert_int_equal(system(url), 0);
}

static void test_a_call_is_cancelled(void **state)
{
    struct posting p = {.loop = loop_new()};
    struct http_client *client;
    struct err e;
    uint16_t port;
    char url[64];
    int fd = listener(&port);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    struct http_client_post request = {.url = url, .body = "", .time_ms = 5000, .allow_private = true};
    assert_int_equal(http_client_new(&client, p.loop, &e), 0);
    http_client_cancel(http_client_start(client, &request, on_answer, &p));
    request.url = "http://nowhere.invalid/";
    http_client_cancel(http_client_start(client, &request, on_answer, &p));
    request.url = "no url";
    http_client_start(client, &request, on_answer, &p);
    request.url = url;
    http_client_start(client, &request, on_answer, &p);
    loop_run(p.loop); /* until the one without a URL */
    http_client_free(client);
    assert_int_equal(p.count, 1);
    loop_free(p.loop);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_urls),           cmocka_unit_test(test_addresses_that_are_not_public),
        cmocka_unit_test(test_silence_ends_in_time), cmocka_unit_test(test_authorities_are_read_once),
        cmocka_unit_test(test_a_call_is_cancelled),  cmocka_unit_test(test_endless_extensions_of_a_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
