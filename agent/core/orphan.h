/*
 * What the agent's part of a cleanup decides: what on this node belongs to no sandbox of its records. Names
 * that are not of our making are nobody's to judge. Pure.
 */
#ifndef CORRAL_AGENT_CORE_ORPHAN_H
#define CORRAL_AGENT_CORE_ORPHAN_H

#include "agent/core/sandbox_record.h"

#define CONTAINER_ID_LEN 64

/* Whether a sandbox of this record (NULL: there is none) has nothing on this node any more but its final
 * report.
 */
bool orphan_sandbox(const struct sandbox_record *record);

/*
 * Whether a container that carries our labels is an orphan. record: of the sandbox that its label names; one
 * that runs has one container only, and its record says which.
 */
bool orphan_container(const struct sandbox_record *record, const char *container_id);

/* A file in the folder of records. */
enum state_file { STATE_FILE_FOREIGN, STATE_FILE_RECORD, STATE_FILE_TEMPORARY, STATE_FILE_BAD };
enum state_file state_file_of(const char *name, struct sandbox_id *id);

/* known: the reconciler holds its sandbox, and may be writing it in this moment. */
bool orphan_state_file(enum state_file file, bool known);

/* Whether a cgroup of this name is a container's, by Docker's drivers cgroupfs and systemd; id: whose. */
bool orphan_cgroup_name(const char *name, char id[static CONTAINER_ID_LEN + 1]);

/* Whether the node is to clean up by itself: the controller, while it is there, asks in time. */
bool orphan_cleanup_due(uint64_t now, uint64_t cleaned_ms, uint64_t interval_ms, bool connected);

#endif
