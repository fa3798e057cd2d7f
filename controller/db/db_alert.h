/* Alerts: what the leader reads and writes as it evaluates a rule, and what administrators do
 * (sql/functions/alerts.sql). */
#ifndef CORRAL_CONTROLLER_DB_DB_ALERT_H
#define CORRAL_CONTROLLER_DB_DB_ALERT_H

#include "controller/core/alert_step.h"
#include "controller/db/db_pool.h"

#define DB_ALERT_NAME_MAX 63

/* --- evaluation --- */

/* A rule that is enabled, at a version. */
struct db_alert_rule {
    char name[DB_ALERT_NAME_MAX + 1], kind[DB_ALERT_NAME_MAX + 1];
    uint64_t version;
    struct alert_rule rule;
    uint64_t window_ms;
    bool gathers; /* db_alert_gather comes before each db_alert_look */
};
/* rules: borrowed. */
typedef void db_alert_rules_cb(void *arg, int code, const struct err *e, const struct db_alert_rule *rules,
                               size_t count);
void db_alert_rules(struct db_pool *pool, db_alert_rules_cb *cb, void *arg);

/* Writes what is to be measured, a bounded part of it. */
void db_alert_gather(struct db_pool *pool, const char *rule, db_json_cb *cb, void *arg);

/* A subject of a rule. What it names is borrowed from the answer; NULL: none. */
struct db_alert_subject {
    const char *kind, *name, *value, *problem, *detail;
};

/*
 * rows and subjects belong together; the last is the one that stands for others that find no room, whose
 * reading is ALERT_CLEAR. The callback may change the rows. None: the rule is gone. room: how many may begin.
 */
typedef void db_alert_look_cb(void *arg, int code, const struct err *e, struct alert_row *rows,
                              const struct db_alert_subject *subjects, size_t count, size_t room);
/* given: what this controller measured, as JSON. Reads only. */
void db_alert_look(struct db_pool *pool, const struct db_alert_rule *rule, const char *given,
                   db_alert_look_cb *cb, void *arg);

/*
 * Writes what became of the rows, with an event for each that is told. value: of the last row, in place of
 * its subject's. problem: why the rule could not be evaluated, then there are no rows; NULL: it was. Nothing
 * is written twice, and nothing where the rule was changed meanwhile.
 */
struct db_alert_outcome {
    const struct alert_row *rows;
    const struct db_alert_subject *subjects;
    size_t count;
    uint64_t others;
    const char *problem;
};
void db_alert_apply(struct db_pool *pool, const struct db_alert_rule *rule,
                    const struct db_alert_outcome *outcome, db_json_cb *cb, void *arg);

/* How many are open, by state (pending or firing) and severity (info, warning, critical); problems: how many
 * rules cannot be evaluated. */
struct db_alert_counts {
    uint64_t pending[3], firing[3], problems;
};
extern const char *const db_alert_severities[3];
typedef void db_alert_counts_cb(void *arg, int code, const struct err *e,
                                const struct db_alert_counts *counts);
void db_alert_counts(struct db_pool *pool, db_alert_counts_cb *cb, void *arg);

/* --- administrators --- */

/* NULL: any. all: resolved ones, too. */
struct db_alert_filter {
    const char *state, *severity, *rule, *cursor;
    bool all;
    unsigned limit;
};
/* A page, newest first; ERR_INVALID where the cursor is none of this list's. */
void db_alert_list(struct db_pool *pool, const struct db_alert_filter *filter, db_page_cb *cb, void *arg);
void db_alert_get(struct db_pool *pool, const char *id, db_json_cb *cb, void *arg);
void db_alert_rule_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg);
void db_alert_rule_get(struct db_pool *pool, const char *name, db_json_cb *cb, void *arg);

/* Each is one transaction with its audit row. */
void db_alert_rule_create(struct db_pool *pool, const char *body, const struct db_actor *actor,
                          db_json_cb *cb, void *arg);
void db_alert_rule_patch(struct db_pool *pool, const char *name, const char *body,
                         const struct db_actor *actor, db_json_cb *cb, void *arg);
void db_alert_rule_delete(struct db_pool *pool, const char *name, const struct db_actor *actor,
                          db_json_cb *cb, void *arg);

/* Of an alert's subject, in this and in later episodes (name: the alert's id), or of a whole rule. */
enum db_alert_scope { DB_ALERT_SUBJECT, DB_ALERT_RULE };
/* body: {duration_seconds, comment} */
void db_alert_silence(struct db_pool *pool, enum db_alert_scope scope, const char *name, const char *body,
                      const struct db_actor *actor, db_json_cb *cb, void *arg);
void db_alert_unsilence(struct db_pool *pool, enum db_alert_scope scope, const char *name,
                        const struct db_actor *actor, db_json_cb *cb, void *arg);

#endif
