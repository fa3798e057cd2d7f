#include "agent/docker/docker_http.h"

#include "common/mem.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

struct request {
    struct docker_http *http;
    struct request *next, **slot;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    char *sent;
    char *body;
    size_t len;
    bool too_large;
    docker_http_line_cb *on_line; /* NULL: an ordinary answer */
    docker_http_cb *cb;
    void *arg;
};

/* One descriptor of libcurl's. */
struct wire {
    struct watch watch;
    struct docker_http *http;
    int fd;
};

struct docker_http {
    struct loop *loop;
    char *socket_path;
    CURLM *multi;
    struct timer timer;
    struct later reap;
    struct request *requests;
};

static void finish(struct request *r, int code, const struct err *e)
{
    long status = 0;
    if (!code)
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    *r->slot = r->next;
    if (r->next)
        r->next->slot = r->slot;
    curl_multi_remove_handle(r->http->multi, r->easy);
    r->cb(r->arg, code, e, status, r->body ? r->body : "", r->len);
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    free(r->url);
    free(r->sent);
    free(r->body);
    free(r);
}

/* The whole lines of a stream are handed on; what is left waits for its end. */
static void take_lines(struct request *r)
{
    size_t from = 0;
    if (!r->on_line || !r->len)
        return;
    for (char *end; (end = memchr(r->body + from, '\n', r->len - from)); from = (size_t)(end - r->body) + 1) {
        *end = 0;
        r->on_line(r->arg, r->body + from, (size_t)(end - r->body) - from);
    }
    memmove(r->body, r->body + from, r->len - from);
    r->len -= from;
}

/* Lines and ends are told in a turn of their own: libcurl may not be called from what it calls. */
static void on_reap(void *arg)
{
    struct docker_http *http = arg;
    CURLMsg *message;
    int left;
    for (struct request *r = http->requests; r; r = r->next)
        take_lines(r);
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct request *r;
        struct err e;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&r);
        if (r->too_large)
            finish(r, err_set(&e, ERR_PROTOCOL, "Docker's answer is too large"), &e);
        else if (result != CURLE_OK)
            finish(r,
                   err_set(&e, result == CURLE_OPERATION_TIMEDOUT ? ERR_NODE_TIMEOUT : ERR_IO, "Docker: %s",
                           curl_easy_strerror(result)),
                   &e);
        else
            finish(r, 0, NULL);
    }
}

static void act(struct docker_http *http, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(http->multi, fd, events, &running);
    later_call(&http->reap, http->loop, on_reap, http);
}

static void on_ready(void *arg, bool readable, bool writable)
{
    struct wire *wire = arg;
    act(wire->http, wire->fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *wire_arg)
{
    struct docker_http *http = arg;
    struct wire *wire = wire_arg;
    if (what == CURL_POLL_REMOVE) {
        if (wire)
            watch_stop(&wire->watch);
        free(wire);
        curl_multi_assign(http->multi, fd, NULL);
        return 0;
    }
    if (!wire) {
        wire = mem_zalloc(sizeof *wire);
        wire->http = http;
        wire->fd = fd;
        curl_multi_assign(http->multi, fd, wire);
    }
    watch_start(&wire->watch, http->loop, fd, what & CURL_POLL_IN, what & CURL_POLL_OUT, on_ready, wire);
    return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct docker_http *http = arg;
    if (timeout_ms < 0)
        timer_stop(&http->timer);
    else
        timer_start(&http->timer, http->loop, (uint64_t)timeout_ms, on_timer, http);
    return 0;
}

struct docker_http *docker_http_new(struct loop *loop, const char *socket_path)
{
    struct docker_http *http = mem_zalloc(sizeof *http);
    http->loop = loop;
    http->socket_path = mem_strdup(socket_path);
    http->multi = curl_multi_init();
    if (!http->multi)
        abort();
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 8L);
    return http;
}

void docker_http_free(struct docker_http *http)
{
    struct err e;
    if (!http)
        return;
    (void)err_set(&e, ERR_CANCELLED, "the agent is stopping");
    while (http->requests)
        finish(http->requests, ERR_CANCELLED, &e);
    later_cancel(&http->reap);
    curl_multi_cleanup(http->multi);
    timer_stop(&http->timer);
    free(http->socket_path);
    free(http);
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *arg)
{
    struct request *r = arg;
    if (count > DOCKER_ANSWER_MAX || r->len > DOCKER_ANSWER_MAX - count) {
        r->too_large = true;
        return 0;
    }
    r->body = mem_grow(r->body, r->len + count + 1, 1);
    memcpy(r->body + r->len, bytes, count);
    r->len += count;
    r->body[r->len] = 0;
    return count;
}

static struct request *request_new(struct docker_http *http, const char *path, docker_http_cb *cb, void *arg)
{
    static const char host[] = "http://docker";
    struct request *r = mem_zalloc(sizeof *r);
    *r =
        (struct request){.http = http, .next = http->requests, .slot = &http->requests, .cb = cb, .arg = arg};
    if (r->next)
        r->next->slot = &r->next;
    http->requests = r;
    r->easy = curl_easy_init();
    if (!r->easy)
        abort();
    r->url = mem_zalloc(sizeof host + strlen(path));
    memcpy(r->url, host, sizeof host - 1);
    strcpy(r->url + sizeof host - 1, path);
    curl_easy_setopt(r->easy, CURLOPT_URL, r->url);
    curl_easy_setopt(r->easy, CURLOPT_UNIX_SOCKET_PATH, http->socket_path);
    curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    return r;
}

static void begin(struct request *r)
{
    if (curl_multi_add_handle(r->http->multi, r->easy) != CURLM_OK)
        abort();
}

void docker_http_request(struct docker_http *http, const char *method, const char *path, const char *body,
                         uint64_t timeout_ms, docker_http_cb *cb, void *arg)
{
    struct request *r = request_new(http, path, cb, arg);
    curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (!strcmp(method, "POST")) { /* also without a body: its length is then said to be 0 */
        r->sent = mem_strdup(body ? body : "");
        r->headers = curl_slist_append(NULL, "Content-Type: application/json");
        r->headers = curl_slist_append(r->headers, "Expect:");
        curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->sent);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(r->sent));
    }
    begin(r);
}

void docker_http_stream(struct docker_http *http, const char *path, docker_http_line_cb *on_line,
                        docker_http_cb *cb, void *arg)
{
    struct request *r = request_new(http, path, cb, arg);
    r->on_line = on_line;
    begin(r);
}
