/*
 * What a sandbox is to be: all that its node needs to make it, and of who asked only by what name its node
 * tells one user's sandboxes from another's. The controller makes it once, at admission; it never changes
 * afterwards, except for the limits and the deadline, which travel beside it (struct desired_state). Pure.
 */
#ifndef CORRAL_COMMON_SANDBOX_SPEC_H
#define CORRAL_COMMON_SANDBOX_SPEC_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel holds a sandbox to. A value of 0 means "no such limit", which no seeded tier allows. */
struct sandbox_limits {
#define LIMIT(KIND, name, ...) uint64_t name;
#include "common/model/limit.def"
};

/* 10^15: the most bytes of a limit. It fits everywhere, also in JavaScript. */
#define LIMIT_BYTES_MAX 1000000000000000

/* Of a column of limit.def that is YES or NO: the rest, or nothing. */
#define LIMIT_IF_YES(...) __VA_ARGS__
#define LIMIT_IF_NO(...)

enum sandbox_network { NETWORK_NONE, NETWORK_EGRESS };

/*
 * Where violations begin and end: percents of a limit, those named _seconds in seconds. 0: as the node is
 * configured.
 * X(name).
 */
#define VIOLATION_LEVELS(X)                                                                                  \
    X(memory_warning)                                                                                        \
    X(memory_critical)                                                                                       \
    X(memory_clear)                                                                                          \
    X(cpu_warning)                                                                                           \
    X(cpu_clear) X(cpu_seconds) X(disk_warning) X(disk_clear) X(pids_warning) X(pids_clear) X(episode_seconds)
#define VIOLATION_LEVEL_MEMBER(name) uint32_t name;
struct violation_levels {
    VIOLATION_LEVELS(VIOLATION_LEVEL_MEMBER)
};

/* A list of strings; every string and the array are owned by the struct that holds it. */
struct string_list {
    char **item;
    size_t count;
};

struct sandbox_spec {
    char *image;                /* its name; to a node, the whole one */
    struct string_list command; /* empty: idle under init, or the image's own with use_image_command */
    struct string_list env;     /* "NAME=value" */
    enum sandbox_network network;
    char *runtime; /* NULL: the daemon's default */
    bool use_image_command;
    uint64_t idle_timeout_seconds;  /* 0: none */
    struct violation_levels levels; /* of its tier */
    char *user;                     /* id; NULL: of a controller that did not say */
    uint64_t shm_bytes;             /* what /dev/shm holds; 0: sandbox_default_shm() of its memory */
};

/* Half of its memory, which is what is written there, and at most what Docker gives. */
uint64_t sandbox_default_shm(uint64_t memory_bytes);

/* Appends a copy of text. */
void string_list_add(struct string_list *list, const char *text);
void string_list_fini(struct string_list *list);

/* Frees what the spec holds and zeroes it; an all-zero spec is fine. */
void sandbox_spec_fini(struct sandbox_spec *spec);

#endif
