/*
 * What the advice on the system is found in: figures that the database (sql/functions/advice_figures.sql) and
 * the controller itself have. Each list is bounded by who fills it. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_ADVICE_FIGURES_H
#define CORRAL_CONTROLLER_CORE_ADVICE_FIGURES_H

#include "common/model/image_ref.h"
#include "controller/core/trend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADVICE_NAME_MAX 64 /* of a node, a region or a tier, with its end */

/* In the order of the gauges of the system's history. */
enum advice_resource { ADVICE_MEMORY, ADVICE_CPU, ADVICE_STORAGE, ADVICE_SANDBOXES, ADVICE_RESOURCES };

/* A region, or (name "") the system as a whole: what was reserved at the most on each day, and what there is.
 */
struct advice_area {
    char name[ADVICE_NAME_MAX];
    size_t days;
    struct trend_point peak[ADVICE_RESOURCES][TREND_POINTS_MAX];
    double capacity[ADVICE_RESOURCES]; /* of the last day */
};

/* A node within the last hour: means. */
struct advice_node {
    char name[ADVICE_NAME_MAX], region[ADVICE_NAME_MAX];
    bool ready, cordoned; /* it takes sandboxes; it would, had no administrator marked it */
    bool known;           /* it has figures */
    double capacity[ADVICE_RESOURCES], reserved[ADVICE_RESOURCES], used[ADVICE_RESOURCES];
};

/* The starts of a day on a node or from an image, or (name "") of all; times in milliseconds, medians of the
 * starts that took no member of the warm pool. */
struct advice_starts {
    char name[IMAGE_REF_FULL_MAX];
    double count, warm;
    double control_ms, turn_ms, disk_ms, docker_ms, whole_ms;
    double pulls, pull_ms, pull_sum_ms; /* starts that waited a second or longer for their image */
};

/* A tier within a week. */
struct advice_tier {
    char name[ADVICE_NAME_MAX];
    double memory_limit, max_sandboxes; /* in force for a user without overrides */
    double creates, users, memory_most; /* sandboxes made, by so many users; the most asked for */
    double ended, killed;               /* killed: for lack of memory */
    double live_users, full_users;      /* with live sandboxes now; with as many as they may have */
    bool known;                         /* it has the means that follow */
    double reserved[ADVICE_RESOURCES], used[ADVICE_RESOURCES];
};

/* The system within a day, and its queues within the last hour. */
struct advice_queues {
    bool known;
    double creates, no_capacity; /* sandboxes made, and refused for lack of room */
    double database_mean, creates_mean;
};

/* What this controller measured since the advice before. */
struct advice_database {
    double requests, share_slow; /* of them, how many took longer than ADVICE_SLOW_MS */
};
#define ADVICE_SLOW_MS 250

/* A node's sandboxes: the mean of their pressure in percent. */
struct advice_pressure {
    char node[ADVICE_NAME_MAX];
    double sandboxes, cpu, memory, io;
};

struct advice_figures {
    struct advice_area *areas;
    struct advice_node *nodes;
    struct advice_starts *node_starts, *image_starts;
    struct advice_tier *tiers;
    struct advice_pressure *pressures;
    size_t area_count, node_count, node_start_count, image_start_count, tier_count, pressure_count;
    struct advice_queues queues;
    bool measured; /* pressures and database are of long enough a time */
    struct advice_database database;
};

void advice_figures_fini(struct advice_figures *figures);

#endif
