/*
 * What is said on streams as plain structs (common/model/stream_wire.h), and its bytes. Both ways hold the
 * bounds below; bytes of a peer that break one, or do not parse, are an error and nothing more. No I/O, no
 * clock; any thread.
 */
#ifndef CORRAL_PROTO_STREAM_CODEC_H
#define CORRAL_PROTO_STREAM_CODEC_H

#include "common/base/err.h"
#include "common/model/stream_wire.h"

#define STREAM_OPEN_MAX    (160u * 1024) /* bytes of what opens a stream */
#define STREAM_WORDS_MAX   (120u * 1024) /* bytes of command, environment and folder together */
#define STREAM_LIST_MAX    2000          /* words of the command, and of the environment */
#define STREAM_CWD_MAX     4095
#define STREAM_TIMEOUT_MAX ((uint64_t)366 * 86400000)
#define STREAM_SINCE_MAX   ((uint64_t)INT64_MAX / 1000000) /* Unix milliseconds that fit as nanoseconds */
#define STREAM_MESSAGE_MAX 4096                            /* bytes of a message; it fits one frame */
#define STREAM_NOTE_MAX    1024                            /* bytes of a note */

/* *out gets bytes that the caller frees. ERR_INVALID past a bound. */
int stream_open_pack(const struct stream_open *open, uint8_t **out, size_t *len, struct err *e) MUST_CHECK;

/* Fills *open; stream_start_fini is due for its start. ERR_NOT_IMPLEMENTED: of a later version. ERR_PROTOCOL.
 * *open holds nothing then. */
int stream_open_unpack(const uint8_t *bytes, size_t len, struct stream_open *open, struct err *e) MUST_CHECK;

/* Into out of STREAM_MESSAGE_MAX bytes; returns how many, 0 past a bound. A command that is too long is cut.
 */
size_t stream_message_pack(const struct stream_message *message, uint8_t *out);

/* Fills *message; stream_process_fini is due for its process. ERR_PROTOCOL, and it holds nothing. */
int stream_message_unpack(const uint8_t *bytes, size_t len, struct stream_message *message,
                          struct err *e) MUST_CHECK;

/* What the agent keeps with a process in its init: tag, grace and command, as much of that as fits. Into out
 * of STREAM_NOTE_MAX bytes; returns how many. */
size_t stream_note_pack(const struct stream_start *start, uint8_t *out);

/* Reads tag, command and grace of one; what does not parse has none. */
void stream_note_unpack(const uint8_t *bytes, size_t len, struct stream_process *process);

#endif
