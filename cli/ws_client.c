#include "cli/ws_client.h"

#include "cli/cli_int.h"
#include "cli/interrupt.h"
#include "cli/steady.h"
#include "cli/upgrade.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_MS 30000
#define AT_ONCE 16384

struct ws_client {
    CURL *curl;
    CURLM *multi; /* holds the connection */
    int fd;
    struct websocket_reader *reader;
    struct text out; /* what is to be sent, from out_at on */
    size_t out_at;
    bool has_pong;
    uint8_t pong[WEBSOCKET_CONTROL_MAX];
    size_t pong_len;
};

static void ws_client_free(struct ws_client *ws)
{
    (void)curl_multi_remove_handle(ws->multi, ws->curl);
    curl_easy_cleanup(ws->curl);
    curl_multi_cleanup(ws->multi);
    websocket_reader_free(ws->reader);
    text_fini(&ws->out);
    free(ws);
}

/* --- to the server --- */

static void put(void *arg, const void *bytes, size_t len)
{
    struct ws_client *ws = arg;
    text_add_bytes(&ws->out, bytes, len);
}

static void write_frame(struct ws_client *ws, enum websocket_what what, const void *bytes, size_t len)
{
    uint8_t key[4];
    if (RAND_bytes(key, sizeof key) != 1)
        abort();
    websocket_frame_write_masked(what, bytes, len, key, put, ws);
}

bool ws_client_has_room(const struct ws_client *ws)
{
    return ws->out.len - ws->out_at < WS_CLIENT_ROOM;
}

bool ws_client_waits(const struct ws_client *ws)
{
    return ws->out.len > ws->out_at || ws->has_pong;
}

void ws_client_write(struct ws_client *ws, enum ws_client_channel channel, const void *bytes, size_t len)
{
    uint8_t message[WS_CLIENT_DATA_MAX + 1] = {(uint8_t)channel};
    if (len > WS_CLIENT_DATA_MAX)
        abort();
    if (len)
        memcpy(message + 1, bytes, len);
    write_frame(ws, WEBSOCKET_BINARY, message, len + 1);
}

/* Whether all that waited was sent; *lost: nothing more will be. */
static bool send_all(struct ws_client *ws, bool *lost)
{
    while (ws->out_at < ws->out.len) {
        size_t n = 0;
        CURLcode rc = curl_easy_send(ws->curl, ws->out.data + ws->out_at, ws->out.len - ws->out_at, &n);
        ws->out_at += n;
        if (rc && rc != CURLE_AGAIN)
            *lost = true;
        if (rc || !n)
            return false;
    }
    ws->out_at = ws->out.len = 0;
    return true;
}

bool ws_client_flush(struct ws_client *ws)
{
    bool lost = false;
    if (ws->has_pong && ws_client_has_room(ws)) {
        write_frame(ws, WEBSOCKET_PONG, ws->pong, ws->pong_len);
        ws->has_pong = false;
    }
    if (!send_all(ws, &lost) && ws->out_at > WS_CLIENT_ROOM) {
        memmove(ws->out.data, ws->out.data + ws->out_at, ws->out.len - ws->out_at);
        ws->out.len -= ws->out_at;
        ws->out_at = 0;
    }
    return !lost;
}

void ws_client_close(struct ws_client *ws, unsigned code)
{
    const uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (!ws)
        return;
    write_frame(ws, WEBSOCKET_CLOSE, payload, sizeof payload);
    (void)ws_client_flush(ws);
    ws_client_free(ws);
}

/* --- from the server --- */

/* How many bytes came; 0: none now. *lost: none will. */
static size_t receive(struct ws_client *ws, void *out, size_t size, bool *lost)
{
    size_t n = 0;
    CURLcode rc = curl_easy_recv(ws->curl, out, size, &n);
    if ((!rc && !n) || (rc && rc != CURLE_AGAIN))
        *lost = true;
    return rc ? 0 : n;
}

