/* Shared by the controller, its operations and its jobs. Private to controller.c, ops/ and jobs/. */
#ifndef CORRAL_CONTROLLER_CONTROLLER_STATE_H
#define CORRAL_CONTROLLER_CONTROLLER_STATE_H

#include "common/http/websocket.h"
#include "controller/api/api.h"
#include "controller/leader/leader.h"
#include "controller/controller.h"
#include "controller/core/rates.h"
#include "controller/core/read_gate.h"
#include "controller/db/db_activity.h"
#include "controller/db/db_leader.h"
#include "controller/db/db_upkeep.h"
#include "controller/jobs/jobs.h"
#include "controller/ports/port_server.h"

#include "common/io/secrets.h"

#include <sys/queue.h>

struct controller {
    struct loop *loop;
    const struct ctl_conf *conf;
    struct db_pool *pool;
    struct db_pool *reads; /* for expensive reads: ops_read */
    struct read_gate *read_gate;
    struct db_pool *key_pool; /* only for API keys: floods of guesses delay no other query, and other queries
                                 delay no key */
    struct db_admit *admit;
    struct db_activity *activity;
    struct db_leader *db_leader;
    struct db_upkeep *upkeep;
    struct db_upkeep_terms terms;
    struct key_watch *keys;
    struct leader *leader;
    struct api *api;
    struct port_server *ports; /* NULL: ports have no listener */
    struct websockets *websockets;
    LIST_HEAD(, stats_stream) stats_streams;        /* ops/stats_stream.c */
    struct tls_server *fresh_tls, *fresh_ports_tls; /* of a prepared reload */
    struct secrets *secrets, *fresh_secrets; /* NULL: no key is configured; fresh: of a prepared reload */
    struct db_defaults defaults;
    struct rates rates;
    bool schema_good;
    struct err failure; /* why it stopped the loop; code 0: it did not */
    struct timer schema_retry, ports_retry, drain;
    bool ports_failed;    /* that it cannot listen for ports was logged */
    uint64_t draining_ms; /* since when it says farewell */
    struct jobs *jobs;
    uint64_t started_ms;
};

#endif
