/* The network of the simulation: the connections of the agents' lanes to the controller's listener. */
#ifndef CORRAL_TESTS_SIM_SIM_NET_H
#define CORRAL_TESTS_SIM_SIM_NET_H

#include <stddef.h>
#include <stdint.h>

struct world;
struct msglink_client;
struct msglink_server;
struct sim_connection;

/* Whose request it is, or whose answer. */
struct sim_address {
    int node;
    uint64_t lane, connection, request;
};

/* A message on its way. */
struct sim_packet {
    struct sim_address of;
    size_t len;
    uint8_t bytes[];
};

struct sim_net {
    struct msglink_client *lanes;
    struct msglink_server *server; /* NULL: nobody listens */
    struct sim_connection *connection;
    size_t connections;
    uint64_t numbers; /* of lanes, connections and requests: none is given twice */
};

void sim_net_fini(struct world *w);

#endif
