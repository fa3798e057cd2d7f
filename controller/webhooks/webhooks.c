#include "controller/webhooks/webhooks.h"

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/io/log.h"
#include "common/io/pki.h"
#include "common/io/secrets.h"
#include "controller/db/db_delivery.h"
#include "controller/webhooks/http_client.h"
#include "controller/webhooks/webhook_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define EVENTS_AT_ONCE 200
/*
 * From a notice of events to the look at them. A create's two events come within it, and its deliveries are
 * made after its answer: made at once, they took a millisecond of every create (their commit and its flush
 * lie beside the create's own).
 */
#define GATHER_MS      25
#define TRY_MS         10000
#define RECORD_AGAIN   1000 /* after the database did not take what became of a try */
#define RECORDS_MAX    60   /* then its place is given back, and it is due once more */
#define TRACE_LINE_MAX (16 + TRACE_TEXT_LEN)
#define SEALED_MAX     (64 + SECRETS_OVERHEAD_MAX)

/* A try (a word that the formatter takes for C++): under way, or being recorded. */
struct attempt {
    LIST_ENTRY(attempt) link;
    struct webhooks *webhooks;
    struct webhook_turn *turn;
    struct db_delivery_key key;
    char *url;
    unsigned tries;
    struct http_client_call *call; /* NULL: it is over */
    struct http_client_answer answer;
    struct webhook_verdict verdict;
    struct timer again;
    struct later later;
    unsigned records; /* how often the database was asked */
    bool recording;   /* and has not answered yet */
};

struct webhooks {
    struct webhooks_conf conf;
    struct http_client *client;
    struct webhook_turns turns;
    LIST_HEAD(, attempt) attempts;
    struct later later;
    struct timer gather; /* events were committed */
    bool leads, asking, more, stopped;
    bool due; /* deliveries may be due that were made before, or whose webhook's place was taken */
    struct webhooks_stats stats;
};

static void step(void *arg);

/* Looks for new events, in the next turn of the loop, however many ask. */
static void look_for_events(void *arg)
{
    struct webhooks *w = arg;
    timer_stop(&w->gather);
    w->more = true;
    if (w->leads && !w->asking && !w->stopped)
        later_call(&w->later, w->conf.loop, step, w);
}

/* And for deliveries that are due. */
static void look(struct webhooks *w)
{
    w->due = true;
    look_for_events(w);
}

/* --- the end of a try --- */

static void attempt_free(struct attempt *a)
{
    http_client_cancel(a->call);
    timer_stop(&a->again);
    later_cancel(&a->later);
    webhook_turns_give_back(&a->webhooks->turns, a->turn);
    LIST_REMOVE(a, link);
    free(a->url);
    free(a);
}

static void record(void *arg);

static void on_recorded(void *arg, int code, const struct err *e, const char *json)
{
    struct attempt *a = arg;
    struct webhooks *w = a->webhooks;
    a->recording = false;
    if (code && code != ERR_NOT_LEADING && w->leads && !w->stopped && a->records < RECORDS_MAX) {
        timer_start(&a->again, w->conf.loop, RECORD_AGAIN, record, a);
        return;
    }
    if (!code)
        w->stats.tries[a->verdict.outcome]++;
    attempt_free(a);
    look(w);
}

/* Its place is kept until the database has it: else it would be due once more. */
static void record(void *arg)
{
    struct attempt *a = arg;
    struct db_delivery_try what = {.url = a->url,
                                   .tries = a->tries,
                                   .verdict = a->verdict,
                                   .status = a->answer.status,
                                   .problem = a->answer.problem,
                                   .excerpt = a->answer.excerpt,
                                   .took_ms = a->answer.took_ms};
    a->recording = true;
    a->records++;
    db_delivery_end(a->webhooks->conf.pool, &a->key, &what, on_recorded, a);
}

static void put_problem(struct http_client_answer *answer)
{
    unsigned status = answer->status;
    if (!status || (status >= 200 && status < 300))
        return;
    snprintf(answer->problem, sizeof answer->problem, "it answered %u%s", status,
             status == 410                   ? ": it is gone, so the webhook was disabled"
             : status >= 300 && status < 400 ? "; redirects are not followed"
             : status == 429                 ? ": too many requests"
                                             : "");
}

static void on_answer(void *arg, const struct http_client_answer *answer)
{
    struct attempt *a = arg;
    struct webhook_answer seen = {answer->status, answer->asked, answer->asked_ms};
    uint32_t random;
    a->call = NULL;
    a->answer = *answer;
    put_problem(&a->answer);
    pki_random(&random, sizeof random);
    a->verdict = webhook_retry_judge(&seen, a->tries, random);
    record(a);
}

/* --- signing --- */

static size_t from_hex(const char *hex, uint8_t *out, size_t size)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len && i < size; i++)
        sscanf(hex + 2 * i, "%2hhx", &out[i]);
    return len < size ? len : size;
}

