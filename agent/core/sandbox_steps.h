/*
 * The steps of one sandbox, each with the effects that it asks of the owner. Private to the reconciler, which
 * decides when; the fields are explained in sandbox_index.h and sandbox_record.h. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_STEPS_H
#define CORRAL_AGENT_CORE_SANDBOX_STEPS_H

#include "agent/core/reconciler.h"
#include "agent/core/sandbox_index.h"

#define SANDBOX_KILL_AGAIN_MS 200 /* a kill that is not confirmed is repeated after this time */

/* Appends an effect, all zero but its kind and id. Borrowed until the next one. */
struct reconciler_effect *sandbox_effect(struct reconciler_effects *effects, enum reconciler_effect_kind kind,
                                         const struct sandbox_id *id);

/* sandbox_describe fills out with its status. sandbox_report sends it with a new number, sandbox_report_again
 * with the old one. */
void sandbox_describe(const struct sandbox *sandbox, uint64_t now, struct sandbox_status *out);
void sandbox_report(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);
void sandbox_report_again(const struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);

/* Reports its status once its record is on disk, or the write has failed. */
void sandbox_report_saved(struct sandbox *sandbox, struct reconciler_effects *effects);

/* Takes an answer: returns whether it was owed. */
bool sandbox_answered(struct sandbox *sandbox, enum sandbox_owed answer);

/* Whether its record is being written. */
static inline bool sandbox_is_saving(const struct sandbox *sandbox)
{
    return sandbox->saving == SAVING || sandbox->saving == SAVING_OLD;
}

/* Saves its record: now, or when the write that is under way has ended. */
void sandbox_save(struct sandbox *sandbox, struct reconciler_effects *effects);

/*
 * Only sandbox_end ends a sandbox, with a reason, once; a second call changes nothing. Then the processes are
 * killed; container and volume are removed once the end is on disk (sandbox_follow_end), because an agent
 * that restarted and found neither could not tell why it ended (a kill that is not urgent waits for the write
 * too, but not for long); and the final report is sent once that is on disk (sandbox_ended).
 */
void sandbox_end(struct sandbox *sandbox, uint64_t now, const struct sandbox_exit *exit,
                 struct reconciler_effects *effects);
void sandbox_set_end(struct sandbox *sandbox, const struct sandbox_exit *exit);
void sandbox_kill(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);
void sandbox_remove(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);
void sandbox_follow_end(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);
void sandbox_ended(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);

/* Whether an earlier run of the agent was starting it, so that it may run although Docker has not said so
 * yet. */
bool sandbox_from_before(const struct sandbox *sandbox);

/* Removes what is there of it, then it is started (again). */
void sandbox_make_again(struct sandbox *sandbox, struct reconciler_effects *effects);

/* It was ended before it ran, for whatever reason: tells people what took so long. */
void sandbox_note_unmade(struct sandbox *sandbox, const char *was);

/* Ask for the desired state of a running sandbox where it differs from the actual one. */
void sandbox_follow_pause(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);
void sandbox_follow_limits(struct sandbox *sandbox, struct reconciler_effects *effects);

#endif
