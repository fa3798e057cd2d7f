/*
 * Asks a node for one thing about the processes of a sandbox: to start one that outlives the request, to list
 * them, to signal, resize or kill one; to drop its logs; or whether something listens on a port
 * (stream_port.probe). On the loop.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_PROCESS_ACT_H
#define CORRAL_CONTROLLER_STREAMS_PROCESS_ACT_H

#include "controller/streams/stream_hub.h"

#define PROCESS_ACT_MAX 512   /* processes of an answer; more break the protocol */
#define PROCESS_ACT_MS  30000 /* without an answer: ERR_NODE_TIMEOUT */

struct process_act;

/* Called once, never inside process_act_start: with code 0 and the processes that were told, or with an
 * error. The arguments are borrowed; the act is freed afterwards. */
typedef void process_act_cb(void *arg, int code, const char *text, const struct stream_process *process,
                            size_t count);

/* open->op: all but STREAM_ATTACH, STREAM_INPUT, STREAM_FILE and STREAM_LOGS. Errors as of hub_stream_open.
 */
int process_act_start(struct process_act **out, struct loop *loop, struct stream_hub *hub, const char *node,
                      const struct caller *caller, const struct stream_open *open, process_act_cb *cb,
                      void *arg, struct err *e) MUST_CHECK;

/* Nobody waits for it any more. What was asked for may happen all the same. No callback. */
void process_act_cancel(struct process_act *act);

/*
 * Gives a process all of its input, and then ends the input, for as long as that takes; it ends by itself.
 * Takes bytes, also on failure. Errors as of hub_stream_open, and ERR_TOO_MANY_STREAMS where the key's
 * commands hold as much memory as they may.
 */
int process_act_feed(struct stream_hub *hub, const char *node, const struct caller *caller,
                     const struct sandbox_id *sandbox, int32_t pid, uint8_t *bytes, size_t len,
                     struct err *e) MUST_CHECK;

#endif
