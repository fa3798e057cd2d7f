/*
 * The steps that one sandbox takes, each with what it asks the owner to do. Private to the reconciler, which
 * says when; what the fields mean is said in sandbox_index.h and sandbox_record.h. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_STEPS_H
#define CORRAL_AGENT_CORE_SANDBOX_STEPS_H

#include "agent/core/reconciler.h"
#include "agent/core/sandbox_index.h"

#define SANDBOX_KILL_AGAIN_MS 200 /* a kill that was not confirmed is repeated after this */

/* Appends an effect, all zero but its kind and id. Borrowed until the next one. */
struct reconciler_effect *sandbox_effect(struct reconciler_effects *effects, enum reconciler_effect_kind kind,
                                         const struct sandbox_id *id);

/* What is to be told of it; sandbox_report tells it with a new number, sandbox_report_again with the old one.
 */
void sandbox_describe(const struct sandbox *b, uint64_t now, struct sandbox_status *out);
void sandbox_report(struct sandbox *b, uint64_t now, struct reconciler_effects *effects);
void sandbox_report_again(const struct sandbox *b, uint64_t now, struct reconciler_effects *effects);

/* Tells it once it is on disk, or the disk has refused it. */
void sandbox_report_saved(struct sandbox *b, struct reconciler_effects *effects);

/* Its record is to be written: now, or when the writing that is under way has ended. */
void sandbox_save(struct sandbox *b, struct reconciler_effects *effects);

/*
 * One function ends a sandbox: sandbox_end, with a reason, once; a second one changes nothing. Then its
 * processes are killed; what it had is removed (sandbox_follow_end), once its end is on disk: an agent that
 * came back to neither could not tell why (a kill that is not urgent waits for that too, if not for long);
 * and its final report is told once that is on disk (sandbox_ended).
 */
void sandbox_end(struct sandbox *b, uint64_t now, const struct sandbox_exit *exit,
                 struct reconciler_effects *effects);
void sandbox_set_end(struct sandbox *b, const struct sandbox_exit *exit);
void sandbox_kill(struct sandbox *b, uint64_t now, struct reconciler_effects *effects);
void sandbox_remove(struct sandbox *b, uint64_t now, struct reconciler_effects *effects);
void sandbox_follow_end(struct sandbox *b, uint64_t now, struct reconciler_effects *effects);
void sandbox_ended(struct sandbox *b, uint64_t now, struct reconciler_effects *effects);

/* What an earlier life of the agent was making may run, though Docker has not yet said so. */
bool sandbox_from_before(const struct sandbox *b);

/* Whatever is wanted of a running one and is not so is asked for. */
void sandbox_follow_pause(struct sandbox *b, uint64_t now, struct reconciler_effects *effects);
void sandbox_follow_limits(struct sandbox *b, struct reconciler_effects *effects);

#endif
