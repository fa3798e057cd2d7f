#include "controller/core/stats.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define DEGRADED_THROTTLED_CENTI 5000

struct look {
    struct sample sample;
    uint64_t at_ms; /* when it was taken */
    bool there;
};

struct stats_entry {
    struct sandbox_id id;
    struct look now, kept; /* kept: for the history, perhaps of long ago */
    UT_hash_handle hh;
};

struct stats {
    struct stats_entry *head;
};

struct stats *stats_new(void)
{
    return mem_zalloc(sizeof(struct stats));
}

void stats_free(struct stats *stats)
{
    struct stats_entry *entry, *next;
    if (!stats)
        return;
    HASH_ITER(hh, stats->head, entry, next)
    {
        HASH_DEL(stats->head, entry);
        free(entry);
    }
    free(stats);
}

static struct stats_entry *find(const struct stats *stats, const struct sandbox_id *id)
{
    struct stats_entry *entry;
    HASH_FIND(hh, stats->head, id, sizeof *id, entry);
    return entry;
}

void stats_take(struct stats *stats, uint64_t now, const struct sample *sample)
{
    uint64_t at = sample->ago_ms < now ? now - sample->ago_ms : 0;
    struct stats_entry *entry = find(stats, &sample->id);
    if (!entry) {
        entry = mem_zalloc(sizeof *entry);
        entry->id = sample->id;
        HASH_ADD(hh, stats->head, id, sizeof entry->id, entry);
    }
    struct look *look = sample->kept ? &entry->kept : &entry->now;
    if (!look->there || at >= look->at_ms)
        *look = (struct look){.sample = *sample, .at_ms = at, .there = true};
}

void stats_forget(struct stats *stats, const struct sandbox_id *id)
{
    struct stats_entry *entry = find(stats, id);
    if (!entry)
        return;
    HASH_DEL(stats->head, entry);
    free(entry);
}

void stats_forget_others(struct stats *stats, bool (*lives)(void *arg, const struct sandbox_id *id),
                         void *arg)
{
    struct stats_entry *entry, *next;
    HASH_ITER(hh, stats->head, entry, next)
    {
        if (lives(arg, &entry->id))
            continue;
        HASH_DEL(stats->head, entry);
        free(entry);
    }
}

static bool look_get(const struct look *look, uint64_t now, struct sample *out)
{
    if (!look->there)
        return false;
    *out = look->sample;
    out->ago_ms = now - look->at_ms;
    return true;
}

bool stats_find(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out)
{
    const struct stats_entry *entry = find(stats, id);
    return entry && look_get(&entry->now, now, out);
}

bool stats_last(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out)
{
    const struct stats_entry *entry = find(stats, id);
    if (!entry)
        return false;
    bool kept_is_later = entry->kept.there && (!entry->now.there || entry->kept.at_ms > entry->now.at_ms);
    return look_get(kept_is_later ? &entry->kept : &entry->now, now, out);
}

void stats_each(const struct stats *stats, void (*cb)(void *arg, const struct sample *sample), void *arg)
{
    struct stats_entry *entry, *next;
    HASH_ITER(hh, stats->head, entry, next)
    {
        if (entry->now.there)
            cb(arg, &entry->now.sample);
    }
}

static void add(uint64_t *sum, uint64_t more)
{
    *sum = more < STATS_SUM_MAX - *sum ? *sum + more : STATS_SUM_MAX;
}

void stats_add_use(struct node_resources *used, const struct sample *s)
{
    uint64_t whole = s->cpu_limit_millis / 10000, part = s->cpu_limit_millis % 10000;
    add(&used->memory_bytes, s->memory_used_bytes);
    add(&used->cpu_millis, whole < STATS_SUM_MAX >> 32 ? whole * s->cpu_centi : STATS_SUM_MAX);
    add(&used->cpu_millis, part * s->cpu_centi / 10000);
    add(&used->storage_bytes, s->disk_used_bytes);
    add(&used->sandboxes, 1);
}

/* --- JSON: numbers only, so that nothing needs escaping --- */

struct text {
    char *at;
    size_t len;
};

static void PRINTF_LIKE(2, 3) put(struct text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(t->at + t->len, STATS_JSON_MAX - t->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= STATS_JSON_MAX - t->len)
        abort(); /* the object has a fixed number of numbers: the room is known */
    t->len += (size_t)n;
}

static double share(uint64_t used, uint64_t limit)
{
    return limit ? (double)used / (double)limit * 100 : 0;
}

static void put_pressure(struct text *t, const char *name, uint32_t centi)
{
    if (centi == SAMPLE_NO_PRESSURE)
        put(t, "\"%s\":null", name);
    else
        put(t, "\"%s\":%.2f", name, centi / 100.0);
}

