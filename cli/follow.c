#include "cli/follow.h"

#include "cli/cli_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SILENT_S    45L /* three comments of the server are missing */
#define REFUSAL_MAX 65536
#define FIRST_MS    200
#define LONGEST_MS  5000

struct following {
    struct cli *cli;
    CURL *curl;
    struct sse_reader reader;
    struct text refusal;
    long status;
    bool begun; /* a stream was there once */
    bool lost;  /* that it is not was said */
};

static size_t on_bytes(char *at, size_t size, size_t count, void *arg)
{
    struct following *f = arg;
    size_t len = size * count;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &f->status);
    if (f->status == 200) {
        f->begun = true;
        f->lost = false;
        return sse_reader_take(&f->reader, at, len) ? len : 0;
    }
    if (f->refusal.len + len <= REFUSAL_MAX)
        text_add_bytes(&f->refusal, at, len);
    return len;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *name, const char *value)
{
    char line[SSE_ID_MAX + 64];
    snprintf(line, sizeof line, "%s: %s", name, value);
    return curl_slist_append(headers, line);
}

static CURLcode follow_once(struct following *f, const char *path)
{
    struct curl_slist *headers;
    f->curl = cli_request(f->cli, path, &headers);
    headers = add_header(headers, "Accept", "text/event-stream");
    if (f->reader.last[0])
        headers = add_header(headers, "Last-Event-ID", f->reader.last);
    sse_reader_again(&f->reader);
    text_fini(&f->refusal);
    f->status = 0;
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_TIME, SILENT_S);
    curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, f);
    CURLcode rc = curl_easy_perform(f->curl);
    curl_easy_cleanup(f->curl);
    curl_slist_free_all(headers);
    return rc;
}

/* Too many requests, and what is a server's own trouble, may pass. */
static bool may_pass(const struct following *f, CURLcode rc)
{
    return rc || f->status == 200 || (f->begun && (f->status == 429 || f->status >= 500));
}

static int refused(struct following *f)
{
    json_t *problem =
        f->refusal.len ? json_loadb(f->refusal.data, f->refusal.len, JSON_ALLOW_NUL, NULL) : NULL;
    cli_print_problem(f->cli, f->status, problem);
    json_decref(problem);
    return CLI_REFUSED;
}

static void say_lost(struct following *f)
{
    if (!f->lost)
        fprintf(stderr, "corral: the connection is lost; trying to come back\n");
    f->lost = true;
}

int follow(struct cli *cli, const char *path, sse_event_cb *cb, void *arg)
{
    struct following f = {.cli = cli, .reader = {.cb = cb, .arg = arg}};
    unsigned ms = FIRST_MS;
    int rc = -1;
    while (rc < 0) {
        CURLcode error = follow_once(&f, path);
        if (error && !f.begun) {
            cli_print_unreachable(cli, error);
            rc = CLI_UNREACHABLE;
        } else if (!may_pass(&f, error)) {
            rc = refused(&f);
        } else {
            ms = f.lost ? ms : FIRST_MS;
            say_lost(&f);
            usleep(ms * 1000);
            ms = ms * 2 < LONGEST_MS ? ms * 2 : LONGEST_MS;
        }
    }
    sse_reader_fini(&f.reader);
    text_fini(&f.refusal);
    return rc;
}
