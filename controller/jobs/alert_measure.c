#include "controller/jobs/alert_measure.h"

#include <string.h>

static uint64_t refused(const struct controller *c)
{
    uint64_t all = api_stats(c->api).refused[-ERR_UNAUTHENTICATED];
    return c->metrics_api ? all + api_stats(c->metrics_api).refused[-ERR_UNAUTHENTICATED] : all;
}

void alert_measure_note(struct controller *c)
{
    burst_note(&c->refused, loop_now_ms(), refused(c));
}

static void put_refused(const struct controller *c, uint64_t window_ms, struct json_text *out)
{
    uint64_t watched_ms, count = burst_within(&c->refused, loop_now_ms(), refused(c), window_ms, &watched_ms);
    json_text_num(out, "refused", count);
    json_text_num(out, "watched_ms", watched_ms);
}

static void put_certificate(struct json_text *out, const char *kind, const char *subject, int64_t ends_s)
{
    json_text_object(out, NULL);
    json_text_str(out, "subject_kind", kind);
    json_text_str(out, "subject", subject);
    json_text_int(out, "ends_s", ends_s);
    json_text_end(out);
}

static void put_node(void *arg, const char *node, int64_t ends_s)
{
    put_certificate(arg, "node", node, ends_s);
}

static void put_certificates(const struct controller *c, struct json_text *out)
{
    json_text_array(out, "certificates");
    if (c->api_certificate_ends_s)
        put_certificate(out, "certificate", "api", c->api_certificate_ends_s);
    if (c->node_certificate_ends_s)
        put_certificate(out, "certificate", "nodes", c->node_certificate_ends_s);
    leader_certificates(c->leader, put_node, out);
    json_text_end(out);
}

void alert_measure(void *owner, const struct db_alert_rule *rule, struct json_text *out)
{
    const struct controller *c = owner;
    if (!strcmp(rule->kind, "refused_keys"))
        put_refused(c, rule->window_ms, out);
    else if (!strcmp(rule->kind, "certificate_expiry"))
        put_certificates(c, out);
}
