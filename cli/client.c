/* What talks to the server, with transfer.c for what is too large to be kept, and ws_client.c for WebSockets.
 */
#include "cli/cli_int.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "cli/proxy.h"
#include "cli/text.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (64u << 20)

/* --- server and API key --- */

/* Removes white space at the end, such as the line end (\n or \r\n) of a file or variable. */
static void trim(char *text)
{
    for (size_t n = strlen(text); n && strchr(" \t\r\n", text[n - 1]);)
        text[--n] = 0;
}

void cli_use(struct cli *cli, const char *url, const char *key)
{
    char *new_url = mem_strdup(url), *new_key = mem_strdup(key);
    free(cli->url);
    free(cli->key);
    cli->url = new_url;
    cli->key = new_key;
    trim(new_url);
    trim(new_key);
    for (size_t n = strlen(new_url); n && new_url[n - 1] == '/';)
        new_url[--n] = 0;
}

const char *cli_url(const struct cli *cli)
{
    return cli->url;
}

void cli_prefer_async(struct cli *cli, bool async)
{
    cli->async = async;
}

void cli_interruptible(struct cli *cli, bool interruptible)
{
    cli->interruptible = interruptible;
}

void cli_patience(struct cli *cli, long seconds)
{
    cli->patience_s = seconds;
}

void cli_be_silent(struct cli *cli)
{
    cli->silent = true;
}

/* --- requests --- */

struct bytes {
    char *at;
    size_t len;
};

static size_t on_bytes(char *at, size_t size, size_t count, void *arg)
{
    struct bytes *b = arg;
    size_t n = size * count;
    if (b->len + n > ANSWER_MAX)
        return 0;
    b->at = mem_grow(b->at, b->len + n + 1, 1);
    memcpy(b->at + b->len, at, n);
    b->len += n;
    b->at[b->len] = 0;
    return n;
}

char *cli_path(const char *format, ...)
{
    char *out = NULL;
    size_t len;
    va_list args;
    FILE *text = open_memstream(&out, &len);
    va_start(args, format);
    for (; *format; format++) {
        if (format[0] != '%' || format[1] != 's') {
            fputc(*format, text);
            continue;
        }
        char *escaped = curl_easy_escape(NULL, va_arg(args, const char *), 0);
        fputs(escaped, text);
        curl_free(escaped);
        format++;
    }
    va_end(args);
    fclose(text);
    return out;
}

/* A member of the object, safe to print on a terminal; NULL where there is none. */
static char *said(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text_show_only(mem_strdup(text)) : NULL;
}

void cli_print_problem(const struct cli *cli, long status, const json_t *problem)
{
    CLEANUP(mem_free_ptr) char *detail = said(problem, "detail");
    CLEANUP(mem_free_ptr) char *code = said(problem, "code");
    CLEANUP(mem_free_ptr) char *request = said(problem, "request_id");
    size_t i;
    json_t *error;
    if (cli_wants_json(cli) && problem) {
        print_json_to(stderr, problem);
        return;
    }
    fprintf(stderr, "corral: %s (%s%s%ld%s%s)\n", detail ? detail : "the server refused", code ? code : "",
            code ? ", status " : "status ", status, request && *request ? ", request " : "",
            request ? request : "");
    json_array_foreach(json_object_get(problem, "errors"), i, error)
    {
        CLEANUP(mem_free_ptr) char *what = said(error, "detail");
        CLEANUP(mem_free_ptr) char *where = said(error, "pointer");
        if (what && detail && !strcmp(what, detail))
            continue; /* printed above */
        fprintf(stderr, "  %s %s\n", where ? where : "", what ? what : "");
    }
}

