/* Rate limits: of keys, of DELETEs that change nothing, and of requests without a valid key. */
#include "controller/api/api_int.h"

#include <stdio.h>
#include <string.h>

static void tell_rate(struct call *call, const struct rate_rule *rule, struct rate_answer got)
{
    snprintf(call->rate, sizeof call->rate,
             "RateLimit-Limit: %llu\r\nRateLimit-Remaining: %llu\r\nRateLimit-Reset: %llu\r\n",
             (unsigned long long)rule->burst, (unsigned long long)got.remaining,
             (unsigned long long)got.reset_seconds);
}

/* Takes a token, and writes the headers about the rate for the answer. */
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

/*
 * A DELETE frees resources, so past the rate it is refused only if earlier DELETEs of the key changed
 * nothing.
 */
static int within_rate(struct call *call, struct err *e)
{
    struct api *api = call->api;
    if (take_token(call, &api->rates, call->prefix, &api->rate))
        return 0;
    if (!strcmp(http_method(call->public.exchange), "DELETE") &&
        rate_table_look(&api->misses, call->prefix, &api->failure_rate, loop_now_ms()).allowed)
        return 0;
    return err_set(e, ERR_RATE_LIMITED, "more than %llu requests a second; wait a second",
                   (unsigned long long)api->rate.per_second);
}

/* Limits the requests of one user under way, so that they cannot occupy all connections. */
static int within_share(struct call *call, struct err *e)
{
    struct api *api = call->api;
    call->shared = call_share_take(&api->shares, call->public.caller.user_id, api->share_max);
    if (call->shared)
        return 0;
    return err_set(e, ERR_RATE_LIMITED, "%u requests of this user are under way; wait until one is answered",
                   api->share_max);
}

int api_within_rate(struct call *call, struct err *e)
{
    int rc = within_rate(call, e);
    return rc ? rc : within_share(call, e);
}

void api_note_miss(struct call *call, int status)
{
    struct api *api = call->api;
    bool miss = call->public.changed_nothing || (status >= 400 && status != 429);
    if (miss && call->prefix[0] && !strcmp(http_method(call->public.exchange), "DELETE"))
        (void)rate_table_take(&api->misses, call->prefix, &api->failure_rate, loop_now_ms());
}

/*
 * Failures count for the network; requests with a valid key do not, whatever others do at the same address.
 */
bool api_count_failure(struct call *call)
{
    call->counted =
        take_token(call, &call->api->failures, http_network(call->public.exchange), &call->api->failure_rate);
    return call->counted;
}

void api_uncount_failure(struct call *call)
{
    if (call->counted)
        rate_table_return(&call->api->failures, http_network(call->public.exchange));
    call->counted = false;
    call->rate[0] = 0;
}
