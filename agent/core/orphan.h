/*
 * What a cleanup on this node may remove: things that belong to no sandbox in its records. Names that Corral
 * did not make are left alone. Pure.
 */
#ifndef CORRAL_AGENT_CORE_ORPHAN_H
#define CORRAL_AGENT_CORE_ORPHAN_H

#include "agent/core/sandbox_record.h"

#define CONTAINER_ID_LEN 64

/* Whether a sandbox with this record (NULL: it has none) may have nothing left on this node except its final
 * report. */
bool orphan_sandbox(const struct sandbox_record *record);

/*
 * Whether a container with our labels is an orphan. record: of the sandbox that its label names (NULL: none).
 * A running sandbox has exactly one container, the one in its record.
 */
bool orphan_container(const struct sandbox_record *record, const char *container_id);

/* A file in the folder of records. */
enum state_file { STATE_FILE_FOREIGN, STATE_FILE_RECORD, STATE_FILE_TEMPORARY, STATE_FILE_BAD };
enum state_file state_file_of(const char *name, struct sandbox_id *id);

/* known: the reconciler holds this sandbox, and may be writing its record now. */
bool orphan_state_file(enum state_file file, bool known);

/* Whether this is the name of a container's cgroup, made by Docker's cgroupfs or systemd driver; id: the
 * container's. */
bool orphan_cgroup_name(const char *name, char id[static CONTAINER_ID_LEN + 1]);

/* Whether the node starts a cleanup by itself. A connected controller normally asks for it in time, so the
 * node then waits twice as long. */
bool orphan_cleanup_due(uint64_t now, uint64_t cleaned_ms, uint64_t interval_ms, bool connected);

#endif
