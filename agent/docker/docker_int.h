/* Shared by the files of this client; private to them. */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_INT_H
#define CORRAL_AGENT_DOCKER_DOCKER_INT_H

#include "agent/core/turns.h"
#include "agent/docker/docker.h"
#include "agent/docker/docker_http.h"

#include "common/base/backoff.h"

struct pull;
struct docker {
    struct loop *loop;
    struct docker_http *http;
    char prefix[24]; /* "/v1.41"; "" before a version is agreed on */
    struct pull *pulls;
    struct turns pull_turns;
    struct docker_call *left; /* cancelled calls of pulls whose callback is still to come */
    docker_event_cb *on_event;
    loop_cb *on_away, *on_gap;
    bool hears;       /* the stream of events stands */
    uint64_t back_ms; /* when Docker was found to answer again; 0: it was never away */
    bool away;        /* and on_away was called */
    void *event_arg;
    struct timer event_retry, ping_next;
    unsigned pings; /* since Docker was away */
    struct backoff event_backoff;
    bool stopping;
};

enum docker_answer {
    ANSWER_NONE,
    ANSWER_IMAGE,
    ANSWER_ID,
    ANSWER_STATE,
    ANSWER_FILE,
    ANSWER_LIST,
    ANSWER_NETWORKS
};

/* One call: what is asked, and whose callback gets the answer. */
struct docker_call {
    struct docker *docker;
    struct docker_request *request; /* NULL: the call waits for a pull */
    struct pull *pull;
    struct docker_call *next; /* in the list of calls that wait for the same pull */
    struct later cancelled;   /* reports a cancelled call that waited for a pull */
    enum docker_answer answer;
    int refusal;                       /* error code for an answer of 400 and above, except 404 and 409 */
    bool missing_is_good;              /* 404 counts as success */
    bool same_is_good;                 /* 304 and 409 count as success */
    char container[DOCKER_ID_LEN + 1]; /* ANSWER_FILE: the container; "" once a link was followed */
    const char *path;                  /* ANSWER_FILE: the path; NULL once Docker was asked why it refuses */
    void (*cb)(void);
    void *arg;
};

/* docker.c: makes an exec of a container, which does not run yet; the callback gets its id. */
struct docker_call *docker_exec_create(struct docker *docker, const char *container,
                                       const struct string_list *command, docker_id_cb *cb, void *arg);

/* docker_pull.c: removes the call from its pull, which goes on while another call waits for it. */
void docker_pull_leave(struct docker_call *call);
void docker_pulls_init(struct docker *docker);
void docker_pulls_free(struct docker *docker);

#endif
