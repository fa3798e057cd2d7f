#include "controller/leader/leader_starts.h"

#include "controller/leader/leader_history.h"
#include "controller/leader/leader_int.h"

#include "common/io/log.h"

static void on_state(void *arg, const struct state_change *change)
{
    struct leader *leader = arg;
    bool ran = change->state == SANDBOX_RUNNING || change->state == SANDBOX_PAUSED;
    uint64_t whole_ms;
    if ((ran || sandbox_state_terminal(change->state)) && starts_over(leader->starts, &change->id, &whole_ms))
        leader_history_started(leader->history, &change->id, whole_ms);
}

void leader_starts_subscribe(struct leader *leader)
{
    leader->starts_change = (struct change_subscriber){.on_state = on_state, .arg = leader};
    changes_subscribe(&leader->changes, &leader->starts_change);
}

void leader_starts_admitted(struct leader *leader, const struct sandbox_id *id, uint64_t asked_ms)
{
    uint64_t now = loop_now_ms();
    starts_admitted(leader->starts, now, id, now - asked_ms);
}

void leader_starts_told(struct leader *leader, struct sandbox_move *move)
{
    struct sandbox_status *status = &move->status;
    if (!status->ran || move->to == SANDBOX_STARTING)
        return;
    if (!starts_told(leader->starts, loop_now_ms(), &status->id, &status->start))
        log_warn("leader", "sandbox=%s its node gives longer times for its start than it took",
                 status->id.text);
}
