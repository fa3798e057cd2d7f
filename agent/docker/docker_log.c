/* The log of a container, read through Docker's API: whatever driver keeps it. */
#include "agent/docker/docker_fault.h"
#include "agent/docker/docker_frames.h"
#include "agent/docker/docker_int.h"
#include "agent/docker/docker_json.h"

#include "common/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NS UINT64_C(1000000000)

struct docker_log {
    struct docker_request *request;
    struct docker_frames frames;
    docker_record_cb *on_record;
    docker_cb *cb;
    void *arg;
};

/* Looks up who is told with each record: the one before may have cancelled the reading. */
static void tell(void *arg, const struct log_record *record)
{
    struct docker_log *log = arg;
    log->on_record(log->arg, record);
}

static bool on_bytes(void *arg, const char *bytes, size_t len)
{
    struct docker_log *log = arg;
    return docker_frames_feed(&log->frames, bytes, len, tell, log);
}

static void on_end(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct docker_log *log = arg;
    char text[DOCKER_REFUSAL_MAX];
    struct err e = error ? *error : (struct err){0};
    if (!code && status != 200) {
        docker_json_message(body, len, text, sizeof text);
        code = status == 404 || status == 409 ? ERR_NOT_FOUND : ERR_IO;
        code = err_set(&e, code, "Docker answered %ld to a log: %.200s", status, text);
    }
    log->cb(log->arg, code, code ? &e : NULL);
    free(log);
}

struct docker_log *docker_log_read(struct docker *docker, const struct docker_log_ask *ask,
                                   docker_record_cb *on_record, docker_cb *cb, void *arg)
{
    struct docker_log *log = mem_zalloc(sizeof *log);
    char name[256], path[512], tail[24] = "all", since[48] = "";
    log->on_record = on_record;
    log->cb = cb;
    log->arg = arg;
    docker_escape(ask->container, name, sizeof name);
    if (ask->tail)
        snprintf(tail, sizeof tail, "%" PRIu64, ask->tail);
    if (ask->since_ns)
        snprintf(since, sizeof since, "&since=%" PRIu64 ".%09" PRIu64, ask->since_ns / NS,
                 ask->since_ns % NS);
    snprintf(path, sizeof path, "%s/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d&tail=%s%s",
             docker->prefix, name, ask->follow, tail, since);
    struct docker_ask what = {.method = "GET",
                              .path = path,
                              .timeout_ms = ask->timeout_ms,
                              .silence_ms = ask->silence_ms,
                              .on_bytes = on_bytes,
                              .cb = on_end,
                              .arg = log};
    log->request = docker_http_ask(docker->http, &what);
    return log;
}

void docker_log_pause(struct docker_log *log, bool paused)
{
    docker_http_pause(log->request, paused);
}

static void on_no_record(void *arg, const struct log_record *record)
{
}

static void on_no_end(void *arg, int code, const struct err *e)
{
}

void docker_log_cancel(struct docker_log *log)
{
    log->on_record = on_no_record;
    log->cb = on_no_end;
    docker_http_cancel(log->request);
}
