#include "controller/core/advice.h"

#include "common/base/mem.h"
#include "common/base/units.h"
#include "controller/core/advice_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names --- */

static const char *const kinds[ADVICE_KINDS] = {"capacity", "balance", "bottleneck", "allocation", "startup"};
static const char *const severities[ADVICE_SEVERITIES] = {"info", "warning", "critical"};
static const char *const resources[ADVICE_RESOURCES] = {"memory", "cpu", "storage", "sandboxes"};

static const char *const words[ADVICE_RESOURCES] = {"memory", "CPU", "disk", "room for sandboxes"};

static const struct rule {
    const char *name;
    enum advice_kind kind;
    advice_rule_fn *find;
} rules[ADVICE_RULES] = {
#define ADVICE(name, KIND, function, what) {#name, ADVICE_##KIND, function},
#include "controller/core/advice_rule.def"
};

const char *advice_kind_name(enum advice_kind kind)
{
    return kinds[kind];
}

const char *advice_severity_name(enum advice_severity severity)
{
    return severities[severity];
}

enum advice_severity advice_severity_of(const char *name)
{
    for (int i = 0; i < ADVICE_SEVERITIES; i++) {
        if (!strcmp(severities[i], name))
            return (enum advice_severity)i;
    }
    return ADVICE_SEVERITIES;
}

const char *advice_rule_name(enum advice_rule_id rule)
{
    return rules[rule].name;
}

enum advice_kind advice_rule_kind(enum advice_rule_id rule)
{
    return rules[rule].kind;
}

enum advice_rule_id advice_rule_of(const char *name)
{
    for (int i = 0; i < ADVICE_RULES; i++) {
        if (!strcmp(rules[i].name, name))
            return (enum advice_rule_id)i;
    }
    return ADVICE_RULES;
}

const char *advice_resource_name(enum advice_resource resource)
{
    return resources[resource];
}

const char *advice_resource_word(enum advice_resource resource)
{
    return words[resource];
}

/* --- words and numbers --- */

void advice_num(struct json_text *json, const char *name, double value)
{
    if (isfinite(value))
        json_text_real(json, name, value, fabs(value) >= 1e6 ? 0 : 3);
    else
        json_text_null(json, name);
}

void advice_amount(enum advice_resource resource, double amount, char out[static ADVICE_AMOUNT_MAX])
{
    if (resource == ADVICE_MEMORY || resource == ADVICE_STORAGE)
        units_format_bytes((uint64_t)(amount > 0 ? amount : 0), out, ADVICE_AMOUNT_MAX);
    else if (resource == ADVICE_CPU)
        snprintf(out, ADVICE_AMOUNT_MAX, "%.1f CPUs", amount / 1000);
    else
        snprintf(out, ADVICE_AMOUNT_MAX, "%.0f places", amount);
}

double advice_fullness(const struct advice_node *node, enum advice_resource *which)
{
    double most = 0;
    *which = ADVICE_MEMORY;
    for (unsigned r = 0; r < ADVICE_RESOURCES; r++) {
        double share = node->capacity[r] > 0 ? node->reserved[r] / node->capacity[r] : 0;
        if (share > most) {
            most = share;
            *which = (enum advice_resource)r;
        }
    }
    return most;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double advice_median(double *values, size_t count)
{
    if (!count)
        return 0;
    qsort(values, count, sizeof *values, by_value);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* --- making a finding --- */

void advice_begin(struct advice_made *made, const char *subject_kind, const char *subject, double weight,
                  bool opens)
{
    *made = (struct advice_made){
        .finding = {.subject_kind = subject_kind, .weight = weight, .opens = opens, .severity = ADVICE_INFO}};
    snprintf(made->finding.subject, sizeof made->finding.subject, "%s", subject);
    json_text_object(&made->evidence, NULL);
    json_text_object(&made->effect, NULL);
}

void advice_say(struct advice_made *made, const char *format, ...)
{
    char *sentence = made->finding.sentence;
    size_t len = strlen(sentence);
    va_list args;
    va_start(args, format);
    vsnprintf(sentence + len, sizeof made->finding.sentence - len, format, args);
    va_end(args);
}

static void drop(struct advice_finding *finding)
{
    mem_free_ptr(&finding->evidence);
    mem_free_ptr(&finding->effect);
}

/* Graver: of a higher severity, or of the same with more weight. */
static bool graver(const struct advice_finding *a, const struct advice_finding *b)
{
    return a->severity != b->severity ? a->severity > b->severity : a->weight > b->weight;
}

/* The least grave of those that this pass put. */
static struct advice_finding *least_of(const struct advice_pass *pass)
{
    struct advice_finding *first = pass->findings->item + pass->findings->count - pass->of_rule,
                          *least = first;
    for (size_t i = 1; i < pass->of_rule; i++) {
        if (graver(least, &first[i]))
            least = &first[i];
    }
    return least;
}

void advice_put(struct advice_pass *pass, struct advice_made *made)
{
    struct advice_findings *all = pass->findings;
    json_text_end(&made->evidence);
    json_text_end(&made->effect);
    made->finding.rule = pass->rule;
    made->finding.evidence = made->evidence.text.data;
    made->finding.effect = made->effect.text.data;
    if (pass->of_rule < ADVICE_OF_RULE_MAX && all->count < ADVICE_FINDINGS_MAX) {
        all->item[all->count++] = made->finding;
        pass->of_rule++;
        return;
    }
    all->left_out++;
    advice_unknown(pass); /* one that is not listed is not known to be gone */
    struct advice_finding *least = pass->of_rule ? least_of(pass) : NULL;
    if (!least || !graver(&made->finding, least)) {
        drop(&made->finding);
        return;
    }
    drop(least);
    *least = made->finding;
}

void advice_unknown(struct advice_pass *pass)
{
    pass->findings->unknown[pass->rule] = true;
}

/* --- all rules --- */

void advice_find(struct advice_findings *findings, const struct advice_figures *figures)
{
    findings->item = mem_zalloc(ADVICE_FINDINGS_MAX * sizeof *findings->item);
    for (int i = 0; i < ADVICE_RULES; i++) {
        struct advice_pass pass = {.figures = figures, .findings = findings, .rule = (enum advice_rule_id)i};
        rules[i].find(&pass);
    }
}

void advice_findings_fini(struct advice_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        drop(&findings->item[i]);
    mem_free_ptr(&findings->item);
    findings->count = 0;
}

void advice_figures_fini(struct advice_figures *f)
{
    mem_free_ptr(&f->areas);
    mem_free_ptr(&f->nodes);
    mem_free_ptr(&f->node_starts);
    mem_free_ptr(&f->image_starts);
    mem_free_ptr(&f->tiers);
    mem_free_ptr(&f->pressures);
}
