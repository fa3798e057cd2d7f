#include "controller/ctl_conf.h"

#include <arpa/inet.h>
#include <string.h>

#define AT(member) offsetof(struct ctl_conf, member)
#define GIB        (1ull << 30)

/* key, environment, type, place, default, least, most, choices, reloadable, secret, help */
/* The parser of a limit, by its unit; bytes have no maximum but that of the number type. */
#define CONF_OF_BYTES          CONF_BYTES
#define CONF_OF_MILLIS         CONF_UINT
#define CONF_OF_COUNT          CONF_UINT
#define CONF_MOST_BYTES(most)  0
#define CONF_MOST_MILLIS(most) most
#define CONF_MOST_COUNT(most)  most

static const struct conf_row rows[] = {
    {"listen_address", "CORRAL_LISTEN_ADDRESS", CONF_IP, AT(listen_address), "127.0.0.1", 0, 255, NULL, false,
     false, "Address of the REST server; any other than loopback needs tls_cert and tls_key."},
    {"listen_port", "CORRAL_LISTEN_PORT", CONF_UINT, AT(listen_port), "3000", 1, 65535, NULL, false, false,
     "Port of the REST server."},
    {"tls_cert", "CORRAL_TLS_CERT", CONF_STRING, AT(tls_cert), NULL, 0, 0, NULL, true, false,
     "Certificate chain (PEM) of the REST server, read again on SIGHUP; without one, plain HTTP."},
    {"tls_key", "CORRAL_TLS_KEY", CONF_STRING, AT(tls_key), NULL, 0, 0, NULL, true, false,
     "Private key (PEM) of the REST server."},
    {"connections", "CORRAL_CONNECTIONS", CONF_UINT, AT(connections), "12288", 16, 1000000, NULL, true, false,
     "HTTP connections at once."},
    {"connections_per_address", "CORRAL_CONNECTIONS_PER_ADDRESS", CONF_UINT, AT(connections_per_address),
     "1024", 16, 1000000, NULL, true, false, "HTTP connections at once from one address."},
    {"unauthenticated_connections", "CORRAL_UNAUTHENTICATED_CONNECTIONS", CONF_UINT,
     AT(unauthenticated_connections), "4096", 16, 1000000, NULL, true, false,
     "HTTP connections at once whose last request had no valid API key; the oldest makes room for a new "
     "one."},
    {"unauthenticated_bytes", "CORRAL_UNAUTHENTICATED_BYTES", CONF_BYTES, AT(unauthenticated_bytes), "16M",
     1048576, 64 * GIB, NULL, true, false,
     "Memory for the requests and answers of all of these; past it the slowest request is refused (429)."},
    {"request_bytes", "CORRAL_REQUEST_BYTES", CONF_BYTES, AT(request_bytes), "256M", 4194304, 64 * GIB, NULL,
     true, false,
     "Memory for the requests and answers of all API keys; past it the slowest request is refused (429)."},
    {"request_bytes_per_key", "CORRAL_REQUEST_BYTES_PER_KEY", CONF_BYTES, AT(request_bytes_per_key), "16M",
     1048576, 64 * GIB, NULL, true, false,
     "Memory for the requests and answers of one API key; past it its slowest request is refused (429)."},
    {"body_bytes", "CORRAL_BODY_BYTES", CONF_BYTES, AT(body_bytes), "1M", 1024, GIB, NULL, true, false,
     "Largest body of a JSON request."},
    {"rate_per_second", "CORRAL_RATE_PER_SECOND", CONF_UINT, AT(rate_per_second), "50", 1, 1000000, NULL,
     true, false, "Requests a second of one API key."},
    {"rate_burst", "CORRAL_RATE_BURST", CONF_UINT, AT(rate_burst), "100", 1, 1000000, NULL, true, false,
     "Requests that an API key may make at once after a pause."},
    {"auth_failures_per_second", "CORRAL_AUTH_FAILURES_PER_SECOND", CONF_UINT, AT(auth_failures_per_second),
     "10", 1, 1000000, NULL, true, false,
     "Requests a second without a valid API key from one address (IPv6: a /64)."},
    {"auth_failures_burst", "CORRAL_AUTH_FAILURES_BURST", CONF_UINT, AT(auth_failures_burst), "50", 1,
     1000000, NULL, true, false,
     "Requests without a valid API key that an address may make at once after a pause."},
    {"start_timeout_seconds", "CORRAL_START_TIMEOUT_SECONDS", CONF_UINT, AT(start_timeout_seconds), "60", 1,
     3600, NULL, true, false, "How long a create waits for its sandbox to run before it answers 504."},
    {"terminal_grace_seconds", "CORRAL_TERMINAL_GRACE_SECONDS", CONF_UINT, AT(terminal_grace_seconds), "300",
     1, 86400, NULL, true, false,
     "How long a terminal lives on when nobody is attached to it; then it is killed with all that runs in "
     "it."},
    {"metrics_open", "CORRAL_METRICS_OPEN", CONF_BOOL, AT(metrics_open), "false", 0, 0, NULL, true, false,
     "Serve GET /metrics without authentication; else it needs an administrator's API key."},
    {"metrics_listen_port", "CORRAL_METRICS_LISTEN_PORT", CONF_UINT, AT(metrics_listen_port), "0", 0, 65535,
     NULL, false, false,
     "Port of a listener for /metrics, /healthz and /readyz alone, beside the REST server; 0: none."},
    {"metrics_listen_address", "CORRAL_METRICS_LISTEN_ADDRESS", CONF_IP, AT(metrics_listen_address),
     "127.0.0.1", 0, 255, NULL, false, false,
     "Address of that listener; any other than loopback needs tls_cert and tls_key."},
    {"cors_origins", "CORRAL_CORS_ORIGINS", CONF_LIST, AT(cors_origins), NULL, 0, 0, NULL, true, false,
     "Origins whose pages may send requests from a browser, such as https://console.example; * for any; "
     "empty: none."},
    {"web_dir", "CORRAL_WEB_DIR", CONF_STRING, AT(web_dir), "/usr/local/share/corral/web", 0, 0, NULL, false,
     false,
     "Folder of the dashboard's files, which are served at / and read once, at the start; without them / "
     "says "
     "that they are missing."},
    {"ports_listen_port", "CORRAL_PORTS_LISTEN_PORT", CONF_UINT, AT(ports_listen_port), "3001", 0, 65535,
     NULL, false, false,
     "Port of the listener for the URLs of ports inside sandboxes, at listen_address and with its "
     "certificate; 0: none."},
    {"ports_domain", "CORRAL_PORTS_DOMAIN", CONF_STRING, AT(ports_domain), NULL, 0, 0, NULL, true, false,
     "Domain whose names all lead to that listener, such as ports.example or ports.example:3001: each port "
     "inside a sandbox then has an origin of its own; empty: they share one."},
    {"webhook_allow_private", "CORRAL_WEBHOOK_ALLOW_PRIVATE", CONF_BOOL, AT(webhook_allow_private), "false",
     0, 0, NULL, true, false,
     "Deliver webhooks also to private, loopback and link-local addresses: users then reach what this "
     "controller reaches."},
    {"webhook_ca_file", "CORRAL_WEBHOOK_CA_FILE", CONF_STRING, AT(webhook_ca_file), NULL, 0, 0, NULL, true,
     false,
     "Certificates (PEM) of the CAs that certify receivers of webhooks; empty: those that this machine "
     "trusts."},
    {"database_url", "CORRAL_DATABASE_URL", CONF_STRING, AT(database_url), "postgresql:///corral", 0, 0, NULL,
     false, true, "Connection URI of PostgreSQL."},
    {"database_connections", "CORRAL_DATABASE_CONNECTIONS", CONF_UINT, AT(database_connections), "8", 1, 64,
     NULL, false, false,
     "Connections to PostgreSQL, besides the one that holds the leadership and the one that looks up API "
     "keys."},
    {"database_read_connections", "CORRAL_DATABASE_READ_CONNECTIONS", CONF_UINT,
     AT(database_read_connections), "4", 1, 64, NULL, false, false,
     "Connections to PostgreSQL for expensive reads: histories, the audit, filtered lists, and lists for "
     "administrators."},
    {"node_url", "CORRAL_NODE_URL", CONF_STRING, AT(node_url), "tls+tcp://127.0.0.1:7420", 0, 0, NULL, false,
     false,
     "Where the controller listens for agents: tls+tcp://address:port, or ipc:///path on one machine."},
    {"pki_dir", "CORRAL_PKI_DIR", CONF_STRING, AT(pki_dir), "/etc/corral/pki", 0, 0, NULL, false, false,
     "Folder of ca.crt, controller.crt and controller.key (corral-controller pki init)."},
    {"ca_key", "CORRAL_CA_KEY", CONF_STRING, AT(ca_key), NULL, 0, 0, NULL, false, false,
     "Private key (PEM) of the CA, with which this controller renews certificates of nodes 30 days before "
     "they expire; without it, it only warns."},
    {"secrets_key_file", "CORRAL_SECRETS_KEY_FILE", CONF_STRING, AT(secrets_key_file), NULL, 0, 0, NULL, true,
     false,
     "File of the keys that seal the environments of sandboxes in the database, read again on SIGHUP "
     "(corral-controller secrets new); the first seals, all open. Every controller needs the same keys. "
     "Without one, requests with env are refused."},
    {"cluster", "CORRAL_CLUSTER", CONF_NAME, AT(cluster), "corral", 0, 63, NULL, false, false,
     "Name of this cluster; containers are labelled with it, and agents touch no others."},
    {"base_image", "CORRAL_BASE_IMAGE", CONF_IMAGE, AT(base_image), "corral-base:latest", 0, 255, NULL, true,
     false, "Image of a sandbox whose request names none."},
    {"registries", "CORRAL_REGISTRIES", CONF_REGISTRIES, AT(registries), "docker.io", 0, 0, NULL, true, false,
     "Registries whose images are allowed, besides base_image itself; may be addresses with a port; empty: "
     "no other image."},
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, quota, bit, env, preset, help, ...)          \
    {#name, env, CONF_OF_##UNIT, AT(name), preset, least, CONF_MOST_##UNIT(most), NULL, true, false, help},
#include "common/model/limit.def"
    {"max_sandboxes_per_user", "MAX_SANDBOXES_PER_USER", CONF_UINT, AT(max_per_user), "5", 0, 1000000, NULL,
     true, false, "Live sandboxes of a user whose tier sets no limit."},
    {"max_sandboxes_per_api_key", "MAX_SANDBOXES_PER_API_KEY", CONF_UINT, AT(max_per_key), "3", 0, 1000000,
     NULL, true, false, "Live sandboxes of an API key without a limit of its own, on a tier that sets none."},
    {"sandbox_lifetime_hours", "SANDBOX_LIFETIME_HOURS", CONF_UINT, AT(lifetime_hours), "24", 1, 87600, NULL,
     true, false, "Lifetime of a sandbox whose request names none."},
    {"max_total_sandboxes", "MAX_TOTAL_SANDBOXES", CONF_UINT, AT(max_total), "100", 0, 10000000, NULL, true,
     false, "Live sandboxes in the whole system."},
    {"warm_min", "CORRAL_WARM_MIN", CONF_UINT, AT(warm_min), "4", 0, 256, NULL, true, false,
     "Containers of the base image that stand ready on each node, so that a create starts in milliseconds."},
    {"warm_max", "CORRAL_WARM_MAX", CONF_UINT, AT(warm_max), "32", 0, 256, NULL, true, false,
     "Ready containers of all images on each node, as recent creates ask for them; 0: none, whatever "
     "warm_min "
     "says."},
    {"cleanup_interval_minutes", "CLEANUP_INTERVAL_MINUTES", CONF_UINT, AT(cleanup_interval_minutes), "15", 1,
     1440, NULL, true, false, "Time between cleanups of orphaned resources."},
    {"expiry_notice_seconds", "CORRAL_EXPIRY_NOTICE_SECONDS", CONF_UINT, AT(expiry_notice_seconds), "300", 0,
     86400, NULL, true, false,
     "How long before its end a sandbox's user is notified, a tenth of its lifetime at most; 0: not at all."},
    {"keep_sample_days", "CORRAL_KEEP_SAMPLE_DAYS", CONF_UINT, AT(keep_sample_days), "7", 1, 3650, NULL, true,
     false, "How long resource samples are kept."},
    {"keep_minute_days", "CORRAL_KEEP_MINUTE_DAYS", CONF_UINT, AT(keep_minute_days), "30", 1, 3650, NULL,
     true, false, "How long the least, mean and greatest values of each minute of a sandbox are kept."},
    {"keep_hour_days", "CORRAL_KEEP_HOUR_DAYS", CONF_UINT, AT(keep_hour_days), "400", 1, 3650, NULL, true,
     false, "How long the least, mean and greatest values of each hour of a sandbox are kept."},
    {"keep_activity_days", "CORRAL_KEEP_ACTIVITY_DAYS", CONF_UINT, AT(keep_activity_days), "30", 1, 3650,
     NULL, true, false, "How long it is kept what was done inside sandboxes."},
    {"system_sample_seconds", "CORRAL_SYSTEM_SAMPLE_SECONDS", CONF_UINT, AT(system_sample_seconds), "60", 1,
     3600, NULL, true, false, "Time between two samples of the whole system, for its history."},
    {"recommendation_seconds", "CORRAL_RECOMMENDATION_SECONDS", CONF_UINT, AT(recommendation_seconds), "600",
     1, 86400, NULL, true, false,
     "Time between two looks at the figures of the system, for recommendations to administrators."},
    {"keep_system_sample_days", "CORRAL_KEEP_SYSTEM_SAMPLE_DAYS", CONF_UINT, AT(keep_system_sample_days),
     "30", 1, 3650, NULL, true, false,
     "How long samples of the whole system are kept; after that, its history has hours and days."},
    {"keep_system_days", "CORRAL_KEEP_SYSTEM_DAYS", CONF_UINT, AT(keep_system_days), "365", 1, 3650, NULL,
     true, false, "How long the history of the whole system is kept, by hours and days."},
    {"keep_event_days", "CORRAL_KEEP_EVENT_DAYS", CONF_UINT, AT(keep_event_days), "90", 1, 3650, NULL, true,
     false, "How long events are kept."},
    {"keep_delivery_days", "CORRAL_KEEP_DELIVERY_DAYS", CONF_UINT, AT(keep_delivery_days), "7", 1, 3650, NULL,
     true, false,
     "How long a delivery of a webhook is kept after it was delivered or given up, of each webhook the last "
     "5,000."},
    {"keep_sandbox_days", "CORRAL_KEEP_SANDBOX_DAYS", CONF_UINT, AT(keep_sandbox_days), "90", 0, 36500, NULL,
     true, false, "How long a sandbox is kept after its end; 0: for ever."},
    {"keep_key_days", "CORRAL_KEEP_KEY_DAYS", CONF_UINT, AT(keep_key_days), "90", 0, 36500, NULL, true, false,
     "How long an API key is kept after it was revoked or expired, and at least as long as its sandboxes; 0: "
     "for ever."},
    {"keep_user_days", "CORRAL_KEEP_USER_DAYS", CONF_UINT, AT(keep_user_days), "90", 0, 36500, NULL, true,
     false,
     "How long a user is kept after it was deleted, and at least as long as its sandboxes and keys; 0: for "
     "ever."},
    {"keep_node_days", "CORRAL_KEEP_NODE_DAYS", CONF_UINT, AT(keep_node_days), "90", 0, 36500, NULL, true,
     false,
     "How long a node is kept after it was last seen; if it returns later, it is a new node. 0: for ever."},
    {"keep_audit_days", "CORRAL_KEEP_AUDIT_DAYS", CONF_UINT, AT(keep_audit_days), "365", 0, 36500, NULL, true,
     false, "How long rows of the audit are kept; 0: for ever. The remaining rows can still be verified."},
    {"log_level", "CORRAL_LOG_LEVEL", CONF_CHOICE, AT(log_level), "info", 0, 0, "error warn info debug", true,
     false, "The lowest level that is logged."},
    {"pid_file", "CORRAL_PID_FILE", CONF_STRING, AT(pid_file), NULL, 0, 0, NULL, false, false,
     "File to which the process id is written."},
};

