#include "controller/webhooks/http_client.h"

#include "common/base/mem.h"
#include "common/base/public_address.h"
#include "common/io/log.h"
#include "common/io/lookup.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define ADDRESSES_MAX 4 /* of one name that are tried */
#define CONNECT_MS    3000
#define BUFFER_BYTES  4096L
#define UNREAD_BYTES  32768 /* that the kernel keeps of an answer; it doubles them */
#define CA_SECONDS    600L  /* after which a CA file is read again */

static const char slow[] = "it did not answer in time";
static const char too_long[] = "its answer is too long";
static const char closed[] = "its address is private or reserved, and such are not connected to";

/* A descriptor of the library. */
struct sock {
    struct http_client *client;
    struct http_client_call *call; /* it has one connection at a time, which is nobody else's */
    int fd;
    struct watch watch;
};

struct http_client {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    LIST_HEAD(, http_client_call) calls;
};

struct http_client_call {
    LIST_ENTRY(http_client_call) link;
    struct http_client *client;
    http_client_cb *cb;
    void *arg;
    CURL *easy; /* NULL: the name is looked up */
    struct lookup *lookup;
    struct timer limit;
    struct later later;
    char *url, *body, *host, *ca_file;
    size_t body_len;
    unsigned port, turn;
    bool allow_private;
    struct curl_slist *headers, *connect_to;
    char address[ADDRESSES_MAX][INET6_ADDRSTRLEN + 2]; /* as in a URL */
    size_t addresses, next;
    uint64_t since_ms;
    size_t head_bytes, body_bytes;
    char body_start[HTTP_CLIENT_EXCERPT_MAX];
    size_t kept;
    bool refused, head_too_long, body_cut;
    char fault[CURL_ERROR_SIZE];
    struct http_client_answer answer;
};

/* --- addresses --- */

static bool is_public(const struct sockaddr *sa)
{
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    return sa->sa_family == AF_INET    ? public_address_v4((const uint8_t *)&v4->sin_addr)
           : sa->sa_family == AF_INET6 ? public_address_v6(v6->sin6_addr.s6_addr)
                                       : false;
}

/* The gate that every connection passes, with the address that it is made to. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_client_call *call = arg;
    if (!call->allow_private && !is_public(&to->addr)) {
        call->refused = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol), bytes = UNREAD_BYTES;
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return fd;
}

static void put_address(struct http_client_call *call, const struct sockaddr *sa)
{
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    char text[INET6_ADDRSTRLEN], *out = call->address[call->addresses++];
    if (sa->sa_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        snprintf(out, sizeof call->address[0], "[%s]", text);
    }
}

/* Those that may be connected to, IPv4 first: many hosts have no way to IPv6. */
static void choose_addresses(struct http_client_call *call, const struct addrinfo *found)
{
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        size_t count = 0;
        for (const struct addrinfo *at = found; at; at = at->ai_next)
            count += at->ai_family == families[f];
        for (unsigned i = 0; i < count && call->addresses < ADDRESSES_MAX; i++) {
            const struct addrinfo *at = found;
            for (size_t skip = (call->turn + i) % count; at->ai_family != families[f] || skip;
                 at = at->ai_next)
                skip -= at->ai_family == families[f];
            if (call->allow_private || is_public(at->ai_addr))
                put_address(call, at->ai_addr);
            else
                call->refused = true;
        }
    }
}

/* --- the end of a call --- */

static void drop_easy(struct http_client_call *call)
{
    if (!call->easy)
        return;
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

static void call_free(struct http_client_call *call)
{
    LIST_REMOVE(call, link);
    timer_stop(&call->limit);
    later_cancel(&call->later);
    lookup_cancel(call->lookup);
    drop_easy(call);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    free(call->url);
    free(call->body);
    free(call->host);
    free(call->ca_file);
    free(call);
}

static void put_excerpt(struct http_client_call *call)
{
    for (size_t i = 0; i < call->kept; i++) {
        char c = call->body_start[i];
        call->answer.excerpt[i] = (unsigned char)c < ' ' || c == 0x7f ? ' ' : c;
    }
}

/* problem NULL: there is an answer. */
static void finish(struct http_client_call *call, const char *problem)
{
    struct http_client_answer answer;
    http_client_cb *cb = call->cb;
    void *arg = call->arg;
    if (problem) {
        call->answer.status = 0;
        snprintf(call->answer.problem, sizeof call->answer.problem, "%s", problem);
    }
    put_excerpt(call);
    call->answer.took_ms = loop_now_ms() - call->since_ms;
    answer = call->answer;
    call_free(call);
    cb(arg, &answer);
}

static void on_limit(void *arg)
{
    finish(arg, slow);
}

/* --- one connection --- */

static size_t on_head(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_client_call *call = arg;
    call->head_bytes += size * count;
    call->head_too_long = call->head_bytes > HTTP_CLIENT_HEAD_MAX;
    return call->head_too_long ? 0 : size * count;
}

/* What is past the bound is not read: the try ends, by its status. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_client_call *call = arg;
    size_t len = size * count, room = sizeof call->body_start - call->kept;
    memcpy(call->body_start + call->kept, bytes, len < room ? len : room);
    call->kept += len < room ? len : room;
    call->body_bytes += len;
    call->body_cut = call->body_bytes > HTTP_CLIENT_BODY_MAX;
    return call->body_cut ? 0 : len;
}

/* The library keeps the certificates of one file between calls, unless it is to look into a folder, too. */
static void set_authorities(CURL *easy, const struct http_client_call *call)
{
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_SECONDS);
    if (call->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, call->ca_file);
}

