/* A watch as it runs in a sandbox: the helper in a process of its own, in a folder of the test's own. */
#include "tests/lib/unit.h"

#include "agent/init/init_file.h"
#include "common/model/file_changes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS 10000

static char root[64];
static pid_t helper;
static int from_helper = -1;
static struct file_changes changes;
static struct init_file_result result;
static uint8_t bytes[65536];
static size_t bytes_at, bytes_len;
static char told[262144]; /* all changes so far, a line each */

/* Runs a script in the folder. */
static void sh(const char *script)
{
    char command[4096];
    assert_true(snprintf(command, sizeof command, "cd %s && { %s\n}", root, script) < (int)sizeof command);
    assert_int_equal(system(command), 0);
}

/* Reads some bytes; false: there are no more, or none within so long. */
static bool read_more(int limit_ms)
{
    struct pollfd poller = {.fd = from_helper, .events = POLLIN};
    if (poll(&poller, 1, limit_ms) != 1)
        return false;
    ssize_t n = read(from_helper, bytes, sizeof bytes);
    bytes_at = 0;
    bytes_len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static const char *share, *share_of; /* of inotify; NULL: the machine's own */

/* As a sandbox has it: a user namespace with a share of its own. */
static bool take_share(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/user/max_inotify_%s", share_of);
    if (unshare(CLONE_NEWUSER))
        return false;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, share, strlen(share)) == (ssize_t)strlen(share) && !close(fd);
}

/* Watches this path in the folder; returns the result's error. */
static int watch(const char *name, const char *recursive)
{
    int ends[2];
    char path[256];
    snprintf(path, sizeof path, "%s%s%s", root, *name ? "/" : "", name);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    helper = fork();
    if (!helper) {
        const char *const argv[] = {INIT_FILE_HELPER, "watch", path, recursive};
        close(ends[0]);
        if (share && !take_share())
            _exit(3);
        _exit(init_file_run(4, argv, -1, ends[1]) ? 0 : 2);
    }
    close(ends[1]);
    from_helper = ends[0];
    told[0] = 0;
    memset(&changes, 0, sizeof changes);
    assert_true(read_more(LIMIT_MS) && bytes_len >= sizeof result);
    memcpy(&result, bytes, sizeof result);
    bytes_at = sizeof result;
    return (int)result.error;
}

static void note(const struct file_change *c)
{
    const char *type = file_type_name(c->type);
    size_t len = strlen(told);
    assert_true(len < sizeof told - 10000);
    len += (size_t)sprintf(told + len, "%s %.*s", file_change_name(c->kind), (int)c->path_len, c->path);
    if (c->from_len)
        len += (size_t)sprintf(told + len, "<%.*s", (int)c->from_len, c->from);
    sprintf(told + len, " %s%s\n", type ? type : "", c->reason ? c->reason : "");
}

static void take(void)
{
    struct file_change change;
    const uint8_t *at = bytes + bytes_at;
    size_t left = bytes_len - bytes_at;
    int rc;
    while ((rc = file_changes_next(&changes, &at, &left, &change)) > 0)
        note(&change);
    assert_int_equal(rc, 0);
    bytes_at = bytes_len;
}

/* Whether this line is told, now or soon. */
static bool tells(const char *line)
{
    take();
    while (!strstr(told, line)) {
        if (!read_more(LIMIT_MS)) {
            print_message("awaited: %s; told:\n%s", line, told);
            return false;
        }
        take();
    }
    return true;
}

static unsigned count_of(const char *line)
{
    unsigned count = 0;
    for (const char *at = told; (at = strstr(at, line)); at++)
        count++;
    return count;
}

static int setup(void **state)
{
    strcpy(root, "/dev/shm/init_watch.XXXXXX"); /* in memory: thousands of folders are made */
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    int status;
    if (helper > 0) {
        kill(helper, SIGKILL);
        waitpid(helper, &status, 0);
    }
    helper = 0;
    close(from_helper);
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", root, root);
    return system(command);
}

