#include "tests/fuzz/target.h"

#include "agent/docker/docker_json.h"

#include <stdlib.h>

/* The first byte chooses the kind of answer that the rest is parsed as. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes + 1;
    struct docker_facts facts = {0};
    struct docker_image image = {0};
    struct docker_state state = {0};
    struct docker_event event;
    struct docker_listed *listed = NULL;
    struct docker_network *networks = NULL;
    struct docker_stored *stored = NULL;
    struct docker_file file;
    char id[DOCKER_ID_LEN + 1], api[16], said[100], link[DOCKER_PATH_MAX];
    size_t count;
    struct docker_pull_line line;
    struct err e;
    if (!len--)
        return 0;
    switch (bytes[0] % 11) {
    case 0:
        (void)!docker_json_version(text, len, &facts, api, &e);
        break;
    case 1:
        (void)!docker_json_info(text, len, &facts, &e);
        break;
    case 2:
        (void)!docker_json_image(text, len, &image, &e);
        break;
    case 3:
        (void)!docker_json_created(text, len, id, &e);
        break;
    case 4:
        (void)!docker_json_inspect(text, len, &state, &e);
        break;
    case 5:
        (void)!docker_json_event(text, len, &event, &e);
        break;
    case 6:
        if (!docker_json_list(text, len, &listed, &count, &e))
            free(listed);
        break;
    case 8:
        if (!docker_json_networks(text, len, &networks, &count, &e))
            free(networks);
        break;
    case 10:
        if (!docker_json_images(text, len, &stored, &count, &e))
            docker_stored_free(stored, count);
        break;
    case 9:
        (void)!docker_json_file(text, len, &file, link, &e);
        break;
    default:
        docker_json_message(text, len, said, sizeof said);
        docker_json_pull_line(text, len, &line);
    }
    docker_facts_fini(&facts);
    docker_image_fini(&image);
    return 0;
}
