#include "tests/lib/unit.h"

#include "agent/image/image_flat.h"
#include "agent/image/image_head.h"
#include "agent/image/image_read.h"
#include "proto/image_codec.h"
#include "tests/lib/image_archive.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* An image of up to four layers, and what is read of it. */
struct made {
    struct text layer[4], archive;
    size_t layers;
    struct image_read read;
    struct image_report report;
};

static void add(struct made *made, size_t layer, struct archive_member member)
{
    made->layers = layer + 1 > made->layers ? layer + 1 : made->layers;
    member.mode = member.mode ? member.mode : 0644;
    archive_add(&made->layer[layer], &member);
}

static int look(struct made *made, struct err *e)
{
    for (size_t i = 0; i < made->layers; i++)
        archive_end(&made->layer[i]);
    archive_image(&made->archive, made->layer, made->layers);
    int rc = archive_read_image(&made->read, made->archive.data, made->archive.len, e);
    return rc ? rc : image_read_report(&made->read, "sha256:x", "x:1", &made->report, e);
}

static void fini(struct made *made)
{
    for (size_t i = 0; i < 4; i++)
        text_fini(&made->layer[i]);
    text_fini(&made->archive);
    image_read_fini(&made->read);
    image_report_fini(&made->report);
}

static bool sees(const struct made *made, const char *path)
{
    uint32_t node = layer_tree_find(made->read.tree, path);
    return node != LAYER_NONE && made->read.tree->node[node].entry != LAYER_NONE;
}

static char *filled(size_t len, char with)
{
    static char data[1 << 20];
    memset(data, with, sizeof data);
    data[len] = 0;
    return data;
}

static void test_deleted_file(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "etc/", .type = '5', .mode = 0755});
    add(&made, 0, (struct archive_member){.path = "etc/big", .data = filled(5000, 'b')});
    add(&made, 0, (struct archive_member){.path = "etc/small", .data = "s"});
    add(&made, 1, (struct archive_member){.path = "etc/.wh.big"});
    assert_int_equal(look(&made, &e), 0);
    assert_string_equal(made.report.why_partial, "");
    assert_false(sees(&made, "/etc/big"));
    assert_true(sees(&made, "/etc/small"));
    assert_int_equal(made.report.bytes, 5001);
    assert_int_equal(made.report.visible_bytes, 1);
    const struct image_items *hidden = &made.report.items[IMAGE_HIDDEN];
    assert_int_equal(hidden->total, 1);
    assert_int_equal(hidden->total_bytes, 5000);
    assert_string_equal(hidden->item[0].path[0], "/etc/big");
    assert_int_equal(hidden->item[0].layer, 0);
    assert_int_equal(hidden->item[0].by, 1);
    assert_true(hidden->item[0].flag);
    assert_int_equal(made.report.layer[0].hidden, 5000);
    assert_int_equal(made.report.layer[1].removes, 1);
    assert_string_equal(made.report.layer[1].command, "step 1");
    fini(&made);
}

static void test_opaque_folder(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "d/a", .data = "1"});
    add(&made, 0, (struct archive_member){.path = "d/sub/b", .data = "22"});
    add(&made, 1, (struct archive_member){.path = "d/new", .data = "3"});
    add(&made, 1, (struct archive_member){.path = "d/.wh..wh..opq"});
    assert_int_equal(look(&made, &e), 0);
    assert_false(sees(&made, "d/a"));
    assert_false(sees(&made, "d/sub/b"));
    assert_true(sees(&made, "d/new"));
    assert_int_equal(made.report.items[IMAGE_HIDDEN].total_bytes, 3);
    fini(&made);
}

/* A file takes the place of a folder, and a folder that no layer lists that of a link. */
static void test_kinds_change(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "x/a", .data = "1"});
    add(&made, 0, (struct archive_member){.path = "y", .type = '2', .target = "x"});
    add(&made, 1, (struct archive_member){.path = "x", .data = "file"});
    add(&made, 1, (struct archive_member){.path = "y/inside", .data = "2"});
    assert_int_equal(look(&made, &e), 0);
    assert_false(sees(&made, "x/a"));
    assert_true(sees(&made, "x"));
    assert_false(sees(&made, "y"));
    assert_true(sees(&made, "y/inside"));
    fini(&made);
}

