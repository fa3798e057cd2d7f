/*
 * Docker's JSON: parses answers into plain structs, and writes the bodies of requests. Takes bytes, so tests
 * need no Docker; a hostile answer causes at most an error. The agent's only user of the JSON library.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_JSON_H
#define CORRAL_AGENT_DOCKER_DOCKER_JSON_H

#include "agent/core/pull_size.h"
#include "agent/docker/docker.h"

/* Each fills *out (which owns its strings and lists, see its fini) or returns ERR_PROTOCOL. */
int docker_json_version(const char *bytes, size_t len, struct docker_facts *out, char min_api[16],
                        struct err *e) MUST_CHECK;
int docker_json_info(const char *bytes, size_t len, struct docker_facts *out, struct err *e) MUST_CHECK;
int docker_json_image(const char *bytes, size_t len, struct docker_image *out, struct err *e) MUST_CHECK;
int docker_json_created(const char *bytes, size_t len, char id[DOCKER_ID_LEN + 1], struct err *e) MUST_CHECK;
int docker_json_inspect(const char *bytes, size_t len, struct docker_state *out, struct err *e) MUST_CHECK;

/*
 * The header with the facts of a path: JSON in base64. link: the target, within the container, if it is a
 * symlink; "" else.
 */
int docker_json_file(const char *bytes, size_t len, struct docker_file *out,
                     char link[static DOCKER_PATH_MAX], struct err *e) MUST_CHECK;
int docker_json_event(const char *bytes, size_t len, struct docker_event *out, struct err *e) MUST_CHECK;

/* *out: an array of *count, freed with free(). */
int docker_json_list(const char *bytes, size_t len, struct docker_listed **out, size_t *count,
                     struct err *e) MUST_CHECK;

/* *out: an array of *count images, freed with docker_stored_free. */
int docker_json_images(const char *bytes, size_t len, struct docker_stored **out, size_t *count,
                       struct err *e) MUST_CHECK;

/* *out: an array of *count networks, freed with free(). */
int docker_json_networks(const char *bytes, size_t len, struct docker_network **out, size_t *count,
                         struct err *e) MUST_CHECK;

/* The filters of a list: objects whose key has one of these values (a NULL-terminated array); free() it. */
char *docker_json_filters(const char *key, const char *const *values);

/* Copies the "message" of an error answer into out; "" if there is none. */
void docker_json_message(const char *bytes, size_t len, char *out, size_t size);

/* One line of a pull's answer: an error, or the progress of a layer. */
struct docker_pull_line {
    char said[300];         /* the error, or the message of a refusal; "" if the pull goes on */
    struct pull_step layer; /* id "": the line is about no layer. Sizes are the registry's */
    bool waits;             /* the layer waits for other downloads of this Docker */
};
void docker_json_pull_line(const char *bytes, size_t len, struct docker_pull_line *out);

/* The bodies of POST /containers/create, of …/update and of …/exec; free() them. */
char *docker_json_exec_body(const struct string_list *command);
char *docker_json_create_body(const struct docker_container *container);
char *docker_json_update_body(const struct sandbox_limits *limits);

#endif
