/*
 * The steps that one box takes, each with what it asks the owner to do. Private to the keeper, which says
 * when; what the fields mean is said in box_table.h and box_record.h. Pure.
 */
#ifndef CORRAL_AGENT_CORE_BOX_STEPS_H
#define CORRAL_AGENT_CORE_BOX_STEPS_H

#include "agent/core/box_table.h"
#include "agent/core/keeper.h"

#define BOX_KILL_AGAIN_MS 200 /* a kill that was not confirmed is repeated after this */

/* Appends an effect, all zero but its kind and id. Borrowed until the next one. */
struct keeper_effect *box_effect(struct keeper_effects *effects, enum keeper_effect_kind kind,
                                 const struct sandbox_id *id);

/* What is to be told of it; box_report tells it with a new number, box_report_again with the old one. */
void box_observe(const struct box *b, uint64_t now, struct observation *out);
void box_report(struct box *b, uint64_t now, struct keeper_effects *effects);
void box_report_again(const struct box *b, uint64_t now, struct keeper_effects *effects);

/* Tells it once it is on disk, or the disk has refused it. */
void box_report_saved(struct box *b, struct keeper_effects *effects);

/* Its record is to be written: now, or when the writing that is under way has ended. */
void box_save(struct box *b, struct keeper_effects *effects);

/*
 * The way down has one door: box_end, with a reason, once; a second one changes nothing. Then its processes
 * are killed; what it had is removed (box_follow_end), once its end is on disk: an agent that came back to
 * neither could not tell why (a kill that is not urgent waits for that too, if not for long); and its last
 * word is told once that is on disk (box_ended).
 */
void box_end(struct box *b, uint64_t now, const struct box_exit *exit, struct keeper_effects *effects);
void box_set_end(struct box *b, const struct box_exit *exit);
void box_kill(struct box *b, uint64_t now, struct keeper_effects *effects);
void box_remove(struct box *b, uint64_t now, struct keeper_effects *effects);
void box_follow_end(struct box *b, uint64_t now, struct keeper_effects *effects);
void box_ended(struct box *b, uint64_t now, struct keeper_effects *effects);

/* What an earlier life of the agent was making may run, though Docker has not yet said so. */
bool box_from_before(const struct box *b);

/* Whatever is wanted of a running one and is not so is asked for. */
void box_follow_pause(struct box *b, uint64_t now, struct keeper_effects *effects);
void box_follow_limits(struct box *b, struct keeper_effects *effects);

#endif
