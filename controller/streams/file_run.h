/*
 * Runs one operation on a file in a sandbox. What its node says is held to the result that it told before: a
 * result comes once and before the bytes, and as many bytes as it states. On the loop.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_FILE_RUN_H
#define CORRAL_CONTROLLER_STREAMS_FILE_RUN_H

#include "controller/streams/stream_hub.h"

struct file_run;

/* Never called inside a function of this header. Each may call file_run_cancel. */
struct file_run_ops {
    /* What came of it, unless it failed. Borrowed. Of ERR_RANGE this tells the size. */
    void (*on_result)(void *arg, const struct stream_file_result *result);
    /* Bytes of a file or an archive, entries of a folder, or changes; borrowed. file_run_took is due for
     * them. */
    void (*on_bytes)(void *arg, const uint8_t *bytes, size_t len);
    /* file_run_room has grown. May be NULL. */
    void (*on_room)(void *arg);
    /* It is over: code 0, or an error. The last call; the run is freed. */
    void (*on_end)(void *arg, int code, const char *text);
};

/* Starts it. open->file says what; op is set here. Errors as of hub_stream_open. */
int file_run_start(struct file_run **out, struct loop *loop, struct stream_hub *hub, const char *node,
                   const struct caller *caller, struct stream_open *open, const struct file_run_ops *ops,
                   void *arg, struct err *e) MUST_CHECK;

/* So many bytes of on_bytes are processed. */
void file_run_took(struct file_run *run, size_t len);

/* Of a write, or an archive to unpack: how many bytes may be written now; writes a copy of them; and says
 * that they are all, once that can be said. */
size_t file_run_room(const struct file_run *run);
void file_run_write(struct file_run *run, const void *bytes, size_t len);
void file_run_end_input(struct file_run *run);

/* Charges memory that its owner keeps until its end, as hub_hold. */
bool file_run_hold(struct file_run *run, size_t more) MUST_CHECK;

/* Nobody waits for it: ends it, so that a write leaves nothing. No callback follows. */
void file_run_cancel(struct file_run *run);

#endif
