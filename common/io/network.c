#include "common/io/network.h"

#include "common/base/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

void network_of(const struct sockaddr *sa, char address[static INET6_ADDRSTRLEN],
                char network[static INET6_ADDRSTRLEN])
{
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    strcpy(address, "?");
    if (sa->sa_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, address, INET6_ADDRSTRLEN);
    } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, address, INET6_ADDRSTRLEN);
    } else {
        struct in6_addr prefix = v6->sin6_addr;
        memset(prefix.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &v6->sin6_addr, address, INET6_ADDRSTRLEN);
        inet_ntop(AF_INET6, &prefix, network, INET6_ADDRSTRLEN);
        return;
    }
    strcpy(network, address);
}

struct network *network_get(struct network **networks, const char *text)
{
    struct network *network;
    HASH_FIND_STR(*networks, text, network);
    if (network)
        return network;
    network = mem_zalloc(sizeof *network);
    strcpy(network->text, text);
    TAILQ_INIT(&network->may_go);
    HASH_ADD_STR(*networks, text, network);
    return network;
}

void network_drop(struct network **networks, struct network *network)
{
    if (network->count)
        return;
    HASH_DEL(*networks, network);
    free(network);
}

void network_join(struct network *network, struct network_member *member)
{
    network_leave(member);
    TAILQ_INSERT_TAIL(&network->may_go, member, link);
    member->network = network;
}

void network_leave(struct network_member *member)
{
    if (member->network)
        TAILQ_REMOVE(&member->network->may_go, member, link);
    member->network = NULL;
}
