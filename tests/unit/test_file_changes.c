#include "tests/lib/unit.h"

#include "agent/init/init_file.h"
#include "common/model/file_changes.h"

#include <stdio.h>

static char seen[4096];
static struct file_changes changes;

static size_t put(uint8_t *out, struct init_file_change head, const char *words)
{
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, words, strlen(words));
    return sizeof head + strlen(words);
}

static void note(const struct file_change *c)
{
    size_t len = strlen(seen);
    const char *type = file_type_name(c->type);
    snprintf(seen + len, sizeof seen - len, "%s %.*s<%.*s %s%s;", file_change_name(c->kind), (int)c->path_len,
             c->path, (int)c->from_len, c->from, type ? type : "", c->reason ? c->reason : "");
}

static bool take(const uint8_t *bytes, size_t len, size_t step)
{
    struct file_change change;
    memset(&changes, 0, sizeof changes);
    seen[0] = 0;
    for (size_t at = 0; at < len; at += step) {
        const uint8_t *from = bytes + at;
        size_t left = len - at < step ? len - at : step;
        int rc;
        while ((rc = file_changes_next(&changes, &from, &left, &change)) > 0)
            note(&change);
        if (rc < 0)
            return false;
        assert_int_equal(left, 0);
    }
    return true;
}

static void changes_come_in_pieces_of_any_size(void **state)
{
    uint8_t bytes[512];
    size_t len = put(bytes, (struct init_file_change){INIT_CHANGE_CREATED, INIT_FILE_FOLDER, 3}, "a/b");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_MODIFIED, INIT_FILE_REGULAR}, "");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_DELETED, 0, 2}, "\xff\n");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_MOVED, INIT_FILE_SYMLINK, 1, 2}, "xyz");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_ATTRIBUTES, INIT_FILE_REGULAR, 1}, "f");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_OVERFLOW, INIT_OVERFLOW_QUEUE}, "");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_OVERFLOW, INIT_OVERFLOW_FOLDERS, 1}, "d");
    len += put(bytes + len, (struct init_file_change){INIT_CHANGE_END, INIT_WATCH_MOVED}, "");
    for (size_t step = 1; step <= len; step++) {
        assert_true(take(bytes, len, step));
        assert_string_equal(seen,
                            "created a/b< directory;modified < file;deleted \xff\n< ;moved x<yz symlink;"
                            "attributes f< file;overflow < changes_lost;overflow d< not_watched;"
                            "end < path_moved;");
        assert_true(changes.ended);
    }
    bytes[len] = 1; /* nothing follows the end */
    assert_false(take(bytes, len + 1, len));
    assert_true(take(bytes, len - 1, 7) && !changes.ended);
}

static void what_breaks_a_bound_is_refused(void **state)
{
    static uint8_t bytes[9000];
    static const struct init_file_change bad[] = {
        {0, 1, 1},
        {8, 1, 1},
        {INIT_CHANGE_CREATED, 8, 1},
        {INIT_CHANGE_CREATED, 1, 4096},
        {INIT_CHANGE_CREATED, 1, 1, 1},
        {INIT_CHANGE_CREATED, 1, 1, .zero = 1},
        {INIT_CHANGE_MOVED, 1, 1, 0},
        {INIT_CHANGE_MOVED, 1, 0, 1},
        {INIT_CHANGE_MOVED, 1, 1, 4096},
        {INIT_CHANGE_OVERFLOW, 0},
        {INIT_CHANGE_OVERFLOW, 3},
        {INIT_CHANGE_END, 0},
        {INIT_CHANGE_END, 4},
        {INIT_CHANGE_END, 1, 1},
        {INIT_CHANGE_CREATED, 1, 1}, /* a NUL */
        {INIT_CHANGE_CREATED, 1, 1}, /* an absolute path */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(bytes, 'x', sizeof bytes);
        memcpy(bytes, &bad[i], sizeof bad[i]);
        if (i >= 14)
            bytes[sizeof bad[i]] = i == 14 ? 0 : '/';
        assert_false(take(bytes, sizeof bytes, sizeof bytes));
        assert_false(take(bytes, sizeof bytes, 1));
    }
}

/* A path leads nowhere but below what is watched. */
static void paths_that_lead_elsewhere(void **state)
{
    static const char *const bad[] = {"/",    "/a",   "a/",     "a//b", ".",  "..",
                                      "../a", "a/..", "a/../b", "./a",  "a/."};
    static const char *const good[] = {"a", "a/b", "...", "..a/.b", "a../b."};
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct init_file_change head = {INIT_CHANGE_CREATED, 1, (uint16_t)strlen(bad[i])};
        size_t len = put(bytes, head, bad[i]);
        assert_false(take(bytes, len, 64));
        struct init_file_change moved = {INIT_CHANGE_MOVED, 1, 1, (uint16_t)strlen(bad[i])};
        len = put(bytes, moved, "x");
        memcpy(bytes + len, bad[i], strlen(bad[i]));
        assert_false(take(bytes, len + strlen(bad[i]), 64));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct init_file_change head = {INIT_CHANGE_CREATED, 1, (uint16_t)strlen(good[i])};
        size_t len = put(bytes, head, good[i]);
        assert_true(take(bytes, len, 64));
    }
}

static void the_longest_paths_fit(void **state)
{
    static uint8_t bytes[FILE_CHANGE_HEAD + 2 * FILE_CHANGE_PATH_MAX];
    struct init_file_change head = {INIT_CHANGE_MOVED, 1, FILE_CHANGE_PATH_MAX, FILE_CHANGE_PATH_MAX};
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, &head, sizeof head);
    assert_true(take(bytes, sizeof bytes, 1000));
    assert_string_not_equal(seen, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_in_pieces_of_any_size),
        cmocka_unit_test(what_breaks_a_bound_is_refused),
        cmocka_unit_test(paths_that_lead_elsewhere),
        cmocka_unit_test(the_longest_paths_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