static void what_happens_in_a_folder(void **state)
{
    sh("echo 1 >there; mkdir sub");
    assert_int_equal(watch("", "0"), 0);
    assert_int_equal(result.type, INIT_FILE_FOLDER);
    sh("echo 2 >>there; ln -s there link; mkdir new; echo >sub/deep");
    assert_true(tells("created new directory\n"));
    assert_non_null(strstr(told, "modified there file\n"));
    assert_non_null(strstr(told, "created link symlink\n"));
    sh("chmod 600 there; mv there new/; mv link other; rm other; rmdir new/../sub 2>&- ; rm sub/deep; rmdir "
       "sub");
    assert_true(tells("deleted sub directory\n"));
    assert_non_null(strstr(told, "attributes there"));
    assert_non_null(strstr(told, "deleted there \n")); /* to where nobody watches */
    assert_non_null(strstr(told, "moved other<link"));
    assert_non_null(strstr(told, "deleted other \n"));
    assert_null(strstr(told, "deep"));
}

static void names_may_hold_any_bytes(void **state)
{
    assert_int_equal(watch("", "0"), 0);
    sh("echo >\"$(printf 'a\\nb\\377')\"");
    assert_true(tells("created a\nb\xff file\n"));
}

/* What was made in a new folder before it was watched is told, too. */
static void new_folders_are_watched_at_once(void **state)
{
    assert_int_equal(watch("", "1"), 0);
    sh("mkdir -p a/b/c && touch a/b/c/f a/g");
    assert_true(tells("created a/b/c/f file\n"));
    assert_true(tells("created a/g file\n"));
    sh("echo >>a/b/c/f; ln -s / a/link");
    assert_true(tells("created a/link symlink\n"));
    sh("rm -r a/b; echo >end");
    assert_true(tells("created end file\n"));
    for (const char *const *line =
             (const char *const[]){"created a directory\n", "created a/b directory\n",
                                   "created a/b/c directory\n", "modified a/b/c/f file\n",
                                   "created a/link symlink\n", "deleted a/b/c/f \n",
                                   "deleted a/b/c directory\n", "deleted a/b directory\n", NULL};
         *line; line++)
        assert_int_equal(count_of(*line), 1);
    assert_null(strstr(told, "a/link/"));
}

static void a_storm_of_new_folders_is_complete(void **state)
{
    assert_int_equal(watch("", "1"), 0);
    sh("for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5; do mkdir -p x$i/$j/y/z; echo >x$i/$j/y/z/f; done) "
       "& done; wait");
    sh("echo >end");
    assert_true(tells("created end file\n"));
    for (int i = 1; i <= 8; i++) {
        for (int j = 1; j <= 5; j++) {
            char line[64];
            snprintf(line, sizeof line, "created x%d/%d/y/z/f file\n", i, j);
            assert_true(tells(line));
            assert_int_equal(count_of(line), 1);
        }
    }
    sh("for i in 1 2 3 4 5 6 7 8; do echo >x$i/5/y/z/later; done");
    assert_true(tells("created x8/5/y/z/later file\n"));
}

static void folders_that_move(void **state)
{
    sh("mkdir -p in/a/b out; mkdir elsewhere; echo >elsewhere/f");
    assert_int_equal(watch("in", "1"), 0);
    sh("mv in/a in/c; echo >in/c/b/f");
    assert_true(tells("created c/b/f file\n"));
    assert_non_null(strstr(told, "moved c<a directory\n"));
    sh("mv in/c out/; echo >out/c/b/unseen; echo >in/after");
    assert_true(tells("created after file\n"));
    assert_non_null(strstr(told, "deleted c directory\n"));
    assert_null(strstr(told, "unseen"));
    sh("mv elsewhere in/; echo >>in/elsewhere/f");
    assert_true(tells("created elsewhere/f file\n"));
    sh("echo >in/elsewhere/g");
    assert_true(tells("created elsewhere/g file\n"));
    assert_non_null(strstr(told, "created elsewhere directory\n"));
}

