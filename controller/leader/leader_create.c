/*
 * Creates: placed by the cluster state, admitted by the database. Room is reserved from the placement to the
 * database's answer, and under a flood most creates are then refused by a quota. So a create that finds no
 * room only because others have reserved it waits for their answers. Whether a quota or the lack of room is
 * the reason for a refusal is decided by the database.
 */
#include "controller/leader/leader_create.h"

#include "controller/core/cluster_state_warm.h"
#include "controller/leader/leader_history.h"
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_starts.h"
#include "controller/leader/leader_trace.h"

#include "common/base/mem.h"
#include "common/io/pki.h"

#include <stdio.h>
#include <stdlib.h>

#define WAITING_MAX 8192

struct create {
    STAILQ_ENTRY(create) link;
    struct leader_ref asked;
    struct sandbox_id id;
    struct db_admit_request request;
    struct place_request place;
    uint8_t *spec;
    bool holds;                   /* it has reserved room on a node */
    char full[NODE_NAME_MAX + 1]; /* the node that the database refused; the create is placed a second time
                                     without it; "": none */
    uint64_t taken_ms;            /* when it was asked for; asked_ms: when the database was */
    uint64_t asked_ms;
    struct trace trace;
    struct later later;
    struct err error;
    db_admit_cb *cb;
    void *arg;
};

static void finish(struct create *create, int code, const struct err *e, const struct db_admit_result *r)
{
    create->cb(create->arg, code, e, r);
    free(create->spec);
    free(create);
}

static void fail_now(void *arg)
{
    struct create *create = arg;
    finish(create, create->error.code, &create->error, NULL);
}

/* Nothing is asked of the database: a member of the warm pool that it took is free again. */
static void fail(struct create *create, int code, const char *why)
{
    struct leader *leader = create->asked.leader;
    if (leader->cluster)
        cluster_state_refused(leader->cluster, &create->id);
    create->error.code = err_set(&create->error, code, "%s", why);
    later_call(&create->later, leader->loop, fail_now, create);
}

static void take_up(struct leader *leader, const struct create *create, const struct db_admit_result *r)
{
    struct sandbox_row row = r->row;
    row.desired.spec = create->spec;
    row.desired.spec_len = create->request.spec_len;
    row.waited_ms = loop_now_ms() - create->asked_ms;
    row.time = ROW_TIME_GIVEN;
    leader_starts_admitted(leader, &create->id, create->taken_ms);
    leader_trace_note(leader, &row.desired, &create->trace);
    cluster_state_admitted(leader->cluster, loop_now_ms(), &row, leader_effects(leader->engine));
    leader_history_created(leader->history, &create->id);
}

static void place_waiting(struct leader *leader);

/*
 * The chosen node became unhealthy, was cordoned or filled up, and the database knew it first: tries one
 * other node, with the same id. Its environment is sealed for that id.
 */
static bool may_go_elsewhere(const struct leader *leader, const struct create *create)
{
    return create->request.node[0] && !create->full[0] && leader->ready;
}

static void place_elsewhere(struct leader *leader, struct create *create)
{
    cluster_state_unplaced(leader->cluster, &create->id);
    snprintf(create->full, sizeof create->full, "%s", create->request.node);
    create->place.other_than = create->full;
    create->holds = false;
    STAILQ_INSERT_HEAD(&leader->creates, create, link);
    leader->creates_waiting++;
    place_waiting(leader);
}

/* Not admitted, or that is not known. */
static void give_up(struct leader *leader, const struct create *create, int code)
{
    if (code == ERR_DATABASE_UNAVAILABLE)
        cluster_state_warm_unsure(leader->cluster, &create->id);
    cluster_state_refused(leader->cluster, &create->id);
    if (code == ERR_DATABASE_UNAVAILABLE)
        leader_refresh(leader); /* it may have been committed anyway */
}

