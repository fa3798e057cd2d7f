/*
 * Finds the caller. Keys are looked up in the database a few at a time, once for all calls with the same key,
 * and cached for a while; so are prefixes of no key. A prefix that is in no existing key (key_set) is a
 * guess: it counts as a failure of its network before it is looked up, and fewer guesses are looked up at
 * once.
 */
#include "controller/api/api_int.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX            4096 /* cached keys, and as many cached prefixes of no key; the oldest is dropped first */
#define KEY_GOOD_MS         30000 /* then the key is looked up again, in case a notification was lost */
#define NONE_GOOD_MS        5000
#define AT_ONCE_MAX         16 /* look-ups of existing prefixes at once */
#define AT_ONCE_OF_NETWORK  8
#define GUESSES_AT_ONCE_MAX 4 /* look-ups of guesses at once, besides */
#define WAITING_MAX         1024
#define GUESSES_WAITING_MAX 64

/* The rate of guesses that are looked up, for the whole controller. */
static const struct rate_rule guess_rule = {100, 200};

/* --- without a valid key --- */

/* Refuses with 429: past the rate of its network. */
static void refuse_guess(struct call *call)
{
    struct err e;
    http_charge(call->public.exchange, NULL);
    (void)err_set(&e, ERR_RATE_LIMITED,
                  "more than %llu requests a second without a valid API key from this address; wait a second",
                  (unsigned long long)call->api->failure_rate.per_second);
    api_answer_held(&call->public, &e);
}

/*
 * Refuses an invalid key: 401, or 429 past the rate of its network. Counts a failure where none was counted
 * yet.
 */
static void refuse_key(struct call *call)
{
    struct err e;
    http_charge(call->public.exchange, NULL);
    if (!call->counted && !api_count_failure(call)) {
        refuse_guess(call);
        return;
    }
    (void)err_set(&e, ERR_UNAUTHENTICATED,
                  call->ticketed
                      ? "the ticket is not valid: it works once, within 30 s, for one sandbox and route, "
                        "in place of an API key"
                      : "send a valid API key as X-API-Key");
    api_answer_err(&call->public, &e);
}

/* --- the cache --- */

static void known_drop(struct known_key **table, struct known_key *key)
{
    HASH_DEL(*table, key);
    free(key);
}

static struct known_key *known_find(struct known_key *table, const char *prefix)
{
    struct known_key *key;
    HASH_FIND_STR(table, prefix, key);
    return key;
}

static struct known_key *known_put(struct known_key **table, const char *prefix, uint64_t good_ms)
{
    struct known_key *key = known_find(*table, prefix);
    bool used = key && key->used;
    if (key)
        known_drop(table, key);
    if (HASH_COUNT(*table) >= KEYS_MAX)
        known_drop(table, *table);
    key = mem_zalloc(sizeof *key);
    strcpy(key->prefix, prefix);
    key->good_until_ms = loop_now_ms() + good_ms;
    key->used = used;
    HASH_ADD_STR(*table, prefix, key);
    return key;
}

static void known_clear(struct known_key **table)
{
    while (*table)
        known_drop(table, *table);
}

/* The key is valid: counts a use and continues the call. */
static void known_use(struct call *call, struct known_key *key)
{
    struct caller caller = key->caller;
    key->used = true;
    api_uncount_failure(call);
    call->known(call, &caller);
}

/* --- look-ups --- */

_Static_assert(KEY_PREFIX_MAX == API_KEY_PREFIX_LEN, "a caller has room for the prefix of a key");

static void query_ask(struct key_query *q)
{
    q->asked = true;
    q->again = false;
    q->api->stats.key_lookups++;
    q->api->ops.find_key(q->api->owner, q->prefix, q);
}

/* Whether q may be sent to the database now, beside those under way. */
static bool may_ask(const struct api *api, const struct key_query *q)
{
    unsigned all = 0, guesses = 0, of_network = 0;
    struct key_query *other, *next;
    HASH_ITER(hh, api->queries, other, next)
    {
        if (!other->asked)
            continue;
        guesses += other->guess;
        all += !other->guess;
        of_network += !other->guess && !strcmp(other->network, q->network);
    }
    return q->guess ? guesses < GUESSES_AT_ONCE_MAX : all < AT_ONCE_MAX && of_network < AT_ONCE_OF_NETWORK;
}

static void ask_next(struct api *api)
{
    struct key_query *q, *next;
    for (q = TAILQ_FIRST(&api->waiting); q; q = next) {
        next = TAILQ_NEXT(q, link);
        if (!may_ask(api, q))
            continue;
        TAILQ_REMOVE(&api->waiting, q, link);
        api->waiting_count--;
        query_ask(q);
    }
}

