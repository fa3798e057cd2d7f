/* Who asks: keys are looked up in the database, remembered for a while, and held to their rate. */
#include "controller/api/api_int.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX    4096  /* remembered callers; the oldest goes first */
#define KEY_GOOD_MS 30000 /* then it is looked up again, should a notice have been lost */

static void tell_rate(struct call *call, const struct rate_rule *rule, struct rate_answer got)
{
    snprintf(call->rate, sizeof call->rate,
             "RateLimit-Limit: %llu\r\nRateLimit-Remaining: %llu\r\nRateLimit-Reset: %llu\r\n",
             (unsigned long long)rule->burst, (unsigned long long)got.remaining,
             (unsigned long long)got.reset_seconds);
}

/* Takes a token, and tells so in the headers of the answer. */
static bool take_token(struct call *call, struct rate_table *table, const char *name,
                       const struct rate_rule *rule)
{
    struct rate_answer got = rate_table_take(table, name, rule, loop_now_ms());
    tell_rate(call, rule, got);
    return got.allowed;
}

void api_tell_rate(struct call *call)
{
    struct api *api = call->api;
    if (!call->rate[0])
        tell_rate(call, &api->failure_rate,
                  rate_table_look(&api->failures, http_network(call->public.exchange), &api->failure_rate,
                                  loop_now_ms()));
}

/* A DELETE is never held up: it is what makes room. */
int api_within_rate(struct call *call, const char *prefix, struct err *e)
{
    struct api *api = call->api;
    if (take_token(call, &api->rates, prefix, &api->rate) ||
        !strcmp(http_method(call->public.exchange), "DELETE"))
        return 0;
    return err_set(e, ERR_RATE_LIMITED, "more than %llu requests a second; wait a second",
                   (unsigned long long)api->rate.per_second);
}

static const char *key_of(const struct api_call *call)
{
    const char *key = http_header(call->exchange, "x-api-key");
    const char *bearer = http_header(call->exchange, "authorization");
    if (!key && bearer && !strncasecmp(bearer, "bearer ", 7))
        key = bearer + 7;
    return key;
}

/* Who guesses is counted by network; whoever has a key is not, whatever others do at the same address. */
static void refuse_key(struct api_call *public)
{
    struct call *call = api_call_of(public);
    struct api *api = call->api;
    struct err e;
    http_charge(public->exchange, NULL);
    if (take_token(call, &api->failures, http_network(public->exchange), &api->failure_rate)) {
        (void)err_set(&e, ERR_UNAUTHENTICATED, "send a valid API key as X-API-Key");
        api_answer_err(public, &e);
        return;
    }
    (void)err_set(&e, ERR_RATE_LIMITED,
                  "more than %llu requests a second without a valid API key from this address; wait a second",
                  (unsigned long long)api->failure_rate.per_second);
    api_answer_held(public, &e);
}

static void remember(struct api *api, const struct key_query *q, const struct caller *caller,
                     uint64_t good_ms)
{
    struct known_key *key;
    api_forget_key(api, q->prefix);
    if (HASH_COUNT(api->keys) >= KEYS_MAX)
        api_forget_key(api, api->keys->prefix);
    key = mem_zalloc(sizeof *key);
    memcpy(key->prefix, q->prefix, sizeof key->prefix);
    memcpy(key->sha256, q->sha256, sizeof key->sha256);
    key->caller = *caller;
    key->used = true;
    key->good_until_ms = loop_now_ms() + good_ms;
    HASH_ADD_STR(api->keys, prefix, key);
}

void api_key_found(struct key_query *q, int code, const struct err *e, const struct caller *caller,
                   const uint8_t sha256[32], bool expires, uint64_t remaining_ms)
{
    struct call *call = api_call_of(q->call);
    if (code && code != ERR_UNAUTHENTICATED) {
        api_answer_err(q->call, e);
    } else if (code || !api_key_same(q->sha256, sha256)) {
        refuse_key(q->call);
    } else {
        uint64_t good = expires && remaining_ms < KEY_GOOD_MS ? remaining_ms : KEY_GOOD_MS;
        remember(call->api, q, caller, good);
        api_admit(call, q->prefix, caller);
    }
    free(q);
}

void api_authenticate(struct call *call)
{
    struct api *api = call->api;
    const char *key = key_of(&call->public);
    struct key_query query = {.api = api, .call = &call->public};
    if (!key || !api_key_prefix(key, query.prefix)) {
        refuse_key(&call->public);
        return;
    }
    api_key_sha256(key, query.sha256);
    struct known_key *known;
    HASH_FIND_STR(api->keys, query.prefix, known);
    if (known && loop_now_ms() < known->good_until_ms) {
        if (!api_key_same(known->sha256, query.sha256)) {
            refuse_key(&call->public);
            return;
        }
        struct caller caller = known->caller;
        known->used = true;
        api_admit(call, query.prefix, &caller);
        return;
    }
    struct key_query *asked = mem_dup(&query, sizeof query);
    api->ops.find_key(api->owner, asked->prefix, asked);
}

void api_forget_key(struct api *api, const char *prefix)
{
    struct known_key *key, *next;
    HASH_ITER(hh, api->keys, key, next)
    {
        if (strcmp(prefix, "*") && strcmp(prefix, key->prefix))
            continue;
        HASH_DEL(api->keys, key);
        free(key);
    }
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
