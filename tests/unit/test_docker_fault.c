/* Docker's messages as they were recorded (28.2, containerd 1.7, runc 1.1), and as a tenant would forge
 * them. */
#include "agent/docker/docker_fault.h"

#include "common/base/defs.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

#define DATA    "/var/lib/docker/100000.100000"
#define TASK    "failed to create shim task: OCI runtime create failed: "
#define RUNC    TASK "runc create failed: "
#define START   RUNC "unable to start container process: "
#define IN_INIT START "error during container init: "

static const struct {
    long status;
    bool host;
    const char *message;
} cases[] = {
    /* Docker's own disk, at a create: full, out of inodes, gone read-only, failing. */
    {500, true, "mkdir " DATA "/containers/4aa2dfecfd25: no space left on device"},
    {500, true, "mkdir " DATA "/image/overlay2/layerdb/mounts/8bb4b9a26a8d: no space left on device"},
    {500, true, "mkdir " DATA "/containers/05bf5b9a783a: read-only file system"},
    {500, true, "open " DATA "/overlay2/05bf5b9a783a/committed: input/output error"},
    {500, true, "open " DATA "/containers/05bf/.tmp-config.v2.json: too many open files"},
    {500, true, "fork/exec /proc/self/exe: resource temporarily unavailable"},
    {500, true, "fork/exec /proc/self/exe: cannot allocate memory"},
    /* containerd and its shim, at a start. */
    {500, true,
     "failed to start shim: mkdir /run/containerd/task/moby/b21a: no space left on device: unknown"},
    {500, true,
     "failed to create task for container: failed to start shim: start failed: fork/exec "
     "/usr/bin/containerd-shim-runc-v2: permission denied: unknown"},
    {500, true,
     "connection error: desc = \"transport: Error while dialing dial unix:///run/containerd/containerd.sock: "
     "timeout\": unavailable"},
    {500, true, "transport is closing: unavailable"},
    {500, true, "ttrpc: closed: unknown"},
    /* runc fails before the sandbox's own limits apply, or cannot run at all. */
    {500, true, RUNC "mkdir /run/docker/runtime-runc/moby/b46d: no space left on device: unknown"},
    {500, true,
     TASK "unable to retrieve OCI runtime error (open /run/containerd/task/moby/1f/log.json: no such file or "
          "directory): exec: \"runc\": executable file not found in $PATH: unknown"},
    {500, true,
     IN_INIT "unable to join session keyring: unable to create session key: disk quota exceeded: unknown"},
    /* The request's own fault: its command, its image, its limits. */
    {404, false, "No such image: nobody/nothing:latest"},
    {400, false, IN_INIT "exec: \"/bin/none\": stat /bin/none: no such file or directory: unknown"},
    {400, false, START "exec: \"./it\": permission denied: unknown"},
    {400, false, START "exec /it: exec format error: unknown"},
    {500, false, START "exec /it: exec format error: unknown"},
    {500, false, START "container init was OOM-killed (memory limit too low?): unknown"},
    {500, false, START "can't get final child's PID from pipe: EOF: unknown"},
    {500, false, IN_INIT "read init-p: connection reset by peer: unknown"},
    {500, false, START "error adding pid 12 to cgroups: resource temporarily unavailable: unknown"},
    {500, false, IN_INIT "fork/exec /proc/self/exe: cannot allocate memory: unknown"},
    {400, false,
     IN_INIT "error mounting \"/x/corral-init\" to rootfs at \"/.corral/init\": open o_path procfd: not a "
             "directory: unknown"},
    /* The sandbox's own disk, which is full of the folders that its image declares. */
    {500, false,
     IN_INIT "error mounting \"/x/2\" to rootfs at \"/workspace/a/a\": mkdirat /workspace/a/a: no space left "
             "on device: unknown"},
    {500, false, "mount /x/2 in the rootfs: no space left on device: unknown"},
    /* A path in the image that reads like a fault of the node. */
    {500, false, "mkdir " DATA "/overlay2/7f4446e7ab74/merged/workspace/o: no space left on device"},
    {500, false, "lstat " DATA "/merged/etc/passwd/x: no space left on device: not a directory"},
    {400, false, "Duplicate mount point: /x: no space left on device"},
    {500, false,
     IN_INIT "error mounting \"/x\" to rootfs at \"/failed to start shim: no space left on device\": not a "
             "directory: unknown"},
    {500, false, RUNC "invalid mount at /unable to retrieve OCI runtime error: not a directory: unknown"},
    /* Unknown messages. */
    {500, false, "something new: unknown"},
    {500, false, "no space left on device"},
    {500, false, ""},
};

static void test_who_is_to_blame(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (docker_host_fault(cases[i].status, cases[i].message) != cases[i].host)
            fail_msg("%ld %s", cases[i].status, cases[i].message);
    }
}

/* The end of a message, which has the cause, may be cut off. */
static void test_what_is_too_long_is_nobodys_fault(void **state)
{
    static const char full[] = ": no space left on device";
    char message[DOCKER_REFUSAL_MAX];
    memset(message, 'x', sizeof message);
    snprintf(message + sizeof message - sizeof full, sizeof full, "%s", full);
    assert_false(docker_host_fault(500, message));
    assert_true(docker_host_fault(500, message + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_to_blame),
        cmocka_unit_test(test_what_is_too_long_is_nobodys_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
