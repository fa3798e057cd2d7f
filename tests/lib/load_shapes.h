/*
 * Synthetic loads of a resource, a value a day, whose right answers are known: for the tests and the
 * benchmark of the trend. All are of a capacity of 1000. The noise is the same in each run.
 */
#ifndef CORRAL_TESTS_LIB_LOAD_SHAPES_H
#define CORRAL_TESTS_LIB_LOAD_SHAPES_H

#include "controller/core/trend.h"

#include <math.h>
#include <stdint.h>

#define SHAPE_CAPACITY 1000.0

enum load_shape {
    SHAPE_FLAT,
    SHAPE_LINEAR,
    SHAPE_WEEKLY,
    SHAPE_STEP,
    SHAPE_STEP_GROWS,
    SHAPE_OUTLIERS,
    SHAPE_NOISE,
    SHAPE_SATURATED,
    SHAPES
};
static const char *const shape_names[SHAPES] = {"flat",  "linear growth",     "growth and week",
                                                "step",  "step, then growth", "growth, outliers",
                                                "noise", "saturated"};

/* What the load is on a day of so many that are known; without noise. 5 a day: of the shapes that grow. */
static double shape_at(enum load_shape shape, double day, double known)
{
    double grows = 300 + 5 * day, weekend = fmod(day, 7) >= 5 ? -120 : 0;
    switch (shape) {
    case SHAPE_FLAT:
    case SHAPE_NOISE:
        return 400;
    case SHAPE_LINEAR:
    case SHAPE_OUTLIERS:
        return grows;
    case SHAPE_WEEKLY:
        return grows + weekend;
    case SHAPE_STEP:
        return day < known / 2 ? 300 : 600;
    case SHAPE_STEP_GROWS:
        return day < known / 2 ? 200 : 500 + 5 * (day - known / 2);
    case SHAPE_SATURATED:
    default:
        return grows + 8 * day < SHAPE_CAPACITY ? grows + 8 * day : SHAPE_CAPACITY;
    }
}

/* In [-1, 1], the sum of three: near to normal, with a standard deviation of 1/3. */
static double shape_noise(uint64_t *seed)
{
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*seed >> 40) / (double)(1 << 24) * 2 - 1;
    }
    return sum / 3;
}

/* size: of the noise. An outlier: a day on which nothing was reserved. */
static void shape_points(enum load_shape shape, size_t days, double size, uint64_t seed,
                         struct trend_point *out)
{
    seed = (seed + 1) * 0x9e3779b97f4a7c15u;
    size = shape == SHAPE_NOISE ? 10 * size : size;
    for (size_t i = 0; i < days; i++) {
        double value = shape_at(shape, (double)i, (double)days) + size * shape_noise(&seed);
        if (shape == SHAPE_OUTLIERS && i % 11 == 5)
            value = 0;
        out[i] = (struct trend_point){(double)i, value < SHAPE_CAPACITY ? value : SHAPE_CAPACITY};
    }
}

#endif
