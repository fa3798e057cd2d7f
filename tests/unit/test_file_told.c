/* What a helper says, which a tenant may have made up. */
#include "tests/lib/unit.h"

#include "agent/streams/file_told.h"

#include <errno.h>

static struct file_told told;

/* Takes the result and then so many bytes, in pieces of this size. */
static int take(enum stream_file_verb verb, const struct init_file_result *result, size_t more, size_t piece)
{
    uint8_t all[256] = {0};
    struct err e;
    file_told_fini(&told);
    file_told_begin(&told, verb);
    memcpy(all, result, sizeof *result);
    for (size_t at = 0, end = sizeof *result + more; at < end; at += piece) {
        const uint8_t *bytes = all + at;
        size_t len = end - at < piece ? end - at : piece;
        int rc = file_told_take(&told, &bytes, &len, &e);
        if (rc)
            return rc;
    }
    return 0;
}

static int ends(int32_t code, int32_t signo, bool timed_out)
{
    struct stream_process end = {.exit_code = code, .signo = signo, .timed_out = timed_out};
    struct err e;
    return file_told_end(&told, &end, &e);
}

static void a_file_is_as_long_as_was_said(void **state)
{
    struct init_file_result r = {
        .type = INIT_FILE_REGULAR, .mode = 0644, .size = 10, .offset = 2, .length = 8};
    for (size_t piece = 1; piece < 60; piece++) {
        assert_int_equal(take(STREAM_FILE_READ, &r, 8, piece), 0);
        assert_int_equal(ends(0, 0, false), 0);
        assert_int_equal(take(STREAM_FILE_READ, &r, 9, piece), ERR_PROTOCOL);
        assert_int_equal(take(STREAM_FILE_READ, &r, 7, piece), 0);
        assert_int_equal(ends(0, 0, false), ERR_IO);
    }
    assert_int_equal(take(STREAM_FILE_READ, &r, 8, 60), 0);
    assert_int_equal(ends(0, 9, false), ERR_IO);
    assert_int_equal(ends(0, 9, true), ERR_NODE_TIMEOUT);
    told = (struct file_told){0};
    assert_int_equal(ends(0, 0, false), ERR_IO);
}

