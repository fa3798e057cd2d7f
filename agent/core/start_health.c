#include "agent/core/start_health.h"

#include <stdio.h>
#include <string.h>

void start_health_well(struct start_health *health)
{
    memset(health, 0, sizeof *health);
}

/* Failures of starts that were under way when the node became unhealthy are not counted. */
void start_health_failed(struct start_health *health, uint64_t now, const char *why, const char *suspect)
{
    if (start_health_unhealthy(health, now) || (*suspect && !strcmp(health->suspect, suspect)))
        return;
    snprintf(health->suspect, sizeof health->suspect, "%.*s", START_SUSPECT_MAX, suspect);
    snprintf(health->why, sizeof health->why, "%s", why);
    if (++health->failed < START_HEALTH_FAILURES)
        return;
    health->until_ms = now + ((uint64_t)START_HEALTH_PAUSE_MS << health->pauses);
    if (health->pauses < START_HEALTH_PAUSES_MAX)
        health->pauses++;
}

bool start_health_unhealthy(const struct start_health *health, uint64_t now)
{
    return health->failed >= START_HEALTH_FAILURES && now < health->until_ms;
}
