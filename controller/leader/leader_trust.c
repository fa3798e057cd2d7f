/* Decides who may act as a node: revocations, the marks each node last had, and alarms about impostors. */
#include "controller/leader/leader_trust.h"

#include "controller/leader/leader_int.h"

#include "common/io/log.h"
#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/io/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct node_marks marks_of(const char *fingerprint, const char *boot_id, const char *state_id)
{
    struct node_marks marks = {0};
    snprintf(marks.fingerprint, sizeof marks.fingerprint, "%s", fingerprint);
    snprintf(marks.boot_id, sizeof marks.boot_id, "%s", boot_id);
    snprintf(marks.state_id, sizeof marks.state_id, "%s", state_id);
    return marks;
}

/*
 * Writes the event if the alarm is due, and returns whether it is. data: the open JSON object of the event;
 * closed and freed here.
 */
static bool alarm_event(struct leader *leader, const char *node, enum node_alarm alarm, const char *type,
                        struct json_text *data)
{
    bool due = node_trust_alarm(leader->trust, loop_now_ms(), node, alarm);
    json_text_end(data);
    if (due)
        db_node_event(leader->pool, node, type, data->text.data);
    json_text_fini(data);
    return due;
}

void leader_trust_rows(struct leader *leader, const struct db_node_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node_marks marks = marks_of(rows[i].fingerprint, rows[i].boot_id, rows[i].state_id);
        node_trust_know(leader->trust, rows[i].name, &marks);
    }
}

/* --- revocations --- */

struct revocations_read {
    struct leader_ref asked;
    loop_cb *then, *again;
};

static void on_revocations(void *arg, int code, const struct err *e, const struct db_node_revocation *rows,
                           size_t count)
{
    struct revocations_read read = *(struct revocations_read *)arg;
    struct leader *leader = leader_of(&read.asked);
    free(arg);
    if (!leader)
        return;
    leader->revocations_owed = code != 0;
    for (size_t i = 0; i < count; i++)
        node_trust_revoke(leader->trust, rows[i].node, rows[i].issued_until_s, &rows[i].fingerprints);
    if (read.again && code)
        timer_start(&leader->again, leader->loop, LEADER_AGAIN_MS, read.again, leader);
    else if (read.then && !code)
        read.then(leader);
}

void leader_trust_read(struct leader *leader, loop_cb *then, loop_cb *again)
{
    struct revocations_read *read = mem_zalloc(sizeof *read);
    *read = (struct revocations_read){leader_ref_of(leader), then, again};
    db_node_revocations(leader->pool, on_revocations, read);
}

void leader_revocations_again(struct leader *leader)
{
    if (leader->ready && leader->revocations_owed)
        leader_trust_read(leader, NULL, NULL);
}

/*
 * Refuses certificates issued until now by this machine's clock, then reads the revocation by the database's
 * clock.
 */
void leader_node_revoke(struct leader *leader, const char *node)
{
    struct string_list none = {0};
    stream_hub_drop(leader->streams, node); /* also one that is kept, without a session */
    if (!leader->cluster)
        return;
    log_warn("leader", "node=%s its certificates are revoked", node);
    node_trust_revoke(leader->trust, node, (int64_t)(wall_now_ms() / 1000), &none);
    node_link_expel(leader->link, node);
    leader_trust_read(leader, NULL, NULL);
}

void leader_node_removed(struct leader *leader, const char *node)
{
    if (leader->cluster)
        node_trust_forget(leader->trust, node);
}

/* --- operations of the link --- */

bool leader_on_allowed(void *owner, const struct tls_who *who)
{
    struct leader *leader = owner;
    return leader->cluster &&
           node_trust_allows(leader->trust, who->name, who->fingerprint, who->not_before_s);
}

bool leader_on_believed(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                        size_t count)
{
    struct leader *leader = owner;
    struct node_marks marks = marks_of(facts->fingerprint, facts->boot_id, facts->state_id);
    struct json_text data = {0};
    size_t ran, brought;
    cluster_state_compare(leader->cluster, facts->name, inventory, count, &ran, &brought);
    if (node_trust_believes(leader->trust, loop_now_ms(), facts->name, &marks, ran, brought)) {
        node_trust_know(leader->trust, facts->name, &marks);
        return true;
    }
    json_text_object(&data, NULL);
    json_text_str(&data, "address", facts->address);
    json_text_num(&data, "sandboxes", ran);
    json_text_num(&data, "brought", brought);
    if (alarm_event(leader, facts->name, NODE_ALARM_DOUBTED, "node.doubted", &data))
        log_warn(
            "leader",
            "node=%s connects from %s with other marks and brings %zu of %zu sandboxes: it has to come again",
            facts->name, facts->address, brought, ran);
    return false;
}

void leader_on_contested(void *owner, const char *node, const char *address)
{
    struct leader *leader = owner;
    struct json_text data = {0};
    json_text_object(&data, NULL);
    json_text_str(&data, "address", address);
    if (alarm_event(leader, node, NODE_ALARM_CONTESTED, "node.contested", &data))
        log_warn("leader", "node=%s another node connected from %s with this name and was refused", node,
                 address);
}

/* Reads two small files; about once a year for each node. */
bool leader_on_expires(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len)
{
    struct leader *leader = owner;
    struct err e;
    struct json_text data = {0};
    long long days = (ends_s - (int64_t)(wall_now_ms() / 1000)) / 86400;
    const char *why = "this controller has no key of the CA";
    if (leader->ca_key) {
        if (!pki_renew(leader->ca_file, leader->ca_key, node, certificate, len, renewed, renewed_len, &e)) {
            log_info("leader", "node=%s gets a new certificate, %lld days before its present one expires",
                     node, days);
            return true;
        }
        why = e.text;
    }
    json_text_object(&data, NULL);
    json_text_int(&data, "days", days);
    if (alarm_event(leader, node, NODE_ALARM_EXPIRES, "node.certificate_expires", &data))
        log_warn("leader", "node=%s its certificate expires in %lld days and is not renewed: %s", node, days,
                 why);
    return false;
}
