#include "tests/lib/unit.h"

#include "agent/init/init_file.h"
#include "common/model/file_list.h"

#include <stdio.h>

static char seen[4096];

static void on_entry(void *arg, const struct file_entry *e)
{
    size_t len = strlen(seen);
    snprintf(seen + len, sizeof seen - len, "%s %.*s>%.*s %o %llu;", file_type_name(e->type),
             (int)e->name_len, e->name, (int)e->target_len, e->target, e->mode, (unsigned long long)e->size);
}

static size_t put(uint8_t *out, struct init_file_entry head, const char *words)
{
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, words, strlen(words));
    return sizeof head + strlen(words);
}

static bool take(const uint8_t *bytes, size_t len, size_t step, struct file_list *list)
{
    memset(list, 0, sizeof *list);
    seen[0] = 0;
    for (size_t at = 0; at < len; at += step) {
        if (!file_list_take(list, bytes + at, len - at < step ? len - at : step, on_entry, NULL))
            return false;
    }
    return true;
}

static void a_page_comes_in_pieces_of_any_size(void **state)
{
    static struct file_list list;
    uint8_t bytes[512];
    size_t len =
        put(bytes, (struct init_file_entry){INIT_FILE_REGULAR, .name_len = 1, .mode = 0644, .size = 5}, "a");
    len +=
        put(bytes + len,
            (struct init_file_entry){INIT_FILE_SYMLINK, .name_len = 1, .target_len = 2, .mode = 0777}, "bcd");
    len += put(bytes + len, (struct init_file_entry){INIT_FILE_BLOCK_DEVICE, .name_len = 3}, "\xff/x");
    len += put(bytes + len, (struct init_file_entry){.name_len = 4}, "1f.2");
    for (size_t step = 1; step <= len; step++) {
        assert_true(take(bytes, len, step, &list));
        assert_string_equal(seen, "file a> 644 5;symlink b>cd 777 0;block_device \xff/x> 0 0;");
        assert_true(list.ended);
        assert_string_equal(list.cursor, "1f.2");
    }
    assert_true(take(bytes, len - 1, 7, &list));
    assert_false(list.ended);
}

static void what_breaks_a_bound_is_refused(void **state)
{
    static struct file_list list;
    uint8_t bytes[512] = {0};
    static const struct init_file_entry bad[] = {
        {8, .name_len = 1},
        {1, .name_len = 0},
        {1, .zero = 1, .name_len = 1},
        {1, .name_len = 1, .zero_too = 1},
        {1, .name_len = 1, .zero_again = 1},
        {1, .name_len = 1, .mode = 010000},
        {1, .name_len = 1, .target_len = 1},
        {1, .name_len = 4096},
        {3, .name_len = 1, .target_len = 4096},
        {1, .name_len = 1, .modified_ms = INT64_MAX},
        {1, .name_len = 1, .modified_ms = INT64_MIN},
        {0, .name_len = 301},
        {0, .target_len = 1},
        {0, .name_len = 1}, /* no hexadecimal digit */
        {1, .name_len = 1}, /* a NUL */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = put(bytes, bad[i], "") + 500 - sizeof bad[i];
        bytes[sizeof bad[i]] = i == 14 ? 0 : 'x';
        assert_false(take(bytes, len, len, &list));
    }
}

static void there_are_no_more_than_a_page(void **state)
{
    static struct file_list list;
    static uint8_t bytes[(FILE_LIST_LIMIT_MAX + 1) * 33 + 64];
    size_t len = 0;
    for (int i = 0; i < FILE_LIST_LIMIT_MAX; i++)
        len += put(bytes + len, (struct init_file_entry){1, .name_len = 1}, "a");
    assert_true(take(bytes, len, len, &list));
    put(bytes + len, (struct init_file_entry){1, .name_len = 1}, "a");
    assert_false(take(bytes, len + 33, len, &list));
    len += put(bytes + len, (struct init_file_entry){0}, "");
    assert_true(take(bytes, len, 100, &list) && list.ended && !list.cursor[0]);
    bytes[len] = 1; /* nothing follows the end */
    assert_false(take(bytes, len + 1, len, &list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_comes_in_pieces_of_any_size),
        cmocka_unit_test(what_breaks_a_bound_is_refused),
        cmocka_unit_test(there_are_no_more_than_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
