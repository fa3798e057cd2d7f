#include "tests/lib/unit.h"

#include "agent/core/outbox.h"
#include "agent/disk/journal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT "01234567-89ab-cdef-0123-456789abcdef"
#define WALL 1000000 /* when this boot began */

static struct sandbox_id an_id(uint8_t n)
{
    uint8_t random[10] = {n};
    return sandbox_id_make(7, random);
}

static struct violation_report update_of(uint8_t n, enum violation_kind kind, bool opened)
{
    return (struct violation_report){
        .id = an_id(n), .kind = (uint8_t)kind, .opened = opened, .percent_centi = 9100, .limit = UINT64_MAX};
}

static struct sample sample_of(uint8_t n)
{
    struct sample s = {.id = an_id(n), .cpu_centi = 12, .rx_bytes = UINT64_MAX, .responsive = true};
    s.io_some_centi = SAMPLE_NO_PRESSURE;
    return s;
}

/* The disk: a string. */
struct file {
    char *text;
    size_t len, room;
    unsigned wholes, appends;
};

/* Does the write that is due; false: none is. */
static bool write_next(struct outbox *o, struct file *f)
{
    struct outbox_write w;
    if (!outbox_write(o, &w))
        return false;
    if (w.whole) {
        free(f->text);
        f->text = outbox_format(w.whole, BOOT, WALL, &f->len);
        f->room = f->len;
        outbox_free(w.whole);
        f->wholes++;
    } else {
        if (f->len + w.len >= f->room) {
            f->room = 2 * (f->len + w.len) + 1;
            f->text = realloc(f->text, f->room);
        }
        memcpy(f->text + f->len, w.text, w.len + 1);
        f->len += w.len;
        f->appends++;
    }
    free(w.text);
    outbox_written(o, true, f->len);
    return true;
}

static struct outbox *read_back(const struct file *f, size_t len, uint64_t now, struct outbox_reading *r)
{
    struct outbox *o = outbox_new(1);
    outbox_read(o, f->text, len, BOOT, now, WALL, r);
    return o;
}

static void test_nothing_is_sent_before_it_is_on_disk(void **state)
{
    struct outbox *o = outbox_new(100);
    struct file f = {0};
    struct violation_report out[OUTBOX_SEND_MAX], opening = update_of(1, VIOLATION_DISK, true);
    write_next(o, &f);
    outbox_violation(o, 1000, &opening);
    assert_int_equal(outbox_take_violations(o, 1000, out), 0);
    assert_false(outbox_urgent(o));
    struct outbox_write w;
    assert_true(outbox_write(o, &w) && w.sync && !w.whole);
    assert_false(outbox_write(o, &w)); /* one write at a time */
    assert_int_equal(outbox_take_violations(o, 1500, out), 0);
    outbox_written(o, true, 0);
    assert_true(outbox_urgent(o));
    assert_int_equal(outbox_take_violations(o, 1600, out), 1);
    assert_int_equal(out[0].ago_ms, 600);
    free(w.text);
    free(f.text);
    outbox_free(o);
}

static void test_it_is_sent_again_until_it_is_accepted(void **state)
{
    struct outbox *o = outbox_new(100);
    struct file f = {0};
    struct violation_report out[OUTBOX_SEND_MAX], n = update_of(1, VIOLATION_DISK, true);
    outbox_violation(o, 0, &n);
    write_next(o, &f);
    assert_int_equal(outbox_take_violations(o, 10, out), 1);
    uint64_t first = out[0].number;
    n.opened = false;
    outbox_violation(o, 20, &n);
    write_next(o, &f);
    assert_int_equal(outbox_take_violations(o, 30, out), 0); /* the answer to the first batch is awaited */
    assert_int_equal(outbox_take_violations(o, 10 + OUTBOX_RESEND_MS, out), 2);
    assert_true(out[0].number == first && out[1].number > first && out[0].opened && !out[1].opened);
    outbox_ack(o, first, 0);
    assert_true(outbox_urgent(o));
    outbox_ack(o, out[1].number, 0);
    assert_false(outbox_urgent(o));
    assert_int_equal(outbox_stats(o).violations, 0);
    free(f.text);
    outbox_free(o);
}

