#include "agent/node/cleanup.h"

#include "agent/agent_state.h"
#include "agent/node/cleanup_kinds.h"

#define MINUTE_MS 60000u

void agent_cleanup_ordered(struct agent *agent, const struct cleanup_order *order)
{
    if (order->number == agent->cleanup_ordered)
        return; /* the order was sent again */
    agent->cleanup_ordered = order->number;
    if (agent->cleanup)
        agent->cleanup_waiting = *order;
    else
        cleanup_start(agent, orphan_kinds, order, false);
}

void agent_cleanup_at_beginning(struct agent *agent)
{
    if (!agent->cleanup)
        cleanup_start(agent, orphan_kinds, &(struct cleanup_order){0}, true);
}

void agent_cleanup_tick(struct agent *agent, uint64_t now)
{
    uint64_t interval = agent->conf->cleanup_interval_minutes * MINUTE_MS;
    if (!agent->cleanup &&
        orphan_cleanup_due(now, agent->cleaned_ms, interval, uplink_connected(agent->uplink)))
        cleanup_start(agent, orphan_kinds, &(struct cleanup_order){0}, false);
}
