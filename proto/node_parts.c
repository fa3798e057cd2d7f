#include "proto/node_parts.h"

#include "common/mem.h"
#include "proto/node.pb-c.h"
#include "proto/node_codec.h"

#include <stdlib.h>
#include <string.h>

#define VIOLATION_KINDS 4

/* Fields that have one name and one meaning on both sides: X(name). */
#define LIMITS_FIELDS(X) X(memory_bytes) X(cpu_millis) X(cpu_shares) X(storage_bytes) X(pids) X(nofile)
#define OBSERVATION_FIELDS(X)                                                                                \
    X(generation)                                                                                            \
    X(number) X(has_exit_code) X(exit_code) X(enforced) X(ran) X(started_ago_ms) X(ended_ago_ms)
#define SAMPLE_FIELDS(X)                                                                                     \
    X(number)                                                                                                \
    X(kept)                                                                                                  \
    X(ago_ms)                                                                                                \
    X(memory_used_bytes)                                                                                     \
    X(memory_working_set_bytes)                                                                              \
    X(memory_unreclaimable_bytes)                                                                            \
    X(memory_limit_bytes)                                                                                    \
    X(memory_peak_bytes)                                                                                     \
    X(oom_kills)                                                                                             \
    X(cpu_usage_ns)                                                                                          \
    X(cpu_limit_millis)                                                                                      \
    X(cpu_centi)                                                                                             \
    X(throttled_centi)                                                                                       \
    X(disk_used_bytes)                                                                                       \
    X(disk_limit_bytes)                                                                                      \
    X(rx_bytes)                                                                                              \
    X(tx_bytes)                                                                                              \
    X(rx_packets)                                                                                            \
    X(tx_packets)                                                                                            \
    X(rx_bytes_per_second)                                                                                   \
    X(tx_bytes_per_second)                                                                                   \
    X(io_read_bytes)                                                                                         \
    X(io_write_bytes)                                                                                        \
    X(pids)                                                                                                  \
    X(pids_limit)                                                                                            \
    X(memory_some_centi)                                                                                     \
    X(cpu_some_centi)                                                                                        \
    X(io_some_centi)                                                                                         \
    X(uptime_seconds) X(responsive) X(open_violations)
#define VIOLATION_FIELDS(X) X(number) X(ago_ms) X(opened) X(critical) X(percent_centi) X(limit) X(swings)
#define SWEEP_FIELDS(X)                                                                                      \
    X(orphan_container, SWEEP_ORPHAN_CONTAINER)                                                              \
    X(volume, SWEEP_VOLUME)                                                                                  \
    X(network, SWEEP_NETWORK) X(state_file, SWEEP_STATE_FILE) X(image, SWEEP_IMAGE)
#define RESOURCE_FIELDS(X) X(memory_bytes) X(cpu_millis) X(storage_bytes) X(sandboxes)
#define COPY(name)         out->name = in->name;

/* A field of the kernel's or a peer's that is past PostgreSQL's bigint would fail a whole batch there. */
static bool fits(uint64_t n)
{
    return n <= INT64_MAX;
}

static bool from_id(const char *text, struct sandbox_id *id)
{
    return text && sandbox_id_parse(text, id);
}

static bool to_id(const struct sandbox_id *id, char **out)
{
    struct sandbox_id checked;
    *out = (char *)id->text;
    return memchr(id->text, 0, sizeof id->text) && sandbox_id_parse(id->text, &checked);
}

static bool state_observable(uint32_t state)
{
    return state < SANDBOX_STATE_COUNT && state != SANDBOX_PENDING && state != SANDBOX_LOST;
}

static void from_limits(const Corral__SandboxLimits *in, struct sandbox_limits *out)
{
    LIMITS_FIELDS(COPY)
}