static void test_a_restart_takes_all_of_it_up(void **state)
{
    struct outbox *o = outbox_new(1u << 30), *back;
    struct file f = {0};
    struct outbox_reading r;
    struct violation_report v[OUTBOX_SEND_MAX], opening = update_of(1, VIOLATION_MEMORY, true);
    struct sample s[OUTBOX_SEND_MAX], last = sample_of(2);
    outbox_epoch_seen(o, 9);
    outbox_violation(o, 1000, &opening);
    write_next(o, &f);
    opening.critical = true;
    outbox_violation(o, 2000, &opening);
    outbox_sample(o, 3000, &last, true);
    write_next(o, &f);
    back = read_back(&f, f.len, 5000, &r);
    assert_true(!r.strange && !r.torn && r.lines);
    assert_int_equal(outbox_epoch(back), 9);
    assert_int_equal(outbox_episode(back, &opening.id, VIOLATION_MEMORY), VIOLATION_CRITICAL);
    assert_int_equal(outbox_episode(back, &opening.id, VIOLATION_DISK), VIOLATION_NONE);
    assert_int_equal(outbox_take_violations(back, 5000, v), 2);
    assert_int_equal(outbox_take_samples(back, 5000, s), 1);
    assert_true(v[0].ago_ms == 4000 && v[1].ago_ms == 3000 && s[0].ago_ms == 2000);
    assert_true(v[1].critical && v[1].limit == UINT64_MAX && s[0].kept && s[0].responsive);
    assert_true(s[0].rx_bytes == UINT64_MAX && s[0].io_some_centi == SAMPLE_NO_PRESSURE);
    /* A clock that went back leads to no number twice, not even to one that was never written. */
    uint64_t highest = s[0].number;
    outbox_ack(back, v[1].number, s[0].number);
    opening.opened = opening.critical = false;
    opening.swings = 7;
    outbox_violation(back, 6000, &opening);
    write_next(back, &f);
    assert_int_equal(outbox_take_violations(back, 6000, v), 1);
    assert_true(v[0].number > highest);
    assert_int_equal(outbox_episode(back, &opening.id, VIOLATION_MEMORY), VIOLATION_NONE);
    outbox_free(back);
    back = read_back(&f, f.len, 7000, &r);
    assert_int_equal(outbox_stats(back).violations, 1);
    assert_int_equal(outbox_stats(back).samples, 0);
    assert_int_equal(outbox_take_violations(back, 7000, v), 1);
    assert_int_equal(v[0].swings, 7);
    outbox_free(back);
    outbox_free(o);
    free(f.text);
}

static void test_an_open_episode_outlives_its_update(void **state)
{
    struct outbox *o = outbox_new(1), *back;
    struct file f = {0};
    struct outbox_reading r;
    struct violation_report v[OUTBOX_SEND_MAX], opening = update_of(1, VIOLATION_DISK, true);
    outbox_violation(o, 1000, &opening);
    write_next(o, &f);
    outbox_take_violations(o, 1000, v);
    outbox_ack(o, v[0].number, 0);
    outbox_written(o, false, 0); /* the disk was full: the whole file is written again */
    write_next(o, &f);
    assert_int_equal(f.wholes, 2);
    back = read_back(&f, f.len, 2000, &r);
    assert_int_equal(outbox_stats(back).violations, 0);
    assert_int_equal(outbox_episode(back, &opening.id, VIOLATION_DISK), VIOLATION_WARNING);
    outbox_free(back);
    outbox_free(o);
    free(f.text);
}

static void test_another_boot_counts_by_the_wall_clock(void **state)
{
    struct outbox *o = outbox_new(1), *back = outbox_new(1);
    struct file f = {0};
    struct outbox_reading r;
    struct sample s[OUTBOX_SEND_MAX], last = sample_of(2);
    outbox_sample(o, 50000, &last, true);
    write_next(o, &f); /* at WALL + 50 s */
    outbox_read(back, f.text, f.len, "another", 2000, WALL + 60000, &r);
    assert_int_equal(outbox_take_samples(back, 2000, s), 1);
    assert_int_equal(s[0].ago_ms, 12000);
    outbox_free(back);
    outbox_free(o);
    free(f.text);
}

