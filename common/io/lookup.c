#include "common/io/lookup.h"

#include "common/base/mem.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdlib.h>

struct lookup {
    struct loop *loop;
    struct evdns_base *resolver;
    struct evutil_addrinfo *found;
    struct later later;
    int code;
    bool asking; /* the resolver still has it */
    struct evdns_getaddrinfo_request *request;
    lookup_cb *cb; /* NULL: cancelled */
    void *arg;
};

static void lookup_free(struct lookup *lookup)
{
    later_cancel(&lookup->later);
    if (lookup->found)
        evutil_freeaddrinfo(lookup->found);
    if (lookup->resolver)
        evdns_base_free(lookup->resolver, 0);
    free(lookup);
}

/* Runs in a later turn: the resolver may not be freed inside its own callback. */
static void finish(void *arg)
{
    struct lookup *lookup = arg;
    if (lookup->cb)
        lookup->cb(lookup->arg, lookup->found, lookup->found ? NULL : evutil_gai_strerror(lookup->code));
    lookup_free(lookup);
}

static void on_found(int code, struct evutil_addrinfo *found, void *arg)
{
    struct lookup *lookup = arg;
    lookup->code = code;
    lookup->found = found;
    lookup->asking = false;
    later_call(&lookup->later, lookup->loop, finish, lookup);
}

struct lookup *lookup_start(struct loop *loop, const char *host, const char *port, lookup_cb *cb, void *arg)
{
    struct lookup *lookup = mem_zalloc(sizeof *lookup);
    struct evutil_addrinfo hints = {.ai_flags = EVUTIL_AI_NUMERICHOST,
                                    .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP};
    struct evutil_addrinfo *found = NULL;
    *lookup = (struct lookup){.loop = loop, .cb = cb, .arg = arg};
    if (!evutil_getaddrinfo(host, port, &hints, &found)) {
        on_found(0, found, lookup);
        return lookup;
    }
    hints.ai_flags = 0;
    lookup->resolver =
        evdns_base_new(loop_base(loop), EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    lookup->asking = lookup->resolver != NULL;
    if (lookup->resolver) { /* so that a second server is asked before a waiting caller gives up
                               (MSGLINK_OPENING_MS) */
        evdns_base_set_option(lookup->resolver, "timeout:", "1.5");
        evdns_base_set_option(lookup->resolver, "attempts:", "3");
    }
    if (lookup->resolver)
        lookup->request = evdns_getaddrinfo(lookup->resolver, host, port, &hints, on_found, lookup);
    else
        on_found(EVUTIL_EAI_FAIL, NULL, lookup);
    return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
    if (!lookup)
        return;
    lookup->cb = NULL;
    if (!lookup->asking)
        lookup_free(lookup);
    else if (lookup->request) /* on_found comes with the next turn */
        evdns_getaddrinfo_cancel(lookup->request);
}

const struct addrinfo *lookup_pick(const struct addrinfo *found, unsigned turn)
{
    unsigned count = 0;
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        count++;
    for (unsigned i = 0; count && i < turn % count; i++)
        found = found->ai_next;
    return found;
}