static bool to_want(struct pb_arena *arena, const struct want *in, Corral__Want *out)
{
    out->generation = in->generation;
    out->state = in->state;
    out->reason = in->reason;
    out->remaining_ms = in->remaining_ms;
    out->spec.data = (uint8_t *)in->spec;
    out->spec.len = in->spec ? in->spec_len : 0;
    out->limits = pb_alloc(arena, 1, sizeof *out->limits);
    corral__sandbox_limits__init(out->limits);
    {
        const struct sandbox_limits *from = &in->limits;
        Corral__SandboxLimits *to = out->limits;
#define COPY_LIMIT(name) to->name = from->name;
        LIMITS_FIELDS(COPY_LIMIT)
#undef COPY_LIMIT
    }
    return to_id(&in->id, &out->id) && (unsigned)in->state <= WANT_GONE &&
           (unsigned)in->reason < SANDBOX_REASON_COUNT && out->spec.len <= SPEC_PACKED_MAX &&
           in->generation > 0 && (in->state == WANT_GONE || out->spec.len > 0);
}

static bool from_want(const Corral__Want *in, struct want *out)
{
    if (!from_id(in->id, &out->id) || in->state > WANT_GONE || in->reason >= SANDBOX_REASON_COUNT ||
        in->spec.len > SPEC_PACKED_MAX || !in->limits || !in->generation ||
        (in->state != WANT_GONE && !in->spec.len))
        return false;
    out->generation = in->generation;
    out->state = (enum want_state)in->state;
    out->reason = (enum sandbox_reason)in->reason;
    out->remaining_ms = in->remaining_ms;
    from_limits(in->limits, &out->limits);
    out->spec = in->spec.len ? mem_dup(in->spec.data, in->spec.len) : NULL;
    out->spec_len = in->spec.len;
    return true;
}

static bool to_sample(struct pb_arena *arena, const struct sample *in, Corral__Sample *out)
{
    SAMPLE_FIELDS(COPY)
    return to_id(&in->id, &out->id);
}

static bool from_sample(const Corral__Sample *in, struct sample *out)
{
    bool all_fit = true;
    SAMPLE_FIELDS(COPY)
#define CHECK(name) all_fit = all_fit && fits(in->name);
    SAMPLE_FIELDS(CHECK)
#undef CHECK
    return all_fit && from_id(in->id, &out->id);
}

static bool to_observation(struct pb_arena *arena, const struct observation *in, Corral__Observation *out)
{
    OBSERVATION_FIELDS(COPY)
    out->state = in->state;
    out->reason = in->reason;
    out->detail = pb_alloc(arena, 1, sizeof in->detail);
    if (in->has_last) {
        out->last = pb_alloc(arena, 1, sizeof *out->last);
        corral__sample__init(out->last);
        if (!to_sample(arena, &in->last, out->last))
            return false;
    }
    return to_id(&in->id, &out->id) && state_observable(in->state) &&
           (unsigned)in->reason < SANDBOX_REASON_COUNT && memchr(in->detail, 0, sizeof in->detail) &&
           pb_sentence(out->detail, sizeof in->detail, in->detail);
}

static bool from_observation(const Corral__Observation *in, struct observation *out)
{
    OBSERVATION_FIELDS(COPY)
    out->state = (enum sandbox_state)in->state;
    out->reason = (enum sandbox_reason)in->reason;
    out->has_last = in->last;
    if (in->last && !from_sample(in->last, &out->last))
        return false;
    return from_id(in->id, &out->id) && state_observable(in->state) && in->reason < SANDBOX_REASON_COUNT &&
           fits(in->generation) && fits(in->number) && fits(in->started_ago_ms) && fits(in->ended_ago_ms) &&
           pb_sentence(out->detail, sizeof out->detail, in->detail);
}

static bool to_acceptance(struct pb_arena *arena, const struct acceptance *in, Corral__Acceptance *out)
{
    out->number = in->number;
    return to_id(&in->id, &out->id);
}

static bool from_acceptance(const Corral__Acceptance *in, struct acceptance *out)
{
    out->number = in->number;
    return from_id(in->id, &out->id);
}

static bool to_violation(struct pb_arena *arena, const struct violation_news *in, Corral__Violation *out)
{
    VIOLATION_FIELDS(COPY)
    out->kind = in->kind;
    return to_id(&in->id, &out->id) && in->kind < VIOLATION_KINDS;
}

static bool from_violation(const Corral__Violation *in, struct violation_news *out)
{
    VIOLATION_FIELDS(COPY)
    out->kind = (uint8_t)in->kind;
    return from_id(in->id, &out->id) && in->kind < VIOLATION_KINDS && fits(in->number) && fits(in->ago_ms) &&
           fits(in->limit);
}

