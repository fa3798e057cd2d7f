/*
 * Which limits a new sandbox gets. Each limit has three sources: the request, the installation's default, and
 * the tier's maximum, or the user's override of that maximum.
 *
 *   - a request above the maximum is refused, never lowered
 *   - a default above the maximum is lowered to it; where the tier sets no maximum, the installation's
 *     fallback applies
 *   - without a default, the maximum is the default
 *
 * Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_LIMIT_H
#define CORRAL_CONTROLLER_CORE_LIMIT_H

#include "common/base/err.h"

#include <stdint.h>

enum limit_kind {
#define LIMIT(KIND, ...)      LIMIT_##KIND,
#define LIMIT_TIME(KIND, ...) LIMIT_##KIND,
#include "common/model/limit.def"
    LIMIT_KIND_COUNT
};

/* One value a kind; 0 stands for "not given" everywhere. */
struct limit_set {
    uint64_t value[LIMIT_KIND_COUNT];
};

/* The field's name in requests and answers ("memory_bytes"). Static. */
const char *limit_kind_name(enum limit_kind kind);

/* A user's maxima: the override where there is one, else the tier's, else the installation's fallback. */
struct limit_set limit_maxima(const struct limit_set *tier, const struct limit_set *overrides,
                              const struct limit_set *fallback);

/*
 * Fills out from the three sources, or returns ERR_ABOVE_TIER_LIMIT with the first field that is too high in
 * *field and a sentence in e.
 */
int limit_resolve(const struct limit_set *asked, const struct limit_set *defaults,
                  const struct limit_set *maxima, struct limit_set *out, enum limit_kind *field,
                  struct err *e) MUST_CHECK;

#endif
