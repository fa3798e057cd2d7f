/* The configuration of the controller: its values, and the table that they come from (common/io/conf.h). */
#ifndef CORRAL_CONTROLLER_CTL_CONF_H
#define CORRAL_CONTROLLER_CTL_CONF_H

#include "common/io/conf.h"

struct ctl_conf {
    /* REST */
    char *listen_address;
    uint64_t listen_port;
    char *tls_cert, *tls_key;
    uint64_t connections, connections_per_address, body_bytes;
    uint64_t unauthenticated_connections, unauthenticated_bytes, request_bytes, request_bytes_per_key;
    uint64_t auth_failures_per_second, auth_failures_burst;
    uint64_t rate_per_second, rate_burst, start_timeout_seconds, terminal_grace_seconds;
    bool metrics_open;
    char *metrics_listen_address;
    uint64_t metrics_listen_port; /* 0: none */
    char *cors_origins, *web_dir;
    uint64_t ports_listen_port; /* 0: none */
    char *ports_domain;
    bool webhook_allow_private;
    char *webhook_ca_file;
    /* PostgreSQL */
    char *database_url;
    uint64_t database_connections, database_read_connections;
    /* nodes */
    char *node_url, *pki_dir, *ca_key, *cluster;
    char *secrets_key_file;
    /* defaults of a sandbox, and maximum numbers of sandboxes */
    char *base_image, *registries;
#define LIMIT(KIND, name, ...) uint64_t name;
#include "common/model/limit.def"
    uint64_t lifetime_hours;
    uint64_t warm_min, warm_max;
    uint64_t max_per_user, max_per_key, max_total;
    uint64_t cleanup_interval_minutes, system_sample_seconds, recommendation_seconds;
    uint64_t expiry_notice_seconds;
    /* upkeep */
    uint64_t keep_sample_days, keep_minute_days, keep_hour_days, keep_activity_days, keep_event_days,
        keep_sandbox_days, keep_key_days, keep_user_days, keep_node_days, keep_audit_days, keep_delivery_days,
        keep_system_sample_days, keep_system_days;
    char *log_level, *pid_file;
};

extern const struct conf_table ctl_conf_table;

/*
 * 0 where this address may be served without TLS settings or has them: plain HTTP only on loopback. Else
 * ERR_CONFIG.
 */
int ctl_conf_check_tls(const struct ctl_conf *conf, const char *address, struct err *e) MUST_CHECK;

#define CTL_CONF_FILE "/etc/corral/controller.yaml"

#endif
