/*
 * Creates: placed by the fleet, admitted by the database. Room is held from the placement to the database's
 * answer, and most of a flood is then refused by a quota; so one that finds no room only because others hold
 * it waits for their answers. Whether a quota or the lack of room is why a create is refused, the database
 * says.
 */
#include "controller/leader/cluster_int.h"

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
    bool holds; /* room on a host */
    char full[NODE_NAME_MAX +
              1]; /* the host that the database refused it, and it is placed no more; "": none */
    uint64_t asked_ms;
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

static void fail(struct create *create, int code, const char *why)
{
    create->error.code = err_set(&create->error, code, "%s", why);
    later_call(&create->later, create->asked.cluster->loop, fail_now, create);
}

static void take_up(struct cluster *c, const struct create *create, const struct db_admit_result *r)
{
    struct fleet_row row = {.id = create->id,
                            .user = create->request.user_id,
                            .node = r->node,
                            .generation = r->generation,
                            .want = WANT_RUNNING,
                            .state = SANDBOX_PENDING,
                            .remaining_ms = r->remaining_ms,
                            .expires_ms = r->expires_ms,
                            .waited_ms = loop_now_ms() - create->asked_ms,
                            .time = FLEET_TIME_GIVEN,
                            .limits = create->request.limits,
                            .spec = create->spec,
                            .spec_len = create->request.spec_len};
    fleet_admitted(c->fleet, loop_now_ms(), &row, leader_effects(c->engine));
}

static void place_waiting(struct cluster *c);

/*
 * The chosen host fell ill, was cordoned or filled up on the way to the database, which knew it first: once
 * another may have it.
 */
static bool place_elsewhere(struct cluster *c, struct create *create)
{
    if (!create->request.node[0] || create->full[0] || !c->ready)
        return false;
    snprintf(create->full, sizeof create->full, "%s", create->request.node);
    create->place.other_than = create->full;
    create->holds = false;
    STAILQ_INSERT_HEAD(&c->creates, create, link);
    c->creates_waiting++;
    place_waiting(c);
    return true;
}

static void on_admitted(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct create *create = arg;
    struct cluster *c = leader_of(&create->asked);
    if (c && create->holds)
        c->placed--;
    if (c && !code && r->outcome == DB_ADMITTED)
        take_up(c, create, r);
    else if (c)
        fleet_refused(c->fleet, &create->id);
    if (c && code == ERR_DATABASE_UNAVAILABLE)
        cluster_refresh(c); /* it may have been committed all the same */
    if (c && !code && r->outcome == DB_ADMIT_NO_ROOM && place_elsewhere(c, create))
        return;
    bool unplaced = !code && r->outcome == DB_ADMIT_NO_ROOM && !create->request.node[0];
    if (unplaced) /* the placement knows better why */
        finish(create, create->error.code, &create->error, NULL);
    else
        finish(create, code, e, r);
    if (c)
        place_waiting(c);
}

/* With a host, or without one for the database to say what is in the way. */
static void admit(struct create *create, const char *node)
{
    struct cluster *c = create->asked.cluster;
    create->asked_ms = loop_now_ms();
    create->request.id = create->id.text;
    create->request.node = node ? node : "";
    if (node) {
        const struct node *host = node_table_find(fleet_nodes(c->fleet), node);
        create->request.region = host->facts.region;
        create->request.enforced = host->facts.enforces;
        create->holds = true;
        c->placed++;
    }
    db_admit(c->admit, &create->request, on_admitted, create);
}

/* In the order in which they came. */
static void place_waiting(struct cluster *c)
{
    struct create *create;
    while (c->ready && (create = STAILQ_FIRST(&c->creates))) {
        const char *node = fleet_place(c->fleet, &create->id, &create->place, &create->error);
        if (!node && c->placed)
            return;
        STAILQ_REMOVE_HEAD(&c->creates, link);
        c->creates_waiting--;
        admit(create, node);
    }
}

static struct sandbox_id new_id(const struct cluster *c)
{
    uint8_t random[10];
    pki_random(random, sizeof random);
    return sandbox_id_make(cluster_wall_ms(c), random);
}

void cluster_create(struct cluster *c, const struct db_admit_request *request,
                    const struct place_request *place, db_admit_cb *cb, void *arg)
{
    struct create *create = mem_zalloc(sizeof *create);
    *create = (struct create){.asked = leader_ref_of(c),
                              .id = new_id(c),
                              .request = *request,
                              .place = *place,
                              .spec = mem_dup(request->spec, request->spec_len),
                              .cb = cb,
                              .arg = arg};
    create->request.spec = create->spec;
    enum db_trouble trouble = db_pool_trouble(c->pool);
    if (trouble) { /* it could not be told of, whatever became of it */
        fail(create, ERR_DATABASE_UNAVAILABLE, db_trouble_sentence(trouble));
    } else if (!c->ready) {
        fail(create, ERR_NOT_LEADING, "this controller does not lead; try again");
    } else if (c->creates_waiting >= WAITING_MAX) {
        fail(create, ERR_NO_CAPACITY, "too many creates wait for room; try again");
    } else {
        STAILQ_INSERT_TAIL(&c->creates, create, link);
        c->creates_waiting++;
        place_waiting(c);
    }
}

void cluster_creates_end(struct cluster *c, int code)
{
    struct create *create;
    while ((create = STAILQ_FIRST(&c->creates))) {
        struct err e;
        STAILQ_REMOVE_HEAD(&c->creates, link);
        c->creates_waiting--;
        (void)err_set(&e, code, "this controller does not lead any more; try again");
        finish(create, code, &e, NULL);
    }
}
