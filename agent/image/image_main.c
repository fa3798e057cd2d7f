/*
 * corral-image: reads one image for the agent, which starts it (agent/node/image_helper.h). Its input is an
 * image, and so hostile: it runs without privileges, with limits of its own, and for one image only.
 *
 * usage: corral-image analyze|flatten ID NAME BYTES
 *   0  Docker's connection, GET /images/{id}/get sent    1  the report (proto/image_codec.h)
 *   2  a sentence, if it fails: then it exits with the number of its error (common/base/err.h)
 *   3  of flatten: an empty file for the archive         4  …and Docker's connection, POST /images/load begun
 */
#include "agent/image/image_answer.h"
#include "agent/image/image_flat.h"
#include "agent/image/image_read.h"

#include "common/base/mem.h"
#include "proto/image_codec.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEPT       3
#define LOAD       4
#define NOBODY     65534
#define MEMORY_MAX (1024u << 20) /* bytes of its data; the bounds of an image's tree need a third of that */
#define REPLY_MAX  65536

#if defined(__SANITIZE_ADDRESS__)
#define LIMITS_MEMORY false
#else
#define LIMITS_MEMORY true
#endif

struct job {
    const char *id, *name;
    uint64_t most;
    bool flattens;
    struct image_answer answer;
    struct image_read read;
    uint64_t kept;
};

static void limit(int what, rlim_t most)
{
    const struct rlimit value = {most, most};
    (void)setrlimit(what, &value);
}

/* It has all descriptors that it needs: nothing else of the host is within reach from now on. */
static int give_up_rights(uint64_t most, struct err *e)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 16);
    limit(RLIMIT_FSIZE, most);
    if (LIMITS_MEMORY)
        limit(RLIMIT_DATA, MEMORY_MAX);
    (void)setpriority(PRIO_PROCESS, 0, 10);
    if (!geteuid() &&
        (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        return err_set(e, ERR_IO, "it cannot give up its rights: %s", strerror(errno));
    limit(RLIMIT_NPROC, 1);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? err_set(e, ERR_IO, "it keeps its privileges") : 0;
}

static int write_all(int fd, const void *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        bytes = (const char *)bytes + n;
        len -= (size_t)n;
    }
    return 0;
}

/* Docker's archive, kept for the second reading where one follows. */
static int read_archive(void *arg, void *bytes, size_t len, size_t *got)
{
    struct job *job = arg;
    int error = image_answer_read(&job->answer, bytes, len, got);
    if (!error && job->flattens)
        error = write_all(KEPT, bytes, *got);
    return error;
}

static int no_space(int code, struct err *e)
{
    if (strstr(e->text, strerror(ENOSPC)) || strstr(e->text, strerror(EFBIG)) ||
        strstr(e->text, "no space left on device"))
        return err_set(e, ERR_NO_SPACE, "the node's disk has no room for the image once more");
    return code;
}

static int read_image(struct job *job, struct err *e)
{
    const struct image_source source = {read_archive, job, job->most};
    uint64_t seed;
    unsigned status = image_answer_status(&job->answer);
    if (status == 404)
        return err_set(e, ERR_NOT_FOUND, "the image is gone from its node");
    if (status != 200)
        return err_set(e, ERR_IO, "Docker does not give the image: its status is %u", status);
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return err_set(e, ERR_IO, "no random numbers");
    int rc = image_read(&job->read, &source, seed, e);
    return rc ? no_space(rc, e) : 0;
}

static int report(struct job *job, struct image_report *out, struct err *e)
{
    return image_read_report(&job->read, job->id, job->name, out, e);
}

static int analyze(struct job *job, struct err *e)
{
    struct image_report found = {0};
    uint8_t *bytes = NULL;
    size_t len;
    int rc = read_image(job, e);
    if (!rc)
        rc = report(job, &found, e);
    if (!rc)
        rc = image_report_pack(&found, &bytes, &len, e);
    if (!rc && write_all(STDOUT_FILENO, bytes, len))
        rc = err_set(e, ERR_IO, "nobody takes the report");
    free(bytes);
    image_report_fini(&found);
    return rc;
}

