/*
 * Which sandboxes are asked for, and how many at once: what the size of the warm pool follows. A class is
 * what a member of the pool is made with and what cannot be changed when it is handed out; all else can. Of
 * each class the creates are counted in windows of ten seconds, for ten minutes: those that were admitted, so
 * that nobody asks for more than a quota allows. Pure; `now` is the loop's clock in milliseconds.
 */
#ifndef CORRAL_CONTROLLER_CORE_WARM_DEMAND_H
#define CORRAL_CONTROLLER_CORE_WARM_DEMAND_H

#include "common/model/image_ref.h"
#include "controller/core/caller.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct warm_class {
    char image[IMAGE_REF_FULL_MAX]; /* whole name; its node compares the image's id */
    uint64_t storage_bytes, shm_bytes;
};

static inline bool warm_class_same(const struct warm_class *a, const struct warm_class *b)
{
    return a->storage_bytes == b->storage_bytes && a->shm_bytes == b->shm_bytes &&
           !strcmp(a->image, b->image);
}

#define WARM_CLASSES_MAX     32 /* the one that was asked for longest ago makes room for another */
#define WARM_CLASSES_OF_USER 4  /* that came by one user, whose further ones replace only these */
#define WARM_WINDOW_MS       10000
#define WARM_WINDOWS         60

/* All zero at first. */
struct warm_demand {
    struct warm_demand_row {
        struct warm_class class;
        uint32_t creates[WARM_WINDOWS]; /* by window, modulo */
        uint64_t begun_ms;              /* when a member of it was begun last */
        uint64_t window;                /* the latest with a create; 0: the row is free */
        char user[USER_ID_MAX + 1];     /* by whom the class came; "": by a row that a new leader read */
        uint64_t class_id;              /* from 1; of no other class, also later in this row */
        uint32_t floor;                 /* at least so many are to stand, also where nobody asks */
    } row[WARM_CLASSES_MAX];
    uint64_t last_id;
};

/* A sandbox of this class was asked for by this user; "": that is not known. */
void warm_demand_note(struct warm_demand *demand, uint64_t now, const struct warm_class *class,
                      const char *user);

/* Of a class of which so many are to stand ready, whatever is asked for: of templates. */
#define WARM_FLOORS_MAX 16
struct warm_floor {
    struct warm_class class;
    uint32_t least;
};

/* Sets which classes have one; those before have none. At most WARM_FLOORS_MAX of them count. */
void warm_demand_floors(struct warm_demand *demand, uint64_t now, const struct warm_floor *floors,
                        size_t count);

/* The most creates of the row's class in one window of the last WARM_WINDOWS, or its floor where that is
 * more; 0 of a free row. */
uint32_t warm_demand_peak(const struct warm_demand_row *row, uint64_t now);

/* Its row; NULL where the class is not known. Borrowed until the next note. */
struct warm_demand_row *warm_demand_find(const struct warm_demand *demand, const struct warm_class *class);

#endif