static bool to_sweep_counts(struct pb_arena *arena, const uint64_t in[static SWEEP_KIND_COUNT],
                            Corral__SweepCounts **result)
{
    bool all_fit = true;
    Corral__SweepCounts *out = *result = pb_alloc(arena, 1, sizeof *out);
    corral__sweep_counts__init(out);
#define PUT(name, kind)                                                                                      \
    out->name = in[kind];                                                                                    \
    all_fit = all_fit && in[kind] <= SWEEP_COUNT_MAX;
    SWEEP_FIELDS(PUT)
#undef PUT
    return all_fit;
}

static bool from_sweep_counts(const Corral__SweepCounts *in, uint64_t out[static SWEEP_KIND_COUNT])
{
    bool all_fit = true;
    if (!in)
        return false;
#define TAKE(name, kind)                                                                                     \
    out[kind] = in->name;                                                                                    \
    all_fit = all_fit && in->name <= SWEEP_COUNT_MAX;
    SWEEP_FIELDS(TAKE)
#undef TAKE
    return all_fit;
}

static bool to_sweep_report(struct pb_arena *arena, const struct sweep_report *in, Corral__SweepReport *out)
{
    out->number = in->number;
    out->asked = in->asked;
    out->dry_run = in->dry_run;
    return in->number > 0 && to_sweep_counts(arena, in->counts.found, &out->found) &&
           to_sweep_counts(arena, in->counts.removed, &out->removed);
}

static bool from_sweep_report(const Corral__SweepReport *in, struct sweep_report *out)
{
    out->number = in->number;
    out->asked = in->asked;
    out->dry_run = in->dry_run;
    return in->number > 0 && fits(in->number) && from_sweep_counts(in->found, out->counts.found) &&
           from_sweep_counts(in->removed, out->counts.removed);
}

void to_sweep_order(struct pb_arena *arena, const struct sweep_order *in, Corral__SweepOrder **out)
{
    *out = NULL;
    if (!in->number)
        return;
    *out = pb_alloc(arena, 1, sizeof **out);
    corral__sweep_order__init(*out);
    (*out)->number = in->number;
    (*out)->dry_run = in->dry_run;
}

bool from_sweep_order(const Corral__SweepOrder *in, struct sweep_order *out)
{
    if (!in)
        return true;
    out->number = in->number;
    out->dry_run = in->dry_run;
    return in->number > 0;
}

