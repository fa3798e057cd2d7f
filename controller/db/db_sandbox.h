/*
 * Sandboxes after their admission: reading, and the changes of what they are and their desired state.
 * owner: a user's id, which hides what is not theirs (ERR_NOT_FOUND); NULL for an administrator.
 */
#ifndef CORRAL_CONTROLLER_DB_SANDBOX_H
#define CORRAL_CONTROLLER_DB_SANDBOX_H

#include "common/model/node_wire.h"
#include "controller/db/db_admit.h"

void db_sandbox_get(struct db_pool *pool, const char *id, const char *owner, db_json_cb *cb, void *arg);

/* Where a sandbox is, beside its object: how it ended where it has (REASON_NONE and "" else). Borrowed for
 * the call. */
struct db_sandbox_state {
    enum sandbox_state state;
    enum sandbox_reason reason;
    const char *detail, *json;
};
/* state is NULL where code is not 0. */
typedef void db_sandbox_state_cb(void *arg, int code, const struct err *e,
                                 const struct db_sandbox_state *state);
void db_sandbox_state(struct db_pool *pool, const char *id, db_sandbox_state_cb *cb, void *arg);

struct db_sandbox_filter {
    const char *owner;                    /* only this user's; NULL: all */
    const char *user;                     /* an administrator's filter: a user's id or name */
    const char *state;                    /* NULL: any */
    const char *label_name, *label_value; /* NULL: any; the name holds no quote and no backslash */
    bool all;                             /* ended ones too */
    const char *cursor; /* next_cursor of the page before; one that is none is ERR_INVALID */
    unsigned limit;
};
/* Answers {"items": […], "next_cursor": …}. */
void db_sandbox_list(struct db_pool *pool, const struct db_sandbox_filter *filter, db_page_cb *cb, void *arg);

/* What the core needs of a row, beside the object for people. Borrowed for the call. */
struct db_sandbox_row {
    struct sandbox_id id;
    const char *user_id, *key_id, *tier, *node, *region; /* of a change only node; else NULL */
    enum sandbox_state state;
    enum desired desired;
    enum sandbox_reason desired_reason;
    uint64_t generation, remaining_ms;
    int64_t expires_ms; /* Unix time by PostgreSQL's clock */
    uint64_t age_ms;    /* since created_at; live rows only */
    struct sandbox_limits limits;
    bool restart_elsewhere; /* live rows only */
    bool rescheduled;       /* likewise: it was placed a second time */
    const uint8_t *spec;    /* live rows only */
    size_t spec_len;
    const char *json; /* the object; of rows that are read by their ids, else NULL */
};

/* Every row that has not ended, for a controller that begins to lead (or lost an answer). One call. */
typedef void db_sandbox_rows_cb(void *arg, int code, const struct err *e, const struct db_sandbox_row *rows,
                                size_t count);
void db_sandbox_live(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg);

/* Of each live row only id, generation and state: what shows that others are to be read again. */
void db_sandbox_marks(struct db_pool *pool, db_sandbox_rows_cb *cb, void *arg);

/* These rows, as of live ones, but also where they have ended; an id that has no row is left out. */
void db_sandbox_read(struct db_pool *pool, const struct sandbox_id *ids, size_t count, db_sandbox_rows_cb *cb,
                     void *arg);

/* row and json are NULL where code is not 0. */
typedef void db_sandbox_cb(void *arg, int code, const struct err *e, const struct db_sandbox_row *row,
                           const char *json);

/*
 * The desired state from now on: raises the generation. DESIRED_GONE moves the state to "stopping" too; of
 * one that has ended it succeeds (row->state says so), any other desired state is then ERR_WRONG_STATE. The
 * same again changes nothing.
 */
void db_sandbox_set_desired(struct db_pool *pool, const char *id, const char *owner, enum desired desired,
                            enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb,
                            void *arg);

/*
 * The live changes. patch: a JSON object's text with any of memory_bytes, cpu_millis, cpu_shares, name,
 * labels, lifetime_seconds (from now), expires_at. Passes the same gate as admission: ERR_ABOVE_TIER_LIMIT,
 * ERR_NO_CAPACITY, ERR_WRONG_STATE, ERR_INVALID. The generation rises where the node has to know.
 */
void db_sandbox_patch(struct db_pool *pool, const char *id, const char *owner, const char *patch,
                      const struct db_defaults *defaults, const struct db_actor *actor, db_sandbox_cb *cb,
                      void *arg);

/* A sandbox that has not run goes to another node. Everything is borrowed for the call. */
struct db_reschedule {
    const char *id, *from, *to;
    uint64_t generation; /* that the row has */
    const char *region;  /* of the other node, as what it enforces */
    uint32_t enforced;
    const char *why; /* a sentence, for its event */
};

/*
 * Compare and set, once for each sandbox, with its event; the generation rises. ERR_WRONG_STATE where it is
 * not so any more, ERR_NO_CAPACITY, ERR_NOT_FOUND: then nothing was changed. It may be repeated.
 */
void db_sandbox_reschedule(struct db_pool *pool, const struct db_reschedule *reschedule, db_sandbox_cb *cb,
                           void *arg);

/* A move of the state: compare and set, with its one event. */
struct db_move {
    struct sandbox_id id;
    enum sandbox_state from, to; /* DB_MOVE_REFUSED where it is in neither */
    /*
     * Of an end; REASON_NONE: the reason of the desired state. REASON_IDLE of a pause: its node made it, and
     * it is the desired state from now on, if the row is still of this generation.
     */
    enum sandbox_reason reason;
    uint64_t generation;
    const char *detail; /* NULL: none */
    bool has_exit_code;
    int32_t exit_code;
    bool has_enforced;
    uint32_t enforced;
    bool ran; /* started_ago_ms holds */
    uint64_t started_ago_ms, ended_ago_ms;
    int64_t late_ms;     /* of an end: so long after its deadline it was, as was counted */
    bool unheard;        /* of an end: its node had not heard of the last desired state */
    const char *figures; /* a JSON object's text: the last figures, for the event of an end; NULL: none */
};

enum db_move_outcome {
    DB_MOVED,
    DB_MOVE_SAME,      /* it was in that state already: nothing was added */
    DB_MOVE_REFUSED,   /* not a legal move from where it is (state): a terminal state never goes back */
    DB_MOVE_NOT_FOUND, /* no such row: the container is an orphan */
};
struct db_move_result {
    enum db_move_outcome outcome;
    enum sandbox_state state; /* where it is now; not with DB_MOVE_NOT_FOUND */
    const char *json;         /* the sandbox; NULL with DB_MOVE_NOT_FOUND */
    const char *event;        /* the event, as JSON; DB_MOVED only */
    const char *user_id;      /* whose it is */
};
/* One result a move, in order; code not 0: none was made (or it is unknown: repeat). */
typedef void db_move_cb(void *arg, int code, const struct err *e, const struct db_move_result *results,
                        size_t count);

/* One transaction, at most 256 moves. */
void db_sandbox_move(struct db_pool *pool, const struct db_move *moves, size_t count, db_move_cb *cb,
                     void *arg);

/* The quota usage object of a user, seen with a key. */
void db_quota_usage(struct db_pool *pool, const char *user_id, const char *key_id,
                    const struct db_defaults *defaults, db_json_cb *cb, void *arg);

#endif
