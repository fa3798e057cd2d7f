#include "common/io/msglink_dial.h"

#include "common/base/backoff.h"
#include "common/base/mem.h"
#include "common/io/dial.h"
#include "common/io/pki.h"
#include "common/io/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 2000

struct msglink_dial {
    struct loop *loop;
    struct msglink_url url;
    struct msglink_inner inner;
    struct tls_mutual *tls;
    struct dial *dial;
    struct stream *server, *nng;
    struct relay *relay; /* owns both streams once it exists */
    struct watch watch;
    struct timer timer,
        again; /* timer: the timeout of a try, or the pause before the next; again: nng's backlog is full */
    struct backoff backoff;
    unsigned tries;
    uint8_t heard[MSGLINK_OPENING_LEN];
    size_t heard_len;
    char why[200];
};

static void begin(void *arg);

/* --- one way down --- */

static void clear(struct msglink_dial *dial)
{
    dial_cancel(dial->dial);
    dial->dial = NULL;
    watch_stop(&dial->watch);
    timer_stop(&dial->again);
    timer_stop(&dial->timer);
    if (dial->relay) {
        relay_free(dial->relay);
    } else {
        stream_free(dial->server);
        stream_free(dial->nng);
    }
    dial->relay = NULL;
    dial->server = dial->nng = NULL;
    dial->heard_len = 0;
}

static void fail(struct msglink_dial *dial, const char *why)
{
    uint32_t random;
    char text[sizeof dial->why];
    snprintf(text, sizeof text, "%s", why); /* why may point into what clear() frees */
    clear(dial);
    memcpy(dial->why, text, sizeof dial->why);
    pki_random(&random, sizeof random);
    timer_start(&dial->timer, dial->loop, backoff_next(&dial->backoff, random), begin, dial);
}

static void on_over(void *arg)
{
    struct msglink_dial *dial = arg;
    fail(dial, "the connection ended");
}

static void on_time_over(void *arg)
{
    struct msglink_dial *dial = arg;
    fail(dial, "nobody answered in time");
}

/* Reads the first bytes of a stream: 1 once all are there and as expected, 0 before, -1 otherwise. */
static int hear(struct msglink_dial *dial, struct stream *from, const uint8_t *expected)
{
    ssize_t n = stream_read(from, dial->heard + dial->heard_len, sizeof dial->heard - dial->heard_len);
    if (n < 0)
        return -1;
    dial->heard_len += (size_t)n;
    if (memcmp(dial->heard, expected, dial->heard_len) != 0)
        return -1;
    return dial->heard_len == sizeof dial->heard;
}

/* --- nng takes it up --- */

static void on_nng_opening(void *arg, bool readable, bool writable)
{
    struct msglink_dial *dial = arg;
    int rc = hear(dial, dial->nng, msglink_req_opening);
    if (rc < 0)
        fail(dial, "nng does not accept the connection");
    if (rc <= 0)
        return;
    watch_stop(&dial->watch);
    timer_stop(&dial->timer);
    backoff_reset(&dial->backoff);
    dial->why[0] = 0;
    dial->relay = relay_new(dial->loop, dial->server, dial->nng, on_over, dial);
}

/* Connects to nng only now, so that nng's listener sees no connection that may still fail. */
static void knock(void *arg)
{
    struct msglink_dial *dial = arg;
    int fd = msglink_inner_connect(&dial->inner);
    if (fd < 0) {
        timer_start(&dial->again, dial->loop, MSGLINK_AGAIN_MS, knock, dial);
        return;
    }
    dial->nng = stream_new(NULL, fd);
    if (stream_write(dial->nng, msglink_rep_opening, MSGLINK_OPENING_LEN) != MSGLINK_OPENING_LEN) {
        fail(dial, "nng does not accept the connection");
        return;
    }
    watch_start(&dial->watch, dial->loop, fd, true, false, on_nng_opening, dial);
}

/* --- the server lets it in --- */

static void on_server_opening(void *arg, bool readable, bool writable)
{
    struct msglink_dial *dial = arg;
    int rc = hear(dial, dial->server, msglink_rep_opening);
    if (rc < 0)
        fail(dial, stream_why(dial->server));
    if (rc <= 0)
        return;
    watch_stop(&dial->watch);
    dial->heard_len = 0;
    knock(dial);
}

static void on_dialed(void *arg, struct stream *server, const char *why)
{
    struct msglink_dial *dial = arg;
    dial->dial = NULL;
    dial->server = server;
    if (!server)
        fail(dial, why);
    else if (stream_write(server, msglink_req_opening, MSGLINK_OPENING_LEN) != MSGLINK_OPENING_LEN)
        fail(dial, stream_why(server));
    else
        watch_start(&dial->watch, dial->loop, stream_fd(server), true, false, on_server_opening, dial);
}

static void begin(void *arg)
{
    struct msglink_dial *dial = arg;
    timer_start(&dial->timer, dial->loop, MSGLINK_OPENING_MS, on_time_over, dial);
    dial->dial = dial_start(dial->loop, &dial->url, dial->tls, dial->tries++, on_dialed, dial);
}

/* --- life --- */

int msglink_dial_new(struct msglink_dial **out, struct loop *loop, const char *url,
                     const struct msglink_tls *tls, const struct msglink_inner *inner, struct err *e)
{
    struct msglink_dial *dial = mem_zalloc(sizeof *dial);
    *dial = (struct msglink_dial){.loop = loop, .inner = *inner};
    backoff_init(&dial->backoff, PAUSE_MIN_MS, PAUSE_MAX_MS);
    int rc = msglink_url_parse(&dial->url, url, e);
    if (!rc)
        rc = msglink_tls_new(&dial->tls, &dial->url, tls, NULL, NULL, e);
    if (rc) {
        msglink_dial_free(dial);
        return rc;
    }
    timer_start(&dial->timer, loop, 0, begin, dial);
    *out = dial;
    return 0;
}

void msglink_dial_free(struct msglink_dial *dial)
{
    if (!dial)
        return;
    clear(dial);
    tls_mutual_free(dial->tls);
    free(dial);
}

const char *msglink_dial_why(const struct msglink_dial *dial)
{
    return dial->why;
}
