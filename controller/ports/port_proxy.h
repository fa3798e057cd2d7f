/*
 * Carries one request to a port inside a sandbox, and its answer: each on a connection of its own (a hub
 * stream), so no two requests share what a server inside may confuse. Bodies are carried as they come, both
 * ways, with back-pressure; after a 101 the bytes are carried as they are. On the loop.
 *
 * What comes from inside is hostile: its head is read by port_head.h, its body is framed again. Nothing of it
 * waits here beyond the windows of the stream.
 *
 * Bounds: PORT_ANSWER_MS from the last byte of the request to the head of the answer; from then on,
 * PORT_STALL_MS without a byte either way while something waits, for the client or for the server inside, and
 * PORT_IDLE_MS where nothing waits.
 */
#ifndef CORRAL_CONTROLLER_PORTS_PORT_PROXY_H
#define CORRAL_CONTROLLER_PORTS_PORT_PROXY_H

#include "common/http/http_stream.h"
#include "controller/ports/port_request.h"
#include "controller/streams/stream_hub.h"

#include <sys/queue.h>

#define PORT_ANSWER_MS    60000
#define PORT_STALL_MS     60000
#define PORT_IDLE_MS      3600000
#define PORT_REQUEST_MAX  ((uint64_t)1 << 40) /* bytes of a request's body */
#define PORT_INTERIMS_MAX 16                  /* answers 1xx before the real one; they are dropped */

struct port_proxy;

/* The requests to one port that are under way; all zero: none. */
struct port_proxies {
    LIST_HEAD(, port_proxy) list;
};

/* Where a request goes. */
struct port_target {
    struct loop *loop;
    struct stream_hub *hub;
    const char *node;
    const struct caller *caller;
    const struct sandbox_id *sandbox;
    uint16_t port;
};

/* Takes the exchange: carries it, or answers why not. Copies place. */
void port_proxy_start(struct port_proxies *all, const struct port_target *target,
                      const struct port_place *place, struct http_exchange *x);

/* Ends all of them at once: with an answer of this code where none has begun, else by breaking it off. */
void port_proxies_cut(struct port_proxies *all, int code, const char *text);

#endif
