/*
 * How many connections each client has, counted by its address, or by its /64 where that is IPv6. Private to
 * the HTTP server.
 */
#ifndef CORRAL_COMMON_HTTP_NETWORK_H
#define CORRAL_COMMON_HTTP_NETWORK_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <sys/queue.h>
#include <uthash.h>

struct http_connection;

struct http_network {
    char text[INET6_ADDRSTRLEN];
    unsigned count;                          /* the server's */
    TAILQ_HEAD(, http_connection) strangers; /* of its connections, the oldest first */
    UT_hash_handle hh;
};

/* The address, and the network that it is counted with. IPv4 that arrives at an IPv6 socket is IPv4. */
void http_network_of(const struct sockaddr *sa, char address[static INET6_ADDRSTRLEN],
                     char network[static INET6_ADDRSTRLEN]);

/* Made with a count of 0 where there is none. Lives until it is dropped. */
struct http_network *http_network_get(struct http_network **networks, const char *text);

/* Forgets it where it has no connection. */
void http_network_drop(struct http_network **networks, struct http_network *network);

#endif
