/*
 * Reads what Docker answers for a container's log: frames of a stream each (8 bytes: the stream, three zeros,
 * the length as a big endian number), whose payload is the time, a space and the bytes. The bytes are a
 * tenant's, the rest is checked. Pure.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_FRAMES_H
#define CORRAL_AGENT_DOCKER_DOCKER_FRAMES_H

#include "common/model/log_record.h"

#define DOCKER_FRAME_TIME_MAX 40 /* "2026-01-02T03:04:05.123456789+02:00 " is shorter */
#define DOCKER_FRAME_MAX      (LOG_PIECE_MAX + DOCKER_FRAME_TIME_MAX)

typedef void docker_record_cb(void *arg, const struct log_record *record);

struct docker_frames { /* all zero at first */
    uint8_t bytes[8 + DOCKER_FRAME_MAX];
    size_t len;
};

/* Calls cb with each record that is complete now; it borrows the bytes. False: the answer is none of
 * Docker's; nothing may be fed after that. */
bool docker_frames_feed(struct docker_frames *frames, const char *bytes, size_t len, docker_record_cb *cb,
                        void *arg);

/* The output of an exec comes in the same frames, without times. */
struct docker_unframe { /* all zero at first */
    uint8_t head[8];
    size_t head_len;
    size_t left; /* bytes of the frame at hand that are still to come */
};

/*
 * Takes the heads out of the bytes, in place, and what is not of stdout: len is then what is left. False:
 * these are no frames of Docker's; nothing may be given after that.
 */
bool docker_unframe(struct docker_unframe *unframe, uint8_t *bytes, size_t *len);

#endif
