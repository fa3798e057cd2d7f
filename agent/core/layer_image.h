/* What an image says of itself, beside its layers: its configuration and its history. Pure. */
#ifndef CORRAL_AGENT_CORE_LAYER_IMAGE_H
#define CORRAL_AGENT_CORE_LAYER_IMAGE_H

#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The parts of a configuration that a Dockerfile can state. Owns its strings; NULL or empty: not stated. */
struct layer_config {
    struct string_list env;    /* "NAME=value" */
    struct string_list labels; /* "name=value" */
    struct string_list volumes, ports, entrypoint, command, shell, health;
    char *user, *working_dir, *stop_signal;
    uint64_t health_interval_ns, health_timeout_ns, health_start_ns, health_retries;
};
void layer_config_fini(struct layer_config *config);

/*
 * Writes the instructions that state it. A value that no instruction can hold (with a line break) is named in
 * a comment instead.
 */
struct text;
void layer_config_write(const struct layer_config *config, struct text *out);

#endif
