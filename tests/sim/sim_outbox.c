/*
 * What the nodes of the simulation report of the past. Each node has a real outbox and real guards. The
 * outbox's file is a string that survives the agent, and is torn if the agent dies while writing. The
 * database's side does what sql/functions/samples.sql does.
 */
#include "tests/sim/world.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BOOT          "a-boot"
#define LATE_MS       11000  /* the longest way of a report: as long as its session is held */
#define BUSY_STOPS_MS 120000 /* one stop may follow another */
#define SAMPLE_C      15     /* percent: the chance that a running sandbox is sampled in a tick */

/* --- facts --- */

static void fact_add(struct world *w, int node, int sandbox, uint64_t number, bool sample)
{
    struct host *h = &w->host[node];
    if (number <= h->last_number)
        sim_fail(w, "node %d gives the number %llu twice", node, (unsigned long long)number);
    h->last_number = number;
    if (w->facts == w->facts_room) {
        w->facts_room = w->facts_room ? w->facts_room * 2 : 1024;
        w->fact = mem_grow(w->fact, w->facts_room, sizeof *w->fact);
    }
    w->fact[w->facts++] =
        (struct fact){.node = node, .sandbox = sandbox, .number = number, .at = w->now, .sample = sample};
}

static struct fact *fact_find(struct world *w, int node, uint64_t number)
{
    for (size_t i = w->facts; i--;) {
        if (w->fact[i].node == node && w->fact[i].number == number)
            return &w->fact[i];
    }
    sim_fail(w, "node %d tells of %llu, which never happened", node, (unsigned long long)number);
}

static void update_add(struct world *w, int node, const struct guard_step *step)
{
    struct host *h = &w->host[node];
    for (unsigned i = 0; i < step->report_count; i++)
        fact_add(w, node, sim_index(&step->report[i].id),
                 outbox_violation(h->outbox, w->now, &step->report[i]), false);
}

/* --- the disk --- */

static void write_next(struct world *w, int node);

static void apply(struct host *h, size_t len)
{
    if (h->write.whole) {
        free(h->file);
        h->file = outbox_format(h->write.whole, BOOT, 0, &h->file_len);
        return;
    }
    h->file = mem_grow(h->file, h->file_len + len + 1, 1);
    memcpy(h->file + h->file_len, h->write.text, len);
    h->file_len += len;
}

static void mark(struct world *w, int node, bool written)
{
    w->host[node].unwritten &= !written; /* the file knows all numbers again */
    for (size_t i = w->facts; i--;) {
        struct fact *f = &w->fact[i];
        if (f->node != node || f->number > w->host[node].write_mark || f->lost)
            continue;
        if (f->written)
            return; /* and so are all facts before it */
        f->written = written;
        f->told = true;
    }
}

static void write_end(struct host *h)
{
    outbox_free(h->write.whole);
    free(h->write.text);
    h->writing = false;
}

static void written(struct world *w, struct sim_event *e)
{
    struct host *h = &w->host[e->node];
    if (!h->outbox || h->incarnation != e->incarnation)
        return;
    bool ok = w->now >= h->disk_full_ms;
    if (ok)
        apply(h, h->write.len);
    mark(w, e->node, ok);
    write_end(h);
    outbox_written(h->outbox, ok, h->file_len);
    if (ok)
        write_next(w, e->node);
    if (outbox_urgent(h->outbox))
        uplink_hurry(h->uplink);
}

static void write_next(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (!outbox_write(h->outbox, &h->write))
        return;
    h->writing = true;
    h->write_mark = h->last_number;
    uint64_t ms = w->outbox_write_ms ? w->outbox_write_ms : 1 + sim_random(w, sim_chance(w, 5) ? 3000 : 30);
    struct sim_event *e = sim_after(w, ms, written);
    e->node = node;
    e->incarnation = h->incarnation;
}

/* --- the agent --- */

void outbox_up(struct world *w, int node)
{
    struct host *h = &w->host[node];
    struct outbox_reading reading = {0};
    /* outbox_read corrects a clock that went back; numbers that the disk refused need the clock. */
    h->outbox = outbox_new(h->file && !h->unwritten ? 1 : w->now * 1024 + 1);
    if (h->file)
        outbox_read(h->outbox, h->file, h->file_len, BOOT, w->now, 0, &reading);
    if (reading.strange)
        sim_fail(w, "node %d finds %zu strange lines in its outbox", node, reading.strange);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        struct sandbox_model *b = &h->sandbox[i];
        struct sandbox_id id = sim_id(i);
        b->kept_ms = 0;
        b->guard = (struct guard){0};
        for (int kind = 0; kind < VIOLATION_KIND_COUNT; kind++)
            guard_restore(&b->guard, (enum violation_kind)kind,
                          outbox_episode(h->outbox, &id, (enum violation_kind)kind));
        if (b->saved && b->record.phase != PHASE_ENDED)
            continue;
        struct guard_step step = guard_close(&b->guard, &id);
        update_add(w, node, &step);
    }
}

