#include "common/model/sandbox_state.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define STATE(name, text, terminal) [SANDBOX_##name] = text,
#include "common/model/sandbox_state.def"
#undef STATE
};

static const bool state_terminal[] = {
#define STATE(name, text, terminal) [SANDBOX_##name] = terminal,
#include "common/model/sandbox_state.def"
#undef STATE
};

static const char *const reason_names[] = {
#define REASON(name, text) [REASON_##name] = text,
#include "common/model/sandbox_state.def"
#undef REASON
};

static const bool moves[SANDBOX_STATE_COUNT][SANDBOX_STATE_COUNT] = {
#define MOVE(from, to) [SANDBOX_##from][SANDBOX_##to] = true,
#include "common/model/sandbox_state.def"
#undef MOVE
};

static const char *name_at(const char *const *names, size_t count, size_t index)
{
    if (index >= count)
        abort();
    return names[index];
}

static bool index_of(const char *const *names, size_t count, const char *name, size_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

const char *sandbox_state_name(enum sandbox_state state)
{
    return name_at(state_names, ARRAY_LEN(state_names), state);
}

bool sandbox_state_parse(const char *name, enum sandbox_state *out)
{
    size_t i;
    if (!index_of(state_names, ARRAY_LEN(state_names), name, &i))
        return false;
    *out = (enum sandbox_state)i;
    return true;
}

const char *sandbox_reason_name(enum sandbox_reason reason)
{
    return name_at(reason_names, ARRAY_LEN(reason_names), reason);
}

bool sandbox_reason_parse(const char *name, enum sandbox_reason *out)
{
    size_t i;
    if (!index_of(reason_names, ARRAY_LEN(reason_names), name, &i))
        return false;
    *out = (enum sandbox_reason)i;
    return true;
}

bool sandbox_state_terminal(enum sandbox_state state)
{
    return state < SANDBOX_STATE_COUNT && state_terminal[state];
}

bool sandbox_state_may_move(enum sandbox_state from, enum sandbox_state to)
{
    return from < SANDBOX_STATE_COUNT && to < SANDBOX_STATE_COUNT && moves[from][to];
}
