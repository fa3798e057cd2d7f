/*
 * The bodies of what is done with processes: POST /sandbox/{id}/exec and …/processes are parsed as a struct
 * command_request, …/resize as a struct terminal_size, …/signal as an int32_t, the signal's number. Pure but
 * for the random token of a start.
 */
#ifndef CORRAL_CONTROLLER_OPS_COMMAND_BODY_H
#define CORRAL_CONTROLLER_OPS_COMMAND_BODY_H

#include "common/model/stream_wire.h"

struct command_request {
    struct stream_start start;
    uint8_t *input; /* NULL: the body has none */
    size_t input_len;
};

struct terminal_size {
    uint16_t rows, columns;
};

#endif
