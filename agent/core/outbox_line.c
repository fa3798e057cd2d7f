/* The outbox as text: one entry per line, "SUM KIND NUMBER…"; SUM is the checksum of the rest of the line. */
#include "agent/core/outbox_int.h"

#include "common/base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX 1024 /* a sample with the largest numbers needs some 700 */

/* FNV-1a, 64 bits (draft-eastlake-fnv): finds a torn write; nobody attacks our own disk. */
uint64_t outbox_line_sum(const char *bytes, size_t len)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return sum;
}

/* The numbers of a sample, as rows. */
#define NUMBER(member)                                                                                       \
    {                                                                                                        \
        offsetof(struct sample, member), sizeof(((struct sample *)0)->member)                                \
    }
const struct outbox_number outbox_sample_numbers[] = {
    NUMBER(number),
    NUMBER(memory_used_bytes),
    NUMBER(memory_working_set_bytes),
    NUMBER(memory_unreclaimable_bytes),
    NUMBER(memory_limit_bytes),
    NUMBER(memory_peak_bytes),
    NUMBER(oom_kills),
    NUMBER(cpu_usage_ns),
    NUMBER(cpu_limit_millis),
    NUMBER(cpu_centi),
    NUMBER(throttled_centi),
    NUMBER(disk_used_bytes),
    NUMBER(disk_limit_bytes),
    NUMBER(rx_bytes),
    NUMBER(tx_bytes),
    NUMBER(rx_packets),
    NUMBER(tx_packets),
    NUMBER(rx_bytes_per_second),
    NUMBER(tx_bytes_per_second),
    NUMBER(pids),
    NUMBER(pids_limit),
    NUMBER(memory_some_centi),
    NUMBER(cpu_some_centi),
    NUMBER(io_some_centi),
    NUMBER(uptime_seconds),
    NUMBER(responsive),
    NUMBER(open_violations),
};
const size_t outbox_sample_number_count = ARRAY_LEN(outbox_sample_numbers);

struct line {
    char text[LINE_MAX];
    size_t len;
};

static void PRINTF_LIKE(2, 3) put(struct line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->len, LINE_MAX - l->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= LINE_MAX - l->len)
        abort(); /* a line has a fixed number of numbers, so it always fits */
    l->len += (size_t)n;
}

static void end(struct outbox_text *t, const struct line *l)
{
    size_t need = t->len + OUTBOX_SUM_LEN + l->len + 1;
    if (need + 1 > t->room) {
        t->room = 2 * need + 256;
        t->at = mem_grow(t->at, t->room, 1);
    }
    snprintf(t->at + t->len, t->room - t->len, "%016" PRIx64 " %s\n", outbox_line_sum(l->text, l->len),
             l->text);
    t->len = need;
}

void outbox_line_violation(struct outbox_text *t, const struct kept_violation *v)
{
    const struct violation_report *report = &v->report;
    struct line l = {.len = 0};
    put(&l, "violation %s %" PRId64 " %" PRIu64 " %u %u %u %u %" PRIu64 " %u", report->id.text, v->at_ms,
        report->number, report->kind, report->opened, report->critical, report->percent_centi, report->limit,
        report->swings);
    end(t, &l);
}

void outbox_line_sample(struct outbox_text *t, const struct kept_sample *s)
{
    struct line l = {.len = 0};
    put(&l, "sample %s %" PRId64 " %u", s->sample.id.text, s->at_ms, s->last);
    for (size_t i = 0; i < outbox_sample_number_count; i++) {
        uint64_t value = 0; /* little endian, as all machines that Corral runs on */
        memcpy(&value, (const char *)&s->sample + outbox_sample_numbers[i].offset,
               outbox_sample_numbers[i].size);
        put(&l, " %" PRIu64, value);
    }
    end(t, &l);
}

static void line_of_two(struct outbox_text *t, const char *kind, uint64_t a, uint64_t b)
{
    struct line l = {.len = 0};
    put(&l, "%s %" PRIu64 " %" PRIu64, kind, a, b);
    end(t, &l);
}

void outbox_line_acked(struct outbox_text *t, uint64_t violations, uint64_t samples)
{
    line_of_two(t, "accepted", violations, samples);
}

void outbox_line_reserved(struct outbox_text *t, uint64_t reserved)
{
    line_of_two(t, "reserved", reserved, 0);
}

void outbox_line_epoch(struct outbox_text *t, uint64_t epoch)
{
    line_of_two(t, "epoch", epoch, 0);
}

void outbox_line_dropped(struct outbox_text *t, const struct outbox *o)
{
    line_of_two(t, "dropped", o->violations_dropped, o->samples_dropped);
}

static void line_episode(struct outbox_text *t, const struct episodes *e)
{
    struct line l = {.len = 0};
    put(&l, "episodes %s", e->id.text);
    for (size_t kind = 0; kind < VIOLATION_KIND_COUNT; kind++)
        put(&l, " %u", e->level[kind]);
    end(t, &l);
}

/* Episodes come last: they give the levels after all reports above them. */
char *outbox_format(const struct outbox *o, const char *boot_id, int64_t boot_wall_ms, size_t *len)
{
    struct outbox_text t = {0};
    struct line boot = {.len = 0};
    put(&boot, "boot %s %" PRId64, boot_id, boot_wall_ms);
    end(&t, &boot);
    outbox_line_reserved(&t, o->reserved);
    outbox_line_epoch(&t, o->epoch);
    outbox_line_dropped(&t, o);
    for (size_t i = 0; i < o->violations.count; i++)
        outbox_line_violation(&t, &o->violation[i]);
    for (size_t i = 0; i < o->samples.count; i++)
        outbox_line_sample(&t, &o->sample[i]);
    for (size_t i = 0; i < o->episodes; i++)
        line_episode(&t, &o->episode[i]);
    *len = t.len;
    return t.at;
}
