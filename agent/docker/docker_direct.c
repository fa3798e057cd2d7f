#include "agent/docker/docker_direct.h"

#include "agent/docker/docker_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

void docker_direct_copy(const struct docker *docker, struct docker_direct *direct)
{
    snprintf(direct->socket, sizeof direct->socket, "%s", docker_http_socket(docker->http));
    memcpy(direct->prefix, docker->prefix, sizeof direct->prefix);
}

static int dial(const struct docker_direct *direct)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {DOCKER_DIRECT_MS / 1000, 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, direct->socket, strnlen(direct->socket, sizeof address.sun_path - 1));
    if (fd < 0)
        return -1;
    if (!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) &&
        !connect(fd, (const struct sockaddr *)&address, sizeof address))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int send_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

int docker_direct_send(const struct docker_direct *direct, const char *method, const char *path,
                       const char *body, int *fd, struct err *e)
{
    char head[DOCKER_PATH_MAX + 512], form[64] = "";
    bool chunked = body && !strcmp(body, "chunked");
    if (chunked)
        snprintf(form, sizeof form, "Transfer-Encoding: chunked\r\n");
    else if (strcmp(method, "GET") != 0)
        snprintf(form, sizeof form, "Content-Length: %zu\r\n", body ? strlen(body) : 0);
    int len =
        snprintf(head, sizeof head,
                 "%s %s%s HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n%sContent-Type: %s\r\n\r\n",
                 method, direct->prefix, path, form, chunked ? "application/x-tar" : "application/json");
    if (len < 0 || (size_t)len >= sizeof head)
        return err_set(e, ERR_INTERNAL, "the request to Docker is too long");
    *fd = dial(direct);
    if (*fd >= 0 && !send_all(*fd, head, (size_t)len) &&
        (chunked || !body || !send_all(*fd, body, strlen(body))))
        return 0;
    int rc = err_set(e, ERR_IO, "Docker: %s", strerror(errno));
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return rc;
}

int docker_direct_ask(const struct docker_direct *direct, const char *method, const char *path,
                      unsigned *status, char *reply, size_t size, struct err *e)
{
    char own[1024];
    const struct timeval patience = {DOCKER_DIRECT_MS / 1000, 0};
    int fd, rc = docker_direct_send(direct, method, path, NULL, &fd, e);
    size_t len = 0;
    ssize_t n = 1;
    *status = 0;
    if (rc)
        return rc;
    if (!reply) {
        reply = own;
        size = sizeof own;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (n > 0 && len < size - 1) {
        n = recv(fd, reply + len, size - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    reply[len] = 0;
    close(fd);
    if (sscanf(reply, "HTTP/1.%*1[01] %3u", status) != 1)
        return err_set(e, ERR_IO, "Docker does not answer");
    return 0;
}
