/* The validated body of a POST /sandbox: plain values, before defaults and limits are applied. Pure. */
#ifndef CORRAL_CONTROLLER_CORE_SANDBOX_REQUEST_H
#define CORRAL_CONTROLLER_CORE_SANDBOX_REQUEST_H

#include "common/base/err.h"
#include "common/model/sandbox_spec.h"
#include "controller/core/limit.h"

/* Owns everything; an all-zero one is valid. */
struct sandbox_request {
    struct sandbox_spec spec;       /* image NULL: the base image */
    struct limit_set asked;         /* 0: not given */
    char *name, *region;            /* NULL: none */
    char *labels;                   /* a JSON object's text, NULL: none */
    struct string_list node_labels; /* "key=value" */
    bool restart_elsewhere;
    char *template;          /* NAME or NAME@NUMBER; once taken, NAME@NUMBER. NULL: none */
    bool template_taken;     /* what it says is part of this request, or */
    struct err template_not; /* …why it cannot be; code 0: it can */
};

/* Frees what it holds and zeroes it. */
void sandbox_request_fini(struct sandbox_request *request);

/* Takes up those variables whose names the request's own environment lacks. */
void sandbox_request_add_env(struct sandbox_request *request, const struct string_list *env);

#endif
