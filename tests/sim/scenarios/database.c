/* PostgreSQL is away, its answers are lost, or others write into it. */
#include "tests/sim/scenarios/stage.h"

static enum sandbox_state known(const struct world *w, int sandbox)
{
    struct sandbox_id id = sim_id(sandbox);
    struct cluster_state_view view = {.state = SANDBOX_STATE_COUNT};
    cluster_state_find(w->cluster, &id, &view);
    return view.state;
}

static void the_database_is_away_while_a_sandbox_starts(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    UNTIL(w, 100, known(w, sandbox) == SANDBOX_PENDING);
    stage_no_database(w, 15000);
    UNTIL(w, 5000, stage_sandbox(w, sandbox)->runs);
    HOLDS(w, 8000, known(w, sandbox) == SANDBOX_PENDING);
    UNTIL(w, 8000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, w->row[sandbox].moves == 2);
}

static void the_database_is_away_while_a_sandbox_ends(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    stage_no_database(w, 15000);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    HOLDS(w, 14000, stage_sandbox(w, sandbox)->saved);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_EXITED));
    UNTIL(w, 3000, stage_gone(w, sandbox));
}

static void a_sandbox_ends_while_its_start_is_committed(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    UNTIL(w, 3000, stage_record(w, sandbox) && stage_record(w, sandbox)->phase == PHASE_RUNNING);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_EXITED));
    EXPECT(w, w->row[sandbox].moves >= 3);
}

static void the_answer_to_a_create_is_lost(struct world *w)
{
    w->loses_answers = true;
    int sandbox = controller_create(w, 60000);
    w->loses_answers = false;
    UNTIL(w, 13000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void another_controller_deletes_a_sandbox(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses_answers = true;
    controller_delete(w, sandbox);
    w->loses_answers = false;
    UNTIL(w, 13000, stage_gone(w, sandbox));
}

static void another_controller_pauses_a_sandbox(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses_answers = true;
    controller_pause(w, sandbox, true);
    w->loses_answers = false;
    UNTIL(w, 13000, stage_is(w, sandbox, SANDBOX_PAUSED) && stage_sandbox(w, sandbox)->paused);
}

static void another_controller_shortens_a_lifetime(struct world *w)
{
    int sandbox = stage_running(w, 120000);
    w->loses_answers = true;
    controller_extend(w, sandbox, 20000);
    w->loses_answers = false;
    UNTIL(w, 22000, !stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_EXPIRED));
}

/* The reading was asked for before the deletion and arrives after the deletion's answer: it still says
 * "running". */
static void a_reading_is_older_than_what_was_answered(struct world *w)
{
    for (unsigned wait = 10; wait < 34; wait += 4) {
        int sandbox = stage_running(w, 60000);
        UNTIL(w, 12000, w->now == w->read_ms);
        PASS(w, wait);
        stage_no_docker(w, stage_node(w, sandbox), 200);
        controller_delete(w, sandbox);
        UNTIL(w, 2000, known(w, sandbox) == SANDBOX_STOPPING);
        HOLDS(w, 1000, known(w, sandbox) != SANDBOX_RUNNING);
    }
}

static void the_leader_dies_before_it_hears_of_its_create(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    controller_down(w);
    PASS(w, 1000);
    controller_up(w);
    UNTIL(w, 5000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void the_leader_dies_while_a_sandbox_is_made(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_STARTING));
    controller_down(w);
    UNTIL(w, 3000, stage_sandbox(w, sandbox)->runs);
    EXPECT(w, stage_is(w, sandbox, SANDBOX_STARTING));
    controller_up(w);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void a_sandbox_ends_while_nobody_leads(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    controller_down(w);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    PASS(w, 5000);
    EXPECT(w, stage_sandbox(w, sandbox)->saved && !stage_sandbox(w, sandbox)->container);
    controller_up(w);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_EXITED));
}

const struct scenario scenarios_database[] = {
    SCENARIO("the cluster state changes only by what PostgreSQL has committed",
             the_database_is_away_while_a_sandbox_starts),
    SCENARIO("a status is acknowledged only once what it reports is committed",
             the_database_is_away_while_a_sandbox_ends),
    SCENARIO(
        "one move of a sandbox is under way at a time; a status that arrives meanwhile is handled afterwards",
        a_sandbox_ends_while_its_start_is_committed),
    SCENARIO("what others committed is found by reading: a create", the_answer_to_a_create_is_lost),
    SCENARIO("…a deletion", another_controller_deletes_a_sandbox),
    SCENARIO("…a pause", another_controller_pauses_a_sandbox),
    SCENARIO("…a deadline", another_controller_shortens_a_lifetime),
    SCENARIO("a reading never undoes what was answered after the reading was asked for",
             a_reading_is_older_than_what_was_answered),
    SCENARIO("what was committed and not delivered is delivered by the next leader",
             the_leader_dies_before_it_hears_of_its_create),
    SCENARIO("…and so are the statuses of its nodes", the_leader_dies_while_a_sandbox_is_made),
    SCENARIO("…which the nodes keep until a controller leads", a_sandbox_ends_while_nobody_leads),
    {0}};