static void keep_pong(struct ws_client *ws, const struct websocket_read *ping)
{
    ws->has_pong = true;
    ws->pong_len = ping->len;
    if (ping->len)
        memcpy(ws->pong, ping->bytes, ping->len);
}

struct websocket_read ws_client_next(struct ws_client *ws, bool *heard)
{
    for (;;) {
        uint8_t bytes[AT_ONCE];
        bool lost = false;
        struct websocket_read read = websocket_reader_next(ws->reader);
        if (read.what == WEBSOCKET_PING)
            keep_pong(ws, &read);
        if (read.what == WEBSOCKET_PING || read.what == WEBSOCKET_PONG)
            continue;
        if (read.what)
            return read;
        size_t n = receive(ws, bytes, sizeof bytes, &lost);
        if (lost)
            return (struct websocket_read){.what = WEBSOCKET_BROKEN, .code = WEBSOCKET_ABNORMAL};
        if (!n)
            return read;
        *heard = true;
        websocket_reader_put(ws->reader, bytes, n);
    }
}

int ws_client_fd(const struct ws_client *ws)
{
    return ws->fd;
}

/* --- dialling --- */

struct dialling {
    struct ws_client *ws;
    struct ws_client_watch *watch;
    struct upgrade upgrade;
    uint64_t until_ms;
    int error; /* a CURLcode; CURLE_ABORTED_BY_CALLBACK: stopped */
};

/* Waits a moment for fd (negative: for libcurl). false: enough. */
static bool wait_for(struct dialling *d, int fd, short events)
{
    struct curl_waitfd more[] = {{.fd = interrupt_fd(), .events = CURL_WAIT_POLLIN},
                                 {.fd = d->watch->fd, .events = CURL_WAIT_POLLIN},
                                 {.fd = fd, .events = events}};
    unsigned count = fd >= 0 ? 3 : d->watch->fd >= 0 ? 2 : 1;
    if (d->watch->fd < 0)
        more[1] = more[0];
    (void)curl_multi_poll(d->ws->multi, more, count, 500, NULL);
    if (!d->watch->go_on(d->watch->arg, d->watch))
        d->error = CURLE_ABORTED_BY_CALLBACK;
    else if (steady_ms() > d->until_ms)
        d->error = CURLE_OPERATION_TIMEDOUT;
    return !d->error;
}

static bool dial_connect(struct dialling *d)
{
    struct ws_client *ws = d->ws;
    int running = 1, left;
    if (curl_multi_add_handle(ws->multi, ws->curl))
        abort();
    while (!curl_multi_perform(ws->multi, &running) && running) {
        if (!wait_for(d, -1, 0))
            return false;
    }
    curl_socket_t fd = CURL_SOCKET_BAD;
    const CURLMsg *done = curl_multi_info_read(ws->multi, &left);
    d->error = done ? done->data.result : CURLE_FAILED_INIT;
    if (!d->error)
        d->error = curl_easy_getinfo(ws->curl, CURLINFO_ACTIVESOCKET, &fd);
    ws->fd = fd;
    return !d->error;
}

static bool dial_send(struct dialling *d)
{
    bool lost = false;
    while (!send_all(d->ws, &lost)) {
        if (lost)
            d->error = CURLE_SEND_ERROR;
        if (lost || !wait_for(d, d->ws->fd, CURL_WAIT_POLLOUT))
            return false;
    }
    return true;
}

/* Reads the answer; bytes past it are frames. */
static bool dial_read(struct dialling *d)
{
    char bytes[AT_ONCE];
    bool lost = false;
    while (d->upgrade.state == UPGRADE_MORE) {
        size_t n = receive(d->ws, bytes, sizeof bytes, &lost);
        size_t used = upgrade_read(&d->upgrade, bytes, n);
        if (d->upgrade.state == UPGRADE_OPEN)
            websocket_reader_put(d->ws->reader, bytes + used, n - used);
        if (lost && !d->upgrade.status)
            d->error = CURLE_GOT_NOTHING;
        else if (lost)
            upgrade_eof(&d->upgrade);
        if (d->error || (!n && !lost && !wait_for(d, d->ws->fd, CURL_WAIT_POLLIN)))
            return false;
    }
    return true;
}

