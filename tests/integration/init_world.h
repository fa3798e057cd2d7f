/* A corral-init that runs as process 1 of a namespace, the link to it, and the frames that arrived. */
#ifndef CORRAL_TESTS_INTEGRATION_INIT_WORLD_H
#define CORRAL_TESTS_INTEGRATION_INIT_WORLD_H

#include "agent/initlink/initlink.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define SEEN_MAX 512

/* One attachment, and its output. */
struct seen {
    uint32_t number;
    bool answered, detached;
    struct init_attached attached;
    enum init_detach_reason reason;
    uint64_t bytes, position;
    char text[2][256]; /* the first bytes of each channel */
};

struct world {
    struct loop *loop;
    struct initlink *link;
    struct err e;
    bool copied, listed, exited;
    int environs;     /* answers to ENVIRON */
    uint32_t refused; /* the latest number, and errno */
    int refused_with;
    struct seen seen[SEEN_MAX];
    size_t seen_count;
};
extern struct world world;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold (%s)\n", __FILE__, __LINE__, #condition, world.e.text); \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* Runs the loop until the condition holds; fails after half a minute. */
#define UNTIL(condition)                                                                                     \
    for (uint64_t until_ = loop_now_ms() + 30000; !(condition); world_turn(20))                              \
    CHECK(loop_now_ms() < until_)

void world_begin(const char *folder);

/* Makes the sandbox's command exit with this code. Returns the exit code of process 1. */
int world_end(int code);

/* Runs the loop until a frame arrived, at most for this long. */
void world_turn(uint64_t ms);

/* Forgets all frames that arrived. */
void world_forget(void);

/* Returns the number of the process. argv ends with NULL. */
uint32_t world_spawn(const char *const *argv, uint32_t flags, uint64_t timeout_ms);

/* The same start once more, with the same number. */
int world_respawn(uint32_t number);

struct seen *world_attach(uint32_t process, uint64_t from, uint32_t credit);

/* An enum init_process_state; -1: unknown. */
int world_state(uint32_t number);

/* How many processes are in the namespace, and how much memory the first of them has. */
int world_inside(void);
long world_memory_kib(void);

/* Sets how many files the init may open, as a process of its sandbox could. */
void world_bound_files(rlim_t files);

uint64_t world_us(void);

/* Drops the link and connects with a new object, as a restarted agent does. */
void world_link_again(void);

/* Drops the link and sends these bytes to the init as its next agent: the init ends that link. */
void world_say_raw(const struct init_head *head);

#endif
