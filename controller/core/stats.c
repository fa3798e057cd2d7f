#include "controller/core/stats.h"

#include "common/base/mem.h"
#include "common/base/json_text.h"
#include "common/base/rfc3339.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define DEGRADED_THROTTLED_CENTI 5000

struct latest {
    struct sample sample;
    uint64_t at_ms;
    bool there;
};

struct stats_entry {
    struct sandbox_id id;
    struct latest now, kept; /* kept: stored by the node for the history, may be old */
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
    struct latest *latest = sample->kept ? &entry->kept : &entry->now;
    if (!latest->there || at >= latest->at_ms)
        *latest = (struct latest){.sample = *sample, .at_ms = at, .there = true};
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

static bool latest_get(const struct latest *latest, uint64_t now, struct sample *out)
{
    if (!latest->there)
        return false;
    *out = latest->sample;
    out->ago_ms = now - latest->at_ms;
    return true;
}

bool stats_find(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out)
{
    const struct stats_entry *entry = find(stats, id);
    return entry && latest_get(&entry->now, now, out);
}

bool stats_last(const struct stats *stats, uint64_t now, const struct sandbox_id *id, struct sample *out)
{
    const struct stats_entry *entry = find(stats, id);
    if (!entry)
        return false;
    bool kept_is_later = entry->kept.there && (!entry->now.there || entry->kept.at_ms > entry->now.at_ms);
    return latest_get(kept_is_later ? &entry->kept : &entry->now, now, out);
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

static void add_use(void *used, const struct sample *s)
{
    stats_add_use(used, s);
}

struct node_resources stats_use(const struct stats *stats)
{
    struct node_resources used = {0};
    stats_each(stats, add_use, &used);
    return used;
}

/* --- JSON: numbers only, so that nothing needs escaping --- */

static double share(uint64_t used, uint64_t limit)
{
    return limit ? (double)used / (double)limit * 100 : 0;
}

static void put_pressure(struct json_text *t, const char *name, uint32_t centi)
{
    if (centi == SAMPLE_NO_PRESSURE)
        json_text_null(t, name);
    else
        json_text_real(t, name, centi / 100.0, 2);
}

static void put_io(struct json_text *t, const char *name, uint64_t bytes)
{
    if (bytes == SAMPLE_NO_IO)
        json_text_null(t, name);
    else
        json_text_num(t, name, bytes);
}

static void put_memory(struct json_text *t, const struct sample *s)
{
    json_text_object(t, "memory");
    json_text_num(t, "used_bytes", s->memory_used_bytes);
    json_text_num(t, "working_set_bytes", s->memory_working_set_bytes);
    json_text_num(t, "unreclaimable_bytes", s->memory_unreclaimable_bytes);
    json_text_num(t, "limit_bytes", s->memory_limit_bytes);
    json_text_real(t, "percent", share(s->memory_unreclaimable_bytes, s->memory_limit_bytes), 2);
    json_text_num(t, "peak_bytes", s->memory_peak_bytes);
    json_text_num(t, "oom_kills", s->oom_kills);
    json_text_end(t);
}

static void put_disk(struct json_text *t, const struct sample *s)
{
    double bytes = share(s->disk_used_bytes, s->disk_limit_bytes);
    double inodes = share(s->disk_inodes_used, s->disk_inodes_limit);
    json_text_object(t, "disk");
    json_text_num(t, "used_bytes", s->disk_used_bytes);
    json_text_num(t, "limit_bytes", s->disk_limit_bytes);
    json_text_num(t, "inodes_used", s->disk_inodes_used);
    json_text_num(t, "inodes_limit", s->disk_inodes_limit);
    json_text_real(t, "percent", inodes > bytes ? inodes : bytes, 2);
    json_text_end(t);
}

static void put_rest(struct json_text *t, const struct sample *s)
{
    json_text_object(t, "cpu");
    json_text_real(t, "percent", s->cpu_centi / 100.0, 2);
    json_text_num(t, "usage_ns", s->cpu_usage_ns);
    json_text_num(t, "limit_millis", s->cpu_limit_millis);
    json_text_real(t, "throttled_percent", s->throttled_centi / 100.0, 2);
    json_text_end(t);
    put_disk(t, s);
    json_text_object(t, "network");
    json_text_num(t, "rx_bytes", s->rx_bytes);
    json_text_num(t, "tx_bytes", s->tx_bytes);
    json_text_num(t, "rx_packets", s->rx_packets);
    json_text_num(t, "tx_packets", s->tx_packets);
    json_text_num(t, "rx_bytes_per_second", s->rx_bytes_per_second);
    json_text_num(t, "tx_bytes_per_second", s->tx_bytes_per_second);
    json_text_end(t);
    json_text_object(t, "io");
    put_io(t, "read_bytes", s->io_read_bytes);
    put_io(t, "write_bytes", s->io_write_bytes);
    json_text_end(t);
    json_text_object(t, "pids");
    json_text_num(t, "current", s->pids);
    json_text_num(t, "limit", s->pids_limit);
    json_text_end(t);
}

static const char *health(const struct sample *s, bool paused)
{
    if (paused)
        return "paused";
    if (!s->responsive)
        return "unresponsive";
    return s->open_violations || s->throttled_centi > DEGRADED_THROTTLED_CENTI ? "degraded" : "healthy";
}

static void put_violations(struct json_text *t, uint32_t bits)
{
    static const char *const kinds[] = {"memory", "cpu", "disk", "pids"};
    json_text_array(t, "violations");
    for (unsigned kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        if (!(bits & (1u << kind)))
            continue;
        json_text_object(t, NULL);
        json_text_str(t, "kind", kinds[kind]);
        json_text_str(t, "level", bits & (16u << kind) ? "critical" : "warning");
        json_text_end(t);
    }
    json_text_end(t);
}

/* The number of fields is fixed, so STATS_JSON_MAX is enough. */
size_t stats_json(const struct sample *s, bool paused, uint64_t wall_ms, char out[static STATS_JSON_MAX])
{
    struct json_text t = {.text = text_in(out, STATS_JSON_MAX)};
    char at[RFC3339_LEN + 1];
    rfc3339_format(wall_ms - s->ago_ms, at);
    json_text_object(&t, NULL);
    json_text_str(&t, "sandbox_id", s->id.text);
    json_text_str(&t, "sampled_at", at);
    put_memory(&t, s);
    put_rest(&t, s);
    json_text_object(&t, "pressure");
    put_pressure(&t, "memory_some_avg10", s->memory_some_centi);
    put_pressure(&t, "cpu_some_avg10", s->cpu_some_centi);
    put_pressure(&t, "io_some_avg10", s->io_some_centi);
    json_text_end(&t);
    json_text_object(&t, "health");
    json_text_str(&t, "status", health(s, paused));
    json_text_num(&t, "uptime_seconds", s->uptime_seconds);
    json_text_num(&t, "restarts", 0);
    json_text_end(&t);
    put_violations(&t, s->open_violations);
    json_text_end(&t);
    return t.text.len;
}

size_t stats_figures_json(const struct sample *s, char out[static STATS_JSON_MAX])
{
    struct json_text t = {.text = text_in(out, STATS_JSON_MAX)};
    json_text_object(&t, NULL);
    put_memory(&t, s);
    put_rest(&t, s);
    json_text_end(&t);
    return t.text.len;
}
