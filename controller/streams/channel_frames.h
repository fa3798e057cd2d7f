/*
 * The messages of the subprotocols v5.channel.k8s.io and v4.channel.k8s.io, as Kubernetes speaks them: each
 * begins with the byte of a channel. v4 has no channel 255. Pure.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_CHANNEL_FRAMES_H
#define CORRAL_CONTROLLER_STREAMS_CHANNEL_FRAMES_H

#include "common/base/text.h"
#include "common/model/stream_wire.h"

#define CHANNEL_RESIZE_MAX 1024 /* bytes of a resize */

enum channel {
    CHANNEL_STDIN,
    CHANNEL_STDOUT,
    CHANNEL_STDERR,
    CHANNEL_STATUS,
    CHANNEL_RESIZE,
    CHANNEL_CLOSE = 255
};

/* Their names, the best first, NULL after the last; CHANNEL_V5 is the first. */
extern const char *const channel_protocols[];
#define CHANNEL_V5 channel_protocols[0]

enum channel_said {
    CHANNEL_SAID_NOTHING, /* what has no effect */
    CHANNEL_SAID_INPUT,
    CHANNEL_SAID_INPUT_END,
    CHANNEL_SAID_SIZE,
    CHANNEL_SAID_WRONG, /* what a client may not say */
};

struct channel_read {
    enum channel_said said;
    const uint8_t *bytes; /* of an input, borrowed from the message */
    size_t len;
    uint16_t rows, columns;
    const char *why; /* it is wrong; static */
};

/* Reads a message of a client. v5: with channel 255. */
struct channel_read channel_frame_read(bool v5, const uint8_t *bytes, size_t len);

/* The end that channel 3 tells. */
struct channel_end {
    bool has_exit_code;
    int32_t exit_code, signo; /* signo 0: none */
    const char
        *reason; /* why the sandbox ended, as in its object; NULL: the process ended, or it is not known */
    const char *message; /* a sentence; NULL: none */
};

/*
 * Writes the message of an end: Kubernetes' Status, with exit_code and signal beside. A process that a signal
 * ended has no exit code; the Status, which has no place for signals, then says 128 and the signal, as a
 * shell does.
 */
void channel_end_write(const struct channel_end *end, struct text *out);

#endif
