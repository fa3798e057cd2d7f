/*
 * common/io/msglink.h over a simulated network. A lane of an agent is a connection that carries one request
 * at a time. What is on its way waits while its node is cut off, as in the buffers of TCP; a connection that
 * breaks takes along what is on its way, and its lane dials again and sends its request again, as nng does:
 * so a request may be served twice, and an answer be lost.
 */
#include "tests/sim/sim_net.h"

#include "tests/sim/sim_loop.h"

#include "common/base/mem.h"
#include "common/io/msglink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_MIN_MS 50 /* until a lane dials again */
#define DIAL_MAX_MS 800
#define BREAKS      2 /* percent of the messages: a fault takes their connection */

struct msglink_client {
    struct world *world;
    struct loop *loop;
    uint64_t id, connection, request; /* 0: none */
    uint8_t *bytes;                   /* of the request */
    size_t len;
    struct timer over, dial;
    msglink_reply_cb *cb;
    void *arg;
    struct msglink_client *next;
};

struct msglink_server {
    struct world *world;
    struct loop *loop;
    msglink_allow_cb *allow;
    msglink_request_cb *cb;
    void *arg;
};

/* A connection as the server sees it. */
struct sim_connection {
    uint64_t id;
    int node;
};

struct msglink_token {
    struct sim_address to; /* lane 0: the answer is lost */
};

/* --- connections --- */

static struct msglink_client *lane_find(const struct world *w, uint64_t id)
{
    struct msglink_client *lane = w->net.lanes;
    while (lane && lane->id != id)
        lane = lane->next;
    return lane;
}

static bool server_knows(const struct sim_net *net, uint64_t connection)
{
    for (size_t i = 0; i < net->connections; i++) {
        if (net->connection[i].id == connection)
            return true;
    }
    return false;
}

static void server_forgets(struct sim_net *net, uint64_t connection)
{
    for (size_t i = 0; i < net->connections; i++) {
        if (net->connection[i].id == connection)
            net->connection[i] = net->connection[--net->connections];
    }
}

static void dial(void *arg);

static void dial_soon(struct msglink_client *lane)
{
    struct world *w = lane->world;
    uint64_t most = w->calm || w->scenario ? 2 * DIAL_MIN_MS : DIAL_MAX_MS;
    lane->connection = 0;
    timer_start(&lane->dial, lane->loop, DIAL_MIN_MS + sim_random(w, most), dial, lane);
}

/* The server hears of the end of a connection when it is in reach; until then it stands. */
static void on_closed(struct world *w, struct sim_event *e)
{
    if (!w->node[e->node].linked)
        sim_put_off(w, e);
    else
        server_forgets(&w->net, e->stamp);
}

static void close_connection(struct msglink_client *lane)
{
    if (!lane->connection)
        return;
    struct sim_event *e = sim_after(lane->world, sim_wire_ms(lane->world), on_closed);
    e->sandbox = SIM_NO_SANDBOX;
    e->node = lane->loop->process;
    e->stamp = lane->connection;
    lane->connection = 0;
}

static void break_lane(struct world *w, uint64_t id, uint64_t connection)
{
    struct msglink_client *lane = lane_find(w, id);
    server_forgets(&w->net, connection);
    if (lane && lane->connection == connection)
        dial_soon(lane);
}

/* --- what is on its way --- */

static struct sim_packet *packet_new(const struct sim_address *of, const uint8_t *bytes, size_t len)
{
    struct sim_packet *p = mem_zalloc(sizeof *p + len);
    p->of = *of;
    p->len = len;
    memcpy(p->bytes, bytes, len);
    return p;
}

static bool is_to_be_lost(struct world *w, const uint8_t *bytes, size_t len)
{
    struct node_message m;
    struct err e;
    if (!w->loses)
        return !w->calm && sim_chance(w, BREAKS);
    if (node_message_unpack(bytes, len, &m, &e))
        sim_fail(w, "a message makes no sense: %s", e.text);
    bool lost = w->loses(&m);
    node_message_fini(&m);
    return lost;
}

static void transmit(struct world *w, const struct sim_address *of, const uint8_t *bytes, size_t len,
                     void (*arrive)(struct world *, struct sim_event *))
{
    if (is_to_be_lost(w, bytes, len)) {
        break_lane(w, of->lane, of->connection);
        return;
    }
    struct sim_event *e = sim_after(w, sim_wire_ms(w), arrive);
    e->sandbox = SIM_NO_SANDBOX;
    e->node = of->node;
    e->data = packet_new(of, bytes, len);
}

static void serve(struct world *w, const struct sim_packet *p, uint64_t lane)
{
    struct msglink_server *server = w->net.server;
    struct msglink_peer peer = {.id = p->of.connection, .tls = true};
    struct msglink_token *token = mem_zalloc(sizeof *token);
    token->to = p->of;
    token->to.lane = lane;
    snprintf(peer.who.name, sizeof peer.who.name, "%s", sim_node_name(p->of.node));
    snprintf(peer.who.fingerprint, sizeof peer.who.fingerprint, "%s", sim_node_name(p->of.node));
    server->cb(server->arg, &peer, token, p->bytes, p->len);
}

static void request_arrives(struct world *w, struct sim_event *e)
{
    const struct sim_packet *p = e->data;
    if (!w->node[e->node].linked || sim_stands_still(w, SIM_CONTROLLER)) {
        sim_put_off(w, e);
        return;
    }
    if (!w->net.server || !server_knows(&w->net, p->of.connection)) {
        break_lane(w, p->of.lane, p->of.connection);
        return;
    }
    if (w->doubles)
        serve(w, p, 0);
    if (w->net.server && server_knows(&w->net, p->of.connection))
        serve(w, p, p->of.lane);
}

