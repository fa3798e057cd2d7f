/*
 * Counts connections per network: a client's IPv4 address, or its IPv6 /64. A server keeps one row per
 * network with the number of its connections, and a list of those that may be closed if there are too many.
 *
 * Bounded by the connections: a row lives as long as its owner counts a connection in it.
 */
#ifndef CORRAL_COMMON_IO_NETWORK_H
#define CORRAL_COMMON_IO_NETWORK_H

#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <uthash.h>

struct network_member;

struct network {
    char text[INET6_ADDRSTRLEN];
    unsigned count;                      /* maintained by the owner */
    TAILQ_HEAD(, network_member) may_go; /* oldest first */
    UT_hash_handle hh;
};

/* Part of a connection that may be closed to make room. Owner's memory, all zero before. */
struct network_member {
    struct network *network; /* NULL: not in a list */
    TAILQ_ENTRY(network_member) link;
};

/* Writes the address, and the network that it is counted with. An IPv4 address that arrives at an IPv6
 * socket counts as IPv4. */
void network_of(const struct sockaddr *sa, char address[static INET6_ADDRSTRLEN],
                char network[static INET6_ADDRSTRLEN]);

/* Finds the row, or makes it with a count of 0. It lives until network_drop. */
struct network *network_get(struct network **networks, const char *text);

/* Frees the row if its count is 0; it then has no members. */
void network_drop(struct network **networks, struct network *network);

/* Adds the member as the newest that may be closed; one that is already in the list moves to its end. */
void network_join(struct network *network, struct network_member *member);
/* Idempotent. */
void network_leave(struct network_member *member);

#endif
