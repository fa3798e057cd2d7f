/*
 * The heart of the agent: every sandbox that this host holds, from the want that brought it to the last word
 * that the controller accepted. Each function takes one event and appends to `effects` what the owner is to
 * do, in order; nothing is done here. The rules:
 *
 *   - a want is taken up once: generations only rise, and an id that ended here is never made again (unless
 *     the disk took no word of its whole life, and the agent died too)
 *   - nothing is made, or told of, before its record is on disk; that it runs, and that it ended, is told
 *     once that is on disk, or the disk has refused it
 *   - a deadline comes nearer at any word, and goes away only with a higher generation
 *   - processes are killed first; container and volume are removed after, once the end is on disk, or cannot
 *     be; both are repeated until they happened
 *   - the last word is repeated until it is accepted, then the record goes
 *
 * Pure: `now` is CLOCK_BOOTTIME in milliseconds.
 */
#ifndef CORRAL_AGENT_CORE_KEEPER_H
#define CORRAL_AGENT_CORE_KEEPER_H

#include "agent/core/box_record.h"
#include "agent/core/ending.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum keeper_effect_kind {
    KEEPER_SAVE,   /* write the box's record durably, then keeper_saved */
    KEEPER_MAKE,   /* make and start it as its spec and limits say, then keeper_made */
    KEEPER_ABORT,  /* it is not wanted any more: break the making off; keeper_made comes at once */
    KEEPER_PAUSE,  /* freeze it, then keeper_paused */
    KEEPER_RESUME, /* thaw it, then keeper_paused */
    KEEPER_RESIZE, /* hold it to the box's limits from now on, then keeper_resized */
    KEEPER_KILL,   /* end its processes at once, without waiting for Docker, then keeper_dead */
    KEEPER_REMOVE, /* remove container and volume, also half-made ones, then keeper_removed */
    KEEPER_REPORT, /* send the observation, again and again until it is accepted or overtaken */
    KEEPER_FORGET  /* remove its record */
};

struct keeper_effect {
    enum keeper_effect_kind kind;
    struct sandbox_id id;
    struct observation observation; /* KEEPER_REPORT */
};

struct keeper_effects {
    struct keeper_effect *item;
    size_t count;
    size_t room;
};
void keeper_effects_clear(struct keeper_effects *effects);
void keeper_effects_fini(struct keeper_effects *effects);

struct keeper;
struct keeper *keeper_new(void);
void keeper_free(struct keeper *keeper);

/*
 * Takes a record up after a restart (copies it, spec included). The owner says what it found of its container
 * later: keeper_found. deadline_ms, started_ms and ended_ms are already on this boot's clock.
 */
void keeper_restore(struct keeper *keeper, const struct box_record *record);

/* What was restored is not what is on disk: it is saved. */
void keeper_mended(struct keeper *keeper, const struct sandbox_id *id, struct keeper_effects *effects);

/*
 * What Docker says of each restored box, once after the restart: its container runs, or it does not (dead, or
 * none). exit says how it ended where that is known (else NULL); where that was before its deadline, it did
 * not expire. Until then nothing but a kill happens to it. One that was being made is removed, and made anew.
 */
void keeper_found(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool runs,
                  const struct box_exit *exit, struct keeper_effects *effects);

/* The same of one that was being made, where its command runs or has ended: that is not begun a second time.
 */
void keeper_adopted(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, uint32_t enforced,
                    struct keeper_effects *effects);

/* A want of the controller. Its spec is borrowed and copied. */
void keeper_want(struct keeper *keeper, uint64_t now, const struct want *want,
                 struct keeper_effects *effects);

void keeper_accepted(struct keeper *keeper, const struct acceptance *acceptance,
                     struct keeper_effects *effects);

/*
 * While it is made: its container exists and is about to start. Recorded, so that an agent that is restarted
 * can find its processes without Docker.
 */
void keeper_created(struct keeper *keeper, const struct sandbox_id *id, const char *container_id,
                    struct keeper_effects *effects);

/* Answers to effects. */
void keeper_saved(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                  struct keeper_effects *effects);

struct box_made {
    bool ok;
    enum sandbox_reason reason;       /* where not ok: START_FAILED, IMAGE_UNAVAILABLE, … */
    char detail[NODE_DETAIL_MAX + 1]; /* where it was broken off: how far it was ("its image was …") */
    bool host_fault;                  /* not ok, and neither its image nor its tenant is to blame */
    char suspect[64];                 /* or this user's image is, as well as the host; "": for certain not */
    uint32_t enforced;
};
void keeper_made(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                 const struct box_made *made, struct keeper_effects *effects);
void keeper_paused(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok, bool paused,
                   struct keeper_effects *effects);
void keeper_resized(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                    struct keeper_effects *effects);
void keeper_removed(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                    struct keeper_effects *effects);

/* Its processes are gone: by themselves (exit says how), or after KEEPER_KILL (exit may be NULL). */
void keeper_dead(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                 const struct box_exit *exit, struct keeper_effects *effects);

/*
 * Docker was to kill it, and says that it does not run: nobody will tell its end a second time. Over a
 * restart keeper_found knows more of it.
 */
void keeper_not_running(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                        struct keeper_effects *effects);

/* It is to end, its processes too if there are any: memory critical, idle, its container taken away, … */
void keeper_end(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, const struct box_exit *exit,
                struct keeper_effects *effects);

/* A look at it was taken: the latest goes with its last word. */
void keeper_sampled(struct keeper *keeper, uint64_t now, const struct sample *sample);

/* Docker says that it is frozen, or not. Where nobody of ours did that, it is reported, and mended in time.
 */
void keeper_seen_paused(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool paused,
                        struct keeper_effects *effects);

/*
 * The guard pauses it, for it stands idle; as said in detail, with the reason idle. The controller makes that
 * what is wanted of it; a newer want overtakes it.
 */
void keeper_pause(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, const char *detail,
                  struct keeper_effects *effects);

/* Ends what is past its deadline, repeats what failed. Call at keeper_due, and at least once a second. */
void keeper_tick(struct keeper *keeper, uint64_t now, struct keeper_effects *effects);

/* When the next deadline falls, UINT64_MAX where there is none. */
uint64_t keeper_due(const struct keeper *keeper);

size_t keeper_count(const struct keeper *keeper);

/*
 * For the hello of a session: the observation of each box whose record is on disk, those that live first, as
 * many as there is room for; how many these are is returned.
 */
size_t keeper_inventory(const struct keeper *keeper, uint64_t now, struct observation *out, size_t room);

/* Why this host takes no sandboxes now, by how its starts went (start_health.h); NULL where it does.
 * Borrowed. */
const char *keeper_sick(const struct keeper *keeper, uint64_t now);

/* Borrowed until the next call; NULL where there is none. */
const struct box_record *keeper_find(const struct keeper *keeper, const struct sandbox_id *id);

#endif
