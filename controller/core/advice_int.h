/* Shared by the rules of the advice. Private to controller/core/advice*.c. */
#ifndef CORRAL_CONTROLLER_CORE_ADVICE_INT_H
#define CORRAL_CONTROLLER_CORE_ADVICE_INT_H

#include "common/base/defs.h"
#include "common/base/json_text.h"
#include "controller/core/advice.h"

struct advice_pass {
    const struct advice_figures *figures;
    struct advice_findings *findings;
    enum advice_rule_id rule;
    size_t of_rule;
};

/* The functions of advice_rule.def. */
typedef void advice_rule_fn(struct advice_pass *pass);
#define ADVICE(name, KIND, function, what) advice_rule_fn function;
#include "controller/core/advice_rule.def"

/* A finding that is being made: begin; the members of evidence, then of effect; put. */
struct advice_made {
    struct advice_finding finding;
    struct json_text evidence, effect;
};
void advice_begin(struct advice_made *made, const char *subject_kind, const char *subject, double weight,
                  bool opens);
void advice_say(struct advice_made *made, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds it to the pass; takes what was made. */
void advice_put(struct advice_pass *pass, struct advice_made *made);
void advice_unknown(struct advice_pass *pass);

/* Rounded to three decimals; what is no finite number is null. */
void advice_num(struct json_text *json, const char *name, double value);
/* "3.2 GiB", "1.5 CPUs", "12 places". */
#define ADVICE_AMOUNT_MAX 40
void advice_amount(enum advice_resource resource, double amount, char out[static ADVICE_AMOUNT_MAX]);
/* "memory", "cpu", "storage", "sandboxes". */
const char *advice_resource_name(enum advice_resource resource);
const char *advice_resource_word(enum advice_resource resource); /* in a sentence */
/* The largest share of a resource that is reserved; *which: of which one. */
double advice_fullness(const struct advice_node *node, enum advice_resource *which);
/* Sorts the values; of none 0. */
double advice_median(double *values, size_t count);

#endif