/* The name that a Host header gives, and the path in front of the API's. Both are the caller's. */
static bool parse_url(const char *url, char **authority, char **prefix)
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL, *path = NULL;
    bool good = parts && !curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME | CURLU_PATH_AS_IS) &&
                !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
                !curl_url_get(parts, CURLUPART_PATH, &path, 0);
    if (good) {
        (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
        if (asprintf(authority, "%s%s%s", host, port ? ":" : "", port ? port : "") < 0)
            abort();
        *prefix = mem_strdup(strcmp(path, "/") ? path : "");
    }
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(parts);
    return good;
}

static void write_request(struct cli *cli, struct dialling *d, const char *authority, const char *prefix,
                          const char *path)
{
    CLEANUP(mem_free_ptr) char *target = NULL;
    if (asprintf(&target, "%s%s", prefix, path) < 0)
        abort();
    upgrade_begin(&d->upgrade, authority, target, cli->key, &d->ws->out);
}

static enum ws_client_result result_of(const struct dialling *d)
{
    if (d->error == CURLE_ABORTED_BY_CALLBACK)
        return WS_STOPPED;
    if (d->error)
        return WS_UNREACHABLE;
    return d->upgrade.state == UPGRADE_OPEN      ? WS_OPEN
           : d->upgrade.state == UPGRADE_REFUSED ? WS_REFUSED
                                                 : WS_FOREIGN;
}

static void take_answer(struct dialling *d, struct ws_client_answer *answer)
{
    const struct upgrade *u = &d->upgrade;
    *answer = (struct ws_client_answer){.status = u->status,
                                        .error = d->error,
                                        .pid = u->pid,
                                        .output_from = u->output_from,
                                        .has_input_from = u->has_input_from,
                                        .input_from = u->input_from};
    if (u->body.len)
        answer->problem = json_loadb(u->body.data, u->body.len, 0, NULL);
}

static struct ws_client *ws_client_new(struct cli *cli)
{
    struct ws_client *ws = mem_zalloc(sizeof *ws);
    ws->curl = cli_connection(cli);
    ws->multi = curl_multi_init();
    ws->reader = websocket_reader_of_server(WS_CLIENT_MESSAGE_MAX);
    ws->fd = -1;
    if (!ws->multi)
        abort();
    return ws;
}

enum ws_client_result ws_client_dial(struct cli *cli, const char *path, struct ws_client_watch *watch,
                                     struct ws_client **out, struct ws_client_answer *answer)
{
    CLEANUP(mem_free_ptr) char *authority = NULL;
    CLEANUP(mem_free_ptr) char *prefix = NULL;
    struct dialling d = {.ws = ws_client_new(cli), .watch = watch, .until_ms = steady_ms() + DIAL_MS};
    if (!parse_url(cli->url, &authority, &prefix))
        d.error = CURLE_URL_MALFORMAT;
    if (!d.error) {
        write_request(cli, &d, authority, prefix, path);
        (void)(dial_connect(&d) && dial_send(&d) && dial_read(&d));
    }
    enum ws_client_result result = result_of(&d);
    take_answer(&d, answer);
    upgrade_fini(&d.upgrade);
    if (result == WS_OPEN)
        *out = d.ws;
    else
        ws_client_free(d.ws);
    return result;
}

int ws_client_explain(const struct cli *cli, enum ws_client_result result,
                      const struct ws_client_answer *answer)
{
    if (result == WS_REFUSED) {
        cli_print_problem(cli, answer->status, answer->problem);
        return CLI_REFUSED;
    }
    if (result == WS_UNREACHABLE)
        cli_print_unreachable(cli, (CURLcode)answer->error);
    else
        fprintf(stderr, "corral: %s answers with something that is no WebSocket; is it Corral?\n", cli->url);
    return CLI_UNREACHABLE;
}
