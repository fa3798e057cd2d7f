/*
 * A corral-init that runs as process 1 of a namespace, the link to it, and what came over it.
 */
#ifndef CORRAL_TESTS_INIT_WORLD_H
#define CORRAL_TESTS_INIT_WORLD_H

#include "agent/initlink/initlink.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEN_MAX 512

/* One attachment, and what came of it. */
struct seen {
    uint32_t number;
    bool answered, detached;
    struct init_attached attached;
    enum init_detach_reason reason;
    uint64_t bytes, position;
    char text[2][256]; /* how each channel begins */
};

struct world {
    struct loop *loop;
    struct initlink *link;
    struct err e;
    bool copied, listed, exited;
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

/* Runs the loop until it holds; half a minute is too long. */
#define UNTIL(condition)                                                                                     \
    for (uint64_t until_ = loop_now_ms() + 30000; !(condition); world_turn(20))                              \
    CHECK(loop_now_ms() < until_)

void world_begin(const char *folder);

/* Has the sandbox's command end with this code. Returns that of process 1. */
int world_end(int code);

/* Runs the loop until something came, for so long at most. */
void world_turn(uint64_t ms);

/* Forgets what was seen. */
void world_forget(void);

/* Its number. argv ends with NULL. */
uint32_t world_spawn(const char *const *argv, uint32_t flags, uint64_t timeout_ms);

/* The same as that, again. */
int world_respawn(uint32_t number);

struct seen *world_attach(uint32_t process, uint64_t from, uint32_t credit);

/* enum init_process_state; -1: not known. */
int world_state(uint32_t number);

/* How many processes are in the namespace, and what the first of them has of memory. */
int world_inside(void);
long world_memory_kib(void);
uint64_t world_us(void);

/* Drops the link, and takes it up with a new object, as an agent does that was started again. */
void world_link_again(void);

/* Drops the link, and says this and what follows it to the init as its next agent: the init ends that link.
 */
void world_say_raw(const struct init_head *head);

#endif
