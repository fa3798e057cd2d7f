/*
 * The link between the daemons, beside nng over its own TLS: requests one after the other of 300 bytes (a
 * heartbeat) and of 256 KiB (a full inventory), one client and one server. usage: node_port SECONDS
 */
#include "common/base/mem.h"
#include "common/io/msglink.h"
#include "common/io/pki.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 400000

static char dir[64], ca[128], cert[128], key[128], node_cert[128], node_key[128];
static struct err e;
static double took_us[ROUNDS_MAX];
static uint8_t *question;

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, e.text);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *way, size_t len, size_t rounds, double us)
{
    qsort(took_us, rounds, sizeof *took_us, by_size);
    printf("%-16s %7zu bytes: %8.0f/s, %7.1f MB/s, median %6.0f us, p99 %6.0f us\n", way, len,
           (double)rounds / us * 1e6, (double)(rounds * len) / us, took_us[rounds / 2],
           took_us[rounds * 99 / 100]);
}

/* --- Corral's link --- */

static struct loop *loop;
static struct msglink_server *server;
static struct msglink_client *client;
static size_t len_now, rounds_now;
static double begun_us, asked_us, until_us;

static void on_request(void *arg, const struct msglink_peer *peer, struct msglink_token *token,
                       const uint8_t *bytes, size_t len)
{
    msglink_reply(server, token, bytes, 64);
}

static void ask(void)
{
    asked_us = now_us();
    msglink_request(client, question, len_now, 10000);
}

static void on_reply(void *arg, int code, const uint8_t *bytes, size_t len)
{
    double now = now_us();
    must(!code, "no reply");
    if (!rounds_now && begun_us == 0)
        begun_us = now; /* the first request made the connection */
    else
        took_us[rounds_now++] = now - asked_us;
    if (now > until_us || rounds_now == ROUNDS_MAX)
        loop_stop(loop);
    else
        ask();
}

static void serve_ours(const char *url)
{
    struct msglink_tls tls = {ca, cert, key, NULL};
    loop = loop_new();
    must(!msglink_server_new(&server, loop, url, &tls, NULL, on_request, NULL, &e), "server");
    loop_run(loop);
}

static void run_ours(const char *url, size_t len, double seconds)
{
    struct msglink_tls tls = {ca, node_cert, node_key, PKI_CONTROLLER_NAME};
    loop = loop_new();
    len_now = len;
    rounds_now = 0;
    begun_us = 0;
    until_us = now_us() + seconds * 1e6;
    must(!msglink_client_new(&client, loop, url, &tls, on_reply, NULL, &e), "client");
    ask();
    loop_run(loop);
    tell("front + ipc", len, rounds_now, now_us() - begun_us);
}

/* --- nng's own TLS, with the loop in between, as it was before --- */

static char *pem(const char *path)
{
    FILE *f = fopen(path, "r");
    must(f != NULL, path);
    char *text = mem_zalloc(65536);
    text[fread(text, 1, 65535, f)] = 0;
    fclose(f);
    return text;
}

static nng_tls_config *config(nng_tls_mode mode, const char *own_cert, const char *own_key)
{
    nng_tls_config *c;
    must(!nng_tls_config_alloc(&c, mode) && !nng_tls_config_ca_chain(c, pem(ca), NULL) &&
             !nng_tls_config_own_cert(c, pem(own_cert), pem(own_key), NULL) &&
             !nng_tls_config_auth_mode(c, NNG_TLS_AUTH_MODE_REQUIRED) &&
             (mode == NNG_TLS_MODE_SERVER || !nng_tls_config_server_name(c, PKI_CONTROLLER_NAME)),
         "nng's TLS");
    return c;
}

static nng_socket nng_side;

static void on_nng_request(void *arg, bool readable, bool writable)
{
    nng_msg *m;
    while (!nng_recvmsg(nng_side, &m, NNG_FLAG_NONBLOCK)) {
        nng_msg_chop(m, nng_msg_len(m) - 64);
        if (nng_sendmsg(nng_side, m, NNG_FLAG_NONBLOCK))
            nng_msg_free(m);
    }
}

