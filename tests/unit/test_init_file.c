#include "tests/lib/unit.h"

#include "agent/init/init_file.h"
#include "common/model/file_list.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Operations of the helper, in a folder of the test's own. */

static char root[64];

/* The path of a file in the folder. */
static const char *at(const char *name)
{
    static char paths[4][4200];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static struct init_file_result result;
static uint8_t bytes[1 << 20]; /* that followed */
static size_t bytes_len;

/* Runs an operation with this input; returns its errno, -1 if its arguments are bad. */
static int run_with(const char *input, size_t len, const char *const *argv)
{
    int argc = 0, in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
    while (argv[argc])
        argc++;
    if (len)
        assert_int_equal(pwrite(in, input, len, 0), len);
    memset(&result, 0, sizeof result);
    bool good = init_file_run(argc, argv, in, out);
    if (good)
        assert_int_equal(pread(out, &result, sizeof result, 0), sizeof result);
    ssize_t n = pread(out, bytes, sizeof bytes, sizeof result);
    bytes_len = n > 0 ? (size_t)n : 0;
    close(in);
    close(out);
    return good ? (int)result.error : -1;
}

#define run(...) run_with(NULL, 0, (const char *const[]){"corral-files", __VA_ARGS__, NULL})
#define write_(input, path, mode)                                                                            \
    run_with(input, strlen(input), (const char *const[]){"corral-files", "write", path, mode, NULL})
#define read_(path) run("read", path, "0", "0", "0", "1", "200", "")
#define list_(path) read_(path)

static void make(const char *name, const char *text)
{
    int fd = open(at(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static bool holds(const char *name, const char *text)
{
    char had[256];
    int fd = open(at(name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, had, sizeof had);
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(text) && !memcmp(had, text, (size_t)n);
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(lstat(at(name), &st), 0);
    return st.st_mode & 07777;
}

/* How many entries the folder has. */
static int count_in(const char *name)
{
    char command[4300], text[32] = "";
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", at(name));
    FILE *f = popen(command, "r");
    assert_non_null(fgets(text, sizeof text, f));
    pclose(f);
    return atoi(text);
}

static int setup(void **state)
{
    strcpy(root, "/tmp/init_file.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "chmod -R u+rwx %s && rm -rf %s", root, root);
    return system(command);
}

static void a_file_is_read_as_a_whole_or_in_part(void **state)
{
    static const struct {
        const char *range, *offset, *length, *text;
    } rows[] = {{"0", "0", "0", "0123456789"}, {"1", "2", "3", "234"},
                {"1", "8", "99", "89"},        {"1", "9", "18446744073709551615", "9"},
                {"2", "0", "4", "6789"},       {"2", "0", "99", "0123456789"}};
    make("f", "0123456789");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(run("read", at("f"), rows[i].range, rows[i].offset, rows[i].length, "1", "200", ""),
                         0);
        assert_int_equal(result.length, strlen(rows[i].text));
        assert_int_equal(result.size, 10);
        assert_int_equal(bytes_len, strlen(rows[i].text));
        assert_memory_equal(bytes, rows[i].text, bytes_len);
    }
    assert_int_equal(run("read", at("f"), "1", "10", "1", "1", "200", ""), ERANGE);
    assert_int_equal(result.size, 10);
    assert_int_equal(run("read", at("f"), "2", "0", "0", "1", "200", ""), ERANGE);
    make("empty", "");
    assert_int_equal(read_(at("empty")), 0);
    assert_int_equal(bytes_len + result.length, 0);
    assert_int_equal(run("read", at("empty"), "1", "0", "5", "1", "200", ""), ERANGE);
}

static void what_is_said_of_a_file(void **state)
{
    make("f", "abc");
    assert_int_equal(chmod(at("f"), 0640), 0);
    assert_int_equal(run("stat", at("f")), 0);
    assert_int_equal(result.type, INIT_FILE_REGULAR);
    assert_int_equal(result.mode, 0640);
    assert_int_equal(result.size, 3);
    assert_true(result.modified_ms > 1600000000000);
    assert_int_equal(bytes_len + result.length, 0);
    assert_int_equal(run("stat", root), 0);
    assert_int_equal(result.type, INIT_FILE_FOLDER);
    assert_int_equal(read_("/proc/self/status"), 0);
    assert_true(result.size == INIT_FILE_ENDLESS && result.length == INIT_FILE_ENDLESS && bytes_len > 100);
}

/* /dev/shm keeps any time, and a tenant may set it: its folder can be listed all the same. */
static void times_of_any_size(void **state)
{
    static const int64_t seconds[] = {INT64_MAX, INT64_MIN, 1ll << 40, -(1ll << 40), 253402300799};
    char path[] = "/dev/shm/corral-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds[i], .tv_nsec = 999999999}};
        assert_int_equal(futimens(fd, times), 0);
        assert_int_equal(run("stat", path), 0);
        assert_true(result.modified_ms <= INIT_FILE_TIME_MAX && result.modified_ms >= -INIT_FILE_TIME_MAX);
    }
    close(fd);
    unlink(path);
}

static void what_is_not_read(void **state)
{
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    make("f", "");
    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    assert_int_equal(read_(at("fifo")), ENXIO);
    assert_int_equal(run("stat", at("fifo")), ENXIO);
    assert_int_equal(read_("/dev/null"), ENXIO);
    assert_int_equal(read_(at("none")), ENOENT);
    assert_int_equal(read_(at("dangling")), ENOENT);
    assert_int_equal(read_(at("f/x")), ENOTDIR);
    assert_int_equal(read_(at("loop")), ELOOP);
    char name[300];
    memset(name, 'n', 256);
    name[256] = 0;
    assert_int_equal(read_(at(name)), ENAMETOOLONG);
    assert_int_equal(write_("x", at(name), "-"), ENAMETOOLONG);
}

static void a_file_is_written(void **state)
{
    assert_int_equal(write_("one", at("f"), "-"), 0);
    assert_true(holds("f", "one") && mode_of("f") == 0644 && result.created && result.size == 3);
    assert_int_equal(chmod(at("f"), 0600), 0);
    assert_int_equal(write_("three", at("f"), "-"), 0);
    assert_true(holds("f", "three") && mode_of("f") == 0600 && !result.created);
    assert_int_equal(write_("", at("f"), "4755"), 0);
    assert_true(holds("f", "") && mode_of("f") == 0755);
    assert_int_equal(write_("x", at("a/b//c/d"), "-"), 0);
    assert_true(holds("a/b/c/d", "x") && mode_of("a/b") == 0755);
    assert_int_equal(write_("y", at("\xff\xfe\n"), "-"), 0);
    assert_true(holds("\xff\xfe\n", "y"));
    assert_int_equal(count_in(""), 4); /* one of them on two lines */
    assert_int_equal(count_in("a/b/c"), 1);
}

static void a_link_is_followed_and_stays(void **state)
{
    make("real", "old");
    assert_int_equal(mkdir(at("d"), 0755), 0);
    assert_int_equal(symlink("../real", at("d/link")), 0);
    assert_int_equal(symlink("d/link", at("link")), 0);
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    assert_int_equal(symlink("d", at("folder")), 0);
    assert_int_equal(write_("new", at("link"), "-"), 0);
    assert_true(holds("real", "new"));
    assert_int_equal(write_("made", at("dangling"), "-"), 0);
    assert_true(holds("nowhere", "made"));
    assert_int_equal(write_("in", at("folder/x"), "-"), 0);
    assert_true(holds("d/x", "in"));
    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(write_("x", at("loop"), "-"), ELOOP);
}

static void where_nothing_is_written(void **state)
{
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_int_equal(mkdir(at("d"), 0755), 0);
    make("f", "old");
    assert_int_equal(write_("x", at("fifo"), "-"), ENXIO);
    assert_int_equal(write_("x", at("d"), "-"), EISDIR);
    assert_int_equal(write_("x", at("d/"), "-"), EISDIR);
    assert_int_equal(write_("x", at("d/.."), "-"), EISDIR);
    assert_int_equal(write_("x", "/", "-"), EISDIR);
    assert_int_equal(write_("x", at("f/x"), "-"), EEXIST);
    assert_int_equal(write_("x", at("none/../x"), "-"), ENOENT);
    assert_true(holds("f", "old"));
    assert_int_equal(count_in("d"), 0);
    if (geteuid()) {
        assert_int_equal(chmod(at("d"), 0555), 0);
        assert_int_equal(write_("x", at("d/x"), "-"), EACCES);
        assert_int_equal(write_("x", at("d/e/x"), "-"), EACCES);
    }
}

/* What a helper has not finished is not there. */
static void a_helper_that_is_killed_leaves_nothing(void **state)
{
    int in[2];
    make("f", "old");
    for (int i = 0; i < 2; i++) {
        const char *const argv[] = {"corral-files", "write", at(i ? "f" : "new/file"), "-", NULL};
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (!pid) {
            close(in[1]);
            (void)init_file_run(4, argv, in[0], STDOUT_FILENO);
            _exit(0);
        }
        close(in[0]);
        for (int n = 0; n < 40; n++)
            assert_int_equal(write(in[1], bytes, 65536), 65536);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(in[1]);
        assert_true(holds("f", "old"));
        assert_int_equal(count_in(""), 1);
    }
}

static void a_folder_is_made(void **state)
{
    assert_int_equal(run("mkdir", at("a/b/c"), "-"), 0);
    assert_true(result.created && result.type == INIT_FILE_FOLDER && mode_of("a/b/c") == 0755);
    assert_int_equal(run("mkdir", at("a/b/c"), "700"), 0);
    assert_true(!result.created && mode_of("a/b/c") == 0755);
    assert_int_equal(run("mkdir", at("p"), "2700"), 0);
    assert_int_equal(mode_of("p"), 0700);
    assert_int_equal(run("mkdir", "/", "-"), 0);
    make("f", "");
    assert_int_equal(run("mkdir", at("f"), "-"), EEXIST);
    assert_int_equal(run("mkdir", at("f/x"), "-"), EEXIST);
}

/* --- lists --- */

static char names[1 << 18];
static int listed;

static void on_entry(void *arg, const struct file_entry *e)
{
    size_t len = strlen(names);
    listed++;
    snprintf(names + len, sizeof names - len, "[%.*s]", (int)e->name_len, e->name);
}

/* Lists it in pages of this size; how many pages there were. */
static int list_all(const char *path, const char *depth, const char *limit)
{
    char cursor[FILE_LIST_CURSOR_MAX + 1] = "";
    int pages = 0;
    names[0] = 0;
    listed = 0;
    do {
        static struct file_list list;
        memset(&list, 0, sizeof list);
        assert_int_equal(run("read", path, "0", "0", "0", depth, limit, cursor), 0);
        assert_int_equal(result.type, INIT_FILE_FOLDER);
        assert_true(file_list_take(&list, bytes, bytes_len, on_entry, NULL));
        assert_true(list.ended);
        strcpy(cursor, list.cursor);
        pages++;
    } while (cursor[0]);
    return pages;
}

static bool has(const char *name)
{
    char text[300];
    snprintf(text, sizeof text, "[%s]", name);
    const char *first = strstr(names, text);
    return first && !strstr(first + 1, text);
}

static void a_folder_is_listed_in_pages(void **state)
{
    char name[32];
    for (int i = 0; i < 450; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        make(name, "");
    }
    assert_int_equal(list_all(root, "1", "200"), 3);
    assert_int_equal(listed, 450);
    assert_int_equal(list_all(root, "1", "150"), 3);
    assert_int_equal(list_all(root, "1", "1"), 450);
    for (int i = 0; i < 450; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        assert_true(has(name));
    }
    assert_int_equal(mkdir(at("none"), 0755), 0);
    assert_int_equal(list_all(at("none"), "1", "200"), 1);
    assert_int_equal(listed, 0);
}

static void a_tree_is_listed_to_its_depth(void **state)
{
    static const char *const paths[] = {"a", "a/b", "a/b/c", "a/b/c/d", "e", "e/f"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(mkdir(at(paths[i]), 0755), 0);
    make("a/b/x", "");
    make("a/y", "");
    make("z", "");
    assert_int_equal(symlink("a", at("link")), 0);
    for (const char *const *limit = (const char *const[]){"1", "2", "3", "7", "200", NULL}; *limit; limit++) {
        list_all(root, "1", *limit);
        assert_true(listed == 4 && has("a") && has("e") && has("z") && has("link"));
        list_all(root, "2", *limit);
        assert_true(listed == 7 && has("a/b") && has("a/y") && has("e/f"));
        list_all(root, "16", *limit);
        assert_true(listed == 10 && has("a/b/c") && has("a/b/x") && has("a/b/c/d") && has("z"));
    }
}

static void arguments_that_break_a_rule(void **state)
{
    assert_int_equal(run("read", "relative", "0", "0", "0", "1", "200", ""), -1);
    assert_int_equal(run("read", "/", "3", "0", "0", "1", "200", ""), -1);
    assert_int_equal(run("read", "/", "0", "-1", "0", "1", "200", ""), -1);
    assert_int_equal(run("read", "/", "0", "0", "18446744073709551616", "1", "200", ""), -1);
    assert_int_equal(run("read", "/", "0", "0", "0", "0", "200", ""), -1);
    assert_int_equal(run("read", "/", "0", "0", "0", "17", "200", ""), -1);
    assert_int_equal(run("read", "/", "0", "0", "0", "1", "201", ""), -1);
    for (const char *const *c = (const char *const[]){"x", "1.", ".1", "1..2", "12345678901234567", NULL}; *c;
         c++)
        assert_int_equal(run("read", "/", "0", "0", "0", "1", "200", *c), -1);
    assert_int_equal(run("write", at("f"), "8"), -1);
    assert_int_equal(run("write", at("f"), "17777"), -1);
    assert_int_equal(run("other", "/"), -1);
    assert_int_equal(run("move", "/a", "b"), -1);
    assert_int_equal(count_in(""), 0);
}

/* --- removing and moving --- */

static void what_is_removed(void **state)
{
    make("f", "");
    assert_int_equal(mkdir(at("d"), 0755), 0);
    make("d/x", "");
    assert_int_equal(symlink("d", at("link")), 0);
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    assert_int_equal(run("remove", at("none"), "0"), ENOENT);
    assert_int_equal(run("remove", at("none/x"), "1"), ENOENT);
    assert_int_equal(run("remove", at("f/x"), "0"), ENOENT);
    assert_int_equal(run("remove", "/", "1"), EBUSY);
    assert_int_equal(run("remove", at("d"), "0"), ENOTEMPTY);
    assert_int_equal(run("remove", at("link"), "1"), 0);
    assert_int_equal(run("remove", at("dangling"), "0"), 0);
    assert_int_equal(count_in("d"), 1);
    assert_int_equal(run("remove", at("d/"), "1"), 0);
    assert_int_equal(run("remove", at("f"), "0"), 0);
    assert_int_equal(count_in(""), 0);
}

/* Deeper than any path may be long, and than there may be descriptors. */
static void a_tree_of_any_depth_is_removed(void **state)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(mkdirat(fd, "level", 0755), 0);
        assert_int_equal(mkdirat(fd, "beside", 0755), 0);
        int next = openat(fd, "level", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    assert_int_equal(run("remove", at("level"), "1"), 0);
    assert_int_equal(run("remove", at("beside"), "1"), 0);
    assert_int_equal(count_in(""), 0);
}

static void what_is_moved(void **state)
{
    make("f", "one");
    make("g", "two");
    assert_int_equal(mkdir(at("d"), 0755), 0);
    make("d/x", "");
    assert_int_equal(run("move", at("f"), at("new/folders/f")), 0);
    assert_true(holds("new/folders/f", "one"));
    assert_int_equal(run("move", at("g"), at("new/folders/f")), 0);
    assert_true(holds("new/folders/f", "two"));
    assert_int_equal(run("move", at("d"), at("e")), 0);
    assert_int_equal(count_in("e"), 1);
    assert_int_equal(run("move", at("none"), at("h")), ENOENT);
    assert_int_equal(run("move", at("new/folders/f"), at("e")), EISDIR);
    assert_int_equal(run("move", at("e"), at("new")), ENOTEMPTY);
    assert_int_equal(run("move", at("e"), at("new/folders/f")), EEXIST);
    assert_int_equal(run("move", at("e"), at("e/inside/itself")), EINVAL);
    assert_int_equal(run("move", at("e/x"), at("new/folders/f/x")), EEXIST);
}

/* From one file system to another. */
static void a_file_is_moved_to_another_mount(void **state)
{
    char far[64];
    struct stat here, there;
    snprintf(far, sizeof far, "/dev/shm/init_file.%d", getpid());
    if (stat("/dev/shm", &there) || stat(root, &here) || here.st_dev == there.st_dev)
        skip();
    make("f", "across");
    assert_int_equal(chmod(at("f"), 0640), 0);
    assert_int_equal(run("move", at("f"), far), 0);
    assert_int_equal(count_in(""), 0);
    assert_int_equal(run("move", far, at("back")), 0);
    assert_true(holds("back", "across") && mode_of("back") == 0640);
    assert_int_equal(mkdir(at("d"), 0755), 0);
    assert_int_equal(run("move", at("d"), far), EXDEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_as_a_whole_or_in_part, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_said_of_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(times_of_any_size, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_followed_and_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(where_nothing_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_helper_that_is_killed_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_listed_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_is_listed_to_its_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_that_break_a_rule, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_of_any_depth_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_moved_to_another_mount, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
