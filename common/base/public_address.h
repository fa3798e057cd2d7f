/*
 * Which IP addresses belong to the public internet (IANA's special-purpose registries, RFC 6890): all but
 * private, shared, loopback, link-local, multicast and reserved ones, and those that carry an IPv4 address
 * inside (mapped, 6to4, Teredo, NAT64), behind which one of these may be. Ranges for documentation count as
 * public, as for sandboxes with egress. Pure.
 */
#ifndef CORRAL_COMMON_BASE_PUBLIC_ADDRESS_H
#define CORRAL_COMMON_BASE_PUBLIC_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* address: in network order. */
bool public_address_v4(const uint8_t address[static 4]);
bool public_address_v6(const uint8_t address[static 16]);

#endif