static struct curl_slist *headers_of(const struct cli *cli, bool has_body)
{
    CLEANUP(mem_free_ptr) char *key = NULL;
    if (asprintf(&key, "X-API-Key: %s", cli->key) < 0)
        abort();
    struct curl_slist *headers = curl_slist_append(NULL, key);
    headers = curl_slist_append(headers, has_body ? "Content-Type: application/json" : "Content-Type:");
    if (cli->async)
        headers = curl_slist_append(headers, "Prefer: respond-async");
    return headers;
}

void cli_print_unreachable(const struct cli *cli, CURLcode rc)
{
    if (cli->silent)
        return;
    const char *proxy = NULL, *variable = proxy_of(cli->url, &proxy);
    fprintf(stderr, "corral: %s does not answer: %s", cli->url, curl_easy_strerror(rc));
    if (variable)
        fprintf(stderr, " ($%s names the proxy %s)", variable, proxy);
    fputc('\n', stderr);
}

/* An answer that is written as it comes, unless it is a refusal. */
struct streaming {
    CURL *curl;
    FILE *out;
    const char *accept;
    bool json; /* lines of it */
    struct bytes line, refusal;
};

/* Prints the lines that are whole, and keeps the rest. */
static size_t on_lines(char *at, size_t len, struct streaming *s)
{
    size_t taken = on_bytes(at, 1, len, &s->line), done;
    char *end = taken ? memrchr(s->line.at, '\n', s->line.len) : NULL;
    if (!end)
        return taken;
    done = (size_t)(end - s->line.at) + 1;
    *end = 0;
    print_json_text(s->out, s->line.at);
    fputc('\n', s->out);
    s->line.len -= done;
    memmove(s->line.at, s->line.at + done, s->line.len + 1);
    return taken;
}

static size_t on_stream(char *at, size_t size, size_t count, void *arg)
{
    struct streaming *s = arg;
    long status = 0;
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return on_bytes(at, size, count, &s->refusal);
    size_t n = s->json ? on_lines(at, size * count, s) : fwrite(at, 1, size * count, s->out);
    return fflush(s->out) ? 0 : n;
}

/* For a stream: no time limit, what comes goes out at once. */
static void set_streaming(struct streaming *s, struct curl_slist **headers)
{
    char accept[64];
    snprintf(accept, sizeof accept, "Accept: %s", s->accept);
    *headers = curl_slist_append(*headers, accept);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, 0L);
    curl_easy_setopt(s->curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
}

/* What every connection has: the server, whom to trust, and which proxy to use. */
static void set_connection(CURL *c, const char *url)
{
    const char *ca = getenv("CORRAL_CA_FILE");
    CLEANUP(mem_free_ptr) char *spared = proxy_spared_hosts();
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L); /* ".." in an id must not address another object */
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_NOPROXY, spared);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    if (ca && ca[0])
        curl_easy_setopt(c, CURLOPT_CAINFO, ca);
}

static void set_request(struct cli *cli, const char *method, const char *url, const char *text,
                        struct curl_slist *headers, struct bytes *got)
{
    CURL *c = cli->curl;
    set_connection(c, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "corral/" CORRAL_VERSION);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, cli->patience_s);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, got);
    if (text)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, text);
}

CURL *cli_connection(const struct cli *cli)
{
    CURL *c = curl_easy_init();
    if (!c)
        abort();
    set_connection(c, cli->url);
    curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_HTTPPROXYTUNNEL, 1L); /* a proxy would not pass an upgrade on */
    return c;
}

CURL *cli_request(const struct cli *cli, const char *path, struct curl_slist **headers)
{
    CLEANUP(mem_free_ptr) char *url = NULL;
    CURL *c = curl_easy_init();
    if (!c || asprintf(&url, "%s%s", cli->url, path) < 0)
        abort();
    set_connection(c, url);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "corral/" CORRAL_VERSION);
    *headers = headers_of(cli, NULL);
    return c;
}

