/*
 * What the nodes of the simulation report of the past. Each node has a real outbox and real guards. The
 * outbox's file is a string that survives the agent, and is torn if the agent dies while writing. The
 * database's side does what sql/functions/samples.sql does.
 */
#include "tests/sim/world.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BOOT "a-boot"
/* The longest way of a report: its agent sends it again for 5 s over new connections, and what the last of
 * them holds arrives as long as the controller holds the session, which it looks at twice a second. */
#define LATE_MS       (5000 + SIM_LEASE_MS + 1000)
#define BUSY_STOPS_MS 120000 /* one stop may follow another */
#define SAMPLE_C      15     /* percent: the chance that a running sandbox is sampled in a tick */

/* --- facts --- */

static void fact_add(struct world *w, int node, int sandbox, uint64_t number, bool sample)
{
    struct node_model *model = &w->node[node];
    if (number <= model->last_number)
        sim_fail(w, "node %d gives the number %llu twice", node, (unsigned long long)number);
    model->last_number = number;
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
    struct node_model *model = &w->node[node];
    for (unsigned i = 0; i < step->report_count; i++)
        fact_add(w, node, sim_index(&step->report[i].id),
                 outbox_violation(model->outbox, w->now, &step->report[i]), false);
}

/* --- the disk --- */

static void write_next(struct world *w, int node);

static void apply(struct node_model *model, size_t len)
{
    if (model->write.whole) {
        free(model->file);
        model->file = outbox_format(model->write.whole, BOOT, 0, &model->file_len);
        return;
    }
    model->file = mem_grow(model->file, model->file_len + len + 1, 1);
    memcpy(model->file + model->file_len, model->write.text, len);
    model->file_len += len;
}

static void mark(struct world *w, int node, bool written)
{
    w->node[node].unwritten &= !written; /* the file knows all numbers again */
    for (size_t i = w->facts; i--;) {
        struct fact *f = &w->fact[i];
        if (f->node != node || f->number > w->node[node].write_mark || f->lost)
            continue;
        if (f->written)
            return; /* and so are all facts before it */
        f->written = written;
        f->told = true;
    }
}

static void write_end(struct node_model *model)
{
    outbox_free(model->write.whole);
    free(model->write.text);
    model->writing = false;
}

static void written(struct world *w, struct sim_event *e)
{
    struct node_model *model = &w->node[e->node];
    if (!model->outbox || model->incarnation != e->incarnation)
        return;
    bool ok = w->now >= model->disk_full_ms;
    if (ok)
        apply(model, model->write.len);
    mark(w, e->node, ok);
    write_end(model);
    outbox_written(model->outbox, ok, model->file_len);
    if (ok)
        write_next(w, e->node);
    if (outbox_urgent(model->outbox))
        uplink_hurry(model->uplink);
}

static void write_next(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    if (!outbox_write(model->outbox, &model->write))
        return;
    model->writing = true;
    model->write_mark = model->last_number;
    uint64_t ms = w->outbox_write_ms ? w->outbox_write_ms : 1 + sim_random(w, sim_chance(w, 5) ? 3000 : 30);
    struct sim_event *e = sim_after(w, ms, written);
    e->node = node;
    e->incarnation = model->incarnation;
}

/* --- the agent --- */

void outbox_up(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    struct outbox_reading reading = {0};
    /* outbox_read corrects a clock that went back; numbers that the disk refused need the clock. */
    model->outbox = outbox_new(model->file && !model->unwritten ? 1 : w->now * 1024 + 1);
    if (model->file)
        outbox_read(model->outbox, model->file, model->file_len, BOOT, w->now, 0, &reading);
    if (reading.strange)
        sim_fail(w, "node %d finds %zu strange lines in its outbox", node, reading.strange);
    for (int i = 0; i < SIM_SANDBOXES; i++) {
        struct sandbox_model *s = &model->sandbox[i];
        struct sandbox_id id = sim_id(i);
        s->kept_ms = 0;
        s->guard = (struct guard){0};
        for (int kind = 0; kind < VIOLATION_KIND_COUNT; kind++)
            guard_restore(&s->guard, (enum violation_kind)kind,
                          outbox_episode(model->outbox, &id, (enum violation_kind)kind));
        if (s->saved && s->record.phase != PHASE_ENDED)
            continue;
        struct guard_step step = guard_close(&s->guard, &id);
        update_add(w, node, &step);
    }
}