/* A file of three writes, for the tests that damage it. */
static struct file a_file(size_t *whole_len)
{
    struct outbox *o = outbox_new(1);
    struct file f = {0};
    struct violation_report report = update_of(1, VIOLATION_PIDS, true);
    struct sample s = sample_of(1);
    outbox_violation(o, 1, &report);
    write_next(o, &f);
    *whole_len = f.len;
    outbox_sample(o, 2, &s, false);
    write_next(o, &f);
    report.opened = false;
    outbox_violation(o, 3, &report);
    write_next(o, &f);
    outbox_free(o);
    return f;
}

static size_t lines_in(const char *text, size_t len)
{
    size_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static void test_torn_at_every_byte(void **state)
{
    size_t whole_len;
    struct file f = a_file(&whole_len);
    for (size_t cut = 0; cut <= f.len; cut++) {
        struct outbox_reading r;
        struct outbox *o = read_back(&f, cut, 10, &r);
        bool at_end = !cut || f.text[cut - 1] == '\n';
        assert_int_equal(r.lines, lines_in(f.text, cut));
        assert_int_equal(r.torn, !at_end);
        assert_int_equal(r.strange, 0);
        size_t after = lines_in(f.text, cut) - (cut >= whole_len ? lines_in(f.text, whole_len) : 0);
        if (cut >= whole_len) {
            assert_int_equal(outbox_stats(o).samples, after >= 1);
            assert_int_equal(outbox_stats(o).violations, 1 + (after >= 2));
            struct sandbox_id id = an_id(1);
            assert_int_equal(outbox_episode(o, &id, VIOLATION_PIDS),
                             after >= 2 ? VIOLATION_NONE : VIOLATION_WARNING);
        }
        outbox_free(o);
    }
    free(f.text);
}

static void test_any_damage_is_seen_and_costs_its_line_only(void **state)
{
    size_t whole_len;
    struct file f = a_file(&whole_len);
    size_t lines = lines_in(f.text, f.len);
    for (size_t i = 0; i < f.len; i++) {
        struct outbox_reading r;
        char was = f.text[i];
        f.text[i] ^= 1;
        struct outbox *o = read_back(&f, f.len, 10, &r);
        if (!r.strange && !r.torn)
            fail_msg("byte %zu may be changed", i);
        assert_true(r.strange <= 2 && r.lines - r.strange >= lines - 2);
        outbox_free(o);
        f.text[i] = was;
    }
    free(f.text);
}

static void test_violations_have_a_bound(void **state)
{
    struct outbox *o = outbox_new(1), *back;
    struct file f = {0};
    struct outbox_reading r;
    for (unsigned i = 0; i < OUTBOX_VIOLATIONS_MAX + 5; i++) {
        struct violation_report report = update_of((uint8_t)i, VIOLATION_CPU, true);
        outbox_violation(o, i, &report);
    }
    write_next(o, &f);
    back = read_back(&f, f.len, 10, &r);
    assert_int_equal(outbox_stats(back).violations, OUTBOX_VIOLATIONS_MAX);
    assert_int_equal(outbox_stats(back).violations_dropped, 5);
    struct violation_report out[OUTBOX_SEND_MAX];
    assert_int_equal(outbox_take_violations(back, 10000, out), OUTBOX_SEND_MAX);
    assert_int_equal(out[0].number, 1 + 5);
    outbox_free(back);
    outbox_free(o);
    free(f.text);
}

static void test_samples_have_a_bound_and_ten_minutes(void **state)
{
    struct outbox *o = outbox_new(1);
    struct sample last = sample_of(1), other = sample_of(2);
    outbox_sample(o, 0, &last, true);
    for (unsigned i = 1; i <= OUTBOX_SAMPLES_MAX; i++)
        outbox_sample(o, 1000 + i, &other, false);
    struct outbox_stats stats = outbox_stats(o);
    assert_true(stats.samples <= OUTBOX_SAMPLES_MAX && stats.samples > OUTBOX_SAMPLES_MAX / 2);
    assert_int_equal(stats.samples + stats.samples_dropped, OUTBOX_SAMPLES_MAX + 1);
    outbox_sample(o, 2 * OUTBOX_KEEP_MS, &other, false);
    assert_int_equal(outbox_stats(o).samples, 2); /* the last sample of the ended sandbox, and the new one */
    assert_int_equal(outbox_stats(o).samples_dropped, OUTBOX_SAMPLES_MAX);
    /* If all of them are last samples, the oldest is dropped. */
    for (unsigned i = 0; i < OUTBOX_SAMPLES_MAX; i++)
        outbox_sample(o, 2 * OUTBOX_KEEP_MS, &last, true);
    assert_int_equal(outbox_stats(o).samples, OUTBOX_SAMPLES_MAX);
    outbox_free(o);
}

static void test_the_file_stays_short(void **state)
{
    struct outbox *o = outbox_new(1);
    struct file f = {0};
    struct sample s = sample_of(1), out[OUTBOX_SEND_MAX];
    for (unsigned i = 0; i < 20000; i++) {
        outbox_sample(o, i * 1000, &s, false);
        write_next(o, &f);
        assert_int_equal(outbox_take_samples(o, i * 1000, out), 1);
        outbox_ack(o, 0, out[0].number);
        write_next(o, &f);
        assert_true(f.len < (3u << 20));
    }
    assert_true(f.wholes > 1 && f.wholes < 20);
    outbox_free(o);
    free(f.text);
}

/* --- the journal file itself --- */

static char *whole_text(const struct journal *j)
{
    char *text;
    size_t len;
    struct err e;
    assert_int_equal(journal_read(j, &text, &len, &e), 0);
    assert_int_equal(len, strlen(text));
    return text;
}

static void says(const struct journal *j, const char *expected)
{
    char *text = whole_text(j);
    assert_string_equal(text, expected);
    free(text);
}

static void test_a_journal_grows_and_is_replaced(void **state)
{
    char dir[] = "/tmp/corral-test-XXXXXX", path[64], aside[80];
    struct err e;
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/outbox", dir);
    snprintf(aside, sizeof aside, "%s.bad", path);
    struct journal *j = journal_new(path);
    says(j, "");
    assert_int_equal(journal_append(j, "x", 1, false, &e), ERR_IO);
    assert_int_equal(journal_replace(j, "one\n", 4, &e), 0);
    assert_int_equal(journal_append(j, "two\n", 4, true, &e), 0);
    says(j, "one\ntwo\n");
    /* A disk with room for a part of a line: the next line follows the last whole one. */
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 10, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(journal_append(j, "three\n", 6, true, &e), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(journal_len(j), 8);
    assert_int_equal(journal_append(j, "four\n", 5, true, &e), 0);
    says(j, "one\ntwo\nfour\n");
    assert_int_equal(journal_replace(j, "three\n", 6, &e), 0);
    assert_int_equal(journal_append(j, "four\n", 5, false, &e), 0);
    says(j, "three\nfour\n");
    assert_int_equal(journal_set_aside(j, &e), 0);
    says(j, "");
    assert_int_equal(stat(aside, &st), 0);
    journal_free(j);
    unlink(aside);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_sent_before_it_is_on_disk),
        cmocka_unit_test(test_it_is_sent_again_until_it_is_accepted),
        cmocka_unit_test(test_a_restart_takes_all_of_it_up),
        cmocka_unit_test(test_an_open_episode_outlives_its_update),
        cmocka_unit_test(test_another_boot_counts_by_the_wall_clock),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_any_damage_is_seen_and_costs_its_line_only),
        cmocka_unit_test(test_violations_have_a_bound),
        cmocka_unit_test(test_samples_have_a_bound_and_ten_minutes),
        cmocka_unit_test(test_the_file_stays_short),
        cmocka_unit_test(test_a_journal_grows_and_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
