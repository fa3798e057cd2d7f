/*
 * The advice on the system: what the rules of advice_rule.def find in its figures. Each finding names its
 * subject, says it in a sentence, and has evidence and expected effect as JSON. Pure; bounded by
 * ADVICE_FINDINGS_MAX, ADVICE_OF_RULE_MAX a rule: the gravest stay.
 */
#ifndef CORRAL_CONTROLLER_CORE_ADVICE_H
#define CORRAL_CONTROLLER_CORE_ADVICE_H

#include "controller/core/advice_figures.h"

#define ADVICE_FINDINGS_MAX 200
#define ADVICE_OF_RULE_MAX  20
#define ADVICE_SENTENCE_MAX 600

enum advice_kind {
    ADVICE_CAPACITY,
    ADVICE_BALANCE,
    ADVICE_BOTTLENECK,
    ADVICE_ALLOCATION,
    ADVICE_STARTUP,
    ADVICE_KINDS
};
const char *advice_kind_name(enum advice_kind kind);

enum advice_severity { ADVICE_INFO, ADVICE_WARNING, ADVICE_CRITICAL, ADVICE_SEVERITIES };
const char *advice_severity_name(enum advice_severity severity);
/* ADVICE_SEVERITIES where it is no name of one. */
enum advice_severity advice_severity_of(const char *name);

enum advice_rule_id {
#define ADVICE(name, KIND, function, what) ADVICE_RULE_##name,
#include "controller/core/advice_rule.def"
    ADVICE_RULES
};
const char *advice_rule_name(enum advice_rule_id rule);
enum advice_kind advice_rule_kind(enum advice_rule_id rule);
/* ADVICE_RULES where there is no such rule. */
enum advice_rule_id advice_rule_of(const char *name);

struct advice_finding {
    enum advice_rule_id rule;
    const char *subject_kind;         /* static: system, region, node, tier or image */
    char subject[IMAGE_REF_FULL_MAX]; /* "" of the system */
    enum advice_severity severity;
    double weight; /* how much there is of it, above 0: to be compared with itself at another time */
    bool opens;    /* clear enough to begin; otherwise it only keeps what has begun */
    char sentence[ADVICE_SENTENCE_MAX];
    char *evidence, *effect; /* JSON objects; owned */
};

struct advice_findings {
    struct advice_finding *item;
    size_t count;
    size_t left_out;            /* past a bound */
    bool unknown[ADVICE_RULES]; /* the rule could not judge: what it found before stays as it is */
};

/* All zero before; _fini frees it. */
void advice_find(struct advice_findings *findings, const struct advice_figures *figures);
void advice_findings_fini(struct advice_findings *findings);

#endif
