/*
 * What a command prints, kept for --json up to a bound: one object at the end, as POST /sandbox/{id}/exec
 * answers it.
 */
#ifndef CORRAL_CLI_EXEC_CAPTURE_H
#define CORRAL_CLI_EXEC_CAPTURE_H

#include "common/base/text.h"

#include <jansson.h>
#include <stdint.h>

#define EXEC_CAPTURE_MAX (1u << 20) /* bytes of each; what comes after them is dropped */

struct exec_capture {
    struct text out, err;
    bool truncated;
    uint64_t begun_ms;
};

void exec_capture_init(struct exec_capture *capture);
void exec_capture_fini(struct exec_capture *capture);

void exec_capture_add(struct exec_capture *capture, bool is_stderr, const uint8_t *bytes, size_t len);

/* The object, for a process (GET …/processes/{pid}) that has ended now. The caller's. */
json_t *exec_capture_json(const struct exec_capture *capture, const json_t *process);

#endif
