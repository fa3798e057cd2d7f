/* What the controller and its operations share; private to controller.c and ops_*.c. */
#ifndef CORRAL_CONTROLLER_CONTROLLER_INT_H
#define CORRAL_CONTROLLER_CONTROLLER_INT_H

#include "controller/api/api.h"
#include "controller/cluster.h"
#include "controller/controller.h"
#include "controller/core/rates.h"
#include "controller/core/read_gate.h"
#include "controller/db/db_leader.h"
#include "controller/db/db_upkeep.h"

struct controller {
    struct loop *loop;
    const struct ctl_conf *conf;
    struct db_pool *pool;
    struct db_pool *reads; /* for what costs much: ops_read */
    struct read_gate *read_gate;
    struct db_pool *key_pool; /* for API keys alone: whoever guesses them waits for nobody else's, nor they */
    struct db_admit *admit;
    struct db_leader *leader;
    struct db_upkeep *upkeep;
    struct db_upkeep_terms terms;
    struct cluster *cluster;
    struct api *api;
    struct tls_server *fresh_tls; /* of a reload that is prepared */
    struct db_defaults defaults;
    struct rates rates;
    bool schema_good;
    struct err failure; /* why it stopped the loop by itself; code 0: it did not */
    struct timer schema_retry, key_notes, sweep;
    uint64_t started_ms;
};

/* Who acts, for the audit row; borrows the call. */
struct db_actor ops_actor(const struct api_call *call);

/* The owner that a query is bound to: the caller, or NULL (everybody's) for an administrator. */
const char *ops_owner(const struct api_call *call);

/* Answers a call from what the database said: 200 with its JSON and e's notice, or the error. */
void ops_answer_json(void *arg, int code, const struct err *e, const char *json);
void ops_answer_created(void *arg, int code, const struct err *e, const char *json); /* 201 */
void ops_answer_gone(void *arg, int code, const struct err *e, const char *json);    /* 204 */

/* Answers with a problem of this code. */
void ops_fail(struct api_call *call, int code, const char *detail);

/* A new id: "usr_" or "key_" and 26 characters. */
void ops_new_id(const char prefix[static 4], char out[static 31]);

/*
 * ops_read.c: runs a read that costs the database much, now or when its turn comes, or refuses it. run asks
 * c->reads, with cb and arg, once; cb answers the call.
 */
typedef void ops_read_fn(struct controller *c, struct api_call *call, db_json_cb *cb, void *arg);
void ops_read(struct controller *c, struct api_call *call, ops_read_fn *run);
/* Those that wait are answered; before the pool of reads goes. */
void controller_end_reads(struct controller *c);

/* ops_sandbox.c */
api_op_fn ops_sandbox_create, ops_sandbox_list, ops_sandbox_show, ops_sandbox_wait, ops_sandbox_stats,
    ops_sandbox_history, ops_sandbox_events;

/* ops_change.c */
api_op_fn ops_sandbox_patch, ops_sandbox_delete, ops_sandbox_pause, ops_sandbox_resume;
/* The path's {id}, or a 404: what is no id is nobody's sandbox. */
bool ops_sandbox_id(struct api_call *call, struct sandbox_id *id);
/* Answers where the database takes no writes now: what becomes of a sandbox is then told by nobody. */
bool ops_fail_unwritten(struct controller *c, struct api_call *call, const char *what);

/* ops_admin.c */
api_op_fn ops_event_list, ops_quota_usage, ops_node_list, ops_node_show, ops_node_cordon, ops_node_uncordon,
    ops_user_create, ops_user_list, ops_user_show, ops_user_patch, ops_user_delete, ops_key_create,
    ops_key_list, ops_key_show, ops_key_patch, ops_key_delete, ops_node_drain, ops_node_revoke,
    ops_node_delete, ops_tier_create, ops_tier_show, ops_tier_patch, ops_tier_delete, ops_tier_list,
    ops_audit_list, ops_healthz, ops_readyz;

/* ops_sweep.c */
api_op_fn ops_system_cleanup;
/* The next sweep in its time, one interval from now. */
void controller_arm_sweep(struct controller *controller);

/* metrics.c */
api_op_fn ops_system_stats, ops_metrics;

#endif
