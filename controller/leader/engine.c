#include "controller/leader/engine.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct leader_engine {
    struct loop *loop;
    const struct leader_engine_ops *ops;
    void *owner;
    struct cluster_state_effects collected, running;
    struct deferred due;
};

struct leader_engine *leader_engine_new(struct loop *loop, const struct leader_engine_ops *ops, void *owner)
{
    struct leader_engine *engine = mem_zalloc(sizeof *engine);
    *engine = (struct leader_engine){.loop = loop, .ops = ops, .owner = owner};
    return engine;
}

void leader_engine_free(struct leader_engine *engine)
{
    if (!engine)
        return;
    deferred_cancel(&engine->due);
    cluster_state_effects_fini(&engine->collected);
    cluster_state_effects_fini(&engine->running);
    free(engine);
}

static void run(void *arg)
{
    struct leader_engine *engine = arg;
    struct cluster_state_effects empty = engine->running;
    engine->running = engine->collected;
    engine->collected = empty;
    for (size_t i = 0; i < engine->running.count; i++)
        engine->ops->act(engine->owner, &engine->running.item[i]);
    cluster_state_effects_clear(&engine->running);
    engine->ops->settled(engine->owner);
}

struct cluster_state_effects *leader_effects(struct leader_engine *engine)
{
    deferred_call(&engine->due, engine->loop, run, engine);
    return &engine->collected;
}

void leader_engine_clear(struct leader_engine *engine)
{
    deferred_cancel(&engine->due);
    cluster_state_effects_clear(&engine->collected);
    cluster_state_effects_clear(&engine->running);
}
