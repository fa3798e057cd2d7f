#include "agent/node/cleanup.h"

#include "agent/agent_state.h"
#include "agent/node/cleanup_kinds.h"

#define MINUTE_MS 60000u

void agent_sweep_ordered(struct agent *agent, const struct sweep_order *order)
{
    if (order->number == agent->sweep_ordered)
        return; /* the same again */
    agent->sweep_ordered = order->number;
    if (agent->sweep)
        agent->sweep_waiting = *order;
    else
        sweep_start(agent, stray_kinds, order, false);
}

void agent_sweep_at_beginning(struct agent *agent)
{
    if (!agent->sweep)
        sweep_start(agent, stray_kinds, &(struct sweep_order){0}, true);
}

void agent_sweep_tick(struct agent *agent, uint64_t now)
{
    uint64_t interval = agent->conf->cleanup_interval_minutes * MINUTE_MS;
    if (!agent->sweep && stray_sweep_due(now, agent->swept_ms, interval, uplink_connected(agent->uplink)))
        sweep_start(agent, stray_kinds, &(struct sweep_order){0}, false);
}
