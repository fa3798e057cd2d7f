/*
 * The logs of sandboxes that ended on this node: kept for log_retention_hours within log_budget_bytes
 * (core/log_index.h decides what goes), as files (disk/log_file.h) that the disk's threads read and write.
 * Jobs of one sandbox run in turn, so what is read after a write sees it. On the loop.
 */
#ifndef CORRAL_AGENT_NODE_LOGS_H
#define CORRAL_AGENT_NODE_LOGS_H

#include "agent/core/log_index.h"
#include "agent/core/log_tape.h"
#include "common/base/err.h"

struct agent;

/* Makes the folder, and finds what an earlier run has left in it. A node without the folder keeps no logs. */
void agent_logs_start(struct agent *agent);
void agent_logs_free(struct agent *agent);

/* Keeps a log from now on. Takes the tape. user: of the sandbox; "": not known. */
void agent_logs_keep(struct agent *agent, const struct sandbox_id *id, const char *user,
                     struct log_tape *tape);

/* Reads a log. cb gets what it is and the tape, which it may take (it then sets it to zero). ERR_LOGS_GONE;
 * ERR_IO; ERR_CANCELLED: the agent is about to end. */
typedef void agent_log_cb(void *arg, int code, const struct err *e, const struct log_entry *entry,
                          struct log_tape *tape);
void agent_logs_read(struct agent *agent, const struct sandbox_id *id, agent_log_cb *cb, void *arg);

/* Removes a log, if there is one; cb: as of worker_do. */
typedef void agent_log_gone_cb(void *arg, int code, const struct err *e);
void agent_logs_drop(struct agent *agent, const struct sandbox_id *id, agent_log_gone_cb *cb, void *arg);

/* Removes what has to go by now. Call now and then. */
void agent_logs_expire(struct agent *agent);

#endif