/* So that the key that sealed it may go, some day. */
static void reseal(const struct webhooks *w, const struct db_delivery *d, const uint8_t *secret, size_t len)
{
    const char *key = secrets_sealing_id(*w->conf.secrets);
    uint8_t *sealed;
    size_t sealed_len;
    struct err e;
    if (!strcmp(d->secret_key, key) ||
        secrets_seal(*w->conf.secrets, d->key.webhook, secret, len, &sealed, &sealed_len, &e))
        return;
    db_delivery_reseal(w->conf.pool, d, sealed, sealed_len, key);
    free(sealed);
}

/* Adds the signature by a sealed secret. */
static int add_signature(const struct webhooks *w, const struct db_delivery *d, const char *sealed_hex,
                         const char *id, uint64_t seconds, struct text *out, struct err *e)
{
    uint8_t sealed[SEALED_MAX], *secret;
    char signature[WEBHOOK_SIGNATURE_MAX];
    size_t secret_len, len = from_hex(sealed_hex, sealed, sizeof sealed);
    int rc = secrets_open(*w->conf.secrets, d->key.webhook, sealed, len, &secret, &secret_len, e);
    if (rc)
        return rc;
    webhook_sign(secret, secret_len, id, seconds, d->body, signature);
    if (sealed_hex == d->secret)
        reseal(w, d, secret, secret_len);
    secrets_wipe(secret, secret_len);
    text_add(out, out->len ? " " : "");
    text_add(out, signature);
    return 0;
}

/* Of several signatures one is enough: an old secret whose key is missing is left out. */
static int sign(const struct webhooks *w, const struct db_delivery *d, const char *id, uint64_t seconds,
                struct text *out, struct err *e)
{
    struct err unused;
    int rc = add_signature(w, d, d->secret, id, seconds, out, e);
    if (!rc && d->old_secret && add_signature(w, d, d->old_secret, id, seconds, out, &unused))
        log_warn("webhooks", "webhook=%s its old secret does not sign: %s", d->key.webhook, unused.text);
    return rc;
}

/* --- a try --- */

static void on_unsigned(void *arg)
{
    struct attempt *a = arg;
    struct http_client_answer answer = a->answer;
    on_answer(a, &answer);
}

/* The header by which the receiver goes on with the trace of the sandbox's last change; NULL: it belongs to
 * none. */
static const char *trace_line(const struct webhooks *w, const struct db_delivery *d, const char *id,
                              char out[static TRACE_LINE_MAX])
{
    char mark[TRACE_MARK_MAX];
    uint8_t span[TRACE_SPAN_LEN];
    struct trace trace = d->sandbox_id ? w->conf.trace_of(w->conf.owner, d->sandbox_id) : (struct trace){{0}};
    if (!trace_known(&trace))
        return NULL;
    pki_random(span, sizeof span);
    span[0] |= 1; /* never all zero */
    trace_continue(&trace, span);
    log_line(trace_sampled(&trace) ? LOG_INFO : LOG_DEBUG, "webhooks", "webhook=%s %sis told of %s",
             d->key.webhook, trace_mark(&trace, mark), id);
    snprintf(out, TRACE_LINE_MAX, "traceparent: %s", trace.text);
    return out;
}

static void post(struct attempt *a, const struct db_delivery *d)
{
    struct webhooks *w = a->webhooks;
    struct text signatures = {0}, line = {0};
    uint64_t seconds = wall_now_ms() / 1000;
    char id[40], id_line[64], time_line[64], trace[TRACE_LINE_MAX];
    struct err e;
    snprintf(id, sizeof id, "evt_%019" PRIu64, d->key.seq);
    snprintf(id_line, sizeof id_line, "webhook-id: %s", id);
    snprintf(time_line, sizeof time_line, "webhook-timestamp: %" PRIu64, seconds);
    if (sign(w, d, id, seconds, &signatures, &e)) {
        snprintf(a->answer.problem, sizeof a->answer.problem, "its secret cannot be opened: %s", e.text);
        later_call(&a->later, w->conf.loop, on_unsigned, a);
    } else {
        const char *ca = *w->conf.ca_file;
        text_add(&line, "webhook-signature: ");
        text_add(&line, signatures.data);
        struct http_client_post request = {.url = d->url,
                                           .header = {"Content-Type: application/json",
                                                      "User-Agent: Corral/" CORRAL_VERSION, id_line,
                                                      time_line, line.data, trace_line(w, d, id, trace)},
                                           .body = d->body,
                                           .body_len = strlen(d->body),
                                           .time_ms = TRY_MS,
                                           .allow_private = *w->conf.allow_private,
                                           .turn = d->tries,
                                           .ca_file = ca && ca[0] ? ca : NULL};
        a->call = http_client_start(w->client, &request, on_answer, a);
    }
    text_fini(&signatures);
    text_fini(&line);
}

