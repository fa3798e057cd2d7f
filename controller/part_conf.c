#include "controller/part_conf.h"

#include "common/io/daemon.h"
#include "common/io/log.h"
#include "common/io/tls_server.h"
#include "proto/node_codec.h"

#include <stdio.h>

#define FILES_OF_REST(files)                                                                                 \
    ((files) / 16 * 7) /* the rest is the node port's (common/io/msglink_listener.c) */
#define PORT_CONNECTIONS_MAX 4096
#define FILES_OF_OUR_OWN     32 /* and the sessions with the database */
#define CONNECTIONS_LEAST    16
#define METRICS_CONNECTIONS  64
#define METRICS_BYTES        (16u << 20) /* of requests and answers */

void part_conf_settings(const struct ctl_conf *conf, struct string_list *out)
{
    char setting[NODE_LABEL_MAX + 1];
    int n = snprintf(setting, sizeof setting, "base_image=%s", conf->base_image);
    if (n > 0 && (size_t)n < sizeof setting)
        string_list_add(out, setting);
}

/*
 * The configured number of connections, limited by the file descriptors of this process: with none left,
 * neither clients nor the database nor returning nodes could connect.
 */
static unsigned connections_of(const struct ctl_conf *conf)
{
    uint64_t files = FILES_OF_REST(daemon_files()),
             own = FILES_OF_OUR_OWN + conf->database_connections + conf->database_read_connections +
                   (conf->metrics_listen_port ? METRICS_CONNECTIONS : 0),
             most = files > own + CONNECTIONS_LEAST ? files - own : CONNECTIONS_LEAST;
    if (conf->connections <= most)
        return (unsigned)conf->connections;
    log_warn("controller",
             "HTTP connections at once: %llu instead of %llu, since this process may open %llu files",
             (unsigned long long)most, (unsigned long long)conf->connections,
             (unsigned long long)daemon_files());
    return (unsigned)most;
}

/* A sixteenth of the files beside those: the port for nodes takes its half only where there are thousands of
 * nodes. */
static unsigned port_connections(void)
{
    uint64_t most = daemon_files() / 16;
    return most > PORT_CONNECTIONS_MAX ? PORT_CONNECTIONS_MAX
           : most > CONNECTIONS_LEAST  ? (unsigned)most
                                       : CONNECTIONS_LEAST;
}

struct api_conf part_conf_api(const struct ctl_conf *conf)
{
    struct api_conf api = {.address = conf->listen_address,
                           .port = (uint16_t)conf->listen_port,
                           .limits = http_default_limits,
                           .rate_per_second = conf->rate_per_second,
                           .rate_burst = conf->rate_burst,
                           .auth_failures_per_second = conf->auth_failures_per_second,
                           .auth_failures_burst = conf->auth_failures_burst,
                           .metrics_open = conf->metrics_open,
                           .cors_origins = conf->cors_origins};
    api.limits.connections = connections_of(conf);
    api.limits.connections_per_address = (unsigned)conf->connections_per_address;
    api.limits.body_bytes = conf->body_bytes;
    api.limits.strangers = (unsigned)conf->unauthenticated_connections;
    api.limits.strangers_bytes = conf->unauthenticated_bytes;
    api.limits.known_bytes = conf->request_bytes;
    api.limits.account_bytes = conf->request_bytes_per_key;
    return api;
}

struct api_conf part_conf_metrics(const struct ctl_conf *conf)
{
    struct api_conf metrics = part_conf_api(conf);
    metrics.address = conf->metrics_listen_address;
    metrics.port = (uint16_t)conf->metrics_listen_port;
    metrics.cors_origins = NULL;
    metrics.limits.connections = metrics.limits.connections_per_address = METRICS_CONNECTIONS;
    metrics.limits.strangers = METRICS_CONNECTIONS / 2;
    metrics.limits.strangers_bytes = metrics.limits.known_bytes = metrics.limits.account_bytes =
        METRICS_BYTES;
    return metrics;
}

struct port_server_conf part_conf_ports(const struct ctl_conf *conf, struct stream_hub *hub)
{
    struct port_server_conf ports = {
        .address = conf->listen_address,
        .port = (uint16_t)conf->ports_listen_port,
        .domain = conf->ports_domain,
        .limits = http_default_limits,
        .misses = {.per_second = conf->auth_failures_per_second, .burst = conf->auth_failures_burst},
        .hub = hub};
    ports.limits.connections = port_connections();
    ports.limits.connections_per_address = (unsigned)conf->connections_per_address;
    ports.limits.strangers = ports.limits.connections / 2;
    return ports;
}

int part_conf_tls(struct tls_server **out, const char *address, const struct ctl_conf *conf, struct err *e)
{
    *out = NULL;
    if (ctl_conf_check_tls(conf, address, e))
        return ERR_CONFIG;
    return conf->tls_cert && conf->tls_cert[0] ? tls_server_load(out, conf->tls_cert, conf->tls_key, e) : 0;
}

int part_conf_secrets(struct secrets **out, const struct ctl_conf *conf, struct err *e)
{
    struct err why;
    *out = NULL;
    if (!conf->secrets_key_file || !conf->secrets_key_file[0]) {
        log_warn("controller", "secrets_key_file is not set: sandboxes with an environment are refused");
        return 0;
    }
    return secrets_load(out, conf->secrets_key_file, &why)
               ? err_set(e, ERR_CONFIG, "secrets_key_file: %s", why.text)
               : 0;
}
