#include "cli/transfer.h"

#include "cli/cli_int.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX (1u << 20) /* bytes of an answer that wait for who takes them */
#define REFUSAL_MAX (1u << 20)

struct transfer {
    CURL *curl;
    CURLM *multi;
    struct curl_slist *headers;
    char *bytes;      /* what has come: of a refusal all of it, else until it is taken */
    size_t len, size; /* of them; of their place */
    bool paused, done;
    bool given; /* the caller has the bytes, and is done with them when it asks for more */
    CURLcode rc;
    transfer_source_fn *source;
    void *arg;
    bool no_source; /* it gave no more */
};

static long status_of(const struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* A redirect is none: it is not followed. 0: nothing is known yet. */
static bool is_refused(const struct transfer *t)
{
    long status = status_of(t);
    return status && (status < 200 || status > 299);
}

static size_t on_bytes(char *at, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t n = size * count, max = is_refused(t) ? REFUSAL_MAX : WAITING_MAX;
    if (t->len + n > max && is_refused(t))
        return 0;
    if (t->len + n > max) {
        t->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (t->len + n + 1 > t->size) {
        t->size = 2 * (t->len + n + 1);
        t->bytes = mem_grow(t->bytes, t->size, 1);
    }
    memcpy(t->bytes + t->len, at, n);
    t->len += n;
    t->bytes[t->len] = 0;
    return n;
}

static size_t on_body(char *to, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    int64_t n = t->source(t->arg, to, size * count);
    t->no_source = n == TRANSFER_ERROR;
    return n == TRANSFER_ERROR ? CURL_READFUNC_ABORT : (size_t)n;
}

static struct transfer *new_transfer(const struct cli *cli, const char *path)
{
    struct transfer *t = mem_zalloc(sizeof *t);
    t->multi = curl_multi_init();
    t->curl = cli_request(cli, path, &t->headers);
    if (!t->multi)
        abort();
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    return t;
}

static void transfer_free(struct transfer *t)
{
    curl_multi_remove_handle(t->multi, t->curl);
    curl_easy_cleanup(t->curl);
    curl_multi_cleanup(t->multi);
    curl_slist_free_all(t->headers);
    free(t->bytes);
    free(t);
}

static void begin(struct transfer *t)
{
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
    if (curl_multi_add_handle(t->multi, t->curl))
        abort();
}

/* Goes on until something has come, or it is done. */
static void go_on(struct transfer *t)
{
    int running = 0, left;
    if (t->paused) {
        t->paused = false;
        (void)curl_easy_pause(t->curl, CURLPAUSE_CONT);
    }
    if (curl_multi_perform(t->multi, &running) == CURLM_OK && running) {
        if (!t->len)
            (void)curl_multi_poll(t->multi, NULL, 0, 1000, NULL);
        return;
    }
    CURLMsg *message = curl_multi_info_read(t->multi, &left);
    t->rc = message ? message->data.result : CURLE_FAILED_INIT;
    t->done = true;
}

/* The exit code of what is done or was refused; prints why. */
static int tell(const struct cli *cli, const struct transfer *t)
{
    if (t->no_source)
        return CLI_REFUSED;
    if (is_refused(t) && (!t->rc || t->len)) {
        json_t *problem = t->len ? json_loadb(t->bytes, t->len, 0, NULL) : NULL;
        cli_print_problem(cli, status_of(t), problem);
        json_decref(problem);
        return CLI_REFUSED;
    }
    if (!t->rc)
        return CLI_DONE;
    cli_print_unreachable(cli, t->rc);
    return CLI_UNREACHABLE;
}

int transfer_get(struct cli *cli, const char *path, struct transfer **out)
{
    struct transfer *t = new_transfer(cli, path);
    *out = NULL;
    begin(t);
    while (!t->done && !(t->len && !is_refused(t)))
        go_on(t);
    if (!t->done || (!t->rc && !is_refused(t))) {
        *out = t;
        return CLI_DONE;
    }
    int rc = tell(cli, t);
    transfer_free(t);
    return rc;
}

int64_t transfer_read(struct transfer *t, const void **bytes)
{
    if (t->given)
        t->len = 0;
    t->given = true;
    while (!t->len && !t->done)
        go_on(t);
    *bytes = t->bytes;
    return t->len ? (int64_t)t->len : t->rc ? TRANSFER_ERROR : TRANSFER_END;
}

const char *transfer_header(struct transfer *t, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

int64_t transfer_length(const struct transfer *t)
{
    curl_off_t length = -1;
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length;
}

int transfer_end(struct cli *cli, struct transfer *t)
{
    int rc = tell(cli, t);
    transfer_free(t);
    return rc;
}

int transfer_put(struct cli *cli, const char *path, int64_t length, transfer_source_fn *source, void *arg)
{
    struct transfer *t = new_transfer(cli, path);
    t->source = source;
    t->arg = arg;
    t->headers = curl_slist_append(t->headers, "Expect:");
    curl_easy_setopt(t->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(t->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length);
    curl_easy_setopt(t->curl, CURLOPT_READFUNCTION, on_body);
    curl_easy_setopt(t->curl, CURLOPT_READDATA, t);
    begin(t);
    while (!t->done)
        go_on(t);
    return transfer_end(cli, t);
}

int transfer_look(struct cli *cli, const char *path, char type[static 16])
{
    struct transfer *t = new_transfer(cli, path);
    type[0] = 0;
    curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
    begin(t);
    while (!t->done)
        go_on(t);
    const char *said = transfer_header(t, "X-File-Type");
    snprintf(type, 16, "%s", said ? said : "");
    int rc = t->rc ? tell(cli, t) : CLI_DONE;
    transfer_free(t);
    return rc;
}