static bool is_loopback(const char *address)
{
    struct in_addr v4;
    return !strcmp(address, "::1") ||
           (inet_pton(AF_INET, address, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

int ctl_conf_check_tls(const struct ctl_conf *conf, const char *address, struct err *e)
{
    bool cert = conf->tls_cert && conf->tls_cert[0], key = conf->tls_key && conf->tls_key[0];
    if (cert != key)
        return err_set(e, ERR_CONFIG, "tls_cert and tls_key are given together or not at all");
    if (!cert && !is_loopback(address))
        return err_set(e, ERR_CONFIG,
                       "address %s is not loopback, and plain HTTP is served there only: set tls_cert "
                       "and tls_key",
                       address);
    return 0;
}

/* Names of a domain, with a port or without: it is put into URLs. */
static bool is_domain(const char *text)
{
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
    size_t port = text[name] == ':' ? strspn(text + name + 1, "0123456789") : 0;
    bool ends = !text[name] || (port && port <= 5 && !text[name + 1 + port]);
    return name && name <= 200 && text[0] != '.' && text[name - 1] != '.' && ends;
}

static int check_ports(const struct ctl_conf *conf, struct err *e)
{
    if (conf->ports_listen_port && conf->ports_listen_port == conf->listen_port)
        return err_set(e, ERR_CONFIG,
                       "ports_listen_port is listen_port: ports must not share the API's origin");
    if (conf->ports_domain && conf->ports_domain[0] && !is_domain(conf->ports_domain))
        return err_set(e, ERR_CONFIG, "ports_domain %.200s is no name of a domain, with or without a port",
                       conf->ports_domain);
    return 0;
}

static int check_metrics(const struct ctl_conf *conf, struct err *e)
{
    uint64_t port = conf->metrics_listen_port;
    if (!port)
        return 0;
    if (port == conf->listen_port || port == conf->ports_listen_port)
        return err_set(e, ERR_CONFIG, "metrics_listen_port is the port of another listener");
    return ctl_conf_check_tls(conf, conf->metrics_listen_address, e);
}

static int check(const void *values, struct err *e)
{
    const struct ctl_conf *conf = values;
    if (check_ports(conf, e) || check_metrics(conf, e))
        return ERR_CONFIG;
    if (conf->body_bytes >= conf->request_bytes_per_key)
        return err_set(
            e, ERR_CONFIG,
            "body_bytes is not below request_bytes_per_key: the largest body could never be accepted");
    return ctl_conf_check_tls(conf, conf->listen_address, e);
}

const struct conf_table ctl_conf_table = {
    .row = rows, .count = ARRAY_LEN(rows), .size = sizeof(struct ctl_conf), .check = check};
