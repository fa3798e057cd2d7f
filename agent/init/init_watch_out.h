/*
 * What a watch prints (init_file.h: struct init_file_change), in batches: at most INIT_WATCH_BATCH_MAX bytes
 * each INIT_WATCH_PACE_MS, so that a storm of changes costs its readers little. What says no more than an
 * earlier change of the batch is left out. Printing waits for who reads it: what changes meanwhile waits in
 * the kernel's queue, which is bounded, and tells when it overflows.
 */
#ifndef CORRAL_AGENT_INIT_INIT_WATCH_OUT_H
#define CORRAL_AGENT_INIT_INIT_WATCH_OUT_H

#include "agent/init/init_file.h"

#define INIT_WATCH_BATCH_MAX (64u << 10)
#define INIT_WATCH_PACE_MS   25
#define INIT_WATCH_SEEN      4096 /* names whose latest changes are remembered */

struct init_watch_seen {
    uint64_t key; /* of a name in a folder */
    uint32_t batch;
    uint32_t kinds; /* bits, by enum init_file_change_kind */
};

/* All zero but fd at the start. */
struct init_watch_out {
    int fd;
    int error; /* nobody reads any more */
    uint32_t batch;
    size_t len;
    uint8_t bytes[INIT_WATCH_BATCH_MAX];
    struct init_watch_seen seen[INIT_WATCH_SEEN];
};

/*
 * Whether this change of a name is worth telling: of changes of content or attributes, and overflows, one in
 * a batch, and no creation after another. It is remembered then.
 */
bool init_watch_out_is_due(struct init_watch_out *out, uint64_t key, enum init_file_change_kind kind);

/* What was told of this name counts no more: something else has it now. */
void init_watch_out_forget(struct init_watch_out *out, uint64_t key);
void init_watch_out_forget_all(struct init_watch_out *out);

/* Tells of a change. Both paths are shorter than 65,536 bytes, from is "" unless it moved. */
void init_watch_out_put(struct init_watch_out *out, enum init_file_change_kind kind, unsigned detail,
                        const char *path, const char *from);

/* Ends the batch: prints it, if there is something in it, and waits. */
void init_watch_out_flush(struct init_watch_out *out);

#endif