static void set_bounds(CURL *easy, struct http_client_call *call)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    set_authorities(easy, call);
}

static void set_request(CURL *easy, struct http_client_call *call)
{
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, call->connect_to);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->body_len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->fault);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

/* To the next address. */
static void connect_next(struct http_client_call *call)
{
    char to[INET6_ADDRSTRLEN + 16];
    snprintf(to, sizeof to, "::%s:%u", call->address[call->next++], call->port);
    curl_slist_free_all(call->connect_to);
    call->connect_to = curl_slist_append(NULL, to);
    call->fault[0] = 0;
    call->head_bytes = 0;
    call->easy = curl_easy_init();
    if (!call->easy) {
        finish(call, "out of memory");
        return;
    }
    set_bounds(call->easy, call);
    set_request(call->easy, call);
    curl_multi_add_handle(call->client->multi, call->easy);
}

/* The library's words, of which some are about itself. */
static void fail(struct http_client_call *call, CURLcode code)
{
    char problem[sizeof call->answer.problem];
    const char *why = call->fault[0] ? call->fault : curl_easy_strerror(code);
    snprintf(problem, sizeof problem, "%s",
             call->refused                      ? closed
             : call->head_too_long              ? "the head of its answer is too long"
             : code == CURLE_OPERATION_TIMEDOUT ? "it cannot be reached in time"
             : code == CURLE_GOT_NOTHING        ? "it closed the connection without an answer"
                                                : why);
    finish(call, problem);
}

static void on_done(struct http_client_call *call, CURLcode code)
{
    long status = 0;
    curl_off_t after = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &after);
    drop_easy(call);
    bool unreached = code == CURLE_COULDNT_CONNECT || (code == CURLE_OPERATION_TIMEDOUT && !call->head_bytes);
    if (unreached && call->next < call->addresses) {
        connect_next(call);
    } else if (code && !(code == CURLE_WRITE_ERROR && call->body_cut)) {
        fail(call, code);
    } else {
        call->answer.status = status > 0 ? (unsigned)status : 0;
        call->answer.asked = after > 0;
        call->answer.asked_ms = after > 0 ? (uint64_t)after * 1000 : 0;
        finish(call, NULL);
    }
}

/* --- the library on the loop --- */

static void take_done(struct http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        char *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        on_done((void *)call, code);
    }
}

static void act(struct http_client *client, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(client->multi, fd, what, &running);
    take_done(client);
}

/* Counts all bytes: of what stands between those of a head or a body, as extensions of chunks do, the library
 * tells nothing. */
static bool sent_too_much(const struct sock *sock)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    return !getsockopt(sock->fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
           info.tcpi_bytes_received > HTTP_CLIENT_ANSWER_MAX;
}

