#include "agent/node/image_work.h"

#include "agent/docker/docker.h"
#include "agent/docker/docker_http.h"

#include "common/base/mem.h"
#include "proto/image_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An archive has 512 to 2,000 bytes beside those of each file; what Docker counts leaves them out. */
#define ARCHIVE_MORE ((uint64_t)1 << 30)

static uint64_t archive_most(const struct image_work *work)
{
    return 2 * work->bytes + ARCHIVE_MORE;
}

/* --- space --- */

static int check_folder(const char *folder, uint64_t needed, uint64_t stays, struct err *e)
{
    uint64_t free_bytes;
    if (docker_free_bytes(folder, &free_bytes, NULL) || free_bytes >= needed + stays)
        return 0; /* also where the disk cannot be seen: Docker then says so itself */
    return err_set(e, ERR_NO_SPACE,
                   "the node's disk has no room for this: %llu bytes are needed beside the %llu that have to "
                   "stay free",
                   (unsigned long long)needed, (unsigned long long)stays);
}

/* Docker unpacks an image into a folder of its own before it sends it, and one that it takes, too. */
static int check_space(const struct image_work *work, struct err *e)
{
    bool flattens = work->flat[0];
    int rc = check_folder(work->root, flattens ? 3 * work->bytes : work->bytes, work->free_bytes, e);
    return rc || !flattens ? rc : check_folder(work->state_dir, work->bytes, work->free_bytes, e);
}

/* --- the helper --- */

static int run_helper(const struct image_work *work, const char *verb, const char *id, int kept, int to,
                      uint8_t **out, size_t *len, struct err *e)
{
    char path[IMAGE_ID_LEN + 32];
    struct image_helper helper = {.program = work->program,
                                  .verb = verb,
                                  .id = id,
                                  .name = work->name,
                                  .most = archive_most(work),
                                  .kept = kept,
                                  .to = to,
                                  .stop = work->stop};
    snprintf(path, sizeof path, "/images/%s/get", id);
    int rc = docker_direct_send(&work->docker, "GET", path, NULL, &helper.from, e);
    if (rc)
        return rc;
    rc = image_helper_run(&helper, out, len, e);
    close(helper.from);
    return rc;
}

static int analyze(const struct image_work *work, const char *id, uint8_t **out, size_t *len, struct err *e)
{
    return run_helper(work, "analyze", id, -1, -1, out, len, e);
}

/* --- the variant --- */

/* Whether the name is taken, by another image than this one ("": by any). */
static int check_name(const struct image_work *work, const char *id, struct err *e)
{
    char path[3 * IMAGE_REF_FULL_MAX + 32], name[3 * IMAGE_REF_FULL_MAX], needle[IMAGE_ID_LEN + 16];
    char *reply = mem_zalloc(DOCKER_DIRECT_REPLY_MAX);
    unsigned status;
    docker_escape(work->flat, name, sizeof name);
    snprintf(path, sizeof path, "/images/%s/json", name);
    int rc = docker_direct_ask(&work->docker, "GET", path, &status, reply, DOCKER_DIRECT_REPLY_MAX, e);
    snprintf(needle, sizeof needle, "\"Id\":\"%s\"", id);
    if (!rc && status != 404 && (status != 200 || !strstr(reply, needle)))
        rc = err_set(e, status == 200 ? ERR_CONFLICT : ERR_IO,
                     "there is another image with the name of the variant, %s: remove it first", work->flat);
    free(reply);
    return rc;
}

static int give_name(const struct image_work *work, const char *id, struct err *e)
{
    char path[8 * IMAGE_REF_FULL_MAX], repository[3 * IMAGE_REF_FULL_MAX], tag[400],
        plain[IMAGE_REF_FULL_MAX];
    unsigned status;
    memcpy(plain, work->flat, sizeof plain);
    char *colon = strrchr(plain, ':');
    if (!colon)
        return err_set(e, ERR_INTERNAL, "the variant's name has no tag");
    *colon = 0;
    docker_escape(plain, repository, sizeof repository);
    docker_escape(colon + 1, tag, sizeof tag);
    snprintf(path, sizeof path, "/images/%s/tag?repo=%s&tag=%s", id, repository, tag);
    int rc = docker_direct_ask(&work->docker, "POST", path, &status, NULL, 0, e);
    return rc || status == 201 ? rc
                               : err_set(e, ERR_IO, "Docker does not name the variant: status %u", status);
}