/* The agent may die between writing, sending and the answer; a part of the write under way is on disk. */
void outbox_down(struct world *w, int node)
{
    struct host *h = &w->host[node];
    if (h->writing && sim_chance(w, 60)) {
        bool all = h->write.whole || sim_chance(w, 30);
        apply(h, all ? h->write.len : sim_random(w, h->write.len));
        if (all)
            mark(w, node, true);
    }
    if (h->writing)
        write_end(h);
    h->last_number = 0;
    for (size_t i = w->facts; i--;) {
        struct fact *f = &w->fact[i];
        if (f->node != node)
            continue;
        if ((f->told || f->written) && f->number > h->last_number)
            h->last_number = f->number; /* a number that was neither sent nor written may be given again */
        if (f->written || f->lost)
            continue;
        /* Facts before the tear are written, and will be reported. */
        f->lost = true;
        w->row[f->sandbox].loss_excused |= f->told;
        h->unwritten |= f->told;
    }
    outbox_free(h->outbox);
    h->outbox = NULL;
}

void outbox_wiped(struct world *w, int node)
{
    struct host *h = &w->host[node];
    free(h->file);
    h->file = NULL;
    h->file_len = 0;
    for (size_t i = 0; i < w->facts; i++) {
        if (w->fact[i].node != node)
            continue;
        w->fact[i].lost |= !w->fact[i].stored;
        w->row[w->fact[i].sandbox].loss_excused = true;
    }
}

static struct sample sample_of(struct world *w, int sandbox)
{
    static const uint64_t percents[] = {50, 50, 92, 97};
    struct sample s = {.id = sim_id(sandbox), .memory_limit_bytes = 100, .pids_limit = 100};
    s.memory_unreclaimable_bytes = w->scenario ? w->memory_percent : percents[sim_random(w, 4)];
    s.pids = w->scenario ? 0 : percents[sim_random(w, 4)];
    return s;
}

static void look_at(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct sandbox_model *b = &h->sandbox[sandbox];
    struct sample s = sample_of(w, sandbox);
    static const struct violation_levels none, usual = {90, 95, 85, 90, 80, 60, 80, 75, 90, 80};
    struct guard_rules rules = {0};
    violation_rules(&none, &usual, rules.violation);
    struct guard_step step = guard_tick(&b->guard, &rules, &s, true, w->now);
    if (!b->kept_ms || w->now - b->kept_ms >= OUTBOX_SAMPLE_EVERY_MS) {
        b->kept_ms = w->now;
        fact_add(w, node, sandbox, outbox_sample(h->outbox, w->now, &s, false), true);
    }
    update_add(w, node, &step);
}

void outbox_ended(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct sandbox_model *b = &h->sandbox[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    struct guard_step step = guard_close(&b->guard, &id);
    update_add(w, node, &step);
    if (b->kept_ms) {
        struct sample s = sample_of(w, sandbox);
        fact_add(w, node, sandbox, outbox_sample(h->outbox, w->now, &s, true), true);
    }
    b->kept_ms = 0;
}

/* --- on the wire, and in the database --- */

/* What a node may forget up to this number is with the database, or was lost before. */
static void check_committed(struct world *w, int node, uint64_t up_to, bool sample)
{
    for (size_t i = w->facts; up_to && i--;) {
        const struct fact *f = &w->fact[i];
        if (f->node != node || f->sample != sample || f->number > up_to)
            continue;
        if (f->stored)
            return; /* and all before it */
        if (!f->lost)
            sim_fail(w, "node %d is told that %llu is committed, and it is not", node,
                     (unsigned long long)f->number);
    }
}

void outbox_hear_committed(struct world *w, int node, uint64_t violations, uint64_t samples)
{
    struct host *h = &w->host[node];
    check_committed(w, node, violations, false);
    check_committed(w, node, samples, true);
    outbox_ack(h->outbox, violations, samples);
    write_next(w, node);
    if (outbox_urgent(h->outbox))
        uplink_hurry(h->uplink);
}

static void store(struct world *w, int node, const struct sandbox_id *id, uint64_t number, uint64_t ago)
{
    struct fact *f = fact_find(w, node, number);
    uint64_t at = w->now - ago;
    if (f->stored || f->sandbox != sim_index(id))
        sim_fail(w, "%llu of node %d is stored twice", (unsigned long long)number, node);
    if (!f->told && !f->written && !f->lost)
        sim_fail(w, "%llu of node %d was sent before it was on disk", (unsigned long long)number, node);
    if (at < f->at || at - f->at > LATE_MS + (w->was_stopped ? BUSY_STOPS_MS : 0))
        sim_fail(w, "%llu of node %d has a wrong time", (unsigned long long)number, node);
    f->stored = true;
    w->told++;
}

static void store_violations(struct world *w, int node, const struct violation_report *n)
{
    struct row *r = &w->row[sim_index(&n->id)];
    if (r->node != node || fact_find(w, node, n->number)->stored)
        return;
    store(w, node, &n->id, n->number, n->ago_ms);
    uint8_t *level = &r->level[n->kind];
    uint8_t next = n->opened ? n->critical ? VIOLATION_CRITICAL : VIOLATION_WARNING : VIOLATION_NONE;
    bool follows = next == VIOLATION_NONE ? *level != VIOLATION_NONE : next == *level + 1;
    if (!follows && !r->loss_excused)
        sim_fail(w, "sandbox %d: from level %d its episode goes to %d", sim_index(&n->id), *level, next);
    *level = next;
}

static void store_sample(struct world *w, int node, const struct sample *s)
{
    struct row *r = &w->row[sim_index(&s->id)];
    if (r->node != node || s->number <= r->highest_sample)
        return;
    store(w, node, &s->id, s->number, s->ago_ms);
    r->highest_sample = s->number;
}

/* --- as controller/leader/leader_nodes.c has it --- */

static void committed(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    if (e->flag)
        node_link_ack_violations(w->link, sim_node_name(e->node), e->stamp);
    else
        node_link_ack_samples(w->link, sim_node_name(e->node), e->stamp);
}

/* The answer of a commit that happened may be lost with its connection. */
static void answer(struct world *w, const struct sim_event *asked, bool violations, uint64_t up_to)
{
    if (!w->calm && sim_chance(w, 3))
        return;
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 20), committed);
    e->node = asked->node;
    e->sandbox = SIM_NO_SANDBOX;
    e->incarnation = asked->incarnation;
    e->flag = violations;
    e->stamp = up_to;
}

