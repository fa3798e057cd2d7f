/* Samples and violations that nodes report: each is stored once, and none is missing. */
#include "tests/sim/scenarios/stage.h"

static enum violation_level level(const struct world *w, int sandbox)
{
    return (enum violation_level)w->row[sandbox].level[VIOLATION_MEMORY];
}

static void an_episode_opens_rises_and_closes(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->memory_percent = 92;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_WARNING);
    w->memory_percent = 97;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_CRITICAL);
    w->memory_percent = 50;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_NONE);
}

static void an_episode_outlives_its_agent(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    w->memory_percent = 92;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_WARNING);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    HOLDS(w, 5000, level(w, sandbox) == VIOLATION_WARNING);
    w->memory_percent = 50;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_NONE);
}

static void an_episode_closes_with_its_sandbox(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->memory_percent = 92;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_WARNING);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 5000, level(w, sandbox) == VIOLATION_NONE && stage_gone(w, sandbox));
}

static void a_node_that_was_away_tells_all_of_it(struct world *w)
{
    int sandbox = stage_running(w, 120000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    w->memory_percent = 97;
    PASS(w, 20000);
    w->memory_percent = 50;
    PASS(w, 5000);
    EXPECT(w, level(w, sandbox) == VIOLATION_NONE);
    unsigned long before = w->told;
    w->node[node].linked = true;
    UNTIL(w, 5000, w->told >= before + 3 + 2); /* two openings, a closing; a sample in ten seconds */
    EXPECT(w, level(w, sandbox) == VIOLATION_NONE);
}

static void a_full_disk_does_not_silence_its_node(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    stage_no_disk(w, stage_node(w, sandbox), 40000);
    w->memory_percent = 92;
    UNTIL(w, 10000, level(w, sandbox) == VIOLATION_WARNING);
}

static void nothing_is_told_before_it_is_on_disk(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->memory_percent = 92;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_WARNING);
    size_t written = 0;
    for (size_t i = 0; i < w->facts; i++)
        written += w->fact[i].stored && w->fact[i].written;
    EXPECT(w, written == w->told && written > 0);
}

static void the_answer_to_what_was_told_is_lost(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = stage_commit_is_told;
    w->memory_percent = 92;
    UNTIL(w, 3000, level(w, sandbox) == VIOLATION_WARNING);
    HOLDS(w, 8000, level(w, sandbox) == VIOLATION_WARNING);
    EXPECT(w, outbox_stats(stage_node_model(w, sandbox)->outbox).violations == 1);
    w->loses = NULL;
    UNTIL(w, 5000, !outbox_stats(stage_node_model(w, sandbox)->outbox).violations);
}

static void the_database_is_away_while_things_are_told(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    stage_no_database(w, 10000);
    w->memory_percent = 92;
    HOLDS(w, 9000, level(w, sandbox) == VIOLATION_NONE);
    UNTIL(w, 5000, level(w, sandbox) == VIOLATION_WARNING);
}

static void the_last_figures_arrive_though_its_agent_died(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    UNTIL(w, 5000, w->row[sandbox].highest_sample);
    w->node[node].linked = false;
    sandbox_exits(w, node, sandbox);
    UNTIL(w, 5000, !stage_sandbox(w, sandbox)->container);
    PASS(w, 1000);
    uint64_t before = w->row[sandbox].highest_sample;
    agent_down(w, node);
    w->node[node].linked = true;
    agent_up(w, node);
    UNTIL(w, 5000, w->row[sandbox].highest_sample > before);
}

const struct scenario scenarios_history[] = {
    SCENARIO("an episode opens once, rises once and closes once", an_episode_opens_rises_and_closes),
    SCENARIO("a restarted agent neither opens an episode again nor forgets to close it",
             an_episode_outlives_its_agent),
    SCENARIO("the end of a sandbox closes its episodes", an_episode_closes_with_its_sandbox),
    SCENARIO("what could not be sent waits, and is sent in order", a_node_that_was_away_tells_all_of_it),
    SCENARIO("a full disk does not silence its node", a_full_disk_does_not_silence_its_node),
    SCENARIO("nothing is sent before it is on disk", nothing_is_told_before_it_is_on_disk),
    SCENARIO("a report is sent until it is acknowledged; one that arrives twice changes nothing",
             the_answer_to_what_was_told_is_lost),
    SCENARIO("a node forgets a report only once the controller has committed it",
             the_database_is_away_while_things_are_told),
    SCENARIO("the last figures of a sandbox arrive", the_last_figures_arrive_though_its_agent_died),
    {0}};