/* The agent may die between writing, sending and the answer; a part of the write under way is on disk. */
void outbox_down(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    if (model->writing && sim_chance(w, 60)) {
        bool all = model->write.whole || sim_chance(w, 30);
        apply(model, all ? model->write.len : sim_random(w, model->write.len));
        if (all)
            mark(w, node, true);
    }
    if (model->writing)
        write_end(model);
    model->last_number = 0;
    for (size_t i = w->facts; i--;) {
        struct fact *f = &w->fact[i];
        if (f->node != node)
            continue;
        if ((f->told || f->written) && f->number > model->last_number)
            model->last_number =
                f->number; /* a number that was neither sent nor written may be given again */
        if (f->written || f->lost)
            continue;
        /* Facts before the tear are written, and will be reported. */
        f->lost = true;
        w->row[f->sandbox].loss_excused |= f->told;
        model->unwritten |= f->told;
    }
    outbox_free(model->outbox);
    model->outbox = NULL;
}

void outbox_wiped(struct world *w, int node)
{
    struct node_model *model = &w->node[node];
    free(model->file);
    model->file = NULL;
    model->file_len = 0;
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

static void sample_sandbox(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_model *s = &model->sandbox[sandbox];
    struct sample sample = sample_of(w, sandbox);
    static const struct violation_levels none, usual = {90, 95, 85, 90, 80, 60, 80, 75, 90, 80};
    struct guard_rules rules = {0};
    violation_rules(&none, &usual, rules.violation);
    struct guard_step step = guard_tick(&s->guard, &rules, &sample, true, w->now);
    if (!s->kept_ms || w->now - s->kept_ms >= OUTBOX_SAMPLE_EVERY_MS) {
        s->kept_ms = w->now;
        fact_add(w, node, sandbox, outbox_sample(model->outbox, w->now, &sample, false), true);
    }
    update_add(w, node, &step);
}

void outbox_ended(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_model *s = &model->sandbox[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    struct guard_step step = guard_close(&s->guard, &id);
    update_add(w, node, &step);
    if (s->kept_ms) {
        struct sample sample = sample_of(w, sandbox);
        fact_add(w, node, sandbox, outbox_sample(model->outbox, w->now, &sample, true), true);
    }
    s->kept_ms = 0;
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
    struct node_model *model = &w->node[node];
    check_committed(w, node, violations, false);
    check_committed(w, node, samples, true);
    outbox_ack(model->outbox, violations, samples);
    write_next(w, node);
    if (outbox_urgent(model->outbox))
        uplink_hurry(model->uplink);
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
        sim_fail(w, "%llu of node %d has a wrong time: %llu for %llu", (unsigned long long)number, node,
                 (unsigned long long)at, (unsigned long long)f->at);
    f->stored = true;
    w->told++;
}

static void store_violations(struct world *w, int node, const struct violation_report *report)
{
    struct row *r = &w->row[sim_index(&report->id)];
    if (r->node != node || fact_find(w, node, report->number)->stored)
        return;
    store(w, node, &report->id, report->number, report->ago_ms);
    uint8_t *level = &r->level[report->kind];
    uint8_t next =
        report->opened ? report->critical ? VIOLATION_CRITICAL : VIOLATION_WARNING : VIOLATION_NONE;
    bool follows = next == VIOLATION_NONE ? *level != VIOLATION_NONE : next == *level + 1;
    if (!follows && !r->loss_excused)
        sim_fail(w, "sandbox %d: from level %d its episode goes to %d", sim_index(&report->id), *level, next);
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
    struct node_model *model = &w->node[node];
    for (int i = 0; i < w->rows; i++) {
        struct sandbox_id id = sim_id(i);
        const struct sandbox_record *record =
            model->sandbox[i].runs ? reconciler_find(model->reconciler, &id) : NULL;
        if (record && record->phase == PHASE_RUNNING && !record->pooled &&
            (w->scenario || sim_chance(w, SAMPLE_C)))
            sample_sandbox(w, node, i);
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
        struct outbox_stats stats = outbox_stats(w->node[n].outbox);
        if (stats.violations || stats.samples || stats.violations_dropped || stats.samples_dropped)
            sim_fail(w, "the outbox of node %d is not empty, or dropped something", n);
    }
}

void outbox_fini(struct world *w)
{
    for (int n = 0; n < SIM_NODES; n++) {
        free(w->node[n].file);
    }
    free(w->fact);
}
