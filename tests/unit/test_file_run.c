/* A node that lies about files: the controller's side of a stream, with the other end in the test's hand. */
#include "controller/streams/file_run.h"

#include "proto/stream_codec.h"

#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LIMIT_MS 10000

struct fixture {
    struct loop *loop;
    struct key_watch *keys;
    struct stream_hub *hub;
    struct mux *node;
    struct mux_stream *served;
    struct file_run *run;
    struct stream_file_result result;
    struct timer limit;
    bool told, ended;
    size_t bytes;
    int code;
};

/* --- the node --- */

static void on_over(void *owner, const char *why)
{
}

static void node_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
}

static void node_closed(void *arg, int code, const char *text)
{
    struct fixture *f = arg;
    f->served = NULL;
}

static void on_open(void *owner, struct mux_stream *stream, const uint8_t *bytes, size_t len)
{
    static const struct mux_stream_ops ops = {.on_data = node_data, .on_closed = node_closed};
    struct fixture *f = owner;
    f->served = stream;
    mux_serve(stream, &ops, f);
    loop_stop(f->loop);
}

/* --- the controller --- */

static void on_result(void *arg, const struct stream_file_result *result)
{
    struct fixture *f = arg;
    f->told = true;
    f->result = *result;
}

static void on_bytes(void *arg, const uint8_t *bytes, size_t len)
{
    struct fixture *f = arg;
    f->bytes += len;
    file_run_took(f->run, len);
}

static void on_end(void *arg, int code, const char *text)
{
    struct fixture *f = arg;
    f->ended = true;
    f->code = code;
    loop_stop(f->loop);
}

static void on_limit(void *arg)
{
    struct fixture *f = arg;
    loop_stop(f->loop);
}

static void go(struct fixture *f)
{
    timer_start(&f->limit, f->loop, LIMIT_MS, on_limit, f);
    loop_run(f->loop);
    assert_true(timer_armed(&f->limit));
    timer_stop(&f->limit);
}

static void read_keys(void *owner, const char *const *ids, size_t count)
{
}

static bool is_current(void *owner, const struct caller *caller)
{
    return true;
}

static void begin(struct fixture *f, enum stream_file_verb verb, enum stream_file_range range)
{
    static const struct mux_ops node_ops = {.on_open = on_open, .on_over = on_over};
    static const struct file_run_ops ops = {.on_result = on_result, .on_bytes = on_bytes, .on_end = on_end};
    static const struct key_watch_ops key_ops = {.read = read_keys, .is_current = is_current};
    static const struct caller caller = {.key_id = "key"};
    static struct stream_open open;
    struct err e;
    int ends[2];
    assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    *f = (struct fixture){.loop = loop_new()};
    f->keys = key_watch_new(f->loop, &key_ops, NULL);
    f->hub = stream_hub_new(f->loop, f->keys);
    stream_hub_take(f->hub, "node", stream_new(NULL, ends[0]));
    f->node = mux_new(f->loop, stream_new(NULL, ends[1]), &node_ops, f);
    open = (struct stream_open){.file = {.verb = verb,
                                         .range = range,
                                         .offset = 2,
                                         .length = 3,
                                         .depth = 1,
                                         .limit = 50,
                                         .timeout_ms = 60000,
                                         .path = "/f"}};
    assert_true(sandbox_id_parse("sbx_01ARZ3NDEKTSV4RRFFQ69G5FAV", &open.sandbox));
    assert_false(file_run_start(&f->run, f->loop, f->hub, "node", &caller, &open, &ops, f, &e));
    go(f);
    assert_non_null(f->served);
}

static void end(struct fixture *f)
{
    stream_hub_free(f->hub);
    key_watch_free(f->keys);
    mux_free(f->node);
    loop_free(f->loop);
}

static void tell(struct fixture *f, const struct stream_file_result *result)
{
    const struct stream_message message = {.kind = STREAM_FILE_TOLD, .file = *result};
    uint8_t bytes[STREAM_MESSAGE_MAX];
    mux_write(f->served, STREAM_MESSAGE, bytes, stream_message_pack(&message, bytes));
}

static void expect(enum stream_file_range range, struct stream_file_result result, const char *bytes,
                   bool good)
{
    struct fixture f;
    begin(&f, STREAM_FILE_READ, range);
    tell(&f, &result);
    if (bytes)
        mux_write(f.served, STREAM_STDOUT, bytes, strlen(bytes));
    mux_close(f.served, 0, "");
    go(&f);
    assert_true(f.ended);
    assert_int_equal(f.code, good ? 0 : ERR_PROTOCOL);
    assert_int_equal(f.told && f.bytes == strlen(bytes ? bytes : ""), good);
    end(&f);
}

#define FILE_OF(...)                                                                                         \
    (struct stream_file_result)                                                                              \
    {                                                                                                        \
        .type = FILE_TYPE_FILE, __VA_ARGS__                                                                  \
    }

