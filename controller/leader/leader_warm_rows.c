#include "controller/leader/leader_warm_rows.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "controller/core/cluster_state_warm.h"
#include "controller/db/db_warm.h"
#include "controller/leader/leader_int.h"
#include "controller/nodes/warm_spec.h"

#include <stdlib.h>

struct asking {
    struct leader_ref asked;
    struct sandbox_id id;
    uint64_t stamp;
    void (*next)(void *leader);
    void (*again)(void *leader);
};

static struct asking *asking_new(struct leader *leader)
{
    struct asking *asking = mem_zalloc(sizeof *asking);
    asking->asked = leader_ref_of(leader);
    return asking;
}

/* Copies asking to out and frees it. The leader, if it is still in the same term; else NULL. */
static struct leader *asking_end(struct asking *asking, struct asking *out)
{
    *out = *asking;
    free(asking);
    return leader_of(&out->asked);
}

static void on_loaded(void *arg, int code, const struct err *e, const struct warm_row *rows, size_t count)
{
    struct asking asking;
    struct leader *leader = asking_end(arg, &asking);
    struct err why;
    if (!leader)
        return;
    if (code) {
        log_warn("leader", "the rows of the warm pool cannot be read, trying again: %s", e->text);
        timer_start(&leader->again, leader->loop, LEADER_AGAIN_MS, asking.again, leader);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        uint8_t *spec = NULL;
        if (warm_spec_pack(&rows[i].class, &spec, &len, &why))
            log_warn("leader", "member=%s of the warm pool cannot be told to its node: %s", rows[i].id.text,
                     why.text);
        cluster_state_warm_load(leader->cluster, loop_now_ms(), &rows[i], spec, len);
        free(spec);
    }
    asking.next(leader);
}

void leader_warm_begin(struct leader *leader, void (*next)(void *leader), void (*again)(void *leader))
{
    struct asking *asking = asking_new(leader);
    asking->next = next;
    asking->again = again;
    cluster_state_warm_policy(leader->cluster, &leader->warm);
    db_warm_list(leader->pool, on_loaded, asking);
}

static void on_read(void *arg, int code, const struct err *e, const struct warm_row *rows, size_t count)
{
    struct asking asking;
    struct leader *leader = asking_end(arg, &asking);
    if (leader && !code)
        cluster_state_warm_read(leader->cluster, loop_now_ms(), asking.stamp, rows, count,
                                leader_effects(leader->engine));
    else if (leader) /* the next reading follows by itself */
        log_warn("leader", "the rows of the warm pool cannot be read: %s", e->text);
}

void leader_warm_refresh(struct leader *leader)
{
    struct asking *asking = asking_new(leader);
    asking->stamp = cluster_state_stamp(leader->cluster);
    db_warm_list(leader->pool, on_read, asking);
}

static void on_dropped(void *arg, int code, const struct err *e)
{
    struct asking asking;
    struct leader *leader = asking_end(arg, &asking);
    if (leader)
        cluster_state_warm_dropped(leader->cluster, &asking.id, !code);
}

void leader_warm_drop(struct leader *leader, const struct cluster_state_effect *effect)
{
    struct asking *asking = asking_new(leader);
    asking->id = effect->id;
    db_warm_drop(leader->pool, &effect->id, on_dropped, asking);
}

static void on_added(void *arg, int code, const struct err *e)
{
    struct asking asking;
    struct leader *leader = asking_end(arg, &asking);
    if (leader && code)
        log_warn("leader", "a row of the warm pool is not written: %s", e->text);
    if (leader)
        cluster_state_warm_added(leader->cluster, loop_now_ms(), &asking.id, !code,
                                 leader_effects(leader->engine));
}

void leader_warm_add(struct leader *leader, const struct warm_row *row)
{
    struct asking *asking = asking_new(leader);
    asking->id = row->id;
    db_warm_add(leader->pool, row, on_added, asking);
}
