#include "common/base/public_address.h"

#include "common/base/defs.h"

#include <stddef.h>

struct range {
    uint32_t begin;
    unsigned bits;
};

static const struct range closed[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared (carrier-grade NAT) */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, with the metadata of clouds */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, and broadcast */
};

/* The first 32 bits of those in 2000::/3; all outside it is closed. */
static const struct range closed_v6[] = {
    {0x20010000, 23}, /* protocol assignments, Teredo, benchmarks */
    {0x20020000, 16}, /* 6to4 */
};

static uint32_t first_bits(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_in(const struct range *ranges, size_t count, uint32_t address)
{
    for (size_t i = 0; i < count; i++) {
        if ((address ^ ranges[i].begin) >> (32 - ranges[i].bits) == 0)
            return true;
    }
    return false;
}

bool public_address_v4(const uint8_t address[static 4])
{
    return !is_in(closed, ARRAY_LEN(closed), first_bits(address));
}

bool public_address_v6(const uint8_t address[static 16])
{
    uint32_t first = first_bits(address);
    return first >> 29 == 1 && !is_in(closed_v6, ARRAY_LEN(closed_v6), first);
}
