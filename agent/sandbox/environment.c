#include "agent/sandbox/environment.h"

#include "common/io/log.h"
#include "proto/spec_env.h"

#include <stdlib.h>

int agent_environment_seal(const struct agent *agent, const struct desired_state *desired, uint8_t **out,
                           size_t *out_len, struct err *e)
{
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &desired->id);
    bool keeps = record && (!record->pooled || desired->pooled);
    *out = NULL;
    if (!desired->spec || keeps)
        return 0; /* a sandbox that is known keeps the spec that it has, but a member of the pool gets one */
    int rc = spec_env_seal_packed(agent->secrets, desired->id.text, desired->spec, desired->spec_len, out,
                                  out_len, e);
    return rc == ERR_PROTOCOL ? 0 : rc; /* no spec: the start says so */
}

int agent_environment_open(const struct agent *agent, const struct sandbox_id *id, struct sandbox_spec *spec,
                           struct err *e)
{
    return spec_env_open(agent->secrets, id->text, spec, e);
}

uint8_t *agent_environment_mend(const struct agent *agent, const struct sandbox_record *record,
                                size_t *out_len)
{
    struct err e;
    uint8_t *out = NULL;
    if (record->phase > PHASE_STARTING)
        return spec_env_drop_packed(record->spec, record->spec_len, out_len);
    if (spec_env_seal_packed(agent->secrets, record->id.text, record->spec, record->spec_len, &out, out_len,
                             &e))
        log_warn("agent", "sandbox=%s the environment in its record is not sealed: %s", record->id.text,
                 e.text);
    return out;
}

void agent_environment_forget(struct agent *agent, const struct sandbox_id *id)
{
    const struct sandbox_record *record = reconciler_find(agent->reconciler, id);
    size_t len;
    uint8_t *spec = record ? spec_env_drop_packed(record->spec, record->spec_len, &len) : NULL;
    if (spec)
        reconciler_respec(agent->reconciler, id, spec, len);
    free(spec);
}
