#include "controller/leader/leader_floors.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/model/image_ref.h"
#include "common/model/sandbox_spec.h"
#include "controller/core/cluster_state_warm.h"
#include "controller/db/db_warm.h"
#include "controller/leader/leader_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 5000

/* The name by which creates ask for it: with its digest where that is known, but for the base image. */
static bool name_image(const struct leader *leader, const char *whole, struct warm_class *class)
{
    struct image_ref ref;
    if (!image_ref_parse(whole, &ref))
        return false;
    if (!ref.digest[0] && strcmp(whole, leader->warm.base.image) != 0)
        snprintf(ref.digest, sizeof ref.digest, "%s", leader_image_digest(leader, whole));
    image_ref_full(&ref, class->image);
    return true;
}

/* As a create resolves what the template does not say (ops/sandbox_create.c). */
static void size(const struct leader *leader, const struct db_warm_floor *floor, struct warm_class *class)
{
    const struct warm_class *base = &leader->warm.base;
    class->storage_bytes = floor->storage_bytes ? floor->storage_bytes : base->storage_bytes;
    class->shm_bytes = floor->shm_bytes      ? floor->shm_bytes
                       : floor->memory_bytes ? sandbox_default_shm(floor->memory_bytes)
                                             : base->shm_bytes;
}

static void on_floors(void *arg, int code, const struct err *e, const struct db_warm_floor *floors,
                      size_t count)
{
    struct leader_ref asked = *(struct leader_ref *)arg;
    struct leader *leader = leader_of(&asked);
    size_t n = 0;
    free(arg);
    asked.leader->floors_asked = false;
    if (!leader || code) {
        if (code && code != ERR_CANCELLED)
            log_warn("leader", "templates of the warm pool cannot be read, trying again: %s", e->text);
        return;
    }
    struct warm_floor *out = mem_zalloc((count + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        out[n].least = floors[i].least;
        size(leader, &floors[i], &out[n].class);
        n += name_image(leader, floors[i].image, &out[n].class);
    }
    cluster_state_warm_floors(leader->cluster, loop_now_ms(), out, n);
    free(out);
}

void leader_floors_tick(struct leader *leader)
{
    uint64_t now = loop_now_ms();
    if (leader->floors_asked || now < leader->floors_due_ms)
        return;
    struct leader_ref *asked = mem_zalloc(sizeof *asked);
    *asked = leader_ref_of(leader);
    leader->floors_asked = true;
    leader->floors_due_ms = now + AGAIN_MS;
    db_warm_floors(leader->pool, on_floors, asked);
}
