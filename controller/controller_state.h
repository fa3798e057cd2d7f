/* Shared by the controller, its operations and its jobs. Private to controller.c, ops/ and jobs/. */
#ifndef CORRAL_CONTROLLER_CONTROLLER_STATE_H
#define CORRAL_CONTROLLER_CONTROLLER_STATE_H

#include "common/http/websocket.h"
#include "controller/advice/advisor.h"
#include "controller/alerts/alerts.h"
#include "controller/api/api.h"
#include "controller/api/call_share.h"
#include "controller/events/event_feed.h"
#include "controller/leader/leader.h"
#include "controller/controller.h"
#include "controller/core/burst.h"
#include "controller/core/rates.h"
#include "controller/core/read_gate.h"
#include "controller/db/db_activity.h"
#include "controller/db/db_leader.h"
#include "controller/db/db_upkeep.h"
#include "controller/jobs/jobs.h"
#include "controller/ports/port_server.h"
#include "controller/web/web_site.h"
#include "controller/webhooks/webhooks.h"

#include "common/io/secrets.h"

#include <sys/queue.h>

#define WATCHES_MAX 1024 /* streams of events and of figures of one key */

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
    struct web_site *site;     /* the dashboard; NULL: not installed */
    struct port_server *ports; /* NULL: ports have no listener */
    struct webhooks *webhooks;
    struct alerts *alerts;
    struct advisor *advisor;
    struct advice_measured *advice_measured; /* jobs/advice_measure.c; NULL: nothing was noted yet */
    struct burst refused;                    /* requests without a valid key */
    int64_t api_certificate_ends_s, node_certificate_ends_s,
        fresh_api_certificate_ends_s; /* 0: there is none */
    struct api *metrics_api;          /* NULL: metrics have no listener of their own */
    struct websockets *websockets;
    struct tls_server *fresh_tls, *fresh_ports_tls, *fresh_metrics_tls; /* of a prepared reload */
    struct event_feed *events;
    struct read_gate *event_gate;            /* for pages of streams of events that are behind */
    LIST_HEAD(, event_stream) event_streams; /* ops/event_stream.c */
    LIST_HEAD(, image_prune) image_prunes;   /* ops/image.c */
    struct watched *watched;                 /* sandboxes whose figures somebody watches */
    struct call_share *watch_shares;         /* streams of events and of figures, by key */
    struct secrets *secrets, *fresh_secrets; /* NULL: no key is configured; fresh: of a prepared reload */
    struct db_defaults defaults;
    struct rates rates;
    bool schema_good;
    struct err failure; /* why it stopped the loop; code 0: it did not */
    struct timer schema_retry, ports_retry, metrics_retry, drain;
    bool ports_failed;    /* that it cannot listen for ports was logged */
    bool metrics_failed;  /* that it cannot listen for metrics was logged */
    uint64_t draining_ms; /* since when it says farewell */
    struct jobs *jobs;
    uint64_t started_ms;
};

#endif
