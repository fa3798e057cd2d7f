/*
 * The core of the agent: every sandbox that this node holds, from the desired state that brought it to the
 * final report that the controller acknowledged. Each function takes one event and appends to `effects` what
 * the owner is to do, in order; nothing is done here. The rules:
 *
 *   - a desired state is taken up once: generations only rise, and an id that ended here is never made again
 * (unless the disk took no word of its whole life, and the agent died too)
 *   - nothing is made, or told of, before its record is on disk; that it runs, and that it ended, is told
 *     once that is on disk, or the disk has refused it
 *   - a deadline comes nearer at any word, and goes away only with a higher generation
 *   - processes are killed first; container and volume are removed after, once the end is on disk, or cannot
 *     be; both are repeated until they happened
 *   - the final report is repeated until it is acknowledged, then the record goes
 *
 * Pure: `now` is CLOCK_BOOTTIME in milliseconds.
 */
#ifndef CORRAL_AGENT_CORE_RECONCILER_H
#define CORRAL_AGENT_CORE_RECONCILER_H

#include "agent/core/ending.h"
#include "agent/core/sandbox_record.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reconciler_effect_kind {
    RECONCILER_SAVE,   /* write the sandbox's record durably, then reconciler_saved */
    RECONCILER_START,  /* make and start it as its spec and limits say, then reconciler_started */
    RECONCILER_ABORT,  /* it is not wanted any more: break the making off; reconciler_started comes at once */
    RECONCILER_PAUSE,  /* freeze it, then reconciler_paused */
    RECONCILER_RESUME, /* thaw it, then reconciler_paused */
    RECONCILER_RESIZE, /* hold it to the sandbox's limits from now on, then reconciler_resized */
    RECONCILER_KILL,   /* end its processes at once, without waiting for Docker, then reconciler_dead */
    RECONCILER_REMOVE, /* remove container and volume, also half-made ones, then reconciler_removed */
    RECONCILER_REPORT, /* send the status, again and again until it is acknowledged or overtaken */
    RECONCILER_FORGET  /* remove its record */
};

struct reconciler_effect {
    enum reconciler_effect_kind kind;
    struct sandbox_id id;
    struct sandbox_status status; /* RECONCILER_REPORT */
};

struct reconciler_effects {
    struct reconciler_effect *item;
    size_t count;
    size_t room;
};
void reconciler_effects_clear(struct reconciler_effects *effects);
void reconciler_effects_fini(struct reconciler_effects *effects);

struct reconciler;
struct reconciler *reconciler_new(void);
void reconciler_free(struct reconciler *reconciler);

/*
 * Takes a record up after a restart (copies it, spec included). The owner says what it found of its container
 * later: reconciler_found. deadline_ms, started_ms and ended_ms are already on this boot's clock.
 */
void reconciler_restore(struct reconciler *reconciler, const struct sandbox_record *record);

/* What was restored is not what is on disk: it is saved. */
void reconciler_mended(struct reconciler *reconciler, const struct sandbox_id *id,
                       struct reconciler_effects *effects);

/*
 * What Docker says of each restored sandbox, once after the restart: its container runs, or it does not
 * (dead, or none). exit says how it ended where that is known (else NULL); where that was before its
 * deadline, it did not expire. Until then nothing but a kill happens to it. One that was being made is
 * removed, and made again.
 */
void reconciler_found(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool runs,
                      const struct sandbox_exit *exit, struct reconciler_effects *effects);

/* The same of one that was being made, where its command runs or has ended: that is not begun a second time.
 */
void reconciler_adopted(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        uint32_t enforced, struct reconciler_effects *effects);

/* A desired state of the controller. Its spec is borrowed and copied. */
void reconciler_desired(struct reconciler *reconciler, uint64_t now, const struct desired_state *desired,
                        struct reconciler_effects *effects);

void reconciler_acked(struct reconciler *reconciler, const struct status_ack *ack,
                      struct reconciler_effects *effects);

/*
 * While it is made: its container exists and is about to start. Recorded, so that an agent that is restarted
 * can find its processes without Docker.
 */
void reconciler_created(struct reconciler *reconciler, const struct sandbox_id *id, const char *container_id,
                        struct reconciler_effects *effects);

/* Answers to effects. */
void reconciler_saved(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                      struct reconciler_effects *effects);

struct start_result {
    bool ok;
    enum sandbox_reason reason;       /* where not ok: START_FAILED, IMAGE_UNAVAILABLE, … */
    char detail[NODE_DETAIL_MAX + 1]; /* where it was broken off: how far it was ("its image was …") */
    bool node_fault;                  /* not ok, and neither its image nor its tenant is to blame */
    char suspect[64];                 /* or this user's image is, as well as the node; "": for certain not */
    uint32_t enforced;
};
void reconciler_started(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        const struct start_result *made, struct reconciler_effects *effects);
void reconciler_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                       bool paused, struct reconciler_effects *effects);
void reconciler_resized(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                        struct reconciler_effects *effects);
void reconciler_removed(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                        struct reconciler_effects *effects);

/* Its processes are gone: by themselves (exit says how), or after RECONCILER_KILL (exit may be NULL). */
void reconciler_dead(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                     const struct sandbox_exit *exit, struct reconciler_effects *effects);

/*
 * Docker was to kill it, and says that it does not run: nobody will tell its end a second time. Over a
 * restart reconciler_found knows more of it.
 */
void reconciler_not_running(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            struct reconciler_effects *effects);

/* It is to end, its processes too if there are any: memory critical, idle, its container taken away, … */
void reconciler_end(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                    const struct sandbox_exit *exit, struct reconciler_effects *effects);

/* A sample of it was taken: the latest goes with its final report. */
void reconciler_sampled(struct reconciler *reconciler, uint64_t now, const struct sample *sample);

/* Docker says that it is frozen, or not. Where nobody of ours did that, it is reported, and mended in time.
 */
void reconciler_seen_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            bool paused, struct reconciler_effects *effects);

/*
 * The guard pauses it, for it stands idle; as said in detail, with the reason idle. The controller makes that
 * its desired state; a newer desired state overtakes it.
 */
void reconciler_pause(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                      const char *detail, struct reconciler_effects *effects);

/* Ends what is past its deadline, repeats what failed. Call at reconciler_due, and at least once a second. */
void reconciler_tick(struct reconciler *reconciler, uint64_t now, struct reconciler_effects *effects);

/* When the next deadline falls, UINT64_MAX where there is none. */
uint64_t reconciler_due(const struct reconciler *reconciler);

size_t reconciler_count(const struct reconciler *reconciler);

/*
 * For the hello of a session: the status of each sandbox whose record is on disk, those that live first,
 * as many as there is room for; how many these are is returned.
 */
size_t reconciler_inventory(const struct reconciler *reconciler, uint64_t now, struct sandbox_status *out,
                            size_t room);

/* Why this node takes no sandboxes now, by how its starts went (start_health.h); NULL where it does.
 * Borrowed. */
const char *reconciler_unhealthy(const struct reconciler *reconciler, uint64_t now);

/* Borrowed until the next call; NULL where there is none. */
const struct sandbox_record *reconciler_find(const struct reconciler *reconciler,
                                             const struct sandbox_id *id);

#endif
