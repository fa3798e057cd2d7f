#include "agent/streams/stream_link.h"

#include "agent/agent_conf.h"
#include "agent/agent_state.h"
#include "agent/streams/image_stream.h"
#include "agent/streams/log_stream.h"
#include "agent/streams/process_stream.h"
#include "agent/streams/process_grace.h"
#include "agent/streams/stream_yield.h"

#include "common/base/backoff.h"
#include "common/base/mem.h"
#include "common/io/dial.h"
#include "common/io/log.h"
#include "common/io/mux.h"
#include "common/io/pki.h"
#include "proto/node_codec.h"
#include "proto/stream_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define STANDS_MS    5000 /* then a connection counts as taken */

struct stream_link {
    struct agent *agent;
    char *url; /* NULL: there is no session that carries streams */
    uint8_t ticket[MSGLINK_TICKET_LEN];
    uint64_t epoch;
    uint8_t process[NODE_PROCESS_LEN]; /* of the controller */
    struct tls_mutual *tls;            /* of the connection that stands, or is made */
    struct dial *dial;
    struct mux *mux;
    struct timer timer; /* the bound of a try, or the pause before the next */
    struct backoff backoff;
    unsigned tries;
    char said[200]; /* why the last try failed, as was logged */
};

static void begin(void *arg);

static void close_it(struct stream_link *link)
{
    struct runtime *runtime, *next;
    HASH_ITER(hh, link->agent->runtimes, runtime, next)
    process_streams_cut(runtime);
    log_streams_cut(link->agent->log_streams);
    image_streams_cut(link->agent->image_streams);
    dial_cancel(link->dial);
    link->dial = NULL;
    mux_free(link->mux);
    link->mux = NULL;
    tls_mutual_free(link->tls);
    link->tls = NULL;
    timer_stop(&link->timer);
}

static void try_again(struct stream_link *link, const char *why)
{
    uint32_t random;
    char text[sizeof link->said];
    snprintf(text, sizeof text, "%s", why); /* which may be of what is closed now */
    if (strcmp(text, link->said))
        log_warn("agent", "no connection for streams: %s", text);
    memcpy(link->said, text, sizeof link->said);
    close_it(link);
    pki_random(&random, sizeof random);
    if (link->url)
        timer_start(&link->timer, link->agent->loop, backoff_next(&link->backoff, random), begin, link);
}

/* --- what comes --- */

/* Its sandbox is not here, not yet, or not any more. */
static void refuse(struct mux_stream *stream, int code, const char *why)
{
    mux_close(stream, -code, why);
}

static void log_traced(const struct stream_open *open)
{
    static const char *const names[STREAM_OPS] = {
        [STREAM_START] = "start",         [STREAM_ATTACH] = "attach", [STREAM_LIST] = "list",
        [STREAM_SIGNAL] = "signal",       [STREAM_RESIZE] = "resize", [STREAM_INPUT] = "input",
        [STREAM_KILL] = "kill",           [STREAM_FILE] = "file",     [STREAM_LOGS] = "logs",
        [STREAM_LOGS_DROP] = "logs_drop", [STREAM_PORT] = "port",     [STREAM_IMAGE] = "image"};
    char mark[TRACE_MARK_MAX];
    if (trace_known(&open->trace))
        log_line(trace_sampled(&open->trace) ? LOG_INFO : LOG_DEBUG, "agent", "sandbox=%s %sstream=%s opens",
                 open->sandbox.text, trace_mark(&open->trace, mark), names[open->op]);
}

static void on_open(void *owner, struct mux_stream *stream, const uint8_t *bytes, size_t len)
{
    struct stream_link *link = owner;
    struct stream_open open;
    struct err e;
    if (stream_open_unpack(bytes, len, &open, &e)) {
        refuse(stream, e.code, e.text);
        return;
    }
    if (open.op == STREAM_IMAGE) {
        image_stream_begin(link->agent->image_streams, stream, &open);
        return;
    }
    struct runtime *runtime = agent_runtime_find(link->agent, &open.sandbox);
    log_traced(&open);
    if (open.op == STREAM_LOGS || open.op == STREAM_LOGS_DROP)
        log_stream_begin(link->agent->log_streams, stream, &open); /* also of one that has ended */
    else if (!runtime || runtime->removing || (runtime->of_pool && !runtime->start))
        refuse(stream, ERR_NOT_FOUND, "the sandbox is not on this node");
    else if (!runtime->init || runtime->start)
        refuse(stream, ERR_WRONG_STATE, "the sandbox has not started yet");
    else
        process_stream_begin(runtime, stream, &open);
    stream_start_fini(&open.start);
}

