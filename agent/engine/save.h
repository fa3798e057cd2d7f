/* Records: formatted here, written by the worker, in order for each sandbox. */
#ifndef CORRAL_AGENT_ENGINE_SAVE_H
#define CORRAL_AGENT_ENGINE_SAVE_H

#include "common/base/id.h"

struct agent;

/* Writes its record, then calls reconciler_saved. */
void agent_save(struct agent *agent, const struct sandbox_id *id);

/* Removes its record. */
void agent_save_nothing(struct agent *agent, const struct sandbox_id *id);

#endif
