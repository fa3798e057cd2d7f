#include "common/msglink_lookup.h"

#include "common/mem.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdlib.h>

struct msglink_lookup {
    struct loop *loop;
    struct evdns_base *resolver;
    struct evutil_addrinfo *found;
    struct later later;
    int code;
    bool asking; /* the resolver still has it */
    unsigned turn;
    msglink_lookup_cb *cb; /* NULL: cancelled */
    void *arg;
};

static void lookup_free(struct msglink_lookup *lookup)
{
    later_cancel(&lookup->later);
    if (lookup->found)
        evutil_freeaddrinfo(lookup->found);
    if (lookup->resolver)
        evdns_base_free(lookup->resolver, 0);
    free(lookup);
}

/* In a turn of its own: a resolver may not be freed by what it calls. */
static void finish(void *arg)
{
    struct msglink_lookup *lookup = arg;
    struct evutil_addrinfo *at = lookup->found;
    unsigned count = 0;
    for (; at; at = at->ai_next)
        count++;
    at = lookup->found;
    for (unsigned i = 0; count && i < lookup->turn % count; i++)
        at = at->ai_next;
    if (lookup->cb && at)
        lookup->cb(lookup->arg, at->ai_addr, (socklen_t)at->ai_addrlen, NULL);
    else if (lookup->cb)
        lookup->cb(lookup->arg, NULL, 0, evutil_gai_strerror(lookup->code));
    lookup_free(lookup);
}

static void on_found(int code, struct evutil_addrinfo *found, void *arg)
{
    struct msglink_lookup *lookup = arg;
    lookup->code = code;
    lookup->found = found;
    lookup->asking = false;
    later_call(&lookup->later, lookup->loop, finish, lookup);
}

struct msglink_lookup *msglink_lookup_start(struct loop *loop, const char *host, const char *port,
                                            unsigned turn, msglink_lookup_cb *cb, void *arg)
{
    struct msglink_lookup *lookup = mem_zalloc(sizeof *lookup);
    struct evutil_addrinfo hints = {.ai_flags = EVUTIL_AI_NUMERICHOST,
                                    .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP};
    struct evutil_addrinfo *found = NULL;
    *lookup = (struct msglink_lookup){.loop = loop, .turn = turn, .cb = cb, .arg = arg};
    if (!evutil_getaddrinfo(host, port, &hints, &found)) {
        on_found(0, found, lookup);
        return lookup;
    }
    hints.ai_flags = 0;
    lookup->resolver =
        evdns_base_new(loop_base(loop), EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    lookup->asking = lookup->resolver != NULL;
    if (lookup->resolver)
        evdns_getaddrinfo(lookup->resolver, host, port, &hints, on_found, lookup);
    else
        on_found(EVUTIL_EAI_FAIL, NULL, lookup);
    return lookup;
}

void msglink_lookup_cancel(struct msglink_lookup *lookup)
{
    if (!lookup)
        return;
    lookup->cb = NULL;
    if (!lookup->asking) /* else what the resolver brings is thrown away */
        lookup_free(lookup);
}
