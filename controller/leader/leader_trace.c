#include "controller/leader/leader_trace.h"

#include "controller/leader/leader_int.h"

#include "common/io/log.h"
#include "common/model/trace_table.h"

#include <inttypes.h>

struct trace leader_trace_of(const struct db_actor *actor)
{
    return actor && actor->trace ? *actor->trace : (struct trace){{0}};
}

void leader_trace_note(struct leader *leader, const struct desired_state *desired, const struct trace *trace)
{
    char mark[TRACE_MARK_MAX];
    if (!trace_table_put(leader->traces, &desired->id, desired->generation, trace) || !trace_known(trace))
        return;
    log_line(trace_sampled(trace) ? LOG_INFO : LOG_DEBUG, "leader",
             "sandbox=%s %sis to be %s, generation %" PRIu64, desired->id.text, trace_mark(trace, mark),
             desired_name(desired->state), desired->generation);
}

struct trace leader_trace_last(const struct leader *leader, const char *sandbox_id)
{
    struct sandbox_id id;
    return sandbox_id_parse(sandbox_id, &id) ? trace_table_get(leader->traces, &id, 0) : (struct trace){{0}};
}

void leader_trace_fill(const struct leader *leader, struct desired_state *desired)
{
    desired->trace = trace_table_get(leader->traces, &desired->id, desired->generation);
}