static void results_that_cannot_be(void **state)
{
    static const struct {
        enum stream_file_verb verb;
        struct init_file_result result;
    } bad[] = {
        {STREAM_FILE_READ, {.type = 0}},
        {STREAM_FILE_READ, {.type = INIT_FILE_FIFO}},
        {STREAM_FILE_READ, {.type = INIT_FILE_REGULAR, .size = 5, .length = 6}},
        {STREAM_FILE_READ, {.type = INIT_FILE_REGULAR, .size = 5, .offset = 6}},
        {STREAM_FILE_READ, {.type = INIT_FILE_REGULAR, .size = 5, .offset = 5, .length = UINT64_MAX}},
        {STREAM_FILE_READ, {.type = INIT_FILE_FOLDER, .length = 5}},
        {STREAM_FILE_READ, {.type = INIT_FILE_REGULAR, .mode = 010000}},
        {STREAM_FILE_READ, {.type = INIT_FILE_REGULAR, .modified_ms = INT64_MIN}},
        {STREAM_FILE_WRITE, {.type = INIT_FILE_REGULAR, .created = 2}},
        {STREAM_FILE_WRITE, {.type = INIT_FILE_REGULAR, .size = 5, .length = 5}},
        {STREAM_FILE_REMOVE, {.type = INIT_FILE_REGULAR}},
        {STREAM_FILE_MOVE, {.length = 1}},
        {STREAM_FILE_PACK, {.type = INIT_FILE_FOLDER, .size = 5, .length = INIT_FILE_ENDLESS}},
        {STREAM_FILE_PACK, {.type = INIT_FILE_FOLDER, .size = INIT_FILE_ENDLESS}},
        {STREAM_FILE_PACK, {.type = INIT_FILE_FIFO, .size = INIT_FILE_ENDLESS, .length = INIT_FILE_ENDLESS}},
        {STREAM_FILE_UNPACK, {.type = INIT_FILE_FOLDER, .length = INIT_FILE_ENDLESS}},
        {STREAM_FILE_UNPACK, {.type = 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(take(bad[i].verb, &bad[i].result, 0, 100), ERR_PROTOCOL);
}

static void errors_have_their_codes(void **state)
{
    static const struct {
        int error, code;
    } rows[] = {{ENOENT, ERR_FILE_NOT_FOUND},
                {ENOTDIR, ERR_FILE_NOT_FOUND},
                {EACCES, ERR_PERMISSION_DENIED},
                {EROFS, ERR_PERMISSION_DENIED},
                {ENOSPC, ERR_NO_SPACE},
                {EDQUOT, ERR_NO_SPACE},
                {ENXIO, ERR_FILE_CONFLICT},
                {ENOTEMPTY, ERR_FILE_CONFLICT},
                {ELOOP, ERR_FILE_CONFLICT},
                {ENAMETOOLONG, ERR_INVALID},
                {ERANGE, ERR_RANGE},
                {ENOMEM, ERR_IO},
                {-1, ERR_IO},
                {4000, ERR_IO}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct init_file_result r = {.error = (uint32_t)rows[i].error, .size = 7};
        assert_int_equal(take(STREAM_FILE_READ, &r, 0, 100), rows[i].code);
        assert_int_equal(told.result.out_of_range, rows[i].error == ERANGE);
    }
}

/* What is wrong with an archive is told with the number of the member. */
static void faults_of_archives_have_their_sentences(void **state)
{
    struct init_file_result r = {.error = INIT_FAULT_OUTSIDE, .size = 17};
    for (int fault = INIT_FAULT_NO_ARCHIVE; fault < INIT_FAULT_END; fault++) {
        struct init_file_result each = {.error = (uint32_t)fault};
        assert_int_equal(take(STREAM_FILE_UNPACK, &each, 0, 100), ERR_INVALID);
    }
    const uint8_t *bytes = (const uint8_t *)&r;
    size_t len = sizeof r;
    struct err e;
    told = (struct file_told){.verb = STREAM_FILE_UNPACK};
    assert_int_equal(file_told_take(&told, &bytes, &len, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "member 17 of the archive: its path is absolute"));
    r = (struct init_file_result){
        .type = INIT_FILE_FOLDER, .size = INIT_FILE_ENDLESS, .length = INIT_FILE_ENDLESS};
    assert_int_equal(take(STREAM_FILE_PACK, &r, 3000, 100), 0);
    assert_int_equal(ends(0, 0, false), 0);
    assert_int_equal(ends(0, 9, false), ERR_IO);
}

/* Changes, as many as there are, and the end. */
static void a_watch_says_what_it_may(void **state)
{
    struct init_file_result r = {
        .type = INIT_FILE_FOLDER, .size = INIT_FILE_ENDLESS, .length = INIT_FILE_ENDLESS};
    struct init_file_change end = {INIT_CHANGE_END, INIT_WATCH_DELETED};
    const uint8_t *bytes = (const uint8_t *)&end;
    size_t len = sizeof end;
    struct err e;
    assert_int_equal(take(STREAM_FILE_WATCH, &r, 0, 100), 0);
    assert_int_equal(ends(0, 0, false), ERR_IO);
    assert_int_equal(file_told_take(&told, &bytes, &len, &e), 0);
    assert_int_equal(len, sizeof end); /* is passed on */
    assert_int_equal(ends(0, 0, false), 0);
    assert_int_equal(file_told_take(&told, &bytes, &len, &e), ERR_PROTOCOL);
    for (size_t piece = 1; piece < 80; piece++)
        assert_int_equal(take(STREAM_FILE_WATCH, &r, 8, piece), ERR_PROTOCOL); /* zeros are no change */
    r.length = 0;
    assert_int_equal(take(STREAM_FILE_WATCH, &r, 0, 100), ERR_PROTOCOL);
    r = (struct init_file_result){.error = INIT_FAULT_WATCHES, .size = 1024};
    bytes = (const uint8_t *)&r;
    len = sizeof r;
    file_told_fini(&told);
    file_told_begin(&told, STREAM_FILE_WATCH);
    assert_int_equal(file_told_take(&told, &bytes, &len, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "inotify"));
    assert_non_null(strstr(e.text, "at most 1024"));
    file_told_fini(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_as_long_as_was_said),
        cmocka_unit_test(results_that_cannot_be),
        cmocka_unit_test(errors_have_their_codes),
        cmocka_unit_test(a_watch_says_what_it_may),
        cmocka_unit_test(faults_of_archives_have_their_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