static void on_ready(void *arg, bool readable, bool writable)
{
    const struct sock *sock = arg;
    if (readable && sent_too_much(sock)) {
        finish(sock->call, too_long);
        return;
    }
    act(sock->client, sock->fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct http_client *client = arg;
    struct sock *sock = known;
    char *call = NULL;
    if (what == CURL_POLL_REMOVE) {
        if (sock)
            watch_stop(&sock->watch);
        free(sock);
        curl_multi_assign(client->multi, fd, NULL);
        return 0;
    }
    if (!sock) {
        sock = mem_zalloc(sizeof *sock);
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
        *sock = (struct sock){.client = client, .call = (void *)call, .fd = fd};
        curl_multi_assign(client->multi, fd, sock);
    }
    watch_start(&sock->watch, client->loop, fd, what & CURL_POLL_IN, what & CURL_POLL_OUT, on_ready, sock);
    return 0;
}

static void on_timeout(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* The library may not be called from here, so that even 0 is a turn of the loop. */
static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct http_client *client = arg;
    if (ms < 0)
        timer_stop(&client->timer);
    else
        timer_start(&client->timer, client->loop, (uint64_t)ms, on_timeout, client);
    return 0;
}

int http_client_new(struct http_client **out, struct loop *loop, struct err *e)
{
    struct http_client *client;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return err_set(e, ERR_INTERNAL, "libcurl cannot be started");
    client = mem_zalloc(sizeof *client);
    client->loop = loop;
    client->multi = curl_multi_init();
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    *out = client;
    return 0;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (!LIST_EMPTY(&client->calls))
        call_free(LIST_FIRST(&client->calls));
    curl_multi_cleanup(client->multi);
    timer_stop(&client->timer);
    free(client);
    curl_global_cleanup();
}

/* --- a URL --- */

static bool is_ascii(const char *text)
{
    while (*text > 0)
        text++;
    return !*text;
}

/* Its host, without the brackets of an IPv6 address, and its port. False: it is refused, and why says so. */
static bool take_apart(const char *url, char **host, unsigned *port, const char **why)
{
    char *name = NULL, *number = NULL, *scheme = NULL, *user = NULL, *password = NULL, *zone = NULL;
    CURLU *parts = curl_url();
    *why = NULL;
    if (strlen(url) > HTTP_CLIENT_URL_MAX)
        *why = "is longer than 2048 characters";
    else if (url[strcspn(url, " \t\r\n")] || curl_url_set(parts, CURLUPART_URL, url, 0))
        *why = "is no URL";
    else if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
             (strcmp(scheme, "http") && strcmp(scheme, "https")))
        *why = "must begin with https:// or http://";
    else if (!curl_url_get(parts, CURLUPART_USER, &user, 0) ||
             !curl_url_get(parts, CURLUPART_PASSWORD, &password, 0))
        *why = "must not hold a user or password";
    else if (!curl_url_get(parts, CURLUPART_ZONEID, &zone, 0) ||
             curl_url_get(parts, CURLUPART_HOST, &name, 0) ||
             curl_url_get(parts, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT) || strlen(name) > 255 ||
             !atoi(number))
        *why = "has no host that can be connected to";
    else if (!is_ascii(name))
        *why = "must write its host in ASCII, a name in other letters as xn--…";
    if (!*why && host) {
        size_t len = strlen(name);
        bool v6 = name[0] == '[';
        len -= len > 1 && name[len - 1] == '.'; /* of a whole name: resolvers are asked without */
        *host = mem_dup(name + v6, len - 2 * (size_t)v6);
        *port = (unsigned)atoi(number);
    }
    curl_free(name);
    curl_free(number);
    curl_free(scheme);
    curl_free(user);
    curl_free(password);
    curl_free(zone);
    curl_url_cleanup(parts);
    return !*why;
}

const char *http_client_url_fault(const char *url)
{
    const char *why;
    take_apart(url, NULL, NULL, &why);
    return why;
}

/* --- the start of a call --- */

static void on_found(void *arg, const struct addrinfo *found, const char *why)
{
    struct http_client_call *call = arg;
    char problem[160];
    call->lookup = NULL;
    choose_addresses(call, found);
    snprintf(problem, sizeof problem, "its name cannot be resolved: %s", why ? why : "it has no address");
    if (call->addresses) {
        call->refused = false;
        connect_next(call);
    } else {
        finish(call, call->refused ? closed : problem);
    }
}

static void on_bad_url(void *arg)
{
    finish(arg, "its URL cannot be used");
}

static struct curl_slist *headers_of(const struct http_client_post *post)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < HTTP_CLIENT_HEADERS_MAX && post->header[i]; i++)
        list = curl_slist_append(list, post->header[i]);
    return list;
}

struct http_client_call *http_client_start(struct http_client *client, const struct http_client_post *post,
                                           http_client_cb *cb, void *arg)
{
    struct http_client_call *call = mem_zalloc(sizeof *call);
    const char *why;
    *call = (struct http_client_call){.client = client,
                                      .cb = cb,
                                      .arg = arg,
                                      .url = mem_strdup(post->url),
                                      .body = mem_dup(post->body, post->body_len),
                                      .body_len = post->body_len,
                                      .ca_file = mem_strdup(post->ca_file),
                                      .turn = post->turn,
                                      .allow_private = post->allow_private,
                                      .headers = headers_of(post),
                                      .since_ms = loop_now_ms()};
    LIST_INSERT_HEAD(&client->calls, call, link);
    timer_start(&call->limit, client->loop, post->time_ms, on_limit, call);
    if (take_apart(call->url, &call->host, &call->port, &why))
        call->lookup = lookup_start(client->loop, call->host, NULL, on_found, call);
    else
        later_call(&call->later, client->loop, on_bad_url, call);
    return call;
}

void http_client_cancel(struct http_client_call *call)
{
    if (call)
        call_free(call);
}