static bool begin(struct webhooks *w, const struct db_delivery *d)
{
    struct webhook_turn *turn = webhook_turns_take(&w->turns, d->user, d->key.webhook, d->troubled);
    if (!turn)
        return false;
    struct attempt *a = mem_zalloc(sizeof *a);
    *a = (struct attempt){
        .webhooks = w, .turn = turn, .key = d->key, .url = mem_strdup(d->url), .tries = d->tries};
    LIST_INSERT_HEAD(&w->attempts, a, link);
    post(a, d);
    return true;
}

/* --- looking for work --- */

/* Those that are being recorded end with the database's answer. */
static void end_attempts(struct webhooks *w)
{
    struct attempt *a = LIST_FIRST(&w->attempts), *next;
    for (; a; a = next) {
        next = LIST_NEXT(a, link);
        if (!a->recording)
            attempt_free(a);
    }
}

static void settle(struct webhooks *w, int code, const struct err *e)
{
    w->asking = false;
    if (code == ERR_NOT_LEADING) { /* until webhooks_run says that it leads again */
        w->leads = false;
        end_attempts(w);
    }
    if (code && code != ERR_CANCELLED && code != ERR_NOT_LEADING)
        log_warn("webhooks", "deliveries cannot be read, trying again: %s", e->text);
    if (!code && w->more)
        look_for_events(w);
}

/* As long as something was begun, more may be due; what found no place waits for the end of a try. */
static void on_due(void *arg, int code, const struct err *e, const struct db_delivery *due, size_t count)
{
    struct webhooks *w = arg;
    for (size_t i = 0; i < count && w->leads && !w->stopped; i++)
        w->due |= begin(w, &due[i]);
    w->more |= w->due;
    settle(w, code, e);
}

static void ask_due(struct webhooks *w)
{
    struct db_delivery_key busy[WEBHOOK_TURNS_ALL];
    struct attempt *a;
    size_t count = 0;
    LIST_FOREACH(a, &w->attempts, link)
    busy[count++] = a->key;
    db_delivery_due(w->conf.pool, busy, count, WEBHOOK_TURNS_ALL, on_due, w);
}

static void on_made(void *arg, int code, const struct err *e, bool more, bool any)
{
    struct webhooks *w = arg;
    w->more |= more;
    w->due |= any;
    if (code || !w->due || !w->leads || w->stopped || w->turns.taken >= WEBHOOK_TURNS_ALL) {
        settle(w, code, e);
        return;
    }
    w->due = false;
    ask_due(w);
}

static void step(void *arg)
{
    struct webhooks *w = arg;
    if (!w->leads || w->asking || w->stopped)
        return;
    w->asking = true;
    w->more = false;
    db_delivery_make(w->conf.pool, EVENTS_AT_ONCE, on_made, w);
}

void webhooks_run(struct webhooks *w, bool leads)
{
    if (w->leads && !leads)
        end_attempts(w);
    w->leads = leads;
    look(w);
}

void webhooks_wake(struct webhooks *w)
{
    look(w);
}

void webhooks_committed(struct webhooks *w)
{
    if (w->leads && !w->stopped && !timer_armed(&w->gather))
        timer_start(&w->gather, w->conf.loop, GATHER_MS, look_for_events, w);
}

/* --- metrics --- */

static void on_measured(void *arg, int code, const struct err *e, uint64_t waiting, uint64_t oldest_seconds)
{
    struct webhooks *w = arg;
    if (code)
        return;
    w->stats.waiting = waiting;
    w->stats.oldest_seconds = oldest_seconds;
}

void webhooks_measure(struct webhooks *w, bool leads)
{
    if (leads)
        db_delivery_waiting(w->conf.pool, on_measured, w);
    else
        w->stats.waiting = w->stats.oldest_seconds = 0;
}

struct webhooks_stats webhooks_stats(const struct webhooks *w)
{
    struct webhooks_stats stats = w->stats;
    stats.under_way = (unsigned)w->turns.taken;
    return stats;
}

/* --- life --- */

int webhooks_new(struct webhooks **out, const struct webhooks_conf *conf, struct err *e)
{
    struct webhooks *w = mem_zalloc(sizeof *w);
    w->conf = *conf;
    int rc = http_client_new(&w->client, conf->loop, e);
    if (rc) {
        free(w);
        return rc;
    }
    *out = w;
    return 0;
}

void webhooks_stop(struct webhooks *w)
{
    if (!w)
        return;
    w->stopped = true;
    later_cancel(&w->later);
    timer_stop(&w->gather);
    end_attempts(w);
}

void webhooks_free(struct webhooks *w)
{
    if (!w)
        return;
    webhooks_stop(w);
    http_client_free(w->client);
    free(w);
}
