/* The outbox as text: "SUM KIND NUMBER…", one line a thing, the sum over the rest of the line. */
#include "agent/core/outbox_int.h"

#include "common/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST (INT64_MAX / 2) /* of our own counting */
#define LINE_MAX    1024            /* a sample of the largest numbers has some 700 */
#define SUM_LEN     17              /* 16 digits and a blank */

/* FNV-1a, 64 bits (draft-eastlake-fnv): finds a torn write; nobody attacks our own disk. */
static uint64_t sum_of(const char *bytes, size_t len)
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
static const struct {
    size_t offset, size;
} sample_numbers[] = {
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

/* --- out --- */

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
        abort(); /* a line has a fixed number of numbers: the room is known */
    l->len += (size_t)n;
}

static void end(struct outbox_text *t, const struct line *l)
{
    size_t need = t->len + SUM_LEN + l->len + 1;
    if (need + 1 > t->room) {
        t->room = 2 * need + 256;
        t->at = mem_grow(t->at, t->room, 1);
    }
    snprintf(t->at + t->len, t->room - t->len, "%016" PRIx64 " %s\n", sum_of(l->text, l->len), l->text);
    t->len = need;
}

void outbox_line_violation(struct outbox_text *t, const struct kept_violation *v)
{
    const struct violation_news *n = &v->news;
    struct line l = {.len = 0};
    put(&l, "violation %s %" PRId64 " %" PRIu64 " %u %u %u %u %" PRIu64 " %u", n->id.text, v->at_ms,
        n->number, n->kind, n->opened, n->critical, n->percent_centi, n->limit, n->swings);
    end(t, &l);
}

