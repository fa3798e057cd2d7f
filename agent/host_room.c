#include "agent/host_room.h"

#include <inttypes.h>
#include <stdio.h>

#define KEYRING_BYTES 70 /* its name: _ses. and a container's id */

static uint64_t setting(const char *name)
{
    char path[64];
    uint64_t value = UINT64_MAX;
    snprintf(path, sizeof path, "/proc/sys/kernel/keys/%s", name);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%" SCNu64, &value) != 1)
        value = UINT64_MAX;
    if (f)
        fclose(f);
    return value;
}

uint64_t host_keyrings(bool remapped)
{
    uint64_t keys = setting(remapped ? "maxkeys" : "root_maxkeys");
    uint64_t bytes = setting(remapped ? "maxbytes" : "root_maxbytes");
    if (keys == UINT64_MAX || bytes == UINT64_MAX)
        return UINT64_MAX;
    uint64_t least = bytes / KEYRING_BYTES < keys ? bytes / KEYRING_BYTES : keys;
    return least - least / 16;
}
