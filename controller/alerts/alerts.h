/*
 * Evaluates the rules of alerts while this controller leads: reads what a rule measures and the alerts that
 * are open of it, lets the core (controller/core/alert_step.h) decide, and writes what became of them. One
 * rule at a time, each once an interval of its own. On the loop.
 *
 * All state is in the rows: another leader, or this one after a restart, goes on with them. What is kept here
 * is only since when this process has watched a rule. A rule that cannot be evaluated has a problem in its
 * row, and its alerts stay as they are.
 */
#ifndef CORRAL_CONTROLLER_ALERTS_ALERTS_H
#define CORRAL_CONTROLLER_ALERTS_ALERTS_H

#include "common/base/json_text.h"
#include "common/io/loop.h"
#include "controller/db/db_alert.h"

struct alerts;

/* Borrows everything, until alerts_free. */
struct alerts_conf {
    struct loop *loop;
    struct db_pool *pool, *reads;
    /* Adds to an object what this controller itself measures for the rule (sql/functions/alert_values.sql).
     */
    void (*measure)(void *owner, const struct db_alert_rule *rule, struct json_text *out);
    void *owner;
};

struct alerts *alerts_new(const struct alerts_conf *conf);
/* Call before freeing the pools: their cancel callbacks use this. NULL is allowed. */
void alerts_stop(struct alerts *alerts);
void alerts_free(struct alerts *alerts); /* after the pools */

/* Periodic work. leads: whether this controller does. */
void alerts_run(struct alerts *alerts, bool leads);
void alerts_measure(struct alerts *alerts, bool leads); /* reads how many there are, for the metrics */

/* Somebody changed a rule: the rules are read again before the next evaluation. */
void alerts_rules_changed(struct alerts *alerts);

/* As last measured; all zero while this controller does not lead. */
struct db_alert_counts alerts_counts(const struct alerts *alerts);

#endif