void outbox_line_sample(struct outbox_text *t, const struct kept_sample *s)
{
    struct line l = {.len = 0};
    put(&l, "sample %s %" PRId64 " %u", s->sample.id.text, s->at_ms, s->last);
    for (size_t i = 0; i < ARRAY_LEN(sample_numbers); i++) {
        uint64_t value = 0; /* little endian, as all that Corral runs on */
        memcpy(&value, (const char *)&s->sample + sample_numbers[i].offset, sample_numbers[i].size);
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

void outbox_line_accepted(struct outbox_text *t, uint64_t violations, uint64_t samples)
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

/* Episodes last: they say how things stand after all that is told. */
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

/* --- back --- */

struct reader {
    struct outbox *outbox;
    const char *at, *end; /* of the line */
    const char *boot_id;
    int64_t shift_ms; /* from the clock of the file's boot to ours */
    int64_t boot_wall_ms;
};

static bool take_word(struct reader *r, char *out, size_t size)
{
    size_t len = 0;
    while (r->at + len < r->end && r->at[len] != ' ')
        len++;
    if (!len || len >= size)
        return false;
    memcpy(out, r->at, len);
    out[len] = 0;
    r->at += len;
    r->at += r->at < r->end; /* the blank */
    return true;
}

static bool take_number(struct reader *r, uint64_t most, uint64_t *out)
{
    char word[24], *after;
    if (!take_word(r, word, sizeof word) || word[0] < '0' || word[0] > '9')
        return false;
    *out = strtoull(word, &after, 10);
    return !*after && *out <= most;
}

/* A time on the clock of the file's boot, as one on ours. */
static bool take_time(struct reader *r, int64_t *out)
{
    char word[24], *after;
    if (!take_word(r, word, sizeof word))
        return false;
    long long at = strtoll(word, &after, 10);
    *out = at + r->shift_ms;
    return !*after && at > INT64_MIN / 4 && at < INT64_MAX / 4;
}

static bool take_id(struct reader *r, struct sandbox_id *id)
{
    char word[SANDBOX_ID_LEN + 1];
    return take_word(r, word, sizeof word) && sandbox_id_parse(word, id);
}

static void used(struct reader *r, uint64_t number)
{
    if (number >= r->outbox->next_number)
        r->outbox->next_number = number + 1;
}

/* What an earlier boot left is as old as the wall clock says, and never of the future. */
static bool read_boot(struct reader *r)
{
    char boot_id[40];
    int64_t wall;
    r->shift_ms = 0;
    if (!take_word(r, boot_id, sizeof boot_id) || !take_time(r, &wall))
        return false;
    if (strcmp(boot_id, r->boot_id))
        r->shift_ms = wall < r->boot_wall_ms ? wall - r->boot_wall_ms : 0;
    return true;
}

static bool read_violation(struct reader *r)
{
    struct kept_violation v = {.at_ms = 0};
    struct violation_news *n = &v.news;
    uint64_t kind, opened, critical, percent, swings = 0;
    if (!take_id(r, &n->id) || !take_time(r, &v.at_ms) || !take_number(r, NUMBER_MOST, &n->number) ||
        !take_number(r, VIOLATION_KIND_COUNT - 1, &kind) || !take_number(r, 1, &opened) ||
        !take_number(r, 1, &critical) || !take_number(r, UINT32_MAX, &percent) ||
        !take_number(r, UINT64_MAX, &n->limit))
        return false;
    if (r->at < r->end && !take_number(r, UINT32_MAX, &swings)) /* an older agent's line ends before */
        return false;
    n->kind = (uint8_t)kind;
    n->opened = opened;
    n->critical = critical;
    n->percent_centi = (uint32_t)percent;
    n->swings = (uint32_t)swings;
    used(r, n->number);
    outbox_put_violation(r->outbox, &v);
    return true;
}

static bool read_sample(struct reader *r)
{
    struct kept_sample s = {.sample.kept = true};
    uint64_t last;
    if (!take_id(r, &s.sample.id) || !take_time(r, &s.at_ms) || !take_number(r, 1, &last))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(sample_numbers); i++) {
        uint64_t value, most = UINT64_MAX >> (64 - 8 * sample_numbers[i].size);
        if (!take_number(r, sample_numbers[i].size == sizeof(bool) ? 1 : most, &value))
            return false;
        memcpy((char *)&s.sample + sample_numbers[i].offset, &value, sample_numbers[i].size);
    }
    s.last = last;
    if (s.sample.number > NUMBER_MOST)
        return false;
    used(r, s.sample.number);
    if (r->outbox->samples.count < OUTBOX_SAMPLES_MAX)
        outbox_put_sample(r->outbox, &s);
    return true;
}

static bool read_accepted(struct reader *r)
{
    uint64_t violations, samples;
    if (!take_number(r, UINT64_MAX, &violations) || !take_number(r, UINT64_MAX, &samples))
        return false;
    outbox_drop_accepted(r->outbox, violations, samples);
    return true;
}

static bool read_episodes(struct reader *r)
{
    struct sandbox_id id;
    uint64_t level[VIOLATION_KIND_COUNT];
    if (!take_id(r, &id))
        return false;
    for (unsigned kind = 0; kind < VIOLATION_KIND_COUNT; kind++) {
        if (!take_number(r, VIOLATION_CRITICAL, &level[kind]))
            return false;
    }
    for (unsigned kind = 0; kind < VIOLATION_KIND_COUNT; kind++)
        outbox_put_episode(r->outbox, &id, kind, (unsigned)level[kind]);
    return true;
}

static bool read_reserved(struct reader *r)
{
    uint64_t reserved, none;
    if (!take_number(r, NUMBER_MOST, &reserved) || !take_number(r, 0, &none))
        return false;
    if (reserved)
        used(r, reserved - 1);
    return true;
}

static bool read_epoch(struct reader *r)
{
    uint64_t epoch, none;
    if (!take_number(r, INT64_MAX, &epoch) || !take_number(r, 0, &none))
        return false;
    if (epoch > r->outbox->epoch)
        r->outbox->epoch = epoch;
    return true;
}

static bool read_dropped(struct reader *r)
{
    uint64_t violations, samples;
    if (!take_number(r, INT64_MAX, &violations) || !take_number(r, INT64_MAX, &samples))
        return false;
    r->outbox->violations_dropped = violations;
    r->outbox->samples_dropped = samples;
    return true;
}

static bool read_line(struct reader *r)
{
    static const struct {
        const char *kind;
        bool (*read)(struct reader *);
    } kinds[] = {{"boot", read_boot},         {"violation", read_violation}, {"sample", read_sample},
                 {"accepted", read_accepted}, {"episodes", read_episodes},   {"reserved", read_reserved},
                 {"epoch", read_epoch},       {"dropped", read_dropped}};
    char sum[SUM_LEN], right[SUM_LEN], kind[16];
    if (!take_word(r, sum, sizeof sum))
        return false;
    snprintf(right, sizeof right, "%016" PRIx64, sum_of(r->at, (size_t)(r->end - r->at)));
    if (strcmp(sum, right) || !take_word(r, kind, sizeof kind))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!strcmp(kinds[i].kind, kind))
            return kinds[i].read(r) && r->at == r->end;
    }
    return false;
}

void outbox_read(struct outbox *o, const char *text, size_t len, const char *boot_id, uint64_t now,
                 int64_t boot_wall_ms, struct outbox_reading *reading)
{
    struct reader r = {.outbox = o, .boot_id = boot_id, .boot_wall_ms = boot_wall_ms};
    const char *at = text, *last = text + len;
    *reading = (struct outbox_reading){0};
    while (at < last) {
        const char *line_end = memchr(at, '\n', (size_t)(last - at));
        if (!line_end) {
            reading->torn = true;
            break;
        }
        r.at = at;
        r.end = line_end;
        reading->lines++;
        reading->strange += !read_line(&r);
        at = line_end + 1;
    }
    o->told_up_to = o->next_number - 1;
    o->whole = true;
}