/* Two folders that change their places, and one that goes into the other. */
static void folders_that_move_round(void **state)
{
    sh("mkdir -p a/x b/y");
    assert_int_equal(watch("", "1"), 0);
    sh("mv a t; mv b a; mv t b; echo >a/y/f1; echo >b/x/f2");
    assert_true(tells("created b/x/f2 file\n"));
    assert_true(tells("created a/y/f1 file\n"));
    sh("mv a b/x/; mv b/x/a/y .; mv b y/; echo >y/b/x/a/f3");
    assert_true(tells("created y/b/x/a/f3 file\n"));
    assert_null(strstr(told, "overflow"));
}

/* Several processes make, move and remove folders as they find them; afterwards each folder that is there is
 * watched under its path, and no other. */
static void folders_that_move_at_random(void **state)
{
    sh("mkdir -p in/d1/d2/d3 in/d2/d1 out");
    assert_int_equal(watch("in", "1"), 0);
    sh("r() { shuf -i 0-$1 -n 1; }; some() { find $1 -mindepth 1 -type d 2>&- | shuf -n 1; }\n"
       "work() { i=0; while [ $i -lt 50 ]; do i=$((i+1)); a=$(some in) b=$(some in); case $(r 6) in\n"
       "0|1) mkdir -p $b/d$(r 4)/d$(r 4);; 2|3|4) mv -T $a ${b:-in}/d$(r 4);; 5) mv -T $a out/x$1.$i;;\n"
       "6) mv -T $(some out) ${b:-in}/d$(r 4);; esac; done; }\n"
       "(for n in 1 2 3; do work $n & done; wait) 2>&-; true");
    while (read_more(300))
        take();
    told[0] = 0;
    sh("find out -type d | sed s,$,/outside, | xargs touch; find in -type d | sed s,$,/probe, | xargs touch; "
       "echo >in/end");
    assert_true(tells("created end file\n"));
    char command[128], line[4200] = "created ";
    snprintf(command, sizeof command, "find %s/in -name probe -printf '%%P file\\n'", root);
    FILE *f = popen(command, "r");
    unsigned probes = 0;
    for (; fgets(line + 8, sizeof line - 8, f); probes++)
        assert_true(tells(line) && count_of(line) == 1);
    pclose(f);
    assert_int_equal(count_of("created "), probes + 1);
    assert_null(strstr(told, "outside"));
}

static void a_put_is_one_change(void **state)
{
    sh("echo 1 >f");
    assert_int_equal(watch("", "0"), 0);
    sh("echo 2 >" INIT_FILE_TEMPORARY "0123; mv " INIT_FILE_TEMPORARY "0123 f; echo >end");
    assert_true(tells("created end file\n"));
    assert_non_null(strstr(told, "modified f file\n"));
    assert_null(strstr(told, "corral-put"));
}

static void the_end_of_a_folder(void **state)
{
    sh("mkdir d; mkdir e");
    assert_int_equal(watch("d/", "1"), 0);
    sh("echo >d/f; rm -r d");
    assert_true(tells("end  path_deleted\n"));
    assert_non_null(strstr(told, "deleted f \n"));
    assert_false(read_more(LIMIT_MS)); /* and nothing follows */
    teardown(state);
    setup(state);
    sh("mkdir d");
    assert_int_equal(watch("d", "0"), 0);
    sh("mv d e");
    assert_true(tells("end  path_moved\n"));
}

/* What the kernel does not tell: a folder above that moved, and one that somebody stands in. */
static void the_path_is_looked_at(void **state)
{
    sh("mkdir -p above/d");
    assert_int_equal(watch("above/d", "0"), 0);
    sh("mv above other");
    assert_true(tells("end  path_deleted\n"));
}

static void a_file_is_followed_when_it_is_replaced(void **state)
{
    sh("echo 1 >f");
    assert_int_equal(watch("f", "1"), 0);
    assert_int_equal(result.type, INIT_FILE_REGULAR);
    sh("echo 2 >>f");
    assert_true(tells("modified  file\n"));
    sh("echo 3 >g; mv g f");
    told[0] = 0;
    assert_true(tells("modified  file\n"));
    sh("chmod 600 f");
    assert_true(tells("attributes  file\n"));
    usleep(2 * 1000 * INIT_FILE_LIMIT_MAX); /* the batches of before are over */
    take();
    told[0] = 0;
    sh("echo 4 >>f");
    assert_true(tells("modified  file\n"));
    sh("rm f");
    assert_true(tells("end  path_deleted\n"));
}