static void nng_ask(void)
{
    nng_msg *m;
    must(!nng_msg_alloc(&m, 0) && !nng_msg_append(m, question, len_now), "memory");
    asked_us = now_us();
    must(!nng_sendmsg(nng_side, m, 0), "send");
}

static void on_nng_reply(void *arg, bool readable, bool writable)
{
    nng_msg *m;
    if (nng_recvmsg(nng_side, &m, NNG_FLAG_NONBLOCK))
        return;
    nng_msg_free(m);
    double now = now_us();
    if (!rounds_now && begun_us == 0)
        begun_us = now;
    else
        took_us[rounds_now++] = now - asked_us;
    if (now > until_us || rounds_now == ROUNDS_MAX)
        loop_stop(loop);
    else
        nng_ask();
}

static void watch_nng(struct watch *watch, loop_watch_cb *cb)
{
    int fd;
    must(!nng_socket_get_int(nng_side, NNG_OPT_RECVFD, &fd), "descriptor");
    watch_start(watch, loop, fd, true, false, cb, NULL);
}

static void serve_nng(const char *url)
{
    nng_listener l;
    struct watch watch = {0};
    loop = loop_new();
    must(!nng_rep0_open_raw(&nng_side) && !nng_socket_set_int(nng_side, NNG_OPT_SENDBUF, 4096) &&
             !nng_socket_set_int(nng_side, NNG_OPT_RECVBUF, 64),
         "nng");
    must(!nng_listener_create(&l, nng_side, url), "nng");
    must(!nng_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, config(NNG_TLS_MODE_SERVER, cert, key)), "nng");
    must(!nng_listener_start(l, 0), "nng listens");
    watch_nng(&watch, on_nng_request);
    loop_run(loop);
}

static void run_nng(const char *url, size_t len, double seconds)
{
    nng_dialer d;
    struct watch watch = {0};
    loop = loop_new();
    len_now = len;
    rounds_now = 0;
    begun_us = 0;
    must(!nng_req0_open(&nng_side) && !nng_dialer_create(&d, nng_side, url), "nng");
    must(!nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, config(NNG_TLS_MODE_CLIENT, node_cert, node_key)), "nng");
    must(!nng_dialer_start(d, 0), "nng dials");
    watch_nng(&watch, on_nng_reply);
    until_us = now_us() + seconds * 1e6;
    nng_ask();
    loop_run(loop);
    tell("nng's own TLS", len, rounds_now, now_us() - begun_us);
}

static void beside(void (*serve)(const char *), void (*run)(const char *, size_t, double), unsigned port,
                   size_t len, double seconds)
{
    char url[64];
    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", port);
    pid_t pid = fork(); /* before nng starts a thread */
    if (!pid)
        serve(url);
    pid_t asker = fork();
    if (!asker) {
        usleep(300000);
        run(url, len, seconds);
        fflush(stdout);
        _exit(0);
    }
    waitpid(asker, NULL, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    static const size_t lens[] = {300, 256 * 1024};
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    strcpy(dir, "/var/tmp/corral-bench-XXXXXX");
    must(mkdtemp(dir) && !pki_init(dir, NULL, &e) && !pki_issue(dir, "one", PKI_NODE_DAYS, dir, &e),
         "certificates");
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(cert, sizeof cert, "%s/controller.crt", dir);
    snprintf(key, sizeof key, "%s/controller.key", dir);
    snprintf(node_cert, sizeof node_cert, "%s/one.crt", dir);
    snprintf(node_key, sizeof node_key, "%s/one.key", dir);
    question = mem_zalloc(256 * 1024);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(lens); i++) { /* in turns, twice */
        size_t len = lens[i / 2];
        beside(serve_nng, run_nng, 23100 + i, len, seconds);
        beside(serve_ours, run_ours, 23200 + i, len, seconds);
    }
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}
