/* Runs rounds of upkeep until nothing is left to do, and prints what each step resulted in:
 * "NAME removed=N failures=N overdue=SECONDS[ WHY]".
 * usage: db_upkeep URL SAMPLES EVENTS SANDBOXES KEYS USERS NODES AUDIT   (days; 0: for ever) [ROUNDS] */
#include "common/io/loop.h"
#include "controller/db/db_upkeep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
    struct loop *loop;
    struct db_upkeep *upkeep;
    int rounds, most;
};

static void on_round(void *arg)
{
    struct run *run = arg;
    if (++run->rounds == run->most || !db_upkeep_more(run->upkeep))
        loop_stop(run->loop);
}

int main(int argc, char **argv)
{
    struct run run = {.loop = loop_new(), .most = argc > 9 ? atoi(argv[9]) : 0};
    struct err e;
    if (argc < 9)
        return 2;
    uint64_t days[7];
    for (int i = 0; i < 7; i++)
        days[i] = strtoull(argv[2 + i], NULL, 10);
    struct db_upkeep_terms terms = {days[0], days[1], days[2], days[3], days[4], days[5], days[6]};
    terms.system_sample_days = 30;
    terms.system_days = 365;
    struct db_upkeep_conf conf = {run.loop, argv[1], &terms, on_round, &run};
    if (db_upkeep_new(&run.upkeep, &conf, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    db_upkeep_start(run.upkeep);
    loop_run(run.loop);
    printf("rounds=%d more=%d held=%" PRIu64 "\n", run.rounds, db_upkeep_more(run.upkeep),
           db_upkeep_held_seconds(run.upkeep));
    for (size_t i = 0; i < DB_UPKEEP_STEPS; i++) {
        const struct db_upkeep_step *step = &db_upkeep_steps(run.upkeep)[i];
        printf("%s removed=%" PRIu64 " failures=%" PRIu64 " overdue=%" PRIu64 "%s%s\n", step->name,
               step->removed, step->failures, step->overdue_seconds, step->failed ? " " : "",
               step->failed ? step->why : "");
    }
    db_upkeep_free(run.upkeep);
    loop_free(run.loop);
    return 0;
}