static void test_hard_links_count_once(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "a", .data = filled(3000, 'a')});
    add(&made, 0, (struct archive_member){.path = "b", .type = '1', .target = "a"});
    add(&made, 1, (struct archive_member){.path = ".wh.a"});
    assert_int_equal(look(&made, &e), 0);
    assert_int_equal(made.report.visible_bytes, 3000);
    assert_int_equal(made.report.items[IMAGE_HIDDEN].total, 0);
    fini(&made);
}

static void test_caches_duplicates_rights(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "bin/sh", .data = "sh", .mode = 0755});
    add(&made, 0, (struct archive_member){.path = "bin/rm", .data = "rm", .mode = 0755});
    add(&made, 0, (struct archive_member){.path = "var/lib/apt/lists/x", .data = filled(90000, 'l')});
    add(&made, 0, (struct archive_member){.path = "a/1", .data = filled(2000, 'd')});
    add(&made, 0, (struct archive_member){.path = "a/2", .data = filled(2000, 'd')});
    add(&made, 0, (struct archive_member){.path = "bin/su", .data = "su", .mode = 04755});
    add(&made, 0,
        (struct archive_member){.path = "bin/ping",
                                .data = "p",
                                .mode = 0755,
                                .records = {"SCHILY.xattr.security.capability=cap"}});
    assert_int_equal(look(&made, &e), 0);
    assert_int_equal(made.report.items[IMAGE_CACHE].total_bytes, 90000);
    assert_string_equal(made.report.items[IMAGE_CACHE].item[0].text, "apt's package lists");
    assert_int_equal(made.report.items[IMAGE_DUPLICATE].total_bytes, 2000);
    assert_int_equal(made.report.items[IMAGE_DUPLICATE].item[0].count, 2);
    assert_int_equal(made.report.items[IMAGE_PRIVILEGED].total, 2);
    assert_int_equal(made.report.saved_bytes, 90000);
    assert_non_null(strstr(made.report.dockerfile, "RUN rm -rf /var/lib/apt/lists/*\n"));
    assert_non_null(strstr(made.report.dockerfile, "FROM x:1 AS full\n"));
    assert_non_null(strstr(made.report.dockerfile, "ENV A=\"b\"\n"));
    assert_non_null(strstr(made.report.dockerfile, "USER 7\n"));
    assert_non_null(strstr(made.report.dockerfile, "CMD [\"sh\"]\n"));
    fini(&made);
}

/* A chown in a later layer stores the file again. */
static void test_copies_are_told(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "f", .data = filled(50000, 'f')});
    add(&made, 1, (struct archive_member){.path = "f", .data = filled(50000, 'f'), .uid = 5});
    assert_int_equal(look(&made, &e), 0);
    const struct image_items *advice = &made.report.items[IMAGE_ADVICE];
    assert_int_equal(advice->count, 2);
    assert_int_equal(advice->item[1].layer, 2);
    assert_int_equal(advice->item[1].bytes, 50000);
    assert_non_null(strstr(advice->item[1].text, "chown"));
    fini(&made);
}

static void test_names_of_any_bytes(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "n\377", .data = "1"});
    add(&made, 0, (struct archive_member){.path = "short", .data = "2", .records = {"path=long/\376\377"}});
    assert_int_equal(look(&made, &e), 0);
    assert_true(sees(&made, "n\377"));
    assert_true(sees(&made, "long/\376\377"));
    assert_false(sees(&made, "short"));
    fini(&made);
}