static void on_admitted(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct create *create = arg;
    struct leader *leader = leader_of(&create->asked);
    bool full = !code && r->outcome == DB_ADMIT_NO_ROOM;
    if (leader && create->holds)
        leader->placed--;
    if (leader && full && may_go_elsewhere(leader, create)) {
        place_elsewhere(leader, create);
        return;
    }
    if (leader && !code && r->outcome == DB_ADMITTED)
        take_up(leader, create, r);
    else if (leader)
        give_up(leader, create, code);
    bool unplaced = full && !create->request.node[0];
    if (unplaced) /* the placement's reason is more exact */
        finish(create, create->error.code, &create->error, NULL);
    else
        finish(create, code, e, r);
    if (leader)
        place_waiting(leader);
}

/*
 * Asks the database to admit. node NULL: no node fits, and the database only decides the reason of the
 * refusal.
 */
static void admit(struct create *create, const char *node)
{
    struct leader *leader = create->asked.leader;
    create->asked_ms = loop_now_ms();
    create->request.id = create->id.text;
    create->request.node = node ? node : "";
    if (node) {
        const struct node *chosen = node_table_find(cluster_state_nodes(leader->cluster), node);
        create->request.region = chosen->facts.region;
        create->request.enforced = chosen->facts.enforces;
        create->holds = true;
        leader->placed++;
    }
    db_admit(leader->admit, &create->request, on_admitted, create);
}

/* Places waiting creates, first come, first served. */
static void place_waiting(struct leader *leader)
{
    struct create *create;
    while (leader->ready && (create = STAILQ_FIRST(&leader->creates))) {
        const char *node = cluster_state_place(leader->cluster, &create->id, &create->place, &create->error);
        if (!node && leader->placed)
            return;
        STAILQ_REMOVE_HEAD(&leader->creates, link);
        leader->creates_waiting--;
        admit(create, node);
    }
}

struct sandbox_id leader_new_id(const struct leader *leader)
{
    uint8_t random[10];
    pki_random(random, sizeof random);
    return sandbox_id_make(leader_wall_ms(leader), random);
}

struct sandbox_id leader_choose_id(struct leader *leader, const struct place_request *place,
                                   const struct warm_class *class, bool allowed, bool *warm)
{
    struct sandbox_id id;
    *warm = leader->ready && !leader->creates_waiting &&
            cluster_state_warm_take(leader->cluster, loop_now_ms(), place, class, allowed, &id);
    return *warm ? id : leader_new_id(leader);
}

void leader_asked_for(struct leader *leader, const struct warm_class *class, const char *user)
{
    if (leader->ready)
        cluster_state_warm_asked(leader->cluster, loop_now_ms(), class, user);
}

void leader_return_id(struct leader *leader, const struct sandbox_id *id)
{
    if (leader->cluster)
        cluster_state_refused(leader->cluster, id);
}

void leader_create(struct leader *leader, const struct db_admit_request *request,
                   const struct place_request *place, db_admit_cb *cb, void *arg)
{
    struct create *create = mem_zalloc(sizeof *create);
    *create = (struct create){.asked = leader_ref_of(leader),
                              .request = *request,
                              .place = *place,
                              .taken_ms = loop_now_ms(),
                              .trace = leader_trace_of(&request->actor),
                              .spec = mem_dup(request->spec, request->spec_len),
                              .cb = cb,
                              .arg = arg};
    create->request.spec = create->spec;
    if (!sandbox_id_parse(request->id, &create->id))
        abort();
    enum db_trouble trouble = db_pool_trouble(leader->pool);
    if (trouble) { /* its result could not be written */
        fail(create, ERR_DATABASE_UNAVAILABLE, db_trouble_sentence(trouble));
    } else if (!leader->ready) {
        fail(create, ERR_NOT_LEADING, "this controller does not lead; try again");
    } else if (leader->creates_waiting >= WAITING_MAX) {
        fail(create, ERR_NO_CAPACITY, "too many creates wait for room; try again");
    } else {
        STAILQ_INSERT_TAIL(&leader->creates, create, link);
        leader->creates_waiting++;
        place_waiting(leader);
    }
}

void leader_creates_end(struct leader *leader, int code)
{
    struct create *create;
    while ((create = STAILQ_FIRST(&leader->creates))) {
        struct err e;
        STAILQ_REMOVE_HEAD(&leader->creates, link);
        leader->creates_waiting--;
        (void)err_set(&e, code, "this controller does not lead any more; try again");
        finish(create, code, &e, NULL);
    }
}