static void on_drained(void *owner)
{
    struct stream_link *link = owner;
    struct runtime *runtime, *next;
    HASH_ITER(hh, link->agent->runtimes, runtime, next)
    process_streams_go_on(runtime);
    log_streams_go_on(link->agent->log_streams);
    image_streams_go_on(link->agent->image_streams);
}

static void on_over(void *owner, const char *why)
{
    try_again(owner, why);
}

/* --- how it is made --- */

static void on_time_over(void *arg)
{
    try_again(arg, "nobody answers there in time");
}

/* Only now: the controller may have refused it after all. */
static void on_stands(void *arg)
{
    struct stream_link *link = arg;
    backoff_reset(&link->backoff);
    link->said[0] = 0;
}

static void on_dialed(void *arg, struct stream *carrier, const char *why)
{
    static const struct mux_ops ops = {.on_open = on_open, .on_drained = on_drained, .on_over = on_over};
    struct stream_link *link = arg;
    link->dial = NULL;
    if (!carrier) {
        try_again(link, why);
        return;
    }
    if (!msglink_stream_introduce(carrier, link->ticket)) {
        try_again(link, stream_why(carrier));
        stream_free(carrier);
        return;
    }
    timer_start(&link->timer, link->agent->loop, STANDS_MS, on_stands, link);
    link->mux = mux_new(link->agent->loop, carrier, &ops, link);
}

static void begin(void *arg)
{
    struct stream_link *link = arg;
    const struct agent_conf *conf = link->agent->conf;
    struct msglink_tls files = {.ca_file = conf->ca_file,
                                .cert_file = conf->cert_file,
                                .key_file = conf->key_file,
                                .server_name = PKI_CONTROLLER_NAME};
    struct msglink_url url;
    struct err e;
    int rc = msglink_url_parse(&url, link->url, &e);
    if (!rc)
        rc = msglink_tls_new(&link->tls, &url, &files, NULL, NULL, &e);
    if (rc) {
        try_again(link, e.text);
        return;
    }
    timer_start(&link->timer, link->agent->loop, MSGLINK_OPENING_MS, on_time_over, link);
    link->dial = dial_start(link->agent->loop, &url, link->tls, link->tries++, on_dialed, link);
}

/* --- what the agent calls --- */

struct stream_link *stream_link_new(struct agent *agent)
{
    struct stream_link *link = mem_zalloc(sizeof *link);
    *link = (struct stream_link){.agent = agent};
    backoff_init(&link->backoff, PAUSE_MIN_MS, PAUSE_MAX_MS);
    agent->follower = &process_stream_follower;
    agent->stream_yield = stream_yield_new(agent, on_drained, link);
    return link;
}

void stream_link_free(struct stream_link *link)
{
    if (!link)
        return;
    struct runtime *runtime, *next;
    link->agent->follower = NULL;
    stream_yield_free(link->agent->stream_yield);
    link->agent->stream_yield = NULL;
    close_it(link);
    HASH_ITER(hh, link->agent->runtimes, runtime, next)
    process_grace_drop(runtime);
    free(link->url);
    free(link);
}

/*
 * A controller that led before, lost PostgreSQL and leads again has another epoch, and is the same process:
 * its streams go on. One that does not say which process it is is told by its epoch.
 */
static bool is_same(const struct stream_link *link, const struct uplink_welcome *welcome)
{
    static const uint8_t unsaid[NODE_PROCESS_LEN];
    if (memcmp(welcome->process, unsaid, sizeof unsaid) != 0)
        return !memcmp(welcome->process, link->process, sizeof link->process);
    return link->epoch == welcome->epoch;
}

void stream_link_welcome(struct stream_link *link, const struct uplink_welcome *welcome)
{
    bool stands = link->mux && is_same(link, welcome);
    free(link->url);
    link->url = welcome->streams_url ? mem_strdup(welcome->streams_url) : NULL;
    link->epoch = welcome->epoch;
    memcpy(link->process, welcome->process, sizeof link->process);
    memcpy(link->ticket, welcome->ticket, sizeof link->ticket);
    if (stands)
        return;
    close_it(link);
    if (link->url)
        begin(link);
}

void stream_link_lost(struct stream_link *link)
{
    mem_free_ptr(&link->url);
    if (!link->mux)
        close_it(link);
}
