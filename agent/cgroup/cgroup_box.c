#include "agent/cgroup/cgroup_box.h"

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

/* Where each file is: on v1 in its controller's folder, on v2 all in one. */
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

struct cgroup_box {
    struct cgroup_paths paths;
    uint32_t cpu_centi, throttled_centi;
    uint64_t rx_rate, tx_rate;
    int fd[FILE_COUNT];
    uint64_t before_ms; /* 0: no sample was taken */
    uint64_t before_limit_millis;
    struct counters before;
    uint64_t peak_bytes; /* on kernels that keep none */
};

/* What a kernel has not got is left out; where this process may open no more, the guard would be blind. */
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

int cgroup_box_open(struct cgroup_box **out, const struct cgroup_paths *paths, const char *root, pid_t pid,
                    struct err *e)
{
    struct cgroup_box *box = mem_zalloc(sizeof *box);
    char net_dev[64];
    int why = 0;
    box->paths = *paths;
    for (int i = 0; i < FILE_COUNT; i++)
        box->fd[i] = open_in(box->paths.folder[places[i].controller],
                             box->paths.v2 ? places[i].v2 : places[i].v1, &why);
    box->fd[FILE_MEMORY_PRESSURE] = open_in(box->paths.unified, "memory.pressure", &why);
    box->fd[FILE_CPU_PRESSURE] = open_in(box->paths.unified, "cpu.pressure", &why);
    box->fd[FILE_IO_PRESSURE] = open_in(box->paths.unified, "io.pressure", &why);
    snprintf(net_dev, sizeof net_dev, "proc/%d/net/dev", (int)pid);
    box->fd[FILE_NET_DEV] = pid ? open_in(root[0] ? root : "/", net_dev, &why) : -1;
    if (why) {
        cgroup_box_close(box);
        return err_set(e, ERR_IO, "the agent cannot open the files of its cgroup: %s", strerror(why));
    }
    if (box->fd[FILE_MEMORY_USED] < 0) {
        cgroup_box_close(box);
        return err_set(e, ERR_NOT_FOUND, "the memory cgroup %s is gone", paths->folder[CGROUP_MEMORY]);
    }
    *out = box;
    return 0;
}

const struct cgroup_paths *cgroup_box_paths(const struct cgroup_box *box)
{
    return &box->paths;
}

void cgroup_box_close(struct cgroup_box *box)
{
    if (!box)
        return;
    for (int i = 0; i < FILE_COUNT; i++) {
        if (box->fd[i] >= 0)
            close(box->fd[i]);
    }
    free(box);
}

static size_t read_file(const struct cgroup_box *box, enum file file, char bytes[static FILE_MAX])
{
    ssize_t n = box->fd[file] < 0 ? -1 : pread(box->fd[file], bytes, FILE_MAX, 0);
    return n > 0 ? (size_t)n : 0;
}

static uint64_t number(const struct cgroup_box *box, enum file file)
{
    char bytes[FILE_MAX];
    uint64_t n = 0;
    size_t len = read_file(box, file, bytes);
    return len && cgroup_parse_number(bytes, len, &n) ? n : 0;
}

uint64_t cgroup_box_oom_kills(struct cgroup_box *box)
{
    static const char *const key[] = {"oom_kill"};
    char bytes[FILE_MAX];
    uint64_t kills;
    cgroup_parse_keys(bytes, read_file(box, FILE_MEMORY_EVENTS, bytes), key, 1, &kills);
    return kills;
}

/*
 * Version 1 counts the buffers of sockets beside all other memory, and gives each socket a little past their
 * limit (agent/cgroup/cgroup_limit.h): with a great many that is much, and it is memory like any other.
 */
static void add_sockets(const struct cgroup_box *box, struct sample *out)
{
    uint64_t sockets = number(box, FILE_MEMORY_SOCKETS);
    out->memory_used_bytes += sockets;
    out->memory_working_set_bytes += sockets;
    out->memory_unreclaimable_bytes += sockets;
}

static int sample_memory(struct cgroup_box *box, struct sample *out)
{
    char bytes[FILE_MAX];
    size_t len = read_file(box, FILE_MEMORY_USED, bytes);
    if (!len || !cgroup_parse_number(bytes, len, &out->memory_used_bytes))
        return ERR_NOT_FOUND;
    len = read_file(box, FILE_MEMORY_STAT, bytes);
    struct cgroup_use use = cgroup_parse_use(bytes, len, box->paths.v2, out->memory_used_bytes);
    out->memory_working_set_bytes = use.working_set;
    uint64_t back = cgroup_kernel_reclaimable(number(box, FILE_MEMORY_KERNEL), number(box, FILE_PIDS));
    out->memory_unreclaimable_bytes = use.unreclaimable > back ? use.unreclaimable - back : 0;
    add_sockets(box, out);
    out->memory_peak_bytes = number(box, FILE_MEMORY_PEAK);
    if (out->memory_used_bytes > box->peak_bytes)
        box->peak_bytes = out->memory_used_bytes;
    if (out->memory_peak_bytes < box->peak_bytes)
        out->memory_peak_bytes = box->peak_bytes;
    out->oom_kills = cgroup_box_oom_kills(box);
    return 0;
}