/* --- the variant --- */

/* A chunk of a request's body. */
static int write_chunk(void *arg, const void *bytes, size_t len)
{
    char head[32];
    (void)arg;
    int n = snprintf(head, sizeof head, "%zx\r\n", len);
    int error = len ? write_all(LOAD, head, (size_t)n) : 0;
    if (!error && len)
        error = write_all(LOAD, bytes, len);
    return error || !len ? error : write_all(LOAD, "\r\n", 2);
}

/* Docker says what failed in an answer of 200, too. */
static int take_reply(struct err *e)
{
    struct image_answer *answer = mem_zalloc(sizeof *answer);
    char *text = mem_zalloc(REPLY_MAX + 1);
    size_t len = 0, got = 1;
    int rc = 0;
    answer->fd = LOAD;
    unsigned status = image_answer_status(answer);
    while (status && got && len < REPLY_MAX && !image_answer_read(answer, text + len, REPLY_MAX - len, &got))
        len += got;
    const char *error = strstr(text, "\"error\":\"");
    if (status != 200 || error)
        rc = err_set(e, ERR_IO, "Docker does not take the variant: %.200s", error ? error + 9 : text);
    free(text);
    free(answer);
    return rc ? no_space(rc, e) : 0;
}

static int load(struct job *job, const struct image_flat_form *form, struct err *e)
{
    const struct image_sink sink = {write_chunk, NULL};
    struct err of_docker;
    int rc = image_flat_write(&job->read, KEPT, form, &sink, e);
    if (!rc && write_all(LOAD, "0\r\n\r\n", 5))
        rc = err_set(e, ERR_IO, "Docker does not take the variant");
    int reply = take_reply(&of_docker); /* also where it hung up: it says why */
    if (reply && e)
        *e = of_docker;
    return reply ? reply : rc;
}

static int flatten(struct job *job, struct err *e)
{
    struct image_flat flat = {0};
    struct image_flat_form form = {0};
    uint8_t *bytes = NULL;
    size_t len;
    int rc = read_image(job, e);
    if (!rc)
        rc = report(job, &flat.before, e);
    if (!rc && flat.before.why_partial[0])
        rc = err_set(e, ERR_INVALID, "the image cannot be flattened with all that it has: %.300s",
                     flat.before.why_partial);
    if (!rc)
        rc = image_flat_measure(&job->read, KEPT, job->name, &form, e);
    if (!rc)
        rc = load(job, &form, e);
    memcpy(flat.after.id, form.id, sizeof form.id);
    if (!rc)
        rc = image_flat_pack(&flat, &bytes, &len, e);
    if (!rc && write_all(STDOUT_FILENO, bytes, len))
        rc = err_set(e, ERR_IO, "nobody takes the report");
    free(bytes);
    free(form.config);
    image_flat_fini(&flat);
    return rc;
}

static int run(int argc, char **argv, struct job *job, struct err *e)
{
    if (argc != 5 || (strcmp(argv[1], "analyze") != 0 && strcmp(argv[1], "flatten") != 0))
        return err_set(e, ERR_INVALID, "usage: corral-image analyze|flatten ID NAME BYTES");
    job->flattens = argv[1][0] == 'f';
    job->id = argv[2];
    job->name = argv[3];
    job->most = strtoull(argv[4], NULL, 10);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    int rc = give_up_rights(job->most, e);
    if (rc)
        return rc;
    return job->flattens ? flatten(job, e) : analyze(job, e);
}

int main(int argc, char **argv)
{
    struct job *job = mem_zalloc(sizeof *job);
    struct err e = {0};
    int rc = run(argc, argv, job, &e);
    if (rc)
        (void)write_all(STDERR_FILENO, e.text, strlen(e.text));
    image_read_fini(&job->read);
    free(job);
    _exit(-rc); /* nothing is left to be done at an exit, and what sanitizers do there needs rights */
}