static void what_cannot_be_watched(void **state)
{
    sh("mkfifo pipe; ln -s nowhere broken; mkdir -p secret/in");
    assert_int_equal(watch("none", "0"), ENOENT);
    teardown(state);
    setup(state);
    sh("mkfifo pipe; ln -s nowhere broken");
    assert_int_equal(watch("pipe", "0"), ENXIO);
    kill(helper, SIGKILL);
    waitpid(helper, NULL, 0);
    assert_int_equal(watch("broken", "0"), ENOENT);
}

static void more_folders_than_may_be(void **state)
{
    sh("mkdir many; cd many; seq 1 8300 | xargs mkdir");
    assert_int_equal(watch("", "1"), INIT_FAULT_FOLDERS);
    assert_int_equal(result.size, INIT_WATCH_FOLDERS_MAX);
    kill(helper, SIGKILL);
    waitpid(helper, NULL, 0);
    sh("mv many ../init_watch_many.$$; mkdir some; mv ../init_watch_many.$$ aside; rm -r aside");
    assert_int_equal(watch("", "1"), 0);
    sh("cd some; seq 1 8300 | xargs mkdir; rm -r 1");
    assert_true(tells("not_watched\n")); /* told, and the watch goes on */
    sh("echo >end");
    assert_true(tells("created end file\n"));
}

static void more_than_the_share_of_inotify(void **state)
{
    sh("mkdir 1 2 3 4 5");
    share_of = "watches";
    share = "4";
    assert_int_equal(watch("", "1"), INIT_FAULT_WATCHES);
    assert_int_equal(result.size, 4);
    kill(helper, SIGKILL);
    waitpid(helper, NULL, 0);
    share = "6";
    assert_int_equal(watch("", "1"), 0);
    share = NULL;
    sh("mkdir 6");
    assert_true(tells("overflow 6 not_watched\n"));
    sh("rmdir 1; echo >2/f");
    assert_true(tells("deleted 1 directory\n"));
    sh("mkdir 7; echo >7/f");
    assert_true(tells("created 7/f file\n"));
    assert_non_null(strstr(told, "created 2/f file\n"));
    kill(helper, SIGKILL);
    waitpid(helper, NULL, 0);
    share_of = "instances";
    share = "0";
    assert_int_equal(watch("", "0"), INIT_FAULT_INSTANCES);
    share = NULL;
}

/* Nobody reads, so that the kernel's queue overflows: that is told, and what came new meanwhile is watched.
 */
static void changes_that_are_lost(void **state)
{
    assert_int_equal(watch("", "1"), 0);
    sh("mkdir storm; cd storm; i=0; while [ $i -lt 40 ]; do seq -f \"$i.%g\" 1 1000 | xargs touch; "
       "i=$((i+1)); done; rm -r ../storm; mkdir -p "
       "../late/er");
    for (;;) { /* no line is kept of the storm */
        assert_true(read_more(LIMIT_MS));
        take();
        char *found = strstr(told, "overflow ");
        if (found) {
            memmove(told, found, strlen(found) + 1);
            break;
        }
        told[0] = 0;
    }
    assert_non_null(strstr(told, "overflow  changes_lost\n"));
    sh("echo >late/er/f");
    assert_true(tells("created late/er/f file\n"));
}

static void much_is_told_once(void **state)
{
    sh("echo >f; echo >g");
    assert_int_equal(watch("", "0"), 0);
    sh("for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9 10; do echo >>f; echo >>g; done; done; "
       "echo >end");
    assert_true(tells("created end file\n"));
    assert_in_range(count_of("modified f file\n"), 1, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_happens_in_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(names_may_hold_any_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(new_folders_are_watched_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_storm_of_new_folders_is_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_move, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_move_round, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_move_at_random, setup, teardown),
        cmocka_unit_test_setup_teardown(a_put_is_one_change, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(the_path_is_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_followed_when_it_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(more_folders_than_may_be, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_share_of_inotify, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_that_are_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(much_is_told_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
