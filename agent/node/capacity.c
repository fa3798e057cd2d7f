#include "agent/node/capacity.h"

#include "agent/agent_state.h"
#include "agent/node/host_room.h"

#include "common/io/daemon.h"

#include <sys/statvfs.h>
#include <unistd.h>

/* Most sandboxes are idle most of the time; CPU shares decide when they are not. */
#define CPU_OVERCOMMIT 50
static uint64_t or_else(uint64_t asked, uint64_t otherwise)
{
    return asked ? asked : otherwise;
}

struct node_resources agent_capacity(const struct agent *agent)
{
    const struct agent_conf *c = agent->conf;
    struct statvfs fs = {0};
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t keyrings = host_keyrings(agent->docker_facts.userns), files = host_descriptors(daemon_files()),
             room = keyrings < files ? keyrings : files;
    uint64_t disk = statvfs(c->state_dir, &fs) ? 0 : (uint64_t)fs.f_blocks * fs.f_frsize;
    return (struct node_resources){.memory_bytes = or_else(c->memory_bytes, memory / 10 * 9),
                                   .cpu_millis = or_else(c->cpu_millis, cpus * 1000 * CPU_OVERCOMMIT),
                                   .storage_bytes = or_else(c->storage_bytes, disk / 10 * 9),
                                   .sandboxes = c->sandboxes < room ? c->sandboxes : room};
}
