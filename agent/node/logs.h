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

/* Called once, later: it is done, or cannot be. ERR_CANCELLED: the agent is about to end. */
typedef void agent_log_done_cb(void *arg, int code, const struct err *e);

/* Keeps a log from now on. Takes the tape. user: of the sandbox; "": not known. One that cannot be written is
 * lost, and counted so. */
void agent_logs_keep(struct agent *agent, const struct sandbox_id *id, const char *user,
                     struct log_tape *tape, agent_log_done_cb *cb, void *arg);

/* Counts a log that is lost, and says why. */
void agent_logs_lose(struct agent *agent, const struct sandbox_id *id, const char *why);

/* Whose log of an ended sandbox that is; "": not known. Borrowed until the next turn of the loop. */
const char *agent_logs_user(const struct agent *agent, const struct sandbox_id *id);

/* Reads a log. cb gets what it is and the tape, which it may take (it then sets it to zero). ERR_LOGS_GONE;
 * ERR_IO; ERR_CANCELLED: the agent is about to end. */
typedef void agent_log_cb(void *arg, int code, const struct err *e, const struct log_entry *entry,
                          struct log_tape *tape);
void agent_logs_read(struct agent *agent, const struct sandbox_id *id, agent_log_cb *cb, void *arg);

/* Removes a log, if there is one. */
void agent_logs_drop(struct agent *agent, const struct sandbox_id *id, agent_log_done_cb *cb, void *arg);

/* Begins to remove what has to go by now: a few at once, so that a day's logs that expire together hold up no
 * other work of the disk's threads. Call now and then. */
void agent_logs_expire(struct agent *agent);

#endif
