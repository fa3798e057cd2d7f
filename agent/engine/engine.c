#include "agent/engine/engine.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct engine {
    struct loop *loop;
    const struct engine_ops *ops;
    void *owner;
    struct reconciler_effects effects;
    struct deferred due;
};

struct engine *engine_new(struct loop *loop, const struct engine_ops *ops, void *owner)
{
    struct engine *engine = mem_zalloc(sizeof *engine);
    *engine = (struct engine){.loop = loop, .ops = ops, .owner = owner};
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    deferred_cancel(&engine->due);
    reconciler_effects_fini(&engine->effects);
    free(engine);
}

/* Carries out kills first: when many are due at once, none waits for the disk. */
static void act(struct engine *engine, const struct reconciler_effects *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].kind == RECONCILER_KILL)
            engine->ops->act(engine->owner, &list->item[i]);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].kind != RECONCILER_KILL)
            engine->ops->act(engine->owner, &list->item[i]);
    }
}

static void run(void *arg)
{
    struct engine *engine = arg;
    struct reconciler_effects list = engine->effects;
    engine->effects = (struct reconciler_effects){0};
    act(engine, &list);
    reconciler_effects_fini(&list);
    engine->ops->settled(engine->owner);
}

void engine_due(struct engine *engine)
{
    deferred_call(&engine->due, engine->loop, run, engine);
}

struct reconciler_effects *engine_effects(struct engine *engine)
{
    engine_due(engine);
    return &engine->effects;
}