static void test_hostile_members(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "../out", .data = "1"});
    add(&made, 0, (struct archive_member){.path = "to", .type = '1', .target = "nothing"});
    add(&made, 0, (struct archive_member){.path = ".wh.", .data = ""});
    add(&made, 0, (struct archive_member){.path = ".wh..wh.plnk", .type = '5'});
    add(&made, 0, (struct archive_member){.path = "good", .data = "1"});
    assert_int_equal(look(&made, &e), 0);
    assert_true(sees(&made, "good"));
    assert_int_not_equal(made.report.why_partial[0], 0);
    fini(&made);
}

/* A layer begins with its first file's name, which may look like another kind of file. */
static void test_names_that_look_like_formats(void **state)
{
    static const char *const names[] = {"\x1f\x8bx", "(\xb5/\xfd", "{x", "[x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct made made = {0};
        struct err e;
        add(&made, 0, (struct archive_member){.path = names[i], .data = "1"});
        assert_int_equal(look(&made, &e), 0);
        assert_true(sees(&made, names[i]));
        fini(&made);
    }
}

static void test_damaged_layer(void **state)
{
    struct made made = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "good", .data = "1"});
    text_add_bytes(&made.layer[0], filled(512, 'x'), 512);
    assert_int_equal(look(&made, &e), 0);
    assert_non_null(strstr(made.report.why_partial, "damaged"));
    fini(&made);
}

static void test_no_image(void **state)
{
    struct image_read read;
    struct err e;
    assert_int_equal(archive_read_image(&read, "", 0, &e), ERR_PROTOCOL);
    image_read_fini(&read);
    struct text tar = {0};
    archive_add(&tar, &(struct archive_member){.path = "manifest.json", .data = "[{\"Config\":\"c\"}]"});
    archive_end(&tar);
    assert_int_equal(archive_read_image(&read, tar.data, tar.len, &e), ERR_PROTOCOL);
    image_read_fini(&read);
    text_fini(&tar);
}

static void test_too_many_bytes(void **state)
{
    struct text tar = {0};
    archive_add(&tar,
                &(struct archive_member){.path = "0/layer.tar", .data = filled(4096, 0), .data_len = 4096});
    archive_end(&tar);
    struct archive_source memory = {.bytes = tar.data, .len = tar.len};
    const struct image_source source = {archive_read, &memory, 2048};
    struct image_read read;
    struct err e;
    assert_int_equal(image_read(&read, &source, 1, &e), ERR_TOO_LARGE);
    image_read_fini(&read);
    text_fini(&tar);
}

/* --- the variant --- */

static int keep(void *arg, const void *bytes, size_t len)
{
    text_add_bytes(arg, bytes, len);
    return 0;
}

/* Flattens what was made, and reads the result. */
static void flatten(struct made *made, struct made *flat)
{
    struct image_flat_form form;
    struct err e;
    int kept = memfd_create("kept", MFD_CLOEXEC);
    const struct image_sink sink = {keep, &flat->archive};
    assert_int_equal(write(kept, made->archive.data, made->archive.len), made->archive.len);
    assert_int_equal(image_flat_measure(&made->read, kept, "x:1", &form, &e), 0);
    assert_int_equal(image_flat_write(&made->read, kept, &form, &sink, &e), 0);
    assert_int_equal(archive_read_image(&flat->read, flat->archive.data, flat->archive.len, &e), 0);
    assert_int_equal(image_read_report(&flat->read, form.id, "y:1", &flat->report, &e), 0);
    free(form.config);
    close(kept);
}