/* Removes the variant, unless somebody else has given it a name: it may have been there before. */
static void drop(const struct image_work *work, const char *id)
{
    char path[IMAGE_ID_LEN + 32], *reply = mem_zalloc(DOCKER_DIRECT_REPLY_MAX);
    unsigned status;
    snprintf(path, sizeof path, "/images/%s/json", id);
    int rc = docker_direct_ask(&work->docker, "GET", path, &status, reply, DOCKER_DIRECT_REPLY_MAX, NULL);
    bool nameless = strstr(reply, "\"RepoTags\":[]") || strstr(reply, "\"RepoTags\":null");
    snprintf(path, sizeof path, "/images/%s", id);
    if (!rc && status == 200 && nameless)
        (void)!docker_direct_ask(&work->docker, "DELETE", path, &status, NULL, 0, NULL);
    free(reply);
}

/* An anonymous file, gone with its descriptor. */
static int open_kept(const struct image_work *work, int *fd, struct err *e)
{
    *fd = open(work->state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return *fd >= 0 ? 0 : err_set(e, ERR_IO, "no file for the image's archive: %s", strerror(errno));
}

static int make(const struct image_work *work, struct image_flat *flat, struct err *e)
{
    int kept = -1, to = -1;
    uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = open_kept(work, &kept, e);
    if (!rc)
        rc = docker_direct_send(&work->docker, "POST", "/images/load?quiet=1", "chunked", &to, e);
    if (!rc)
        rc = run_helper(work, "flatten", work->id, kept, to, &bytes, &len, e);
    if (kept >= 0)
        close(kept);
    if (to >= 0)
        close(to);
    if (!rc)
        rc = image_flat_unpack(bytes, len, flat, e);
    free(bytes);
    return rc;
}

/* Reads what Docker made of the variant, and compares the trees. */
static int prove(const struct image_work *work, struct image_flat *flat, struct err *e)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct image_report after;
    int rc = analyze(work, flat->after.id, &bytes, &len, e);
    if (!rc)
        rc = image_report_unpack(bytes, len, &after, e);
    free(bytes);
    if (rc)
        return rc;
    image_report_fini(&flat->after);
    flat->after = after;
    if (after.why_partial[0] || strcmp(after.tree, flat->before.tree) != 0)
        return err_set(e, ERR_IO, "the variant has not the same files as the image, and was removed");
    return 0;
}

static int flatten(struct image_work *work, struct err *e)
{
    struct image_flat flat = {0};
    char id[IMAGE_ID_LEN + 1];
    int rc = check_name(work, "", e);
    bool named_before = rc == ERR_CONFLICT; /* perhaps by the same variant: known once that is made */
    if (!rc || named_before)
        rc = make(work, &flat, e);
    memcpy(id, flat.after.id, sizeof id);
    bool made = !rc;
    if (made && named_before)
        rc = check_name(work, id, e);
    if (made && !rc)
        rc = prove(work, &flat, e);
    if (made && !rc)
        rc = give_name(work, id, e);
    if (made && rc)
        drop(work, id);
    snprintf(flat.name, sizeof flat.name, "%.*s", IMAGE_NAME_MAX, work->flat);
    if (!rc)
        rc = image_flat_pack(&flat, &work->result, &work->len, e);
    image_flat_fini(&flat);
    return rc;
}

int image_work_do(struct image_work *work, struct err *e)
{
    int rc = check_space(work, e);
    if (rc)
        return rc;
    if (work->flat[0])
        return flatten(work, e);
    rc = analyze(work, work->id, &work->result, &work->len, e);
    return rc;
}
