/* What the files of the API share; private to api*.c. */
#ifndef CORRAL_CONTROLLER_API_API_INT_H
#define CORRAL_CONTROLLER_API_API_INT_H

#include "controller/api/api.h"
#include "controller/api/api_schema.h"
#include "controller/api/call_gate.h"
#include "controller/api/call_share.h"
#include "controller/api/key_set.h"
#include "controller/api/rate_table.h"

#include "common/io/api_key.h"

#include "common/io/loop.h"

#include <jansson.h>
#include <sys/queue.h>
#include <uthash.h>

enum who { OPEN, USER, ADMIN, METRICS };

struct route {
    const char *method, *path;
    enum who who;
    enum api_schema schema;
    const char *answer;
};
extern const struct route api_routes[OP_COUNT]; /* api_route.c */

/* A key as the database told of it lately. Kept in the order of that: uthash iterates as was added. */
struct known_key {
    char prefix[API_KEY_PREFIX_LEN + 1];
    bool none; /* there is no such key */
    uint8_t sha256[32];
    struct caller caller;
    uint64_t good_until_ms;
    bool used; /* since its use was last written down */
    UT_hash_handle hh;
};

struct api {
    struct loop *loop;
    struct http_server *server;
    struct api_ops ops;
    void *owner;
    struct rate_rule rate, failure_rate;
    struct known_key *keys, *none; /* none: prefixes that there are not */
    struct key_set prefixes;
    struct key_query *queries; /* look-ups by prefix */
    TAILQ_HEAD(, key_query) waiting;
    unsigned waiting_count;
    struct rate_bucket guesses; /* of everybody */
    LIST_HEAD(, call) held;
    struct call_share *held_shares;    /* by user, or by network of who is none */
    struct rate_table rates;           /* by key; outlives the key's being remembered */
    struct rate_table failures;        /* by network */
    struct call_share *shares;         /* by user: requests that are under way */
    unsigned share_max;                /* of one user */
    struct call_gates gates;           /* by user: reads that go to the database at once */
    STAILQ_HEAD(, call_ticket) begins; /* reads whose place has become free */
    struct later begin;
    struct rate_table misses;            /* by key: DELETEs that made no room */
    char *problem, problem_headers[300]; /* of the server's own refusals, until the next one */
    bool metrics_open;
    char *cors_origins;
    char *openapi;
    struct api_stats stats;
};

/* A look-up of one prefix, for all calls that wait for it. */
struct key_query {
    struct api *api;
    char prefix[API_KEY_PREFIX_LEN + 1];
    char network[RATE_NAME_MAX + 1]; /* of the first call */
    bool guess;                      /* most likely there is no such key */
    bool asked;                      /* of the database; else it waits */
    bool again;                      /* the key changed meanwhile */
    TAILQ_HEAD(, call) calls;
    TAILQ_ENTRY(key_query) link;
    UT_hash_handle hh;
};

/* What the call carries beside what its owner sees. */
struct call {
    struct api_call public; /* first */
    struct api *api;
    char *body;                          /* as it was validated, where there was one; freed */
    char rate[160];                      /* headers that tell of its rate */
    char allow[64];                      /* and of the methods that there are, where this is none of them */
    char prefix[API_KEY_PREFIX_LEN + 1]; /* of its key; "" where it is not known who calls */
    uint8_t sha256[32];
    bool counted; /* as a failure of its network, in advance */
    bool shared;  /* it is one of its user's that are under way */
    struct call_ticket ticket;
    void (*leaves)(struct call *call); /* its place among its user's reads, while it has one */
    void (*known)(struct call *call, const struct caller *caller); /* goes on once it is known who calls */
    TAILQ_ENTRY(call) asks;                                        /* while its key is looked up */
    LIST_ENTRY(call) held;                                         /* while its refusal is held back */
    struct timer hold;
    struct err refusal;
};

static inline struct call *api_call_of(struct api_call *call)
{
    return (struct call *)(void *)call;
}

/* api_answer.c: each answers the call and frees it. */
void api_answer_problem(struct api_call *call, const struct err *e, json_t *more); /* takes more */
void api_answer_held(struct api_call *call,
                     const struct err *e); /* after a while: for anyone who asks too much */
void api_call_free(struct call *call);     /* unanswered: its client is gone */
void api_answers_end(struct api *api);     /* what is held is answered now */
void api_new_request_id(char out[static 65]);
/* Of the server's own refusals; as http_server_ops.problem. */
const char *api_server_problem(void *owner, int code, const char *detail, bool tls, const char **headers);

/* api_keys.c: finds out who asks, then calls known, or refuses. */
void api_authenticate(struct call *call, void (*known)(struct call *call, const struct caller *caller));
void api_keys_end(struct api *api); /* anyone who still waits is answered */

/* api_caller.c: whether one more failure of its network is within the rate; it is counted. */
bool api_count_failure(struct call *call);
/* It was none. */
void api_uncount_failure(struct call *call);
/* It was answered: a DELETE that made no room counts. */
void api_note_miss(struct call *call, int status);
/* Its answer tells of its rate: that of its network, where it did not come to its key's. */
void api_tell_rate(struct call *call);
/* Within the rate of its key and the share of its user, or ERR_RATE_LIMITED; the answer's headers tell. */
int api_within_rate(struct call *call, struct err *e) MUST_CHECK;

#endif
