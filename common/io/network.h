/*
 * Whom connections are counted by: a client's address, or its /64 where that is IPv6. A server keeps one row
 * a network, with how many connections it has, and a list of those of them that go where it has too many.
 *
 * Bounded by the connections: a row lives as long as its owner counts one in it.
 */
#ifndef CORRAL_COMMON_NETWORK_H
#define CORRAL_COMMON_NETWORK_H

#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <uthash.h>

struct network_member;

struct network {
    char text[INET6_ADDRSTRLEN];
    unsigned count;                      /* its owner's */
    TAILQ_HEAD(, network_member) may_go; /* the first joined first */
    UT_hash_handle hh;
};

/* In a connection that may have to go. Owner's memory, all zero before. */
struct network_member {
    struct network *network; /* NULL: in none */
    TAILQ_ENTRY(network_member) link;
};

/* The address, and the network that it is counted with. IPv4 that arrives at an IPv6 socket is IPv4. */
void network_of(const struct sockaddr *sa, char address[static INET6_ADDRSTRLEN],
                char network[static INET6_ADDRSTRLEN]);

/* Made with a count of 0 where there is none. Lives until it is dropped. */
struct network *network_get(struct network **networks, const char *text);

/* Forgets it where its count is 0; then it has no members. */
void network_drop(struct network **networks, struct network *network);

/* As the newest of those that may go; one that is in already moves to the end. */
void network_join(struct network *network, struct network_member *member);
/* Idempotent. */
void network_leave(struct network_member *member);

#endif
