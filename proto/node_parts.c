#include "proto/node_parts.h"

#include "common/base/mem.h"
#include "proto/node.pb-c.h"
#include "proto/node_arrays.h"
#include "proto/node_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields whose name and meaning are the same on both sides. */
#define COPY(name, most, also) out->name = in->name;

#define CLEANUP_FIELDS(X)                                                                                    \
    X(orphan_container, CLEANUP_ORPHAN_CONTAINER)                                                            \
    X(volume, CLEANUP_VOLUME)                                                                                \
    X(network, CLEANUP_NETWORK) X(state_file, CLEANUP_STATE_FILE) X(image, CLEANUP_IMAGE)

#define BOUND_OF struct sandbox_limits
static const struct field_bound limits_bounds[] = {
#define LIMIT(KIND, name, UNIT, ...) BOUND_ROW(name, NODE_##UNIT##_MAX, 0)
#include "common/model/limit.def"
};
#undef BOUND_OF
#define BOUND_OF struct desired_state
static const struct field_bound desired_state_bounds[] = {DESIRED_STATE_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct sandbox_status
static const struct field_bound status_bounds[] = {STATUS_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct sample
static const struct field_bound sample_bounds[] = {SAMPLE_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct violation_report
static const struct field_bound violation_bounds[] = {VIOLATION_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct cleanup_report
static const struct field_bound cleanup_report_bounds[] = {CLEANUP_REPORT_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct node_resources
static const struct field_bound resource_bounds[] = {RESOURCE_FIELDS(BOUND_ROW)};
#undef BOUND_OF

#define BROKEN(bounds, plain) bounds_broken(bounds, ARRAY_LEN(bounds), plain)
#define LOWER(bounds, plain)  bounds_lower(bounds, ARRAY_LEN(bounds), plain)

static uint64_t value_of(const struct field_bound *bound, const void *plain)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)plain + bound->offset,
           bound->size); /* little endian, like every machine that Corral supports */
    return value;
}

static bool holds(const struct field_bound *bound, const void *plain)
{
    uint64_t value = value_of(bound, plain);
    return value <= bound->most || (bound->also && value == bound->also);
}

const char *bounds_broken(const struct field_bound *bounds, size_t count, const void *plain)
{
    for (size_t i = 0; i < count; i++) {
        if (!holds(&bounds[i], plain))
            return bounds[i].name;
    }
    return NULL;
}

const char *bounds_lower(const struct field_bound *bounds, size_t count, void *plain)
{
    const char *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (holds(&bounds[i], plain))
            continue;
        memcpy((char *)plain + bounds[i].offset, &bounds[i].most, bounds[i].size);
        first = first ? first : bounds[i].name;
    }
    return first;
}

void node_fault_add(struct node_faults *faults, const char *part, const char *id, const char *what)
{
    if (!faults->count++)
        snprintf(faults->first, sizeof faults->first, "%s%s%s: %s", part, *id ? " of " : "", id, what);
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

/*
 * Each part has two functions, to_ and from_. The result says whether the item can be sent (taken) at all;
 * *fault names the field that broke a bound. With a fault and `true`, a number was lowered.
 */

static void to_limits(const struct sandbox_limits *in, Corral__SandboxLimits *out)
{
#define LIMIT(KIND, name, ...) COPY(name, 0, 0)
#include "common/model/limit.def"
}

static void from_limits(const Corral__SandboxLimits *in, struct sandbox_limits *out)
{
#define LIMIT(KIND, name, ...) COPY(name, 0, 0)
#include "common/model/limit.def"
}

/* The field that is wrong in a desired state, NULL where none is. */
static const char *desired_state_broken(uint32_t state, uint32_t reason, uint64_t generation, size_t spec_len)
{
    if (state > DESIRED_GONE)
        return "state";
    if (reason >= SANDBOX_REASON_COUNT)
        return "reason";
    if (!generation)
        return "generation";
    return spec_len > SPEC_PACKED_MAX || (state != DESIRED_GONE && !spec_len) ? "spec" : NULL;
}

static bool to_desired_state(struct pb_arena *arena, const struct desired_state *plain,
                             Corral__DesiredState *out, const char **fault)
{
    struct desired_state lowered = *plain, *in = &lowered;
    const char *limit = LOWER(limits_bounds, &in->limits), *own = LOWER(desired_state_bounds, in);
    DESIRED_STATE_FIELDS(COPY)
    out->state = in->state;
    out->reason = in->reason;
    out->spec.data = (uint8_t *)in->spec;
    out->spec.len = in->spec ? in->spec_len : 0;
    out->traceparent = (char *)plain->trace.text;
    out->limits = pb_alloc(arena, 1, sizeof *out->limits);
    corral__sandbox_limits__init(out->limits);
    to_limits(&in->limits, out->limits);
    *fault = !to_id(&plain->id, &out->id)
                 ? "id"
                 : desired_state_broken(in->state, in->reason, in->generation, out->spec.len);
    bool fit = !*fault;
    *fault = *fault ? *fault : own ? own : limit;
    return fit;
}

static bool from_desired_state(const Corral__DesiredState *in, struct desired_state *out, const char **fault)
{
    *fault = !from_id(in->id, &out->id) ? "id"
             : !in->limits              ? "limits"
                           : desired_state_broken(in->state, in->reason, in->generation, in->spec.len);
    if (*fault)
        return false;
    DESIRED_STATE_FIELDS(COPY)
    out->state = (enum desired)in->state;
    out->reason = (enum sandbox_reason)in->reason;
    from_limits(in->limits, &out->limits);
    const char *limit = LOWER(limits_bounds, &out->limits), *own = LOWER(desired_state_bounds, out);
    *fault = own ? own : limit;
    out->spec = in->spec.len ? mem_dup(in->spec.data, in->spec.len) : NULL;
    out->spec_len = in->spec.len;
    (void)trace_parse(in->traceparent, &out->trace); /* a bad one is none */
    return true;
}

/* A sample with an impossible number is worthless: it is left out, nothing is lowered. */
static bool to_sample(struct pb_arena *arena, const struct sample *in, Corral__Sample *out,
                      const char **fault)
{
    SAMPLE_FIELDS(COPY)
    *fault = to_id(&in->id, &out->id) ? BROKEN(sample_bounds, in) : "id";
    return !*fault;
}

static bool from_sample(const Corral__Sample *in, struct sample *out, const char **fault)
{
    SAMPLE_FIELDS(COPY)
    *fault = from_id(in->id, &out->id) ? BROKEN(sample_bounds, out) : "id";
    return !*fault;
}

/* X(KIND, name): the steps that a node measures. */
#define START_CONTROLLER(X, KIND, name)
#define START_NODE(X, KIND, name) X(KIND, name)

static void to_start_times(const struct start_times *in, Corral__StartTimes *out)
{
    corral__start_times__init(out);
    out->measured = in->measured;
#define TO_MS(KIND, name)               out->name##_ms = in->ms[START_TIME_##KIND];
#define START_TIME(KIND, name, BY, ...) START_##BY(TO_MS, KIND, name)
#include "common/model/start_time.def"
#undef START_TIME
#undef TO_MS
}

static void from_start_times(const Corral__StartTimes *in, struct start_times *out)
{
    out->measured = in->measured & ((1u << START_TIME_COUNT) - 1); /* a later agent may know more steps */
#define FROM_MS(KIND, name)             out->ms[START_TIME_##KIND] = in->name##_ms;
#define START_TIME(KIND, name, BY, ...) START_##BY(FROM_MS, KIND, name)
#include "common/model/start_time.def"
#undef START_TIME
#undef FROM_MS
}

/* A sandbox's state has to arrive, so numbers past a bound are lowered. */
static bool to_sandbox_status(struct pb_arena *arena, const struct sandbox_status *plain,
                              Corral__SandboxStatus *out, const char **fault)
{
    struct sandbox_status lowered = *plain, *in = &lowered;
    const char *number = LOWER(status_bounds, in), *last = NULL;
    STATUS_FIELDS(COPY)
    out->state = in->state;
    out->reason = in->reason;
    out->detail = pb_alloc(arena, 1, sizeof in->detail);
    if (!start_times_of_node(&lowered.start) && !number)
        number = "start";
    if (in->start.measured) {
        out->start = pb_alloc(arena, 1, sizeof *out->start);
        to_start_times(&in->start, out->start);
    }
    if (plain->has_last) {
        out->last = pb_alloc(arena, 1, sizeof *out->last);
        corral__sample__init(out->last);
        if (!to_sample(arena, &plain->last, out->last, &last))
            out->last = NULL;
    }
    *fault = !to_id(&plain->id, &out->id)                   ? "id"
             : !state_observable(in->state)                 ? "state"
             : (unsigned)in->reason >= SANDBOX_REASON_COUNT ? "reason"
             : !memchr(in->detail, 0, sizeof in->detail) ||
                     !pb_sentence(out->detail, sizeof in->detail, in->detail)
                 ? "detail"
                 : NULL;
    bool fit = !*fault;
    *fault = *fault ? *fault : number ? number : last;
    return fit;
}

static bool from_sandbox_status(const Corral__SandboxStatus *in, struct sandbox_status *out,
                                const char **fault)
{
    const char *last = NULL;
    STATUS_FIELDS(COPY)
    const char *number = LOWER(status_bounds, out);
    out->state = (enum sandbox_state)in->state;
    out->reason = (enum sandbox_reason)in->reason;
    if (in->start)
        from_start_times(in->start, &out->start);
    if (!start_times_of_node(&out->start) && !number)
        number = "start";
    out->has_last = in->last && from_sample(in->last, &out->last, &last);
    *fault = !from_id(in->id, &out->id)                                  ? "id"
             : !state_observable(in->state)                              ? "state"
             : in->reason >= SANDBOX_REASON_COUNT                        ? "reason"
             : !pb_sentence(out->detail, sizeof out->detail, in->detail) ? "detail"
                                                                         : NULL;
    bool fit = !*fault;
    *fault = *fault ? *fault : number ? number : last;
    return fit;
}

static bool to_status_ack(struct pb_arena *arena, const struct status_ack *in, Corral__StatusAck *out,
                          const char **fault)
{
    out->number = in->number;
    *fault = to_id(&in->id, &out->id) ? NULL : "id";
    return !*fault;
}

/* A number past its bound is harmless: it acknowledges no more than exists. */
static bool from_status_ack(const Corral__StatusAck *in, struct status_ack *out, const char **fault)
{
    out->number = in->number;
    *fault = from_id(in->id, &out->id) ? NULL : "id";
    return !*fault;
}

static bool to_violation(struct pb_arena *arena, const struct violation_report *in, Corral__Violation *out,
                         const char **fault)
{
    VIOLATION_FIELDS(COPY)
    *fault = to_id(&in->id, &out->id) ? BROKEN(violation_bounds, in) : "id";
    return !*fault;
}

static bool from_violation(const Corral__Violation *in, struct violation_report *out, const char **fault)
{
    bool known = in->kind < NODE_VIOLATION_KINDS;
#define COPY_NARROW(name, most, also) out->name = (__typeof__(out->name))in->name;
    VIOLATION_FIELDS(COPY_NARROW)
    *fault = !known ? "kind" : from_id(in->id, &out->id) ? BROKEN(violation_bounds, out) : "id";
    return !*fault;
}

static const char *to_cleanup_counts(struct pb_arena *arena, const uint64_t in[static CLEANUP_KIND_COUNT],
                                     Corral__CleanupCounts **result)
{
    const char *fault = NULL;
    Corral__CleanupCounts *out = *result = pb_alloc(arena, 1, sizeof *out);
    corral__cleanup_counts__init(out);
#define PUT(name, kind)                                                                                      \
    out->name = in[kind] < CLEANUP_COUNT_MAX ? in[kind] : CLEANUP_COUNT_MAX;                                 \
    fault = in[kind] > CLEANUP_COUNT_MAX ? #name : fault;
    CLEANUP_FIELDS(PUT)
#undef PUT
    return fault;
}

static const char *from_cleanup_counts(const Corral__CleanupCounts *in,
                                       uint64_t out[static CLEANUP_KIND_COUNT])
{
    const char *fault = NULL;
#define TAKE(name, kind)                                                                                     \
    out[kind] = in->name < CLEANUP_COUNT_MAX ? in->name : CLEANUP_COUNT_MAX;                                 \
    fault = in->name > CLEANUP_COUNT_MAX ? #name : fault;
    CLEANUP_FIELDS(TAKE)
#undef TAKE
    return fault;
}

/* Counts are lowered: a cleanup report is repeated until it is acknowledged, so it has to arrive. */
static bool to_cleanup_report(struct pb_arena *arena, const struct cleanup_report *in,
                              Corral__CleanupReport *out, const char **fault)
{
    CLEANUP_REPORT_FIELDS(COPY)
    const char *found = to_cleanup_counts(arena, in->counts.found, &out->found);
    const char *removed = to_cleanup_counts(arena, in->counts.removed, &out->removed);
    *fault = in->number ? BROKEN(cleanup_report_bounds, in) : "number";
    bool fit = !*fault;
    *fault = *fault ? *fault : found ? found : removed;
    return fit;
}

static bool from_cleanup_report(const Corral__CleanupReport *in, struct cleanup_report *out,
                                const char **fault)
{
    CLEANUP_REPORT_FIELDS(COPY)
    *fault = !in->number || !in->found || !in->removed ? "number" : BROKEN(cleanup_report_bounds, out);
    if (*fault)
        return false;
    const char *found = from_cleanup_counts(in->found, out->counts.found);
    const char *removed = from_cleanup_counts(in->removed, out->counts.removed);
    *fault = found ? found : removed;
    return true;
}

void to_cleanup_order(struct pb_arena *arena, const struct cleanup_order *in, Corral__CleanupOrder **out)
{
    *out = NULL;
    if (!in->number)
        return;
    *out = pb_alloc(arena, 1, sizeof **out);
    corral__cleanup_order__init(*out);
    (*out)->number = in->number;
    (*out)->dry_run = in->dry_run;
}

void from_cleanup_order(const Corral__CleanupOrder *in, struct cleanup_order *out)
{
    if (!in)
        return;
    out->number = in->number;
    out->dry_run = in->dry_run;
}

#define TEXT_ID(item)            (item)->id.text
#define ID_OF_desired_state(in)  (in)->id
#define ID_OF_sandbox_status(in) (in)->id
#define ID_OF_status_ack(in)     (in)->id
#define ID_OF_sample(in)         (in)->id
#define ID_OF_violation(in)      (in)->id
#define ID_OF_cleanup_report(in) ""

ARRAYS(desired_states, desired_state, struct desired_state, Corral__DesiredState, TEXT_ID)
ARRAYS(statuses, sandbox_status, struct sandbox_status, Corral__SandboxStatus, TEXT_ID)
ARRAYS(acks, status_ack, struct status_ack, Corral__StatusAck, TEXT_ID)
ARRAYS(samples, sample, struct sample, Corral__Sample, TEXT_ID)
ARRAYS(violations, violation, struct violation_report, Corral__Violation, TEXT_ID)
ARRAYS(cleanups, cleanup_report, struct cleanup_report, Corral__CleanupReport, NO_ID)

static void to_resources(const struct node_resources *in, Corral__NodeResources *out)
{
    RESOURCE_FIELDS(COPY)
}

static void from_resources(const Corral__NodeResources *in, struct node_resources *out)
{
    RESOURCE_FIELDS(COPY)
}

/* Whether a label (or a runtime) is clean text that fits. */
static bool label_fits(const char *item)
{
    return item && strlen(item) <= NODE_LABEL_MAX && pb_text_clean(item);
}

/* The valid items, at most NODE_LABELS_MAX; borrows them. */
static void to_labels(struct pb_arena *arena, const struct string_list *in, const char *part,
                      struct node_faults *faults, char ***out, size_t *count)
{
    *out = pb_alloc(arena, NODE_LABELS_MAX, sizeof **out);
    *count = 0;
    for (size_t i = 0; i < in->count; i++) {
        if (*count < NODE_LABELS_MAX && label_fits(in->item[i]))
            (*out)[(*count)++] = in->item[i];
        else
            node_fault_add(faults, part, "",
                           *count < NODE_LABELS_MAX ? "it is no label" : "there are too many");
    }
}

static void from_labels(char *const *in, size_t count, const char *part, struct node_faults *faults,
                        struct string_list *out)
{
    for (size_t i = 0; i < count; i++) {
        if (out->count < NODE_LABELS_MAX && label_fits(in[i]))
            string_list_add(out, in[i]);
        else
            node_fault_add(faults, part, "",
                           out->count < NODE_LABELS_MAX ? "it is no label" : "there are too many");
    }
}

/* The text fields of the facts; characters that are not clean are replaced. X(name). */
#define FACTS_TEXTS(X)                                                                                       \
    X(boot_id) X(state_id) X(agent_version) X(docker_version) X(docker_api_version) X(region) X(unhealthy)

bool to_facts(struct pb_arena *arena, const struct node_facts *in, struct node_faults *faults,
              Corral__NodeFacts **result)
{
    bool fit = node_name_valid(in->name);
    struct node_resources capacity = in->capacity;
    Corral__NodeFacts *out = *result = pb_alloc(arena, 1, sizeof *out);
    const char *fault = LOWER(resource_bounds, &capacity);
    if (fault)
        node_fault_add(faults, "capacity", "", fault);
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
#define TO_TEXT(name)                                                                                        \
    out->name = pb_alloc(arena, 1, sizeof in->name);                                                         \
    fit = fit && memchr(in->name, 0, sizeof in->name) && pb_sentence(out->name, sizeof in->name, in->name);
    FACTS_TEXTS(TO_TEXT)
#undef TO_TEXT
    to_labels(arena, &in->labels, "label", faults, &out->labels, &out->n_labels);
    to_labels(arena, &in->runtimes, "runtime", faults, &out->runtimes, &out->n_runtimes);
    out->capacity = pb_alloc(arena, 1, sizeof *out->capacity);
    corral__node_resources__init(out->capacity);
    to_resources(&capacity, out->capacity);
    out->enforces = in->enforces & ENFORCE_ALL;
    out->pools = in->pools;
    out->images = in->images;
    out->dense = in->dense;
    return fit;
}

bool from_facts(const Corral__NodeFacts *in, struct node_faults *faults, struct node_facts *out)
{
    bool fit = pb_text(out->name, sizeof out->name, in->name) && node_name_valid(out->name) && in->capacity;
    if (!fit)
        return false;
#define FROM_TEXT(name) fit = fit && pb_sentence(out->name, sizeof out->name, in->name);
    FACTS_TEXTS(FROM_TEXT)
#undef FROM_TEXT
    from_labels(in->labels, in->n_labels, "label", faults, &out->labels);
    from_labels(in->runtimes, in->n_runtimes, "runtime", faults, &out->runtimes);
    from_resources(in->capacity, &out->capacity);
    const char *fault = LOWER(resource_bounds, &out->capacity);
    if (fault)
        node_fault_add(faults, "capacity", "", fault);
    out->enforces = in->enforces & ENFORCE_ALL;
    out->pools = in->pools;
    out->images = in->images;
    out->dense = in->dense;
    return fit;
}
