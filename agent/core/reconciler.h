/*
 * The core of the agent: every sandbox of this node, from its first desired state to the final report that
 * the controller acknowledged. Each function takes one event and appends to `effects`, in order, what the
 * owner is to do; nothing is done here. The rules:
 *
 *   - A desired state is applied once: generations only rise, and an id that ended here is never started
 *     again (except if no record of it ever reached the disk and the agent died too).
 *   - Nothing is made or reported before its record is on disk. That a sandbox runs, and that it ended, is
 *     reported once that is on disk, or the write has failed.
 *   - Any desired state may shorten a deadline; only one with a higher generation may extend it.
 *   - Processes are killed first. Container and volume are removed afterwards, once the end is on disk or
 *     cannot be written. Both are repeated until they have succeeded.
 *   - The final report is repeated until it is acknowledged, then the record is removed.
 *   - A member of the warm pool is made and ended as a sandbox is. The sandbox that takes it over
 *     (hand_out.h) has its id, and gets its container, or is started cold.
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
    RECONCILER_SAVE,     /* write the sandbox's record durably, then reconciler_saved */
    RECONCILER_START,    /* make and start it by its spec and limits, then reconciler_started */
    RECONCILER_PREPARE,  /* give the member the sandbox's limits and environment, but begin nothing in it */
    RECONCILER_HAND_OUT, /* begin the sandbox's command in it, once that is done; then reconciler_started, or
                            reconciler_not_handed_out at any time since RECONCILER_PREPARE */
    RECONCILER_CHECK,    /* do its ready check, then reconciler_ready or reconciler_not_ready */
    RECONCILER_ABORT,    /* it is to end: abort its start; reconciler_started comes at once */
    RECONCILER_PAUSE,    /* freeze it, then reconciler_paused */
    RECONCILER_RESUME,   /* thaw it, then reconciler_paused */
    RECONCILER_RESIZE,   /* apply the sandbox's current limits, then reconciler_resized */
    RECONCILER_KILL,     /* end its processes at once, without waiting for Docker, then reconciler_dead */
    RECONCILER_REMOVE,   /* remove container and volume, also incomplete ones, then reconciler_removed */
    RECONCILER_REPORT,   /* send the status; repeat until it is acknowledged or replaced by a newer one */
    RECONCILER_FORGET    /* remove its record */
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
 * Restores a sandbox from its record (copied, spec included) after a restart. The owner reports what became
 * of its container later, by reconciler_found. deadline_ms, started_ms and ended_ms are already on this
 * boot's clock.
 */
void reconciler_restore(struct reconciler *reconciler, const struct sandbox_record *record);

/* The restored record differs from the one on disk: saves it. */
void reconciler_mended(struct reconciler *reconciler, const struct sandbox_id *id,
                       struct reconciler_effects *effects);

/*
 * What Docker says of a restored sandbox, once after the restart: its container runs, or does not (it is
 * dead, or gone). exit: how it ended, if that is known (else NULL); an end before the deadline does not count
 * as expired. Until this call, nothing except a kill happens to the sandbox. One whose start was interrupted
 * is removed and started again.
 */
void reconciler_found(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool runs,
                      const struct sandbox_exit *exit, struct reconciler_effects *effects);

/* Instead of reconciler_found, for a sandbox whose start was interrupted and whose command has begun or
 * already ended: the command is not started a second time. */
void reconciler_adopted(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        uint32_t enforced, bool by_docker, bool unready, struct reconciler_effects *effects);

/* A desired state from the controller. Its spec is copied. */
void reconciler_desired(struct reconciler *reconciler, uint64_t now, const struct desired_state *desired,
                        struct reconciler_effects *effects);

void reconciler_acked(struct reconciler *reconciler, const struct status_ack *ack,
                      struct reconciler_effects *effects);

/*
 * During the start: the container exists and its command is about to run. Recorded, so that a restarted agent
 * can find its processes without Docker.
 */
void reconciler_created(struct reconciler *reconciler, const struct sandbox_id *id, const char *container_id,
                        struct reconciler_effects *effects);

/* Replaces the spec in its record (copied); it is saved with the record's next change. */
void reconciler_respec(struct reconciler *reconciler, const struct sandbox_id *id, const uint8_t *spec,
                       size_t len);

/* Answers to effects. */
void reconciler_saved(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                      struct reconciler_effects *effects);

struct start_result {
    bool ok;
    enum sandbox_reason reason;       /* if not ok: START_FAILED, IMAGE_UNAVAILABLE, … */
    char detail[NODE_DETAIL_MAX + 1]; /* why it failed; aborted: how far it had come */
    bool node_fault;                  /* not ok, and neither the image nor the tenant is to blame */
    char suspect[64]; /* the user whose image may be to blame instead of the node; "": certainly none */
    uint32_t enforced;
    struct start_times times; /* if ok: of its steps */
    bool by_docker;           /* ok: its init is linked by Docker's exec */
    bool unready;             /* ok: it has a ready check, and runs only once that succeeds */
};
void reconciler_started(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        const struct start_result *made, struct reconciler_effects *effects);

/* Its ready check has succeeded, or has failed for good: it ends then, and never ran. */
void reconciler_ready(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                      struct reconciler_effects *effects);
void reconciler_not_ready(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                          const char *detail, struct reconciler_effects *effects);

/* The member was found unfit, and nothing of the sandbox has begun in it: starts it cold. */
void reconciler_not_handed_out(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                               struct reconciler_effects *effects);

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
 * Docker was asked to kill it and answers that it does not run, so no other report of its end will come.
 * After a restart, reconciler_found knows more about the end.
 */
void reconciler_not_running(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            struct reconciler_effects *effects);

/* Ends it and kills its processes: memory critical, idle, its container taken away, … */
void reconciler_end(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                    const struct sandbox_exit *exit, struct reconciler_effects *effects);

/* A sample was taken: the latest one goes into the final report. */
void reconciler_sampled(struct reconciler *reconciler, uint64_t now, const struct sample *sample);

/* Docker says that it is paused, or not. A change that Corral did not make is reported, and undone after a
 * while. */
void reconciler_seen_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            bool paused, struct reconciler_effects *effects);

/*
 * The guard pauses it for idleness: detail goes into the status, with the reason idle. The controller then
 * makes "paused" its desired state; a newer desired state overrides the pause.
 */
void reconciler_pause(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                      const char *detail, struct reconciler_effects *effects);

/* Ends sandboxes past their deadline and repeats what failed. Call at reconciler_due, and at least once a
 * second. */
void reconciler_tick(struct reconciler *reconciler, uint64_t now, struct reconciler_effects *effects);

/* When the next deadline is due, UINT64_MAX if there is none. */
uint64_t reconciler_due(const struct reconciler *reconciler);

size_t reconciler_count(const struct reconciler *reconciler);

/*
 * For the hello of a session: fills out with the status of each sandbox whose record is on disk, those not
 * ended first, at most room of them. Returns how many.
 */
size_t reconciler_inventory(const struct reconciler *reconciler, uint64_t now, struct sandbox_status *out,
                            size_t room);

/* Why this node takes no sandboxes now, judged by its latest starts (start_health.h); NULL if it takes them.
 * Borrowed. */
const char *reconciler_unhealthy(const struct reconciler *reconciler, uint64_t now);

/* Borrowed until the next call; NULL if there is none. */
const struct sandbox_record *reconciler_find(const struct reconciler *reconciler,
                                             const struct sandbox_id *id);

#endif
