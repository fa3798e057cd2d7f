#include "agent/node/host_room.h"

#include <inttypes.h>
#include <stdio.h>

#define KEYRING_BYTES 70 /* of the keyring's name: _ses. and a container's id */

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

#define FILES_OF_OUR_OWN 256
#define FILES_EACH       24 /* on version 1: 14 of its cgroup, up to 8 of the alarm, its link, its listener */

uint64_t host_descriptors(uint64_t files)
{
    return files > FILES_OF_OUR_OWN + FILES_EACH ? (files - FILES_OF_OUR_OWN) / FILES_EACH : 1;
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