static void sample_cpu(struct cgroup_box *box, struct counters *c)
{
    static const char *const keys[] = {"nr_periods", "nr_throttled", "usage_usec"};
    char bytes[FILE_MAX];
    uint64_t value[ARRAY_LEN(keys)];
    size_t len = read_file(box, FILE_CPU_STAT, bytes);
    cgroup_parse_keys(bytes, len, keys, ARRAY_LEN(keys), value);
    c->periods = value[0];
    c->throttled = value[1];
    c->cpu_ns = box->paths.v2 ? value[2] * 1000 : number(box, FILE_CPU_USAGE);
}

static struct counters sample_counters(struct cgroup_box *box, struct sample *out)
{
    char bytes[FILE_MAX];
    struct counters c = {0};
    size_t len = read_file(box, FILE_NET_DEV, bytes);
    struct cgroup_net net = cgroup_parse_net(bytes, len);
    len = read_file(box, FILE_IO, bytes);
    struct cgroup_io io = cgroup_parse_io(bytes, len, box->paths.v2 && box->fd[FILE_IO] >= 0);
    sample_cpu(box, &c);
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

static bool ran_backwards(const struct counters *c, const struct counters *b)
{
    return c->cpu_ns < b->cpu_ns || c->periods < b->periods || c->throttled < b->throttled ||
           c->rx_bytes < b->rx_bytes || c->tx_bytes < b->tx_bytes || c->read_bytes < b->read_bytes ||
           c->write_bytes < b->write_bytes;
}

static void begin_anew(struct cgroup_box *box, const struct counters *c)
{
    box->before = *c;
    box->before_ms = 0;
    box->peak_bytes = 0;
}

static uint64_t rate(uint64_t now, uint64_t before, uint64_t ms)
{
    return (now - before) * 1000 / ms;
}

/* What a limit that was changed meanwhile allowed in between is not known: the larger one accuses nobody. */
static uint64_t limit_between(const struct cgroup_box *box, uint64_t limit_millis)
{
    if (!limit_millis)
        return ONE_CPU_MILLIS;
    return box->before_limit_millis > limit_millis ? box->before_limit_millis : limit_millis;
}

/* Rates of a few milliseconds say nothing: a look that comes soon after another tells what that one told. */
static void sample_rates(struct cgroup_box *box, uint64_t now, const struct counters *c, struct sample *out)
{
    const struct counters *b = &box->before;
    uint64_t ms = box->before_ms ? now - box->before_ms : RATE_MS;
    if (ms >= RATE_MS) {
        uint64_t limit = limit_between(box, out->cpu_limit_millis), periods = c->periods - b->periods;
        /* of limit * 1e6 ns/s */
        box->cpu_centi = (uint32_t)(rate(c->cpu_ns, b->cpu_ns, ms) / 100 / limit);
        box->throttled_centi = periods ? (uint32_t)((c->throttled - b->throttled) * 10000 / periods) : 0;
        box->rx_rate = rate(c->rx_bytes, b->rx_bytes, ms);
        box->tx_rate = rate(c->tx_bytes, b->tx_bytes, ms);
        box->before = *c;
        box->before_ms = now;
        box->before_limit_millis = out->cpu_limit_millis;
    }
    out->cpu_centi = box->cpu_centi;
    out->throttled_centi = box->throttled_centi;
    out->rx_bytes_per_second = box->rx_rate;
    out->tx_bytes_per_second = box->tx_rate;
}

static uint32_t pressure(const struct cgroup_box *box, enum file file)
{
    char bytes[FILE_MAX];
    uint32_t centi;
    size_t len = read_file(box, file, bytes);
    return len && cgroup_parse_pressure(bytes, len, &centi) ? centi : SAMPLE_NO_PRESSURE;
}

int cgroup_box_sample(struct cgroup_box *box, uint64_t now, const struct sandbox_limits *limits,
                      struct sample *out, struct err *e)
{
    out->memory_limit_bytes = limits->memory_bytes;
    out->cpu_limit_millis = limits->cpu_millis;
    out->pids_limit = limits->pids;
    struct counters c = sample_counters(box, out);
    if (!box->before_ms || ran_backwards(&c, &box->before))
        begin_anew(box, &c);
    if (sample_memory(box, out))
        return err_set(e, ERR_NOT_FOUND, "the cgroup is gone");
    sample_rates(box, now, &c, out);
    out->pids = number(box, FILE_PIDS);
    out->memory_some_centi = pressure(box, FILE_MEMORY_PRESSURE);
    out->cpu_some_centi = pressure(box, FILE_CPU_PRESSURE);
    out->io_some_centi = pressure(box, FILE_IO_PRESSURE);
    return 0;
}
