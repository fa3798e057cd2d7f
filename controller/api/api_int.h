/* Shared by the files of the API. Private to controller/api/. */
#ifndef CORRAL_CONTROLLER_API_API_INT_H
#define CORRAL_CONTROLLER_API_API_INT_H

#include "controller/api/api.h"
#include "controller/api/call_gate.h"
#include "controller/api/call_share.h"
#include "controller/api/key_set.h"
#include "controller/api/rate_table.h"
#include "controller/api/ticket_table.h"

#include "common/io/api_key.h"

#include "common/io/loop.h"

#include <sys/queue.h>
#include <uthash.h>

/* A cached key. The table is kept in the order of the look-ups: uthash iterates in the order of insertion. */
struct known_key {
    char prefix[API_KEY_PREFIX_LEN + 1];
    bool none; /* there is no such key */
    uint8_t sha256[32];
    struct caller caller;
    uint64_t good_until_ms;
    bool doubted; /* a notice of its change may have been lost */
    bool used;    /* since the owner last took the used keys */
    UT_hash_handle hh;
};

#define API_HEADERS_MAX 4096 /* of an answer: only our own headers; text from a peer is bounded before */

struct api {
    struct loop *loop;
    struct http_server *server;
    struct api_ops ops;
    void *owner;
    struct rate_rule rate, failure_rate;
    struct known_key *keys, *none; /* none: prefixes of no key */
    uint64_t lookups;              /* that found a key */
    struct key_set prefixes;
    struct key_query *queries; /* look-ups by prefix */
    TAILQ_HEAD(, key_query) waiting;
    unsigned waiting_count;
    struct rate_bucket guesses; /* of everybody */
    LIST_HEAD(, call) held;
    struct call_share *held_shares;    /* by user, or by network where there is no user */
    struct rate_table rates;           /* by key; not bound to the cache of keys */
    struct rate_table failures;        /* by network */
    struct call_share *shares;         /* requests under way, by user */
    unsigned share_max;                /* of one user */
    struct call_gates gates;           /* reads under way at the database, by user */
    STAILQ_HEAD(, call_ticket) begins; /* reads that may begin now */
    struct later begin;
    struct ticket_table tickets;
    struct rate_table misses;            /* by key: DELETEs that changed nothing */
    char *problem, problem_headers[300]; /* the server's latest own refusal, valid until the next */
    bool metrics_open;
    size_t body_bytes; /* the most of a body that is read whole */
    char *cors_origins;
    char *openapi;
    struct api_stats stats;
    struct histogram (*times)[6]; /* of each route, and after these of requests without one: by the first
                                     digit of the status */
};

/* A look-up of one prefix; all calls with that prefix wait for it. */
struct key_query {
    struct api *api;
    char prefix[API_KEY_PREFIX_LEN + 1];
    char network[RATE_NAME_MAX + 1]; /* of the first call */
    bool guess;                      /* the prefix is not in the set of keys */
    bool asked;                      /* sent to the database; else it waits */
    bool again;                      /* the key changed meanwhile: look it up again */
    TAILQ_HEAD(, call) calls;
    TAILQ_ENTRY(key_query) link;
    UT_hash_handle hh;
};

/* A call with its private part. */
struct call {
    struct api_call public; /* first */
    struct api *api;
    uint64_t since_us;         /* when its head had come */
    bool validated;            /* there was a body */
    char *body;                /* as it was validated; owned; NULL: none, or dropped */
    char rate[160];            /* headers about its rate */
    char allow[API_ALLOW_MAX]; /* header with the allowed methods, where the method is not one of them */
    char prefix[API_KEY_PREFIX_LEN + 1]; /* of its key; "" while the caller is not known */
    uint8_t sha256[32];
    bool ticketed; /* it came with a ticket in place of a key */
    bool counted;  /* counted as a failure of its network, in advance */
    bool shared;   /* counted in its user's requests under way */
    struct call_ticket ticket;
    void (*leaves)(struct call *call); /* gives back its place among its user's reads, while it has one */
    void (*known)(struct call *call, const struct caller *caller); /* continues once the caller is known */
    TAILQ_ENTRY(call) asks;                                        /* while its key is looked up */
    LIST_ENTRY(call) held;                                         /* while its refusal is delayed */
    struct timer hold;
    struct err refusal;
};

static inline struct call *api_call_of(struct api_call *call)
{
    return (struct call *)(void *)call;
}

/* api_answer.c: each answers the call and frees it. */
void api_answer_held(struct api_call *call,
                     const struct err *e); /* after a delay: for a caller past its rate */
void api_call_free(struct call *call);     /* without an answer: the client is gone */
void api_answers_end(struct api *api);     /* answers all delayed refusals now */
void api_answer_file(struct call *call, const struct api_file *file);
/* The headers of an answer with this status, which is counted. headers: its own, or NULL. */
void api_answer_head(struct call *call, int status, const char *headers, char out[static API_HEADERS_MAX]);
void api_new_request_id(char out[static 65]);
/* The problem document of the server's own refusals; as http_server_ops.problem. */
const char *api_server_problem(void *owner, int code, const char *detail, bool tls, const char **headers);

/* api_keys.c: finds the caller, then calls known, or refuses. */
void api_authenticate(struct call *call, void (*known)(struct call *call, const struct caller *caller));
void api_keys_end(struct api *api); /* answers all calls that still wait */

/* api_scope.c: whether the caller may use the route; also notes in the caller what it needs. ERR_FORBIDDEN.
 */
int api_scope_check(const struct api_route *route, struct caller *caller, struct err *e) MUST_CHECK;

/* api_ticket.c: whether the call names a ticket, on a route that takes one. */
bool api_ticket_named(const struct call *call);
/* Uses the ticket: true, with prefix and sha256 of the key that it stands for. */
bool api_ticket_take(struct call *call) MUST_CHECK;

/* api_caller.c: counts a failure of the call's network; false past its rate. */
bool api_count_failure(struct call *call);
/* Takes that failure back. */
void api_uncount_failure(struct call *call);
/* The call was answered: counts a DELETE that changed nothing. */
void api_note_miss(struct call *call, int status);
/* Puts the headers about the rate into the answer: the network's rate, where the key's was not reached. */
void api_tell_rate(struct call *call);
/*
 * 0 within the rate of its key and the share of its user, else ERR_RATE_LIMITED; the answer's headers show
 * the rate.
 */
int api_within_rate(struct call *call, struct err *e) MUST_CHECK;

#endif
