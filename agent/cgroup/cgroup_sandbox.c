#include "agent/cgroup/cgroup_sandbox.h"

#include "agent/cgroup/cgroup_parse.h"
#include "agent/cgroup/cgroup_path.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 8192
#define RATE_MS  90 /* a little less than the shortest interval of samples */

#define ONE_CPU_MILLIS 1000

enum file {
    FILE_MEMORY_USED,
    FILE_MEMORY_PEAK,
    FILE_MEMORY_STAT,
    FILE_MEMORY_KERNEL,
    FILE_MEMORY_SOCKETS,
    FILE_MEMORY_EVENTS,
    FILE_CPU_USAGE,
    FILE_CPU_STAT,
    FILE_PIDS,
    FILE_IO,
    FILE_MEMORY_PRESSURE,
    FILE_CPU_PRESSURE,
    FILE_IO_PRESSURE,
    FILE_NET_DEV,
    FILE_COUNT
};

/* The file names: on v1 each in its controller's folder, on v2 all in one folder. */
static const struct {
    enum cgroup_controller controller;
    const char *v1, *v2;
} places[FILE_COUNT] = {
    [FILE_MEMORY_USED] = {CGROUP_MEMORY, "memory.usage_in_bytes", "memory.current"},
    [FILE_MEMORY_PEAK] = {CGROUP_MEMORY, "memory.max_usage_in_bytes", "memory.peak"},
    [FILE_MEMORY_STAT] = {CGROUP_MEMORY, "memory.stat", "memory.stat"},
    [FILE_MEMORY_KERNEL] = {CGROUP_MEMORY, "memory.kmem.usage_in_bytes", NULL},
    [FILE_MEMORY_SOCKETS] = {CGROUP_MEMORY, "memory.kmem.tcp.usage_in_bytes", NULL},
    [FILE_MEMORY_EVENTS] = {CGROUP_MEMORY, "memory.oom_control", "memory.events"},
    [FILE_CPU_USAGE] = {CGROUP_CPUACCT, "cpuacct.usage", NULL},
    [FILE_CPU_STAT] = {CGROUP_CPU, "cpu.stat", "cpu.stat"},
    [FILE_PIDS] = {CGROUP_PIDS, "pids.current", "pids.current"},
    [FILE_IO] = {CGROUP_BLKIO, "blkio.throttle.io_service_bytes", "io.stat"},
};

struct counters {
    uint64_t cpu_ns, periods, throttled, rx_bytes, tx_bytes, read_bytes, write_bytes;
};

struct cgroup_sandbox {
    struct cgroup_paths paths;
    uint32_t cpu_centi, throttled_centi;
    uint64_t rx_rate, tx_rate;
    int fd[FILE_COUNT];
    uint64_t before_ms; /* time of the last sample; 0: none was taken */
    uint64_t before_limit_millis;
    struct counters before;
    uint64_t peak_bytes; /* on kernels that keep no peak */
};

/* A file that the kernel does not have is skipped; *why is set if this process may open no more files, since
 * the guard could then not see the sandbox. */
static int open_in(const char *folder, const char *name, int *why)
{
    char path[CGROUP_PATH_MAX + 64];
    if (!folder[0] || !name)
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        *why = errno;
    return fd;
}

int cgroup_sandbox_open(struct cgroup_sandbox **out, const struct cgroup_paths *paths, const char *root,
                        pid_t pid, struct err *e)
{
    struct cgroup_sandbox *sandbox = mem_zalloc(sizeof *sandbox);
    char net_dev[64];
    int why = 0;
    sandbox->paths = *paths;
    for (int i = 0; i < FILE_COUNT; i++)
        sandbox->fd[i] = open_in(sandbox->paths.folder[places[i].controller],
                                 sandbox->paths.v2 ? places[i].v2 : places[i].v1, &why);
    sandbox->fd[FILE_MEMORY_PRESSURE] = open_in(sandbox->paths.unified, "memory.pressure", &why);
    sandbox->fd[FILE_CPU_PRESSURE] = open_in(sandbox->paths.unified, "cpu.pressure", &why);
    sandbox->fd[FILE_IO_PRESSURE] = open_in(sandbox->paths.unified, "io.pressure", &why);
    snprintf(net_dev, sizeof net_dev, "proc/%d/net/dev", (int)pid);
    sandbox->fd[FILE_NET_DEV] = pid ? open_in(root[0] ? root : "/", net_dev, &why) : -1;
    if (why) {
        cgroup_sandbox_close(sandbox);
        return err_set(e, ERR_IO, "the agent cannot open the files of its cgroup: %s", strerror(why));
    }
    if (sandbox->fd[FILE_MEMORY_USED] < 0) {
        cgroup_sandbox_close(sandbox);
        return err_set(e, ERR_NOT_FOUND, "the memory cgroup %s is gone", paths->folder[CGROUP_MEMORY]);
    }
    *out = sandbox;
    return 0;
}