static void test_variant_has_the_same_files(void **state)
{
    struct made made = {0}, flat = {0};
    struct err e;
    add(&made, 0, (struct archive_member){.path = "./", .type = '5', .mode = 0755});
    add(&made, 0, (struct archive_member){.path = "d/", .type = '5', .mode = 01777, .mtime = 12345});
    add(&made, 0, (struct archive_member){.path = "d/first", .data = filled(3000, 'a'), .mode = 04711});
    add(&made, 0, (struct archive_member){.path = "d/second", .type = '1', .target = "d/first"});
    add(&made, 0, (struct archive_member){.path = "d/third", .type = '1', .target = "d/second"});
    add(&made, 0, (struct archive_member){.path = "dev/null", .type = '3', .mode = 0666});
    add(&made, 0, (struct archive_member){.path = "gone", .data = filled(9000, 'g')});
    add(&made, 0,
        (struct archive_member){
            .path = "x", .data = "x", .records = {"path=n\377", "SCHILY.xattr.user.k=v", "mtime=5.25"}});
    add(&made, 0, (struct archive_member){.path = "s", .type = '2', .target = "/to\376"});
    add(&made, 1, (struct archive_member){.path = "d/.wh.first"});
    add(&made, 1, (struct archive_member){.path = ".wh.gone"});
    add(&made, 1, (struct archive_member){.path = "d/new", .data = "new", .uid = 1000});
    assert_int_equal(look(&made, &e), 0);
    assert_string_equal(made.report.why_partial, "");
    flatten(&made, &flat);
    assert_string_equal(made.report.tree, flat.report.tree);
    assert_int_equal(flat.report.layers, 1);
    assert_int_equal(flat.report.bytes, made.report.visible_bytes);
    assert_int_equal(flat.report.items[IMAGE_HIDDEN].total, 0);
    assert_true(
        json_equal(json_object_get(made.read.config, "config"), json_object_get(flat.read.config, "config")));
    fini(&made);
    fini(&flat);
}

static void test_tree_tells_differences(void **state)
{
    const struct archive_member other[] = {
        {.path = "f", .data = "1"},
        {.path = "g", .data = "1"},
        {.path = "f", .data = "2"},
        {.path = "f", .data = "1", .mode = 0600},
        {.path = "f", .data = "1", .uid = 1},
        {.path = "f", .data = "1", .mtime = 1},
        {.path = "f", .data = "1", .records = {"mtime=0.5"}},
        {.path = "f", .data = "1", .records = {"SCHILY.xattr.user.a=b"}},
        {.path = "f", .type = '2', .target = "1"},
    };
    char tree[sizeof other / sizeof *other][65];
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct made made = {0};
        struct err e;
        add(&made, 0, other[i]);
        assert_int_equal(look(&made, &e), 0);
        memcpy(tree[i], made.report.tree, sizeof tree[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(tree[i], tree[j]);
        fini(&made);
    }
}

static void test_report_is_packed(void **state)
{
    struct made made = {0};
    struct image_report back;
    struct err e;
    uint8_t *bytes;
    size_t len;
    add(&made, 0, (struct archive_member){.path = "a\377", .data = filled(70000, 'd')});
    add(&made, 1, (struct archive_member){.path = "a\377", .data = filled(70000, 'e')});
    assert_int_equal(look(&made, &e), 0);
    assert_int_equal(image_report_pack(&made.report, &bytes, &len, &e), 0);
    assert_int_equal(image_report_unpack(bytes, len, &back, &e), 0);
    assert_string_equal(back.tree, made.report.tree);
    assert_string_equal(back.items[IMAGE_HIDDEN].item[0].path[0], "/a\377");
    assert_string_equal(back.dockerfile, made.report.dockerfile);
    assert_int_equal(back.layers, 2);
    image_report_fini(&back);
    for (size_t cut = 0; cut < len; cut++)
        if (!image_report_unpack(bytes, cut, &back, &e))
            image_report_fini(&back);
    free(bytes);
    fini(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deleted_file),
        cmocka_unit_test(test_opaque_folder),
        cmocka_unit_test(test_kinds_change),
        cmocka_unit_test(test_hard_links_count_once),
        cmocka_unit_test(test_caches_duplicates_rights),
        cmocka_unit_test(test_copies_are_told),
        cmocka_unit_test(test_names_of_any_bytes),
        cmocka_unit_test(test_hostile_members),
        cmocka_unit_test(test_names_that_look_like_formats),
        cmocka_unit_test(test_damaged_layer),
        cmocka_unit_test(test_no_image),
        cmocka_unit_test(test_too_many_bytes),
        cmocka_unit_test(test_variant_has_the_same_files),
        cmocka_unit_test(test_tree_tells_differences),
        cmocka_unit_test(test_report_is_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