static struct key_query *query_new(struct api *api, const struct call *call, bool guess)
{
    struct key_query *q = mem_zalloc(sizeof *q);
    q->api = api;
    q->guess = guess;
    strcpy(q->prefix, call->prefix);
    snprintf(q->network, sizeof q->network, "%s", http_network(call->public.exchange));
    TAILQ_INIT(&q->calls);
    HASH_ADD_STR(api->queries, prefix, q);
    return q;
}

/* Takes the waiting calls out one by one: answering a call may begin another look-up, never this one. */
static void query_end(struct key_query *q, void (*tell)(struct call *call, void *arg), void *arg)
{
    struct api *api = q->api;
    struct call *call;
    HASH_DEL(api->queries, q);
    while ((call = TAILQ_FIRST(&q->calls))) {
        TAILQ_REMOVE(&q->calls, call, asks);
        tell(call, arg);
    }
    free(q);
    ask_next(api);
}

static void tell_trouble(struct call *call, void *arg)
{
    call->prefix[0] = 0;
    api_uncount_failure(call);
    api_answer_err(&call->public, arg);
}

/*
 * Whether the key may be used although the database does not answer. A key whose change was told is not in
 * the cache.
 */
static bool is_known(const struct call *call, const struct known_key *key)
{
    uint64_t now = loop_now_ms();
    return call->public.route->without_database && key && api_key_same(key->sha256, call->sha256) &&
           now - key->caller.read_ms < CALLER_KNOWN_MS &&
           !(key->caller.expires && now >= key->caller.expires_ms);
}

/* The database did not answer. */
static void tell_unread(struct call *call, void *arg)
{
    struct known_key *key = known_find(call->api->keys, call->prefix);
    if (is_known(call, key))
        known_use(call, key);
    else
        tell_trouble(call, arg);
}

static void tell_none(struct call *call, void *arg)
{
    call->prefix[0] = 0;
    refuse_key(call);
}

static void tell_key(struct call *call, void *arg)
{
    struct known_key *key = known_find(call->api->keys, call->prefix);
    if (key && api_key_same(key->sha256, call->sha256))
        known_use(call, key);
    else
        tell_none(call, NULL);
}

void api_key_found(struct key_query *q, int code, const struct err *e, const struct caller *caller,
                   const uint8_t sha256[32], bool expires, uint64_t remaining_ms)
{
    struct api *api = q->api;
    if (q->again && code != ERR_CANCELLED) {
        query_ask(q);
        return;
    }
    struct known_key *old = known_find(api->keys, q->prefix);
    if (code == ERR_UNAUTHENTICATED) {
        if (old)
            known_drop(&api->keys, old);
        known_put(&api->none, q->prefix, NONE_GOOD_MS);
        query_end(q, tell_none, NULL);
    } else if (code) {
        struct err trouble = *e;
        query_end(q, code == ERR_DATABASE_UNAVAILABLE ? tell_unread : tell_trouble, &trouble);
    } else {
        struct known_key *key = known_put(&api->keys, q->prefix,
                                          expires && remaining_ms < KEY_GOOD_MS ? remaining_ms : KEY_GOOD_MS);
        memcpy(key->sha256, sha256, sizeof key->sha256);
        key->caller = *caller;
        strcpy(key->caller.key_prefix, q->prefix);
        key->caller.lookup = ++api->lookups;
        key->caller.read_ms = loop_now_ms();
        key->caller.expires = expires;
        key->caller.expires_ms = loop_now_ms() + remaining_ms;
        query_end(q, tell_key, NULL);
    }
}

/* Refuses: too many look-ups wait. */
static void refuse_full(struct call *call)
{
    struct err e;
    call->prefix[0] = 0;
    (void)err_set(&e, ERR_DATABASE_UNAVAILABLE,
                  "too many API keys are being looked up; try again in a second");
    api_answer_held(&call->public, &e);
}

static void look_up(struct call *call, bool proved)
{
    struct api *api = call->api;
    struct key_query *q;
    HASH_FIND_STR(api->queries, call->prefix, q);
    if (q) {
        TAILQ_INSERT_TAIL(&q->calls, call, asks);
        return;
    }
    bool guess = !proved && !key_set_has(&api->prefixes, call->prefix);
    if (guess && (!api_count_failure(call) || api->waiting_count >= GUESSES_WAITING_MAX ||
                  !rate_take(&api->guesses, &guess_rule, loop_now_ms()).allowed)) {
        call->prefix[0] = 0;
        refuse_guess(call);
        return;
    }
    if (api->waiting_count >= WAITING_MAX) {
        refuse_full(call);
        return;
    }
    q = query_new(api, call, guess);
    TAILQ_INSERT_TAIL(&q->calls, call, asks);
    if (may_ask(api, q)) {
        query_ask(q);
        return;
    }
    TAILQ_INSERT_TAIL(&api->waiting, q, link);
    api->waiting_count++;
}

