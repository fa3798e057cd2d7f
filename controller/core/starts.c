#include "controller/core/starts.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <uthash.h>

/* Each of a node's steps is rounded down, so their sum is at most the whole, unless its clock runs too fast.
 */
#define SLACK_MS      10
#define SLACK_PERCENT 1

struct start_under_way {
    struct sandbox_id id;
    uint64_t admitted_ms;
    bool told;
    uint64_t whole_ms;        /* once told: from the request until its node told that it runs */
    struct start_times times; /* the admission; once told, all */
    UT_hash_handle hh;
};

struct starts {
    struct start_under_way *head;
    struct histogram times[START_TIME_COUNT];
};

struct starts *starts_new(void)
{
    return mem_zalloc(sizeof(struct starts));
}

static void drop(struct starts *starts, struct start_under_way *start)
{
    HASH_DEL(starts->head, start);
    free(start);
}

void starts_clear(struct starts *starts)
{
    struct start_under_way *start, *next;
    HASH_ITER(hh, starts->head, start, next)
    {
        drop(starts, start);
    }
}

void starts_free(struct starts *starts)
{
    if (!starts)
        return;
    starts_clear(starts);
    free(starts);
}

static struct start_under_way *find(const struct starts *starts, const struct sandbox_id *id)
{
    struct start_under_way *start;
    HASH_FIND(hh, starts->head, id, sizeof *id, start);
    return start;
}

void starts_admitted(struct starts *starts, uint64_t now, const struct sandbox_id *id, uint64_t admission_ms)
{
    if (find(starts, id) || HASH_COUNT(starts->head) >= STARTS_MAX)
        return;
    struct start_under_way *start = mem_zalloc(sizeof *start);
    start->id = *id;
    start->admitted_ms = now;
    start_times_add(&start->times, START_TIME_ADMISSION, admission_ms);
    HASH_ADD(hh, starts->head, id, sizeof start->id, start);
}

/* What is left of the whole is the way to the node and back. Without the node's times it cannot be told
 * apart. */
static bool complete(struct start_under_way *start, uint64_t whole_ms, const struct start_times *by_node)
{
    uint64_t sum = start_times_sum(by_node);
    if (!by_node->measured)
        return true;
    if (sum > whole_ms + whole_ms * SLACK_PERCENT / 100 + SLACK_MS)
        return false;
    start_times_add(&start->times, START_TIME_DISPATCH, sum < whole_ms ? whole_ms - sum : 0);
    for (unsigned i = 0; i < START_TIME_COUNT; i++) {
        if (start_times_has(by_node, (enum start_time)i))
            start_times_add(&start->times, (enum start_time)i, by_node->ms[i]);
    }
    return true;
}

bool starts_told(struct starts *starts, uint64_t now, const struct sandbox_id *id, struct start_times *times)
{
    struct start_under_way *start = find(starts, id);
    bool good = true;
    if (!start)
        return true;
    if (!start->told)
        good = complete(start, now - start->admitted_ms, times);
    if (!start->told)
        start->whole_ms = start->times.ms[START_TIME_ADMISSION] + (now - start->admitted_ms);
    start->told = true;
    *times = start->times;
    return good;
}

const struct histogram_bounds starts_bounds = {{5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
                                                2500000, 5000000, 10000000, 30000000, 60000000, 300000000}};

bool starts_over(struct starts *starts, const struct sandbox_id *id, uint64_t *whole_ms)
{
    struct start_under_way *start = find(starts, id);
    if (!start)
        return false;
    bool told = start->told;
    *whole_ms = start->whole_ms;
    for (unsigned i = 0; start->told && i < START_TIME_COUNT; i++) {
        if (start_times_has(&start->times, (enum start_time)i))
            histogram_add(&starts->times[i], &starts_bounds, (uint64_t)start->times.ms[i] * 1000);
    }
    drop(starts, start);
    return told;
}

const struct histogram *starts_times(const struct starts *starts, enum start_time step)
{
    return &starts->times[step];
}