static void put_io(struct text *t, const char *name, uint64_t bytes)
{
    if (bytes == SAMPLE_NO_IO)
        put(t, "\"%s\":null", name);
    else
        put(t, "\"%s\":%" PRIu64, name, bytes);
}

static void put_memory(struct text *t, const struct sample *s)
{
    put(t,
        "\"memory\":{\"used_bytes\":%" PRIu64 ",\"working_set_bytes\":%" PRIu64
        ",\"unreclaimable_bytes\":%" PRIu64 ",\"limit_bytes\":%" PRIu64
        ",\"percent\":%.2f,\"peak_bytes\":%" PRIu64 ",\"oom_kills\":%" PRIu64 "}",
        s->memory_used_bytes, s->memory_working_set_bytes, s->memory_unreclaimable_bytes,
        s->memory_limit_bytes, share(s->memory_unreclaimable_bytes, s->memory_limit_bytes),
        s->memory_peak_bytes, s->oom_kills);
}

static void put_rest(struct text *t, const struct sample *s)
{
    put(t,
        ",\"cpu\":{\"percent\":%.2f,\"usage_ns\":%" PRIu64 ",\"limit_millis\":%" PRIu64
        ",\"throttled_percent\":%.2f}",
        s->cpu_centi / 100.0, s->cpu_usage_ns, s->cpu_limit_millis, s->throttled_centi / 100.0);
    double bytes = share(s->disk_used_bytes, s->disk_limit_bytes);
    double inodes = share(s->disk_inodes_used, s->disk_inodes_limit);
    put(t,
        ",\"disk\":{\"used_bytes\":%" PRIu64 ",\"limit_bytes\":%" PRIu64 ",\"inodes_used\":%" PRIu64
        ",\"inodes_limit\":%" PRIu64 ",\"percent\":%.2f}",
        s->disk_used_bytes, s->disk_limit_bytes, s->disk_inodes_used, s->disk_inodes_limit,
        inodes > bytes ? inodes : bytes);
    put(t,
        ",\"network\":{\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64 ",\"rx_packets\":%" PRIu64
        ",\"tx_packets\":%" PRIu64 ",\"rx_bytes_per_second\":%" PRIu64 ",\"tx_bytes_per_second\":%" PRIu64
        "}",
        s->rx_bytes, s->tx_bytes, s->rx_packets, s->tx_packets, s->rx_bytes_per_second,
        s->tx_bytes_per_second);
    put(t, ",\"io\":{");
    put_io(t, "read_bytes", s->io_read_bytes);
    put(t, ",");
    put_io(t, "write_bytes", s->io_write_bytes);
    put(t, "}");
    put(t, ",\"pids\":{\"current\":%" PRIu64 ",\"limit\":%" PRIu64 "}", s->pids, s->pids_limit);
}

static const char *health(const struct sample *s, bool paused)
{
    if (paused)
        return "paused";
    if (!s->responsive)
        return "unresponsive";
    return s->open_violations || s->throttled_centi > DEGRADED_THROTTLED_CENTI ? "degraded" : "healthy";
}

static void put_violations(struct text *t, uint32_t bits)
{
    static const char *const kinds[] = {"memory", "cpu", "disk", "pids"};
    const char *comma = "";
    put(t, ",\"violations\":[");
    for (unsigned kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        if (!(bits & (1u << kind)))
            continue;
        put(t, "%s{\"kind\":\"%s\",\"level\":\"%s\"}", comma, kinds[kind],
            bits & (16u << kind) ? "critical" : "warning");
        comma = ",";
    }
    put(t, "]");
}

size_t stats_json(const struct sample *s, bool paused, uint64_t wall_ms, char out[static STATS_JSON_MAX])
{
    struct text t = {.at = out};
    char at[RFC3339_LEN + 1];
    rfc3339_format(wall_ms - s->ago_ms, at);
    put(&t, "{\"sandbox_id\":\"%s\",\"sampled_at\":\"%s\",", s->id.text, at);
    put_memory(&t, s);
    put_rest(&t, s);
    put(&t, ",\"pressure\":{");
    put_pressure(&t, "memory_some_avg10", s->memory_some_centi);
    put(&t, ",");
    put_pressure(&t, "cpu_some_avg10", s->cpu_some_centi);
    put(&t, ",");
    put_pressure(&t, "io_some_avg10", s->io_some_centi);
    put(&t, "},\"health\":{\"status\":\"%s\",\"uptime_seconds\":%" PRIu64 ",\"restarts\":0}",
        health(s, paused), s->uptime_seconds);
    put_violations(&t, s->open_violations);
    put(&t, "}");
    return t.len;
}

size_t stats_figures_json(const struct sample *s, char out[static STATS_JSON_MAX])
{
    struct text t = {.at = out};
    put(&t, "{");
    put_memory(&t, s);
    put_rest(&t, s);
    put(&t, "}");
    return t.len;
}