/* Runs the request until it is done, or until a signal ends it, which closes its connection. */
static CURLcode transfer(struct cli *cli)
{
    CURLcode rc = CURLE_OK;
    CURLMsg *done;
    int running = 1, left;
    if (curl_multi_add_handle(cli->multi, cli->curl))
        abort();
    while (!rc && !curl_multi_perform(cli->multi, &running) && running) {
        struct curl_waitfd signals = {.fd = interrupt_fd(), .events = CURL_WAIT_POLLIN};
        (void)curl_multi_poll(cli->multi, &signals, cli->interruptible ? 1 : 0, 1000, NULL);
        if (cli->interruptible && interrupt_signal())
            rc = CURLE_ABORTED_BY_CALLBACK;
    }
    done = curl_multi_info_read(cli->multi, &left);
    if (!rc)
        rc = done ? done->data.result : CURLE_FAILED_INIT;
    (void)curl_multi_remove_handle(cli->multi, cli->curl);
    return rc;
}

static CURLcode perform(struct cli *cli, const char *method, const char *path, const char *text,
                        struct bytes *got, struct streaming *stream)
{
    CLEANUP(mem_free_ptr) char *url = NULL;
    if (asprintf(&url, "%s%s", cli->url, path) < 0)
        abort();
    if (!cli->curl && (!(cli->curl = curl_easy_init()) || !(cli->multi = curl_multi_init())))
        abort();
    struct curl_slist *headers = headers_of(cli, text);
    set_request(cli, method, url, text, headers, got);
    if (stream) {
        stream->curl = cli->curl;
        set_streaming(stream, &headers);
    }
    CURLcode rc = transfer(cli);
    curl_slist_free_all(headers);
    return rc;
}

/* The answer that came; CLI_UNREACHABLE for one that Corral does not give. */
static int take_answer(struct cli *cli, const struct bytes *got, struct cli_answer *answer)
{
    json_error_t where;
    curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (got->len)
        answer->json = json_loadb(got->at, got->len, JSON_ALLOW_NUL, &where);
    if (answer->status < 400 && got->len && !answer->json) {
        if (!cli->silent)
            fprintf(stderr, "corral: %s answers with something that is not JSON; is it Corral?\n", cli->url);
        return CLI_UNREACHABLE;
    }
    if (answer->status < 400)
        return CLI_DONE;
    if (!cli->silent)
        cli_print_problem(cli, answer->status, answer->json);
    cli_answer_fini(answer);
    return CLI_REFUSED;
}

int cli_call(struct cli *cli, const char *method, const char *path, json_t *body, struct cli_answer *answer)
{
    CLEANUP(mem_free_ptr) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct bytes got = {0};
    *answer = (struct cli_answer){0};
    json_decref(body);
    CURLcode error = perform(cli, method, path, text, &got, NULL);
    int rc = error ? CLI_UNREACHABLE : take_answer(cli, &got, answer);
    if (cli->interruptible && interrupt_signal())
        rc = CLI_SIGNALLED + interrupt_signal();
    else if (error)
        cli_print_unreachable(cli, error);
    if (rc)
        cli_answer_fini(answer);
    free(got.at);
    return rc;
}

int cli_stream(struct cli *cli, const char *path, const char *accept, FILE *out)
{
    struct streaming stream = {.out = out, .accept = accept, .json = strstr(accept, "json")};
    long status = 0;
    CURLcode rc = perform(cli, "GET", path, NULL, NULL, &stream);
    if (!rc)
        curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &status);
    json_t *problem = stream.refusal.len ? json_loadb(stream.refusal.at, stream.refusal.len, 0, NULL) : NULL;
    if (rc && !ferror(out))
        cli_print_unreachable(cli, rc);
    else if (!rc && status != 200)
        cli_print_problem(cli, status, problem);
    if (stream.line.len)
        print_json_text(out, stream.line.at);
    json_decref(problem);
    free(stream.refusal.at);
    free(stream.line.at);
    return rc ? CLI_UNREACHABLE : status == 200 ? CLI_DONE : CLI_REFUSED;
}

void cli_answer_fini(struct cli_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}
