#include "tests/lib/unit.h"

#include "agent/init/init_file.h"
#include "agent/init/init_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Archives that the helper packs and unpacks, beside those of tar, in a folder of the test's own. */

static char root[64];
static struct init_file_result result;

static int shell(const char *script)
{
    char command[4096];
    snprintf(command, sizeof command, "cd %s && { %s\n}", root, script);
    return system(command);
}

static int open_at(const char *name, int flags)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", root, name);
    int fd = open(path, flags | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

/* Unpacks the archive that fd holds into a folder; returns the error. */
static int unpack_fd(int in, const char *folder)
{
    char path[4200];
    int out = memfd_create("out", MFD_CLOEXEC);
    snprintf(path, sizeof path, "%s/%s", root, folder);
    const char *argv[] = {"corral-files", "unpack", path};
    memset(&result, 0, sizeof result);
    assert_true(init_file_run(3, argv, in, out));
    assert_int_equal(pread(out, &result, sizeof result, 0), sizeof result);
    close(in);
    close(out);
    return (int)result.error;
}

static int unpack(const char *archive, const char *folder)
{
    return unpack_fd(open_at(archive, O_RDONLY), folder);
}

static int unpack_bytes(const void *bytes, size_t len, const char *folder)
{
    int fd = memfd_create("in", MFD_CLOEXEC);
    assert_int_equal(pwrite(fd, bytes, len, 0), len);
    return unpack_fd(fd, folder);
}

/* Packs what is at the path into a file. */
static int pack(const char *what, const char *archive)
{
    char path[4200];
    int in = memfd_create("in", MFD_CLOEXEC), raw = open_at("raw", O_RDWR | O_CREAT | O_TRUNC);
    snprintf(path, sizeof path, "%s/%s", root, what);
    const char *argv[] = {"corral-files", "pack", path};
    assert_true(init_file_run(3, argv, in, raw));
    assert_int_equal(pread(raw, &result, sizeof result, 0), sizeof result);
    close(in);
    close(raw);
    char script[256];
    snprintf(script, sizeof script, "tail -c +%zu raw > %s", sizeof result + 1, archive);
    assert_int_equal(shell(script), 0);
    return (int)result.error;
}

static int setup(void **state)
{
    strcpy(root, "/tmp/init_archive.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", root, root);
    return system(command);
}

#define MANIFEST                                                                                             \
    "manifest() { (cd \"$1\" && find . -printf '%P %y %m %l %TY-%Tm-%Td_%TH:%TM:%.2TS ' -type f -exec "      \
    "sha1sum {} \\; -o -printf '\\n' | sort); }; "
#define TREE                                                                                                 \
    "mkdir -p t/a/b t/empty && echo one > t/a/one && head -c 300000 /dev/urandom > t/a/b/large && "          \
    "chmod 750 t/a && chmod 4751 t/a/one && ln -s a/one t/link && ln -s /etc/passwd t/away && "              \
    "n=$(printf 'n%.0s' $(seq 200)) && mkdir t/$n && echo x > t/$n/$n && ln -s $n/$n t/long && "             \
    "echo y > t/$(printf '\\377\\376') && touch -d '1960-01-02 03:04:05' t/empty/old; : > t/none; "          \
    "chmod 555 t/empty; touch -d '2001-02-03 04:05:06' t/a/b t/a/one"

static void a_tree_is_packed_as_tar_reads_it(void **state)
{
    assert_int_equal(shell(TREE), 0);
    assert_int_equal(pack("t", "t.tar"), 0);
    assert_int_equal(result.type, INIT_FILE_FOLDER);
    assert_int_equal(shell("mkdir out && tar -xpf t.tar -C out 2>err; ! grep -v 'implausibly "
                           "old\\|Exiting\\|: Warning: ' err"),
                     0);
    assert_int_equal(shell(MANIFEST "manifest t > 1; manifest out > 2; diff 1 2"), 0);
    assert_int_equal(shell("mkdir py && python3 -c 'import tarfile; "
                           "tarfile.open(\"t.tar\").extractall(\"py\")' && diff -r --no-dereference t py"),
                     0);
    assert_int_equal(shell("[ $(tar -tvf t.tar --numeric-owner | grep -vc ' 1000/1000 ') = 0 ]"), 0);
}

/* setuid is dropped, all else is kept. */
static void what_tar_packs_is_unpacked(void **state)
{
    static const char *const kinds[] = {"--format=gnu", "--format=pax", "--format=ustar --exclude=old",
                                        "-z",           "--zstd",       "-b1"};
    assert_int_equal(
        shell(TREE
              "; chmod 0751 t/a/one; find t -newermt 2002-01-01 ! -type l -exec touch -d '2020-01-01' {} +"),
        0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char script[512];
        bool ustar = strstr(kinds[i], "ustar");
        snprintf(script, sizeof script, "chmod -R u+w out; rm -rf out; tar -cf t.tar %s%s -C t .", kinds[i],
                 ustar ? " --exclude=long" : "");
        (void)shell(script);
        assert_int_equal(unpack("t.tar", "out"), 0);
        assert_int_equal(result.created, 1);
        if (!ustar)
            assert_int_equal(shell(MANIFEST "manifest t | grep -av '^ \\|^l\\|^aw\\|^link' > 1; manifest out "
                                            "| grep -av '^ \\|^l\\|^aw\\|^link' > 2; diff 1 2"),
                             0);
        else
            assert_int_equal(shell("diff -r --no-dereference t/a out/a"), 0);
    }
    assert_int_equal(shell("chmod 4755 t/a/one; tar -cf t.tar -C t ."), 0);
    assert_int_equal(unpack("t.tar", "out"), 0);
    assert_int_equal(shell("[ $(stat -c %a out/a/one) = 755 ]"), 0);
}

static void a_tree_comes_back(void **state)
{
    assert_int_equal(shell(TREE "; chmod 751 t/a/one"), 0);
    assert_int_equal(pack("t", "t.tar"), 0);
    assert_int_equal(unpack("t.tar", "new/out"), 0);
    assert_int_equal(shell(MANIFEST "manifest t > 1; manifest new/out > 2; diff 1 2"), 0);
    assert_int_equal(unpack("t.tar", "new/out"), 0);
    assert_int_equal(result.created, 0);
    assert_int_equal(shell("diff -r --no-dereference t new/out"), 0);
}

static void a_file_is_an_archive_of_one(void **state)
{
    assert_int_equal(shell("mkdir d; echo text > d/f"), 0);
    assert_int_equal(pack("d/f", "t.tar"), 0);
    assert_int_equal(result.type, INIT_FILE_REGULAR);
    assert_int_equal(shell("[ \"$(tar -tf t.tar)\" = f ] && [ \"$(tar -xOf t.tar f)\" = text ]"), 0);
    assert_int_equal(pack("none", "t.tar"), ENOENT);
    assert_int_equal(shell("mkfifo p"), 0);
    assert_int_equal(pack("p", "t.tar"), ENXIO);
}

static void a_tree_may_be_deep(void **state)
{
    assert_int_equal(
        shell(
            "python3 -c '\nimport os\nos.mkdir(\"t\")\nos.chdir(\"t\")\nfor i in range(1000):\n open(\"f\", "
            "\"w\").write(str(i))\n os.mkdir(\"a\" * 50)\n open(\"z\", \"w\")\n os.chdir(\"a\" * 50)\n'"),
        0);
    assert_int_equal(pack("t", "t.tar"), 0);
    assert_int_equal(shell("[ $(tar -tf t.tar | wc -l) = 3001 ] && ! tar -tvf t.tar | grep -q 'read: '"), 0);
    assert_int_equal(unpack("t.tar", "out"), 0);
    assert_int_equal(pack("out", "u.tar"), 0);
    assert_int_equal(shell("[ $(tar -tf u.tar | wc -l) = 3001 ]"), 0);
}

static void other_kinds_are_left_out(void **state)
{
    assert_int_equal(shell("mkdir -p t/d; mkfifo t/p t/d/q; python3 -c 'import socket; "
                           "socket.socket(socket.AF_UNIX).bind(\"t/s\")'; echo x > t/z; ln -s . t/loop; ln "
                           "-s loop2 t/loop2"),
                     0);
    assert_int_equal(pack("t", "t.tar"), 0);
    assert_int_equal(shell("[ \"$(tar -tf t.tar | sort | tr '\\n' ' ')\" = './ d/ loop loop2 z ' ]"), 0);
    assert_int_equal(shell("tar --format=gnu -cf t.tar -C t ."), 0);
    assert_int_equal(unpack("t.tar", "out"), 0);
    assert_int_equal(shell("[ \"$(cd out && find . | sort | tr '\\n' ' ')\" = '. ./d ./loop ./loop2 ./z ' ]"),
                     0);
}

/* --- archives of somebody who means ill --- */

#define MAKE(members)                                                                                        \
    "python3 - <<'END'\nimport tarfile, io\nt = tarfile.open('bad.tar', 'w')\n"                              \
    "def add(name, type=tarfile.REGTYPE, link='', data=b'', mode=0o644):\n"                                  \
    " m = tarfile.TarInfo(name); m.type = type; m.linkname = link; m.size = len(data); m.mode = mode\n"      \
    " t.addfile(m, io.BytesIO(data))\n"                                                                      \
    "L, H, D = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE\n" members "\nt.close()\nEND"

static void no_member_leaves_the_folder(void **state)
{
    static const struct {
        const char *members;
        int error, member;
    } rows[] = {
        {"add('/evil', data=b'x')", INIT_FAULT_OUTSIDE, 1},
        {"add('good', data=b'x'); add('../evil', data=b'x')", INIT_FAULT_OUTSIDE, 2},
        {"add('a/../../evil', data=b'x')", INIT_FAULT_OUTSIDE, 1},
        {"add('a/..', D)", INIT_FAULT_OUTSIDE, 1},
        {"add('l', L, '..'); add('l/evil', data=b'x')", INIT_FAULT_THROUGH_LINK, 2},
        {"add('l', L, '/'); add('l/tmp/evil/', D)", INIT_FAULT_THROUGH_LINK, 2},
        {"add('a/l', L, '../..'); add('a/l', D); add('a/l/evil', data=b'x')", INIT_FAULT_THROUGH_LINK, 2},
        {"add('there/evil', data=b'x')", INIT_FAULT_THROUGH_LINK, 1},
        {"add('h', H, '../secret')", INIT_FAULT_OUTSIDE, 1},
        {"add('h', H, '/etc/passwd')", INIT_FAULT_OUTSIDE, 1},
        {"add('h', H, 'there/secret')", INIT_FAULT_THROUGH_LINK, 1},
        {"add('h', H, 'none')", INIT_FAULT_LINK, 1},
        {"add('d', D); add('h', H, 'd')", INIT_FAULT_LINK, 2},
        {"add('h', H, '.')", INIT_FAULT_NAME, 1},
        {"add('.', data=b'x')", INIT_FAULT_NAME, 1},
        {"add('n' * 256, data=b'x')", ENAMETOOLONG, 1},
        {"add('p/' * 40000 + 'p', data=b'x')", INIT_FAULT_NAME, 0},
        {"add('d', D); add('d', data=b'x')", EISDIR, 2},
        {"add('f', data=b'x'); add('f/g', data=b'x')", EEXIST, 2},
        {"add('f', data=b'x'); add('f', D)", EEXIST, 2},
        {"add('x', b'Z')", INIT_FAULT_KIND, 1},
        {"add('x', b'S')", INIT_FAULT_KIND, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char script[2048];
        snprintf(script, sizeof script,
                 "rm -rf out evil; echo s > secret; mkdir out; ln -s .. out/there; " MAKE("%s"),
                 rows[i].members);
        assert_int_equal(shell(script), 0);
        int error = unpack("bad.tar", "out");
        if (error != rows[i].error || (int)result.size != rows[i].member)
            fail_msg("%s: %d, member %d", rows[i].members, error, (int)result.size);
        assert_int_equal(shell("[ ! -e evil ] && [ $(cat secret) = s ] && [ $(stat -c %h secret) = 1 ]"), 0);
    }
}

/* What is there is replaced, and no link is written through. */
static void links_are_replaced_and_not_followed(void **state)
{
    assert_int_equal(
        shell("echo s > secret; mkdir out; ln -s ../secret out/f; ln -s ../secret out/h; mkfifo out/p; " MAKE(
            "add('f', data=b'x'); add('g', data=b'y'); add('h', H, 'g'); add('p', data=b'z'); add('q', L, "
            "'p'); add('q', L, 'g'); add('g', H, 'g')")),
        0);
    assert_int_equal(unpack("bad.tar", "out"), 0);
    assert_int_equal(shell("[ $(cat secret) = s ] && [ $(cat out/f out/g out/h out/p | tr -d '\\n') = xyyz ] "
                           "&& [ ! -L out/f ] && "
                           "[ $(readlink out/q) = g ] && [ out/g -ef out/h ] && [ -f out/p ]"),
                     0);
}

static void what_is_no_archive_is_refused(void **state)
{
    static const char zeros[1024], text[] = "this is no archive";
    assert_int_equal(
        shell("head -c 100000 /dev/urandom > f; tar -cf good.tar f; tar -czf good.tgz f; tar --zstd -cf "
              "good.zst f; tar -cJf good.xz f; "
              "head -c 50000 good.tar > cut1; head -c 50000 good.tgz > cut2; head -c 50000 good.zst > cut3; "
              "head -c 100864 good.tar > cut4; "
              "python3 -c '\nb = bytearray(open(\"good.tgz\", \"rb\").read())\nb[40000] ^= 255\nb[-6] ^= "
              "255\nopen(\"bad1\", \"wb\").write(b)\n'; "
              "{ cat good.tar | head -c 100864; yes | head -c 512; } > bad2; head -c 3 good.zst > cut5; "
              "head -c 20000000 /dev/zero | zstd -q --long=27 --ultra -22 > wide.zst"),
        0);
    static const struct {
        const char *archive;
        int error, member;
    } rows[] = {{"cut1", INIT_FAULT_CUT, 1},           {"cut2", INIT_FAULT_CUT, 1},
                {"cut3", INIT_FAULT_CUT, 0},           {"cut4", INIT_FAULT_CUT, 1},
                {"bad2", INIT_FAULT_HEADER, 1},        {"cut5", INIT_FAULT_NO_ARCHIVE, 0},
                {"good.xz", INIT_FAULT_NO_ARCHIVE, 0}, {"wide.zst", INIT_FAULT_WINDOW, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int error = unpack(rows[i].archive, "out");
        if (error != rows[i].error || (int)result.size != rows[i].member)
            fail_msg("%s: %d, member %d", rows[i].archive, error, (int)result.size);
    }
    int error = unpack("bad1", "out");
    assert_true(error == INIT_FAULT_COMPRESSION || error == 0);
    assert_int_equal(shell("rm -rf out"), 0);
    assert_int_equal(unpack_bytes(text, sizeof text, "out"), INIT_FAULT_NO_ARCHIVE);
    assert_int_equal(unpack_bytes(text, 0, "out"), INIT_FAULT_NO_ARCHIVE);
    assert_int_equal(shell("[ ! -e out ]"), 0);
    assert_int_equal(unpack_bytes(zeros, sizeof zeros, "out"), 0);
    assert_int_equal(shell("[ -d out ]"), 0);
}

/* A header's size is kept, whatever becomes of the file meanwhile. */
static void a_file_that_changes_keeps_its_size(void **state)
{
    /* An out that is read slowly cannot be had here; the system's test has it. */
    static char head[INIT_TAR_HEAD_MAX];
    struct init_tar_member m = {
        .type = INIT_TAR_FILE, .path = "big", .target = "", .mode = 0644, .size = 1ull << 34};
    size_t len = init_tar_format(&m, head);
    int fd = open_at("big.tar", O_WRONLY | O_CREAT);
    assert_int_equal(write(fd, head, len), len);
    close(fd);
    assert_int_equal(shell("tar -tvf big.tar 2>/dev/null | grep -q ' 17179869184 '"), 0);
}

static void what_cannot_be_read_is_told(void **state)
{
    if (geteuid() == 0) {
        assert_int_equal(setegid(65534) || seteuid(65534), 0);
        char command[96];
        strcpy(root, "/tmp/init_archive.XXXXXX");
        assert_non_null(mkdtemp(root));
        (void)command;
    }
    assert_int_equal(shell("true"), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/t", root);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/t/closed", root);
    assert_int_equal(mkdir(path, 0), 0);
    snprintf(path, sizeof path, "%s/t/secret", root);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
    snprintf(path, sizeof path, "%s/t/good", root);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    assert_int_equal(pack("t", "t.tar"), 0);
    assert_int_equal(seteuid(0) || setegid(0), 0);
    assert_int_equal(
        shell("[ \"$(tar -tf t.tar 2>err | sort | tr '\\n' ' ')\" = './ good ' ] && ! [ -s err ] && "
              "[ \"$(tail -c 512 t.tar | head -1)\" = 'could not be read: 2' ]"),
        0);
}

/* The checksum of a compression stands behind the end of the archive. */
static void what_is_damaged_when_compressed_is_refused(void **state)
{
    assert_int_equal(shell("mkdir t && seq 50000 > t/f && tar -cf a.tar t && gzip -k a.tar && "
                           "zstd -q --check a.tar -o a.zst && "
                           "head -c -8 a.tar.gz > cut.gz && head -c -4 a.zst > cut.zst && "
                           "{ head -c -8 a.tar.gz; printf '\\0\\0\\0\\0'; tail -c 4 a.tar.gz; } > sum.gz && "
                           "{ head -c -4 a.zst; printf '\\0\\0\\0\\0'; } > sum.zst && "
                           "{ cat a.tar.gz; head -c 512 /dev/zero; } > padded.gz"),
                     0);
    assert_int_equal(unpack("a.tar.gz", "o"), 0);
    assert_int_equal(unpack("a.zst", "o"), 0);
    assert_int_equal(unpack("padded.gz", "o"), 0);
    assert_int_equal(unpack("cut.gz", "o"), INIT_FAULT_CUT);
    assert_int_equal(unpack("cut.zst", "o"), INIT_FAULT_CUT);
    assert_int_equal(unpack("sum.gz", "o"), INIT_FAULT_COMPRESSION);
    assert_int_equal(unpack("sum.zst", "o"), INIT_FAULT_COMPRESSION);
    assert_int_equal(result.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tree_is_packed_as_tar_reads_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_tar_packs_is_unpacked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_an_archive_of_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_may_be_deep, setup, teardown),
        cmocka_unit_test_setup_teardown(other_kinds_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(no_member_leaves_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(links_are_replaced_and_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_archive_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_damaged_when_compressed_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_changes_keeps_its_size, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