/* Each one transaction. */
static void commit_violations(struct world *w, struct sim_event *e)
{
    const struct violation_report *reports = e->data;
    if (w->now < w->database_down_ms)
        return;
    for (size_t i = 0; i < e->count; i++)
        store_violations(w, e->node, &reports[i]);
    answer(w, e, true, reports[e->count - 1].number);
}

static void commit_samples(struct world *w, struct sim_event *e)
{
    const struct sample *samples = e->data;
    if (w->now < w->database_down_ms)
        return;
    for (size_t i = 0; i < e->count; i++)
        store_sample(w, e->node, &samples[i]);
    answer(w, e, false, samples[e->count - 1].number);
}

static void ask_database(struct world *w, int node, void (*commit)(struct world *, struct sim_event *),
                         void *data, size_t count)
{
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 20), commit);
    e->node = node;
    e->sandbox = SIM_NO_SANDBOX;
    e->incarnation = w->incarnation;
    e->data = data;
    e->count = count;
}

void outbox_store_violations(struct world *w, int node, const struct violation_report *reports, size_t count)
{
    ask_database(w, node, commit_violations, mem_dup(reports, count * sizeof *reports), count);
}

void outbox_store_samples(struct world *w, int node, const struct sample *samples, size_t count)
{
    struct sample *kept = mem_zalloc(count * sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].kept)
            kept[n++] = samples[i];
    }
    if (n)
        ask_database(w, node, commit_samples, kept, n);
    else
        free(kept);
}

void outbox_tick(struct world *w, int node)
{
    struct host *h = &w->host[node];
    for (int i = 0; i < w->rows; i++) {
        struct sandbox_id id = sim_id(i);
        const struct sandbox_record *record = h->sandbox[i].runs ? reconciler_find(h->reconciler, &id) : NULL;
        if (record && record->phase == PHASE_RUNNING && (w->scenario || sim_chance(w, SAMPLE_C)))
            look_at(w, node, i);
    }
    write_next(w, node);
}

/* --- at rest --- */

void outbox_check_rest(struct world *w)
{
    for (size_t i = 0; i < w->facts; i++) {
        const struct fact *f = &w->fact[i];
        if (!f->stored && !f->lost)
            sim_fail(w, "%llu of node %d, of sandbox %d, was never told", (unsigned long long)f->number,
                     f->node, f->sandbox);
    }
    for (int i = 0; i < w->rows; i++) {
        for (int kind = 0; kind < VIOLATION_KIND_COUNT; kind++) {
            if (w->row[i].level[kind] != VIOLATION_NONE && !w->row[i].loss_excused)
                sim_fail(w, "sandbox %d has an episode that never closed", i);
        }
    }
    for (int n = 0; n < SIM_NODES; n++) {
        struct outbox_stats stats = outbox_stats(w->host[n].outbox);
        if (stats.violations || stats.samples || stats.violations_dropped || stats.samples_dropped)
            sim_fail(w, "the outbox of node %d is not empty, or dropped something", n);
    }
}

void outbox_fini(struct world *w)
{
    for (int n = 0; n < SIM_NODES; n++) {
        free(w->host[n].file);
    }
    free(w->fact);
}
