/* A stream that lists the processes of a sandbox, and the search for one of them. Private to agent/streams/.
 */
#ifndef CORRAL_AGENT_STREAMS_LIST_STREAM_H
#define CORRAL_AGENT_STREAMS_LIST_STREAM_H

#include "agent/streams/process_core.h"

/* Says as many as there is room for; ends the stream after the last one. */
void list_stream_more(struct process_stream *stream);

/* Of those with this pid the one that runs, or that ended last; NULL: there is none. */
const struct initlink_process *list_stream_find_pid(struct initlink *init, int32_t pid);

#endif
