/*
 * What a node needs to make a sandbox. Of the user it holds an id only, by which the node tells the sandboxes
 * of one user from another's. The controller makes the spec once, at admission. The spec never changes
 * afterwards; limits and deadline, which may change, travel beside it (struct desired_state). Pure.
 */
#ifndef CORRAL_COMMON_MODEL_SANDBOX_SPEC_H
#define CORRAL_COMMON_MODEL_SANDBOX_SPEC_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The limits of a sandbox that the kernel enforces. 0 means "no such limit", which no seeded tier allows. */
struct sandbox_limits {
#define LIMIT(KIND, name, ...) uint64_t name;
#include "common/model/limit.def"
};

/* 10^15: the most bytes of a limit. Every integer type in use holds it, also a JavaScript number. */
#define LIMIT_BYTES_MAX 1000000000000000

/* For a column of limit.def that is YES or NO: expands to the arguments, or to nothing. */
#define LIMIT_IF_YES(...) __VA_ARGS__
#define LIMIT_IF_NO(...)

/* The most of a ready check: between two tries, and for all of them. */
#define READY_INTERVAL_MAX_MS 60000
#define READY_TIMEOUT_MAX_MS  3600000

enum sandbox_network { NETWORK_NONE, NETWORK_EGRESS };

/*
 * Thresholds at which violations begin and end: percents of a limit, or seconds for names with _seconds. 0:
 * the node's configuration decides. X(name).
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

/* A list of strings. The struct that holds the list owns the strings and the array. */
struct string_list {
    char **item;
    size_t count;
};

struct sandbox_spec {
    char *image;                /* the image's name; the whole name (image_ref_full) in a spec for a node */
    struct string_list command; /* empty: idle under init, or the image's own with use_image_command */
    struct string_list env;     /* "NAME=value" */
    uint8_t *sealed_env;        /* instead of env, where it is kept (proto/spec_env.h); NULL: none */
    size_t sealed_env_len;
    enum sandbox_network network;
    char *runtime; /* NULL: the daemon's default */
    bool use_image_command;
    uint64_t idle_timeout_seconds;    /* 0: none */
    struct violation_levels levels;   /* copied from the tier */
    char *user;                       /* id; NULL: the controller sent none */
    struct string_list ready_command; /* it runs when this succeeds inside; empty: at once */
    uint32_t ready_interval_ms;       /* between two tries */
    uint32_t ready_timeout_ms;        /* for all tries */
    uint64_t shm_bytes;               /* size of /dev/shm; 0: sandbox_default_shm() of the memory limit */
};

/* The default size of /dev/shm: half of the memory limit, at most Docker's default of 64 MiB. */
uint64_t sandbox_default_shm(uint64_t memory_bytes);

/* Appends a copy of text. */
void string_list_add(struct string_list *list, const char *text);
void string_list_fini(struct string_list *list);

/* Frees what the spec holds and zeroes it. Also for an all-zero spec. */
void sandbox_spec_fini(struct sandbox_spec *spec);

#endif
