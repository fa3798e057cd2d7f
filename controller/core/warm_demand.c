#include "controller/core/warm_demand.h"

#include <stdio.h>

/* From 1, so that 0 means never. */
static uint64_t window_of(uint64_t now)
{
    return now / WARM_WINDOW_MS + 1;
}

struct warm_demand_row *warm_demand_find(const struct warm_demand *demand, const struct warm_class *class)
{
    for (size_t i = 0; i < WARM_CLASSES_MAX; i++) {
        if (demand->row[i].window && warm_class_same(&demand->row[i].class, class))
            return (struct warm_demand_row *)&demand->row[i];
    }
    return NULL;
}

static bool came_by(const struct warm_demand_row *row, const char *user)
{
    return row->window && user[0] && !strcmp(row->user, user);
}

/* The row for a class that is new: the user's own oldest one, if the user has as many as one may. */
static struct warm_demand_row *oldest(struct warm_demand *demand, const char *user)
{
    struct warm_demand_row *row = NULL;
    size_t own = 0;
    for (size_t i = 0; i < WARM_CLASSES_MAX; i++)
        own += came_by(&demand->row[i], user) && !demand->row[i].floor;
    for (size_t i = 0; i < WARM_CLASSES_MAX; i++) {
        if (own >= WARM_CLASSES_OF_USER && !came_by(&demand->row[i], user))
            continue;
        if (!demand->row[i].floor && (!row || demand->row[i].window < row->window))
            row = &demand->row[i];
    }
    return row;
}

/* Empties the windows since the last create: their places hold counts of ten minutes ago. */
static void advance(struct warm_demand_row *row, uint64_t window)
{
    uint64_t passed = window - row->window;
    for (uint64_t i = 1; i <= passed && i <= WARM_WINDOWS; i++)
        row->creates[(row->window + i) % WARM_WINDOWS] = 0;
    row->window = window;
}

void warm_demand_note(struct warm_demand *demand, uint64_t now, const struct warm_class *class,
                      const char *user)
{
    struct warm_demand_row *row = warm_demand_find(demand, class);
    uint64_t window = window_of(now);
    if (!row) {
        row = oldest(demand, user);
        *row = (struct warm_demand_row){.class = *class, .window = window, .class_id = ++demand->last_id};
        snprintf(row->user, sizeof row->user, "%s", user);
    }
    if (window > row->window)
        advance(row, window);
    row->creates[window % WARM_WINDOWS]++;
}

uint32_t warm_demand_peak(const struct warm_demand_row *row, uint64_t now)
{
    uint64_t window = window_of(now);
    uint32_t most = 0;
    for (uint64_t i = 0; row->window && i < WARM_WINDOWS; i++) {
        uint64_t at = row->window - i;
        if (i >= row->window || window - at >= WARM_WINDOWS)
            break;
        if (row->creates[at % WARM_WINDOWS] > most)
            most = row->creates[at % WARM_WINDOWS];
    }
    return most > row->floor ? most : row->floor;
}

void warm_demand_floors(struct warm_demand *demand, uint64_t now, const struct warm_floor *floors,
                        size_t count)
{
    for (size_t i = 0; i < WARM_CLASSES_MAX; i++)
        demand->row[i].floor = 0;
    for (size_t i = 0; i < count && i < WARM_FLOORS_MAX; i++) {
        struct warm_demand_row *row = warm_demand_find(demand, &floors[i].class);
        if (!row) {
            row = oldest(demand, "");
            *row = (struct warm_demand_row){
                .class = floors[i].class, .window = window_of(now), .class_id = ++demand->last_id};
        }
        row->floor += floors[i].least;
    }
}