static void test_what_fits_is_believed(void **state)
{
    struct stream_file_result folder = {.type = FILE_TYPE_DIRECTORY, .has_size = true, .size = 4096};
    expect(STREAM_RANGE_ALL, FILE_OF(.has_size = true, .size = 5, .has_length = true, .length = 5), "bytes",
           true);
    expect(STREAM_RANGE_ALL, FILE_OF(.has_size = true, .has_length = true), NULL, true);
    expect(STREAM_RANGE_ALL, FILE_OF(.has_size = false), "bytes", true);
    expect(STREAM_RANGE_FROM,
           FILE_OF(.has_size = true, .size = 5, .has_length = true, .offset = 2, .length = 3), "tes", true);
    expect(STREAM_RANGE_LAST, FILE_OF(.has_size = true, .size = 2, .has_length = true, .length = 2), "by",
           true);
    expect(STREAM_RANGE_ALL, folder, "entries", true);
}

static void test_figures_that_do_not_fit(void **state)
{
    expect(STREAM_RANGE_ALL, FILE_OF(.has_size = true, .size = 5, .has_length = true, .length = 3), "byt",
           false);
    expect(STREAM_RANGE_ALL, FILE_OF(.has_size = true, .size = 5), NULL, false);
    expect(STREAM_RANGE_ALL, FILE_OF(.has_length = true, .length = 5), "bytes", false);
    expect(STREAM_RANGE_FROM, FILE_OF(.has_size = true, .size = 5, .has_length = true), NULL, false);
    expect(STREAM_RANGE_FROM,
           FILE_OF(.has_size = true, .size = UINT64_MAX, .has_length = true, .offset = 2, .length = 3), "tes",
           false);
}

/* Their reader has begun no answer: they would stand in place of its head. */
static void test_bytes_of_a_range_that_there_is_not(void **state)
{
    struct fixture f;
    begin(&f, STREAM_FILE_READ, STREAM_RANGE_FROM);
    tell(&f, &(struct stream_file_result){.out_of_range = true, .has_size = true, .size = 1});
    mux_write(f.served, STREAM_STDOUT, "HTTP/1.1 200 OK", 15);
    go(&f);
    assert_int_equal(f.code, ERR_PROTOCOL);
    assert_int_equal(f.bytes, 0);
    end(&f);
}

static void test_a_range_that_nobody_asked_for(void **state)
{
    struct fixture f;
    begin(&f, STREAM_FILE_READ, STREAM_RANGE_ALL);
    tell(&f, &(struct stream_file_result){.out_of_range = true, .has_size = true, .size = 1});
    go(&f);
    assert_int_equal(f.code, ERR_PROTOCOL);
    assert_false(f.told);
    end(&f);
}

/* An archive, and a watch, has no length, and comes of a file or a folder. */
static void without_a_length(enum stream_file_verb verb)
{
    static const struct stream_file_result rows[] = {
        {.type = FILE_TYPE_DIRECTORY},
        {.type = FILE_TYPE_FILE},
        {.type = FILE_TYPE_SYMLINK},
        {.type = FILE_TYPE_FILE, .has_length = true, .length = 5},
        {.type = FILE_TYPE_FILE, .has_size = true, .size = 5}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        begin(&f, verb, STREAM_RANGE_ALL);
        tell(&f, &rows[i]);
        mux_write(f.served, STREAM_STDOUT, "bytes", 5);
        mux_close(f.served, 0, "");
        go(&f);
        assert_int_equal(f.code, i < 2 ? 0 : ERR_PROTOCOL);
        assert_int_equal(f.bytes, i < 2 ? 5 : 0);
        end(&f);
    }
}

static void test_an_archive(void **state)
{
    without_a_length(STREAM_FILE_PACK);
}

static void test_a_watch(void **state)
{
    without_a_length(STREAM_FILE_WATCH);
}

/* What came of an archive cannot be known before it ends, and it has no bytes. */
static void test_an_archive_that_is_unpacked(void **state)
{
    for (int bytes = 0; bytes < 2; bytes++) {
        struct fixture f;
        begin(&f, STREAM_FILE_UNPACK, STREAM_RANGE_ALL);
        if (bytes)
            file_run_end_input(f.run);
        tell(&f, &(struct stream_file_result){.type = FILE_TYPE_DIRECTORY});
        if (bytes)
            mux_write(f.served, STREAM_STDOUT, "bytes", 5);
        go(&f);
        assert_int_equal(f.code, ERR_PROTOCOL);
        assert_int_equal(f.told, bytes);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_is_believed),
        cmocka_unit_test(test_figures_that_do_not_fit),
        cmocka_unit_test(test_bytes_of_a_range_that_there_is_not),
        cmocka_unit_test(test_a_range_that_nobody_asked_for),
        cmocka_unit_test(test_an_archive),
        cmocka_unit_test(test_a_watch),
        cmocka_unit_test(test_an_archive_that_is_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