const struct cgroup_paths *cgroup_sandbox_paths(const struct cgroup_sandbox *sandbox)
{
    return &sandbox->paths;
}

void cgroup_sandbox_close(struct cgroup_sandbox *sandbox)
{
    if (!sandbox)
        return;
    for (int i = 0; i < FILE_COUNT; i++) {
        if (sandbox->fd[i] >= 0)
            close(sandbox->fd[i]);
    }
    free(sandbox);
}

static size_t read_file(const struct cgroup_sandbox *sandbox, enum file file, char bytes[static FILE_MAX])
{
    ssize_t n = sandbox->fd[file] < 0 ? -1 : pread(sandbox->fd[file], bytes, FILE_MAX, 0);
    return n > 0 ? (size_t)n : 0;
}

static uint64_t number(const struct cgroup_sandbox *sandbox, enum file file)
{
    char bytes[FILE_MAX];
    uint64_t n = 0;
    size_t len = read_file(sandbox, file, bytes);
    return len && cgroup_parse_number(bytes, len, &n) ? n : 0;
}

/* On version 2 (from Linux 6.12 on) the peak is forgotten for this descriptor only, so it is kept. */
void cgroup_sandbox_forget_peak(struct cgroup_sandbox *sandbox)
{
    char path[CGROUP_PATH_MAX + 64];
    const char *name = sandbox->paths.v2 ? places[FILE_MEMORY_PEAK].v2 : places[FILE_MEMORY_PEAK].v1;
    snprintf(path, sizeof path, "%s/%s", sandbox->paths.folder[CGROUP_MEMORY], name);
    sandbox->peak_bytes = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "0", 1) != 1) {
        close(fd);
        return;
    }
    if (sandbox->fd[FILE_MEMORY_PEAK] >= 0)
        close(sandbox->fd[FILE_MEMORY_PEAK]);
    sandbox->fd[FILE_MEMORY_PEAK] = fd;
}

uint64_t cgroup_sandbox_oom_kills(struct cgroup_sandbox *sandbox)
{
    static const char *const key[] = {"oom_kill"};
    char bytes[FILE_MAX];
    uint64_t kills;
    cgroup_parse_keys(bytes, read_file(sandbox, FILE_MEMORY_EVENTS, bytes), key, 1, &kills);
    return kills;
}

/*
 * Version 1 counts the buffers of sockets apart from all other memory, and lets each socket exceed their
 * limit a little (agent/cgroup/cgroup_limit.h): with many sockets that is much. They are added to the memory.
 */
static void add_sockets(const struct cgroup_sandbox *sandbox, struct sample *out)
{
    uint64_t sockets = number(sandbox, FILE_MEMORY_SOCKETS);
    out->memory_used_bytes += sockets;
    out->memory_working_set_bytes += sockets;
    out->memory_unreclaimable_bytes += sockets;
}

static int sample_memory(struct cgroup_sandbox *sandbox, struct sample *out)
{
    char bytes[FILE_MAX];
    size_t len = read_file(sandbox, FILE_MEMORY_USED, bytes);
    if (!len || !cgroup_parse_number(bytes, len, &out->memory_used_bytes))
        return ERR_NOT_FOUND;
    len = read_file(sandbox, FILE_MEMORY_STAT, bytes);
    struct cgroup_use use = cgroup_parse_use(bytes, len, sandbox->paths.v2, out->memory_used_bytes);
    out->memory_working_set_bytes = use.working_set;
    uint64_t back =
        cgroup_kernel_reclaimable(number(sandbox, FILE_MEMORY_KERNEL), number(sandbox, FILE_PIDS));
    out->memory_unreclaimable_bytes = use.unreclaimable > back ? use.unreclaimable - back : 0;
    add_sockets(sandbox, out);
    out->memory_peak_bytes = number(sandbox, FILE_MEMORY_PEAK);
    if (out->memory_used_bytes > sandbox->peak_bytes)
        sandbox->peak_bytes = out->memory_used_bytes;
    if (out->memory_peak_bytes < sandbox->peak_bytes)
        out->memory_peak_bytes = sandbox->peak_bytes;
    out->oom_kills = cgroup_sandbox_oom_kills(sandbox);
    return 0;
}

static void sample_cpu(struct cgroup_sandbox *sandbox, struct counters *c)
{
    static const char *const keys[] = {"nr_periods", "nr_throttled", "usage_usec"};
    char bytes[FILE_MAX];
    uint64_t value[ARRAY_LEN(keys)];
    size_t len = read_file(sandbox, FILE_CPU_STAT, bytes);
    cgroup_parse_keys(bytes, len, keys, ARRAY_LEN(keys), value);
    c->periods = value[0];
    c->throttled = value[1];
    c->cpu_ns = sandbox->paths.v2 ? value[2] * 1000 : number(sandbox, FILE_CPU_USAGE);
}

