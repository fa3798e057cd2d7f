/*
 * Sandboxes after their admission: reads, and changes of the sandbox and of its desired state. owner: a
 * user's id, which hides other users' sandboxes (ERR_NOT_FOUND); NULL for an administrator.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_SANDBOX_H
#define CORRAL_CONTROLLER_DB_DB_SANDBOX_H

#include "controller/core/sandbox_row.h"
#include "controller/db/db_admit.h"

void db_sandbox_get(struct db_pool *pool, const char *id, const char *owner, db_json_cb *cb, void *arg);

/*
 * The state of a sandbox, besides its object; reason and detail of its end (else REASON_NONE and "").
 * Borrowed for the call.
 */
struct db_sandbox_state {
    enum sandbox_state state;
    enum sandbox_reason reason;
    const char *detail, *json;
};
/* state is NULL where code is not 0. */
typedef void db_sandbox_state_cb(void *arg, int code, const struct err *e,
                                 const struct db_sandbox_state *state);
void db_sandbox_state(struct db_pool *pool, const char *id, db_sandbox_state_cb *cb, void *arg);

/* The node of a sandbox, live or ended; borrowed for the call, NULL where code is not 0. */
typedef void db_sandbox_node_cb(void *arg, int code, const struct err *e, const char *node);
void db_sandbox_node(struct db_pool *pool, const char *id, const char *owner, db_sandbox_node_cb *cb,
                     void *arg);

/*
 * Records that an administrator enters another user's sandbox for this operation; of the actor's own nothing
 * is recorded. need: "running"; "paused" also takes one that is paused, "logs" also one that has ended. json
 * is NULL. ERR_NOT_FOUND, ERR_WRONG_STATE; recorded too.
 */
void db_sandbox_enter(struct db_pool *pool, const char *id, const char *operation, const char *need,
                      const struct db_actor *actor, db_json_cb *cb, void *arg);

/*
 * Records that a ticket for this route of a sandbox of this owner (NULL: any) is made. json is NULL.
 * ERR_NOT_FOUND.
 */
void db_sandbox_ticket(struct db_pool *pool, const char *id, const char *owner, const char *route,
                       const struct db_actor *actor, db_json_cb *cb, void *arg);

struct db_sandbox_filter {
    const char *owner;                    /* only this user's; NULL: all */
    const char *user;                     /* an administrator's filter: a user's id or name */
    const char *state;                    /* NULL: any */
    const char *label_name, *label_value; /* NULL: any; the name holds no quote and no backslash */
    const char *template;                 /* NAME or NAME@NUMBER; NULL: any, or none */
    bool all;                             /* ended ones too */
    const char *cursor; /* next_cursor of the previous page; an invalid one is ERR_INVALID */
    unsigned limit;
};
/* Answers {"items": […], "next_cursor": …}. */
void db_sandbox_list(struct db_pool *pool, const struct db_sandbox_filter *filter, db_page_cb *cb, void *arg);

/* All live rows, for a controller that begins to lead (or lost an answer). One call. */
typedef void db_sandbox_rows_cb(void *arg, int code, const struct err *e, const struct sandbox_row *rows,
                                size_t count);
void db_sandbox_live(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg);

/* Only id, generation and state of each live row: shows which rows have to be read again. */
void db_sandbox_marks(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg);

/* These rows, live or ended, with the columns of live ones; ids without a row are left out. */
void db_sandbox_read(struct db_pool *pool, const struct sandbox_id *ids, size_t count, db_sandbox_rows_cb *cb,
                     void *arg);

/* row, with its object, is NULL where code is not 0. */
typedef void db_sandbox_cb(void *arg, int code, const struct err *e, const struct sandbox_row *row);

/*
 * Sets the desired state and raises the generation. DESIRED_GONE also moves the state to "stopping"; on a
 * sandbox that has ended it succeeds (see row->state), and any other desired state is ERR_WRONG_STATE.
 * Setting the same state again changes nothing.
 */
void db_sandbox_set_desired(struct db_pool *pool, const char *id, const char *owner, enum desired desired,
                            enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb,
                            void *arg);

/*
 * Changes a live sandbox. patch: a JSON object's text with any of memory_bytes, cpu_millis, cpu_shares, name,
 * labels, lifetime_seconds (from now), expires_at. Checked like an admission: ERR_ABOVE_TIER_LIMIT,
 * ERR_NO_CAPACITY, ERR_WRONG_STATE, ERR_INVALID. The generation rises where the node has to apply the change.
 */
void db_sandbox_patch(struct db_pool *pool, const char *id, const char *owner, const char *patch,
                      const struct db_defaults *defaults, const struct db_actor *actor, db_sandbox_cb *cb,
                      void *arg);

/*
 * Moves a sandbox that has not run to another node. ERR_WRONG_STATE where the row has changed,
 * ERR_NO_CAPACITY, ERR_NOT_FOUND: nothing was changed. May be repeated.
 */
void db_sandbox_reschedule(struct db_pool *pool, const struct sandbox_reschedule *reschedule,
                           db_sandbox_cb *cb, void *arg);

enum db_move_outcome {
    DB_MOVED,
    DB_MOVE_SAME,      /* it was in that state already: no event was added */
    DB_MOVE_REFUSED,   /* not a legal move from where it is (state): a terminal state never goes back */
    DB_MOVE_NOT_FOUND, /* no such row: the container is an orphan */
};
struct db_move_result {
    enum db_move_outcome outcome;
    enum sandbox_state state; /* the current state; not with DB_MOVE_NOT_FOUND */
    const char *json;         /* the sandbox; NULL with DB_MOVE_NOT_FOUND */
    const char *event;        /* the event, as JSON; DB_MOVED only */
    const char *user_id;      /* the owner */
};
/* One result for each move, in order. code not 0: none was made, or it is unknown: repeat. */
typedef void db_move_cb(void *arg, int code, const struct err *e, const struct db_move_result *results,
                        size_t count);

/* One transaction, at most 256 moves. */
void db_sandbox_move(struct db_pool *pool, const struct sandbox_move *moves, size_t count, db_move_cb *cb,
                     void *arg);

/* The quota usage object of a user, as seen with this key. */
void db_quota_usage(struct db_pool *pool, const char *user_id, const char *key_id,
                    const struct db_defaults *defaults, db_json_cb *cb, void *arg);

#endif
