/* The configuration of the agent: its values, and the table that they come from (common/io/conf.h). */
#ifndef CORRAL_AGENT_AGENT_CONF_H
#define CORRAL_AGENT_AGENT_CONF_H

#include "common/io/conf.h"

struct agent_conf {
    char *node, *region, *labels, *cluster; /* node NULL: the machine's host name */
    char *controller_urls, *ca_file, *cert_file, *key_file;
    char *state_dir, *docker_socket, *cgroup_parent, *init_path, *seccomp_profile;
    uint64_t disk_read_bytes, disk_write_bytes, disk_operations; /* a second; 0: no limit */
    uint64_t memory_bytes, cpu_millis, storage_bytes, sandboxes; /* capacity; 0: what the node has */
    uint64_t starts_at_once; /* 0: as many as the node has processors, at least 4 */
    char *registries;
    uint64_t pull_seconds, pull_silent_seconds, image_max_bytes, image_free_bytes;
    uint64_t sample_interval_ms;
    uint64_t memory_warning, memory_critical, memory_clear;
    uint64_t cpu_warning, cpu_clear, cpu_seconds, episode_seconds;
    uint64_t disk_warning, disk_clear, pids_warning, pids_clear;
    char *idle_action;
    uint64_t cleanup_interval_minutes, image_keep_hours, image_disk_high_percent, image_disk_low_percent;
    uint64_t log_retention_hours, log_budget_bytes; /* of sandboxes' output after their end */
    char *log_level, *pid_file;
};

extern const struct conf_table agent_conf_table;
#define AGENT_CONF_FILE "/etc/corral/agent.yaml"

#endif
