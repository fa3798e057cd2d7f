/*
 * Parsers of the kernel's cgroup files. They take bytes, not paths: the caller passes what one pread
 * returned. The bytes may be incomplete or unexpected (a cgroup that is being removed, a newer kernel): a
 * parser then returns false and changes nothing. Numbers past 64 bits are refused. Pure.
 *
 * Formats: Linux Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, accounting/psi.rst.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_PARSE_H
#define CORRAL_AGENT_CGROUP_CGROUP_PARSE_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a limit file that says "max" (v2). */
#define CGROUP_NO_LIMIT UINT64_MAX

/* One number and a line end, or "max". False where the file holds anything else. */
bool cgroup_parse_number(const char *bytes, size_t len, uint64_t *out);

/*
 * The value of a key in a flat keyed file ("key value" lines), as memory.stat, cpu.stat and memory.events
 * are. False where the key is missing or its value is no number. The key matches whole words only.
 */
bool cgroup_parse_key(const char *bytes, size_t len, const char *key, uint64_t *out);

/* Several keys in one pass: out[i] is the value of keys[i], 0 if that is missing or not a number. */
void cgroup_parse_keys(const char *bytes, size_t len, const char *const *keys, size_t count, uint64_t *out);

/*
 * avg10 of the "some" line of a pressure file, in hundredths of a percent (0 to 10000). False if there is
 * none (a kernel with PSI switched off returns an error instead of a file).
 */
bool cgroup_parse_pressure(const char *bytes, size_t len, uint32_t *some_avg10_centi);

/*
 * Splits `usage` bytes by memory.stat. working_set: without the inactive file cache. unreclaimable, what the
 * kernel cannot reclaim: also without the active file cache and the reclaimable slab (v1 does not show slab).
 * If stat is unreadable, both are usage.
 */
struct cgroup_use {
    uint64_t working_set, unreclaimable;
};
struct cgroup_use cgroup_parse_use(const char *stat, size_t len, bool v2, uint64_t usage);

/*
 * Bytes that went through block devices: the sum over the devices of io.stat (v2) or of
 * blkio.throttle.io_service_bytes (v1). A loop device is left out: what goes through it goes through the
 * device below as well. v1 kernels from 6.10 on count only for devices that somebody throttles: where no
 * device is listed, nothing was counted.
 */
struct cgroup_io {
    bool counted;
    uint64_t read_bytes, write_bytes;
};
struct cgroup_io cgroup_parse_io(const char *bytes, size_t len, bool v2);

/* The sums over the interfaces of a /proc/PID/net/dev, without the loopback. */
struct cgroup_net {
    uint64_t rx_bytes, rx_packets, tx_bytes, tx_packets;
};
struct cgroup_net cgroup_parse_net(const char *bytes, size_t len);

/*
 * How much of v1's kernel memory counts as reclaimable slab (cached names and inodes): all beyond what that
 * many processes need for themselves. Measured on 6.18: a process takes 80 to 150 KiB, an idle sandbox 300
 * KiB. A sandbox that really uses more meets the kernel's OOM killer instead of a warning.
 */
uint64_t cgroup_kernel_reclaimable(uint64_t kernel, uint64_t processes);

#endif