static struct counters sample_counters(struct cgroup_sandbox *sandbox, struct sample *out)
{
    char bytes[FILE_MAX];
    struct counters c = {0};
    size_t len = read_file(sandbox, FILE_NET_DEV, bytes);
    struct cgroup_net net = cgroup_parse_net(bytes, len);
    len = read_file(sandbox, FILE_IO, bytes);
    struct cgroup_io io = cgroup_parse_io(bytes, len, sandbox->paths.v2 && sandbox->fd[FILE_IO] >= 0);
    sample_cpu(sandbox, &c);
    out->cpu_usage_ns = c.cpu_ns;
    out->rx_bytes = c.rx_bytes = net.rx_bytes;
    out->tx_bytes = c.tx_bytes = net.tx_bytes;
    out->rx_packets = net.rx_packets;
    out->tx_packets = net.tx_packets;
    c.read_bytes = io.read_bytes;
    c.write_bytes = io.write_bytes;
    out->io_read_bytes = io.counted ? io.read_bytes : SAMPLE_NO_IO;
    out->io_write_bytes = io.counted ? io.write_bytes : SAMPLE_NO_IO;
    return c;
}

static bool ran_backwards(const struct counters *c, const struct counters *before)
{
    return c->cpu_ns < before->cpu_ns || c->periods < before->periods || c->throttled < before->throttled ||
           c->rx_bytes < before->rx_bytes || c->tx_bytes < before->tx_bytes ||
           c->read_bytes < before->read_bytes || c->write_bytes < before->write_bytes;
}

static void begin_again(struct cgroup_sandbox *sandbox, const struct counters *c)
{
    sandbox->before = *c;
    sandbox->before_ms = 0;
    sandbox->peak_bytes = 0;
}

static uint64_t rate(uint64_t now, uint64_t before, uint64_t ms)
{
    return (now - before) * 1000 / ms;
}

/* When the limit changed during the interval, the larger limit is used, so that the percentage is not too
 * high. */
static uint64_t limit_between(const struct cgroup_sandbox *sandbox, uint64_t limit_millis)
{
    if (!limit_millis)
        return ONE_CPU_MILLIS;
    return sandbox->before_limit_millis > limit_millis ? sandbox->before_limit_millis : limit_millis;
}

/* Rates over a few milliseconds mean nothing: a sample soon after another repeats that one's rates. */
static void sample_rates(struct cgroup_sandbox *sandbox, uint64_t now, const struct counters *c,
                         struct sample *out)
{
    const struct counters *before = &sandbox->before;
    uint64_t ms = sandbox->before_ms ? now - sandbox->before_ms : RATE_MS;
    if (ms >= RATE_MS) {
        uint64_t limit = limit_between(sandbox, out->cpu_limit_millis),
                 periods = c->periods - before->periods;
        /* ns per s / (limit * 1e6) is the share; in hundredths of a percent */
        sandbox->cpu_centi = (uint32_t)(rate(c->cpu_ns, before->cpu_ns, ms) / 100 / limit);
        sandbox->throttled_centi =
            periods ? (uint32_t)((c->throttled - before->throttled) * 10000 / periods) : 0;
        sandbox->rx_rate = rate(c->rx_bytes, before->rx_bytes, ms);
        sandbox->tx_rate = rate(c->tx_bytes, before->tx_bytes, ms);
        sandbox->before = *c;
        sandbox->before_ms = now;
        sandbox->before_limit_millis = out->cpu_limit_millis;
    }
    out->cpu_centi = sandbox->cpu_centi;
    out->throttled_centi = sandbox->throttled_centi;
    out->rx_bytes_per_second = sandbox->rx_rate;
    out->tx_bytes_per_second = sandbox->tx_rate;
}

static uint32_t pressure(const struct cgroup_sandbox *sandbox, enum file file)
{
    char bytes[FILE_MAX];
    uint32_t centi;
    size_t len = read_file(sandbox, file, bytes);
    return len && cgroup_parse_pressure(bytes, len, &centi) ? centi : SAMPLE_NO_PRESSURE;
}

int cgroup_sandbox_sample(struct cgroup_sandbox *sandbox, uint64_t now, const struct sandbox_limits *limits,
                          struct sample *out, struct err *e)
{
    out->memory_limit_bytes = limits->memory_bytes;
    out->cpu_limit_millis = limits->cpu_millis;
    out->pids_limit = limits->pids;
    struct counters c = sample_counters(sandbox, out);
    if (!sandbox->before_ms || ran_backwards(&c, &sandbox->before))
        begin_again(sandbox, &c);
    if (sample_memory(sandbox, out))
        return err_set(e, ERR_NOT_FOUND, "the cgroup is gone");
    sample_rates(sandbox, now, &c, out);
    out->pids = number(sandbox, FILE_PIDS);
    out->memory_some_centi = pressure(sandbox, FILE_MEMORY_PRESSURE);
    out->cpu_some_centi = pressure(sandbox, FILE_CPU_PRESSURE);
    out->io_some_centi = pressure(sandbox, FILE_IO_PRESSURE);
    return 0;
}
