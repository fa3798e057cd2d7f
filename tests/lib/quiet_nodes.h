/* The callbacks of a node link, for tests that need only some of them: every node is let in, and nothing is
 * done. */
#ifndef CORRAL_TESTS_LIB_QUIET_NODES_H
#define CORRAL_TESTS_LIB_QUIET_NODES_H

#include "controller/nodes/node_link.h"

static bool quiet_allowed(void *owner, const struct tls_who *who)
{
    return true;
}

static bool quiet_believed(void *owner, const struct node_facts *facts,
                           const struct sandbox_status *inventory, size_t count)
{
    return true;
}

static void quiet_contested(void *owner, const char *node, const char *address)
{
}

static bool quiet_expires(void *owner, const char *node, const uint8_t *certificate, size_t len,
                          int64_t ends_s, uint8_t **renewed, size_t *renewed_len)
{
    return false;
}

static void quiet_session(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                          size_t count)
{
}

static void quiet_statuses(void *owner, const char *node, const struct sandbox_status *status, size_t count)
{
}

static void quiet_samples(void *owner, const char *node, const struct sample *sample, size_t count)
{
}

static void quiet_violations(void *owner, const char *node, const struct violation_report *v, size_t count)
{
}

static void quiet_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count)
{
}

static void quiet_left_out(void *owner, const char *node, size_t count, const char *first)
{
}

static void quiet_streams(void *owner, const char *node, struct stream *carrier)
{
    stream_free(carrier);
}

static void quiet_gone(void *owner, const char *node)
{
}

/* A copy, some of which the test replaces by its own. */
static const struct node_link_ops quiet_nodes = {.allowed = quiet_allowed,
                                                 .believed = quiet_believed,
                                                 .on_contested = quiet_contested,
                                                 .on_expires = quiet_expires,
                                                 .on_session = quiet_session,
                                                 .on_statuses = quiet_statuses,
                                                 .on_samples = quiet_samples,
                                                 .on_violations = quiet_violations,
                                                 .on_cleanups = quiet_cleanups,
                                                 .on_left_out = quiet_left_out,
                                                 .on_streams = quiet_streams,
                                                 .on_node_gone = quiet_gone};

#endif
