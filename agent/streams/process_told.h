/* Translates the init's report of a process into the form that the controller gets. Pure. */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_TOLD_H
#define CORRAL_AGENT_STREAMS_PROCESS_TOLD_H

#include "agent/initlink/initlink_view.h"
#include "common/model/stream_wire.h"

/* The caller frees the result with stream_process_fini. */
struct stream_process process_told(const struct initlink_process *process);

#endif
