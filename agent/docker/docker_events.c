/* Docker's events, and a regular check that Docker answers. */
#include "agent/docker/docker_int.h"
#include "agent/docker/docker_json.h"

#include <stdio.h>
#include <stdlib.h>

#define PING_EVERY_MS   3000
#define PING_SILENT_MS  10000 /* a host under a storm of creates answers late, but is healthy */
#define PING_DEEP       5
#define STEADY_AFTER_MS 3000

static void listen_again(void *arg);

static void on_event_line(void *arg, const char *line, size_t len)
{
    struct docker *docker = arg;
    struct docker_event event;
    backoff_reset(&docker->event_backoff);
    if (len && !docker_json_event(line, len, &event, NULL) && event.kind != DOCKER_OTHER)
        docker->on_event(docker->event_arg, &event);
}

static void on_events_end(void *arg, int code, const struct err *e, long status, const char *body, size_t len)
{
    struct docker *docker = arg;
    if (docker->stopping)
        return;
    docker->hears = false;
    timer_start(&docker->event_retry, docker->loop, backoff_next(&docker->event_backoff, (uint32_t)rand()),
                listen_again, docker);
}

static void listen_now(struct docker *docker)
{
    char escaped[512], path[600];
    /* Not by label, which Docker would ask of images too: events of other containers are few, and dropped. */
    docker_escape("{\"type\":[\"container\",\"image\"],\"event\":[\"die\",\"oom\",\"pause\",\"unpause\","
                  "\"destroy\",\"tag\",\"untag\",\"delete\",\"pull\",\"load\",\"import\"]}",
                  escaped, sizeof escaped);
    snprintf(path, sizeof path, "%s/events?filters=%s", docker->prefix, escaped);
    docker->hears = true;
    struct docker_ask ask = {
        .method = "GET", .path = path, .on_line = on_event_line, .cb = on_events_end, .arg = docker};
    docker_http_ask(docker->http, &ask);
}

bool docker_steady(const struct docker *docker)
{
    return docker->hears && (!docker->back_ms || loop_now_ms() - docker->back_ms >= STEADY_AFTER_MS);
}

/* Reconnects only after a hello has found that Docker answers again. */
static void on_back(void *arg, int code, const struct err *e, const struct docker_facts *facts)
{
    struct docker *docker = arg;
    if (code) {
        bool first = !docker->away && code != ERR_CANCELLED;
        docker->away = true;
        on_events_end(docker, code, e, 0, "", 0);
        if (first)
            docker->on_away(docker->event_arg);
        return;
    }
    docker->away = false;
    docker->back_ms = loop_now_ms();
    listen_now(docker);
    docker->on_gap(docker->event_arg);
}

static void listen_again(void *arg)
{
    docker_hello(arg, on_back, arg);
}

/* --- pings: the stream of events stays open even if Docker hangs --- */

static void ping_later(struct docker *docker);

static void on_ping(void *arg, int code, const struct err *e, long status, const char *body, size_t len)
{
    struct docker *docker = arg;
    if (docker->stopping)
        return;
    if (code && !docker->away) {
        docker->away = true;
        docker->on_away(docker->event_arg);
    } else if (!code && docker->away && docker->hears) {
        docker->away = false;
        docker->on_gap(docker->event_arg);
    }
    ping_later(docker);
}

/* Most pings are cheap; every PING_DEEP-th, and each one while Docker is away, also reaches containerd. */
static void ping(void *arg)
{
    struct docker *docker = arg;
    bool deep = docker->away || !(++docker->pings % PING_DEEP);
    struct docker_ask ask = {.method = "GET",
                             .path = deep ? "/version" : "/_ping",
                             .timeout_ms = PING_SILENT_MS,
                             .cb = on_ping,
                             .arg = docker};
    docker_http_ask(docker->http, &ask);
}

static void ping_later(struct docker *docker)
{
    timer_start(&docker->ping_next, docker->loop, PING_EVERY_MS, ping, docker);
}

void docker_events(struct docker *docker, docker_event_cb *on_event, loop_cb *on_away, loop_cb *on_gap,
                   void *arg)
{
    docker->on_event = on_event;
    docker->on_away = on_away;
    docker->on_gap = on_gap;
    docker->event_arg = arg;
    listen_now(docker);
    ping_later(docker);
}