/* The two directions of an array are the same for every part. */
#define ARRAYS(plural, part, plain, Generated)                                                               \
    bool to_##plural(struct pb_arena *arena, const plain *in, size_t count, Generated ***out)                \
    {                                                                                                        \
        Generated *item = pb_alloc(arena, count, sizeof *item);                                              \
        *out = pb_alloc(arena, count, sizeof **out);                                                         \
        for (size_t i = 0; i < count; i++) {                                                                 \
            corral__##part##__init(&item[i]);                                                                \
            (*out)[i] = &item[i];                                                                            \
            if (!to_##part(arena, &in[i], &item[i]))                                                         \
                return false;                                                                                \
        }                                                                                                    \
        return true;                                                                                         \
    }                                                                                                        \
    static bool from_array_##part(Generated *const *in, size_t count, size_t max, plain **out,               \
                                  size_t *out_count)                                                         \
    {                                                                                                        \
        if (count > max)                                                                                     \
            return false;                                                                                    \
        *out = mem_zalloc(count * sizeof **out);                                                             \
        for (size_t i = 0; i < count; i++) {                                                                 \
            if (!in[i] || !from_##part(in[i], &(*out)[i]))                                                   \
                return false;                                                                                \
            *out_count = i + 1;                                                                              \
        }                                                                                                    \
        return true;                                                                                         \
    }

ARRAYS(wants, want, struct want, Corral__Want)
ARRAYS(observations, observation, struct observation, Corral__Observation)
ARRAYS(acceptances, acceptance, struct acceptance, Corral__Acceptance)
ARRAYS(samples, sample, struct sample, Corral__Sample)
ARRAYS(violations, violation, struct violation_news, Corral__Violation)
ARRAYS(sweeps, sweep_report, struct sweep_report, Corral__SweepReport)

bool from_wants(Corral__Want *const *in, size_t count, struct want **out, size_t *out_count)
{
    return from_array_want(in, count, NODE_NEWS_MAX, out, out_count);
}

bool from_observations(Corral__Observation *const *in, size_t count, size_t max, struct observation **out,
                       size_t *out_count)
{
    return from_array_observation(in, count, max, out, out_count);
}

bool from_acceptances(Corral__Acceptance *const *in, size_t count, struct acceptance **out, size_t *out_count)
{
    return from_array_acceptance(in, count, NODE_NEWS_MAX, out, out_count);
}

bool from_samples(Corral__Sample *const *in, size_t count, struct sample **out, size_t *out_count)
{
    return from_array_sample(in, count, NODE_REPORT_MAX, out, out_count);
}

bool from_violations(Corral__Violation *const *in, size_t count, struct violation_news **out,
                     size_t *out_count)
{
    return from_array_violation(in, count, NODE_REPORT_MAX, out, out_count);
}

bool from_sweeps(Corral__SweepReport *const *in, size_t count, struct sweep_report **out, size_t *out_count)
{
    return from_array_sweep_report(in, count, NODE_SWEEPS_MAX, out, out_count);
}

static void to_resources(const struct node_resources *in, Corral__NodeResources *out)
{
    RESOURCE_FIELDS(COPY)
}

static bool from_resources(const Corral__NodeResources *in, struct node_resources *out)
{
    RESOURCE_FIELDS(COPY)
    return fits(in->memory_bytes) && fits(in->cpu_millis) && fits(in->storage_bytes) && fits(in->sandboxes);
}

bool to_facts(struct pb_arena *arena, const struct node_facts *in, Corral__NodeFacts **result)
{
    Corral__NodeFacts *out = *result = pb_alloc(arena, 1, sizeof *out);
    corral__node_facts__init(out);
    out->name = (char *)in->name;
    out->boot_id = (char *)in->boot_id;
    out->state_id = (char *)in->state_id;
    out->agent_version = (char *)in->agent_version;
    out->docker_version = (char *)in->docker_version;
    out->docker_api_version = (char *)in->docker_api_version;
    out->region = (char *)in->region;
    out->labels = in->labels.item;
    out->n_labels = in->labels.count;
    out->runtimes = in->runtimes.item;
    out->n_runtimes = in->runtimes.count;
    out->capacity = pb_alloc(arena, 1, sizeof *out->capacity);
    corral__node_resources__init(out->capacity);
    to_resources(&in->capacity, out->capacity);
    out->enforces = in->enforces;
    out->sick = pb_alloc(arena, 1, sizeof in->sick);
    return node_name_valid(in->name) && pb_sentence(out->sick, sizeof in->sick, in->sick) &&
           pb_list_check(in->labels.item, in->labels.count, NODE_LABELS_MAX, NODE_LABEL_MAX) &&
           pb_list_check(in->runtimes.item, in->runtimes.count, NODE_LABELS_MAX, NODE_LABEL_MAX);
}

static bool clean_list(struct string_list *out, char *const *item, size_t count)
{
    if (!pb_list_copy(out, item, count, NODE_LABELS_MAX, NODE_LABEL_MAX))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!pb_text_clean(item[i]))
            return false;
    return true;
}

bool from_facts(const Corral__NodeFacts *in, struct node_facts *out)
{
    out->enforces = in->enforces;
    return pb_text(out->name, sizeof out->name, in->name) && node_name_valid(out->name) &&
           pb_text(out->boot_id, sizeof out->boot_id, in->boot_id) &&
           pb_text(out->state_id, sizeof out->state_id, in->state_id) &&
           pb_text(out->agent_version, sizeof out->agent_version, in->agent_version) &&
           pb_text(out->docker_version, sizeof out->docker_version, in->docker_version) &&
           pb_text(out->docker_api_version, sizeof out->docker_api_version, in->docker_api_version) &&
           pb_text(out->region, sizeof out->region, in->region) &&
           pb_sentence(out->sick, sizeof out->sick, in->sick) && in->capacity &&
           from_resources(in->capacity, &out->capacity) &&
           clean_list(&out->labels, in->labels, in->n_labels) &&
           clean_list(&out->runtimes, in->runtimes, in->n_runtimes);
}
