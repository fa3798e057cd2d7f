/*
 * The life of a sandbox as a table: its states, the legal moves between them, and the reasons for an end.
 * Both daemons and the client take the names from here. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_SANDBOX_STATE_H
#define CORRAL_COMMON_MODEL_SANDBOX_STATE_H

#include "common/base/defs.h"

#include <stdbool.h>

enum sandbox_state {
#define STATE(name, text, terminal) SANDBOX_##name,
#include "common/model/sandbox_state.def"
#undef STATE
    SANDBOX_STATE_COUNT
};

enum sandbox_reason {
#define REASON(name, text) REASON_##name,
#include "common/model/sandbox_state.def"
#undef REASON
    SANDBOX_REASON_COUNT
};

/* The state's public name. Static; aborts on a number that is no state. */
const char *sandbox_state_name(enum sandbox_state state);

/* Returns true and sets *out if name is a state's public name. */
bool sandbox_state_parse(const char *name, enum sandbox_state *out);

/* The reason's public name, "" for REASON_NONE. Static; aborts on a number that is no reason. */
const char *sandbox_reason_name(enum sandbox_reason reason);

/* Returns true and sets *out if name is a reason's public name. */
bool sandbox_reason_parse(const char *name, enum sandbox_reason *out);

/* A sandbox never leaves a terminal state. In any other state it counts against quotas. */
bool sandbox_state_terminal(enum sandbox_state state);

/* Whether the table has this move. Staying in a state is not a move: false. */
bool sandbox_state_may_move(enum sandbox_state from, enum sandbox_state to);

#endif
