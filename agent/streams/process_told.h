/* What the init tells of a process, as the controller hears it. Pure. */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_TOLD_H
#define CORRAL_AGENT_STREAMS_PROCESS_TOLD_H

#include "agent/initlink/initlink_view.h"
#include "common/model/stream_wire.h"

/* stream_process_fini is due. */
struct stream_process process_told(const struct initlink_process *process);

#endif