/* --- the caller --- */

/* The key of the request; NULL where there is none, or where two differ. */
static const char *key_of(const struct api_call *call)
{
    const char *key = http_header(call->exchange, "x-api-key");
    const char *authorization = http_header(call->exchange, "authorization");
    const char *bearer =
        authorization && !strncasecmp(authorization, "bearer ", 7) ? authorization + 7 : NULL;
    if (bearer)
        bearer += strspn(bearer, " ");
    if (!authorization)
        return key;
    return !key || (bearer && !strcmp(key, bearer)) ? bearer : NULL;
}

/*
 * Requests about the controller itself are answered whether it leads or not, and work inside sandboxes as
 * long as it knows them.
 */
static bool is_served(const struct call *call, struct err *e)
{
    const struct api *api = call->api;
    const struct api_route *route = call->public.route;
    return route->scope == API_METRICS || !api->ops.serving(api->owner, e) ||
           (route->without_database && api->ops.serving_away && api->ops.serving_away(api->owner));
}

/* Takes the key's prefix and hash, from the request or from the ticket that it names. */
static bool take_key(struct call *call)
{
    if (call->ticketed)
        return api_ticket_take(call);
    api_key_sha256(key_of(&call->public), call->sha256);
    return true;
}

void api_authenticate(struct call *call, void (*known)(struct call *call, const struct caller *caller))
{
    struct api *api = call->api;
    call->known = known;
    call->ticketed = api_ticket_named(call);
    const char *text = call->ticketed ? NULL : key_of(&call->public);
    struct err e;
    if (!call->ticketed && (!text || !api_key_prefix(text, call->prefix))) {
        tell_none(call, NULL);
        return;
    }
    if (!is_served(call, &e)) {
        tell_trouble(call, &e);
        return;
    }
    if (!take_key(call)) {
        tell_none(call, NULL);
        return;
    }
    struct known_key *key = known_find(api->keys, call->prefix);
    struct known_key *none = known_find(api->none, call->prefix);
    bool proved = key && api_key_same(key->sha256, call->sha256);
    if ((key && !proved) || (none && loop_now_ms() < none->good_until_ms))
        tell_none(call, NULL); /* the secret of a key never changes */
    else if (proved && loop_now_ms() < key->good_until_ms)
        known_use(call, key);
    else
        look_up(call, proved || call->ticketed);
}

void api_forget_key(struct api *api, const char *prefix)
{
    struct key_query *q, *next;
    bool all = !strcmp(prefix, "*");
    HASH_ITER(hh, api->queries, q, next)
    {
        if (all || !strcmp(prefix, q->prefix))
            q->again = q->asked;
    }
    if (all) {
        known_clear(&api->keys);
        known_clear(&api->none);
        return;
    }
    struct known_key *key = known_find(api->keys, prefix), *none = known_find(api->none, prefix);
    if (key)
        known_drop(&api->keys, key);
    if (none)
        known_drop(&api->none, none);
    key_set_add(&api->prefixes, prefix);
}

void api_doubt_keys(struct api *api)
{
    struct key_query *q, *next_query;
    struct known_key *key, *next;
    HASH_ITER(hh, api->queries, q, next_query)
    q->again = q->asked;
    known_clear(&api->none);
    HASH_ITER(hh, api->keys, key, next)
    {
        key->doubted = true;
        key->good_until_ms = 0;
    }
}

bool api_key_is_current(const struct api *api, const struct caller *caller)
{
    const struct known_key *key = known_find(api->keys, caller->key_prefix);
    return key && !key->doubted && key->caller.lookup == caller->lookup;
}

void api_know_keys(struct api *api, const char *prefixes)
{
    key_set_fill(&api->prefixes, prefixes);
}

void api_take_used_keys(struct api *api, void (*cb)(void *arg, const char *key_id), void *arg)
{
    struct known_key *key, *next;
    HASH_ITER(hh, api->keys, key, next)
    {
        if (key->used)
            cb(arg, key->caller.key_id);
        key->used = false;
    }
}

void api_keys_end(struct api *api)
{
    struct key_query *q;
    struct err e;
    (void)err_set(&e, ERR_CANCELLED, "The controller is stopping");
    while ((q = TAILQ_FIRST(&api->waiting))) {
        TAILQ_REMOVE(&api->waiting, q, link);
        api->waiting_count--;
        query_end(q, tell_trouble, &e);
    }
    known_clear(&api->keys);
    known_clear(&api->none);
    key_set_fini(&api->prefixes);
}
