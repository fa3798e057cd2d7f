/*
 * Docker's JSON: answers into plain structs, and the body of a create. Takes bytes, so that tests need no
 * Docker; hostile answers are an error, never more. The only user of the JSON library in the agent.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_JSON_H
#define CORRAL_AGENT_DOCKER_DOCKER_JSON_H

#include "agent/core/pull_size.h"
#include "agent/docker/docker.h"

/* Each fills *out (strings and lists owned by the struct, see its fini) or returns ERR_PROTOCOL. */
int docker_json_version(const char *bytes, size_t len, struct docker_facts *out, char min_api[16],
                        struct err *e) MUST_CHECK;
int docker_json_info(const char *bytes, size_t len, struct docker_facts *out, struct err *e) MUST_CHECK;
int docker_json_image(const char *bytes, size_t len, struct docker_image *out, struct err *e) MUST_CHECK;
int docker_json_created(const char *bytes, size_t len, char id[DOCKER_ID_LEN + 1], struct err *e) MUST_CHECK;
int docker_json_inspect(const char *bytes, size_t len, struct docker_state *out, struct err *e) MUST_CHECK;

/*
 * The header of a look at a path: JSON in base64. link: where it leads, within the container, where it is a
 * link; "" else.
 */
int docker_json_file(const char *bytes, size_t len, struct docker_file *out,
                     char link[static DOCKER_PATH_MAX], struct err *e) MUST_CHECK;
int docker_json_event(const char *bytes, size_t len, struct docker_event *out, struct err *e) MUST_CHECK;

/* *out: an array of *count, to be freed with free(). */
int docker_json_list(const char *bytes, size_t len, struct docker_listed **out, size_t *count,
                     struct err *e) MUST_CHECK;

/* *out: an array of *count networks, to be freed with free(). */
int docker_json_networks(const char *bytes, size_t len, struct docker_network **out, size_t *count,
                         struct err *e) MUST_CHECK;

/* The filters of a list: those whose key has one of these values (an array that NULL ends); free() it. */
char *docker_json_filters(const char *key, const char *const *values);

/* The "message" of an error answer into out; "" where there is none. */
void docker_json_message(const char *bytes, size_t len, char *out, size_t size);

/* One line of a pull's answer: why it failed, or how it is with a layer of it. */
struct docker_pull_line {
    char said[300];                 /* the error, or the message of a refusal; "" where it goes on */
    char layer[PULL_LAYER_MAX + 1]; /* "" where it is of none */
    uint64_t bytes;                 /* compressed, as its registry says; 0: not said */
    bool waits;                     /* until Docker has fewer downloads, of this image or of others */
};
void docker_json_pull_line(const char *bytes, size_t len, struct docker_pull_line *out);

/* The body of POST /containers/create, and of …/update; free() it. */
char *docker_json_create_body(const struct docker_container *container);
char *docker_json_update_body(const struct sandbox_limits *limits);

#endif