static void finish(struct msglink_client *lane, int code, const uint8_t *bytes, size_t len)
{
    msglink_cancel(lane);
    lane->cb(lane->arg, code, bytes, len);
}

static void reply_arrives(struct world *w, struct sim_event *e)
{
    const struct sim_packet *p = e->data;
    if (!w->node[e->node].linked) {
        sim_put_off(w, e);
        return;
    }
    struct msglink_client *lane = lane_find(w, p->of.lane);
    if (lane && lane->connection == p->of.connection && lane->request == p->of.request)
        finish(lane, 0, p->bytes, p->len);
}

/* --- the client --- */

static void send_request(struct msglink_client *lane)
{
    struct sim_address of = {.node = lane->loop->process,
                             .lane = lane->id,
                             .connection = lane->connection,
                             .request = lane->request};
    transmit(lane->world, &of, lane->bytes, lane->len, request_arrives);
}

static bool is_let_in(const struct msglink_client *lane)
{
    const struct msglink_server *server = lane->world->net.server;
    struct tls_who who = {0};
    snprintf(who.name, sizeof who.name, "%s", sim_node_name(lane->loop->process));
    snprintf(who.fingerprint, sizeof who.fingerprint, "%s", who.name);
    return server && lane->world->node[lane->loop->process].linked &&
           !sim_stands_still(lane->world, SIM_CONTROLLER) && server->allow(server->arg, &who);
}

static void dial(void *arg)
{
    struct msglink_client *lane = arg;
    struct sim_net *net = &lane->world->net;
    if (!is_let_in(lane)) {
        dial_soon(lane);
        return;
    }
    lane->connection = ++net->numbers;
    net->connection = mem_grow(net->connection, net->connections + 1, sizeof *net->connection);
    net->connection[net->connections++] = (struct sim_connection){lane->connection, lane->loop->process};
    if (lane->request)
        send_request(lane);
}

static void on_over(void *arg)
{
    finish(arg, ERR_NODE_TIMEOUT, NULL, 0);
}

void msglink_request(struct msglink_client *lane, const uint8_t *bytes, size_t len, uint64_t timeout_ms)
{
    msglink_cancel(lane);
    lane->request = ++lane->world->net.numbers;
    lane->bytes = mem_dup(bytes, len);
    lane->len = len;
    timer_start(&lane->over, lane->loop, timeout_ms, on_over, lane);
    if (lane->connection)
        send_request(lane);
}

void msglink_cancel(struct msglink_client *lane)
{
    lane->request = 0;
    timer_stop(&lane->over);
    mem_free_ptr(&lane->bytes);
}

int msglink_client_new(struct msglink_client **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_reply_cb *cb, void *arg, struct err *e)
{
    struct world *w = loop->world;
    struct msglink_client *lane = mem_zalloc(sizeof *lane);
    *lane = (struct msglink_client){
        .world = w, .loop = loop, .id = ++w->net.numbers, .cb = cb, .arg = arg, .next = w->net.lanes};
    w->net.lanes = lane;
    timer_start(&lane->dial, loop, sim_wire_ms(w), dial, lane);
    *out = lane;
    return 0;
}

void msglink_client_free(struct msglink_client *lane)
{
    if (!lane)
        return;
    struct msglink_client **at = &lane->world->net.lanes;
    while (*at != lane)
        at = &(*at)->next;
    *at = lane->next;
    msglink_cancel(lane);
    timer_stop(&lane->dial);
    close_connection(lane);
    free(lane);
}

const char *msglink_client_why(const struct msglink_client *lane)
{
    return lane->connection ? "" : "there is no connection";
}

/* --- the server --- */

int msglink_server_new(struct msglink_server **out, struct loop *loop, const char *url,
                       const struct msglink_tls *tls, msglink_allow_cb *allow, msglink_request_cb *cb,
                       void *arg, struct err *e)
{
    struct msglink_server *server = mem_zalloc(sizeof *server);
    *server =
        (struct msglink_server){.world = loop->world, .loop = loop, .allow = allow, .cb = cb, .arg = arg};
    loop->world->net.server = *out = server;
    return 0;
}

/* Its lanes hear of that, and dial again. */
void msglink_server_free(struct msglink_server *server)
{
    if (!server)
        return;
    struct world *w = server->world;
    w->net.server = NULL;
    w->net.connections = 0;
    for (struct msglink_client *lane = w->net.lanes; lane; lane = lane->next) {
        if (lane->connection && w->node[lane->loop->process].linked)
            dial_soon(lane);
    }
    free(server);
}

/* No stream is simulated. */
void msglink_server_take_streams(struct msglink_server *server, msglink_stream_cb *cb)
{
}

void stream_free(struct stream *stream)
{
}

bool msglink_server_stands(const struct msglink_server *server, uint64_t peer)
{
    return server_knows(&server->world->net, peer);
}

void msglink_server_drop(struct msglink_server *server, const char *name)
{
    struct sim_net *net = &server->world->net;
    for (size_t i = net->connections; i--;) {
        if (!strcmp(sim_node_name(net->connection[i].node), name))
            net->connection[i] = net->connection[--net->connections];
    }
}

struct msglink_stats msglink_server_stats(const struct msglink_server *server)
{
    return (struct msglink_stats){.standing = (unsigned)server->world->net.connections};
}

void msglink_reply(struct msglink_server *server, struct msglink_token *token, const uint8_t *bytes,
                   size_t len)
{
    struct world *w = server->world;
    if (token->to.lane && server_knows(&w->net, token->to.connection))
        transmit(w, &token->to, bytes, len, reply_arrives);
    free(token);
}

void msglink_drop(struct msglink_token *token)
{
    free(token);
}

void sim_net_fini(struct world *w)
{
    free(w->net.connection);
}
