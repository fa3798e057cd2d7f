/* Records: formatted here, written in the order of their sandbox. */
#ifndef CORRAL_AGENT_ENGINE_SAVE_H
#define CORRAL_AGENT_ENGINE_SAVE_H

#include "common/base/id.h"

struct agent;

/* Then reconciler_saved. */
void agent_save(struct agent *agent, const struct sandbox_id *id);

/* Its record goes. */
void agent_save_nothing(struct agent *agent, const struct sandbox_id *id);

#endif
