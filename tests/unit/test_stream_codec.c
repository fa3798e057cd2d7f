/* What is said on streams: each message at its bounds comes back as it was, and past them is refused. */
#include "proto/stream_codec.h"

#include "common/base/mem.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

static void set_sandbox(struct stream_open *open)
{
    assert_true(sandbox_id_parse("sbx_01M8DPJDHH1FFPKADQRKMRANFK", &open->sandbox));
}

/* Packs and unpacks; the caller frees what comes back. */
static struct stream_open there_and_back(const struct stream_open *open)
{
    struct stream_open back;
    uint8_t *bytes;
    size_t len;
    struct err e;
    assert_false(stream_open_pack(open, &bytes, &len, &e));
    assert_true(len <= STREAM_OPEN_MAX);
    assert_false(stream_open_unpack(bytes, len, &back, &e));
    free(bytes);
    assert_string_equal(back.sandbox.text, open->sandbox.text);
    assert_int_equal(back.op, open->op);
    return back;
}

static void add_long(struct string_list *list, size_t len)
{
    char *text = mem_zalloc(len + 1);
    memset(text, 'x', len);
    string_list_add(list, text);
    free(text);
}

static void test_a_start(void **state)
{
    struct stream_open open = {.op = STREAM_START};
    struct stream_start *s = &open.start;
    set_sandbox(&open);
    string_list_add(&s->command, "sh");
    string_list_add(&s->command, "not \xff utf-8");
    string_list_add(&s->command, "");
    string_list_add(&s->env, "A=b c");
    s->cwd = mem_strdup("/tmp");
    memset(s->token, 7, sizeof s->token);
    strcpy(s->tag, "one");
    s->timeout_ms = STREAM_TIMEOUT_MAX;
    s->has_stdin = s->tty = s->exec = s->attach = true;
    s->rows = 65535;
    s->columns = 1;
    s->hold = true;
    s->grace_ms = STREAM_GRACE_MAX;
    struct stream_open back = there_and_back(&open);
    const struct stream_start *b = &back.start;
    assert_int_equal(b->command.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(b->command.item[i], s->command.item[i]);
    assert_string_equal(b->env.item[0], "A=b c");
    assert_string_equal(b->cwd, "/tmp");
    assert_string_equal(b->tag, "one");
    assert_memory_equal(b->token, s->token, sizeof s->token);
    assert_true(b->has_stdin && b->tty && b->exec && b->attach && b->timeout_ms == STREAM_TIMEOUT_MAX);
    assert_true(b->rows == 65535 && b->columns == 1);
    assert_true(b->hold && b->grace_ms == STREAM_GRACE_MAX);
    stream_start_fini(&back.start);
    stream_start_fini(s);
}

/* As many words, and as many bytes, as may be. */
static void test_starts_at_their_bounds(void **state)
{
    struct stream_open open = {.op = STREAM_START};
    set_sandbox(&open);
    for (int i = 0; i < STREAM_LIST_MAX; i++) {
        add_long(&open.start.command, 25);
        add_long(&open.start.env, 25);
    }
    struct stream_open back = there_and_back(&open);
    assert_int_equal(back.start.env.count, STREAM_LIST_MAX);
    stream_start_fini(&back.start);
    stream_start_fini(&open.start);
    open.start = (struct stream_start){0};
    add_long(&open.start.command, STREAM_WORDS_MAX - 1);
    back = there_and_back(&open);
    stream_start_fini(&back.start);
    stream_start_fini(&open.start);
}

static void assert_refused(struct stream_open *open, const char *field)
{
    uint8_t *bytes;
    size_t len;
    struct err e;
    assert_int_equal(stream_open_pack(open, &bytes, &len, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, field));
    stream_start_fini(&open->start);
    open->start = (struct stream_start){0};
}

static void test_a_port(void **state)
{
    struct stream_open open = {.op = STREAM_PORT, .port = {65535, STREAM_PORT_WAIT_MAX, true}};
    set_sandbox(&open);
    struct stream_open back = there_and_back(&open);
    assert_true(back.port.port == 65535 && back.port.wait_ms == STREAM_PORT_WAIT_MAX && back.port.probe);
    open.port.wait_ms++;
    assert_refused(&open, "port");
    open.port = (struct stream_port){.port = 0};
    assert_refused(&open, "port");
    uint8_t bytes[STREAM_MESSAGE_MAX];
    struct stream_message message = {.kind = STREAM_PORT_STANDS}, told;
    struct err e;
    size_t len = stream_message_pack(&message, bytes);
    assert_true(len);
    assert_false(stream_message_unpack(bytes, len, &told, &e));
    assert_int_equal(told.kind, STREAM_PORT_STANDS);
}

static void test_starts_past_their_bounds(void **state)
{
    struct stream_open open = {.op = STREAM_START};
    set_sandbox(&open);
    assert_refused(&open, "command");
    string_list_add(&open.start.command, "");
    assert_refused(&open, "command");
    add_long(&open.start.command, STREAM_WORDS_MAX);
    assert_refused(&open, "command and env");
    for (int i = 0; i <= STREAM_LIST_MAX; i++)
        add_long(&open.start.command, 1);
    assert_refused(&open, "command");
    string_list_add(&open.start.command, "sh");
    open.start.timeout_ms = STREAM_TIMEOUT_MAX + 1;
    assert_refused(&open, "timeout_ms");
    string_list_add(&open.start.command, "sh");
    open.start.tty = true;
    assert_refused(&open, "tty");
}

static void test_acts(void **state)
{
    for (enum stream_op op = STREAM_ATTACH; op < STREAM_FILE; op++) {
        struct stream_open open = {.op = op, .pid = INT32_MAX};
        set_sandbox(&open);
        if (op == STREAM_ATTACH)
            open.from = UINT64_MAX;
        else if (op == STREAM_SIGNAL)
            open.signo = 15;
        else if (op == STREAM_RESIZE)
            open.rows = open.columns = 65535;
        else if (op == STREAM_INPUT)
            open.eof = true;
        struct stream_open back = there_and_back(&open);
        assert_int_equal(back.pid, open.pid);
        assert_true(back.from == open.from && back.signo == open.signo && back.rows == open.rows &&
                    back.eof == open.eof);
        open.pid = -1;
        assert_refused(&open, "pid");
    }
}

static void test_a_process(void **state)
{
    struct stream_message m = {.kind = STREAM_PROCESS,
                               .process = {.pid = 7,
                                           .tag = "t",
                                           .tty = true,
                                           .rows = 24,
                                           .columns = 80,
                                           .has_exit_code = true,
                                           .exit_code = 255,
                                           .signo = 9,
                                           .timed_out = true,
                                           .started_at_ms = 1,
                                           .ended_at_ms = UINT64_MAX,
                                           .output_oldest = 3,
                                           .output_bytes = 4,
                                           .has_input_from = true,
                                           .input_from = 5}};
    struct stream_message back;
    uint8_t bytes[STREAM_MESSAGE_MAX];
    struct err e;
    string_list_add(&m.process.command, "sh");
    add_long(&m.process.command, 5000); /* cut */
    add_long(&m.process.command, 5);
    size_t len = stream_message_pack(&m, bytes);
    assert_in_range(len, 1, STREAM_MESSAGE_MAX);
    assert_false(stream_message_unpack(bytes, len, &back, &e));
    const struct stream_process *p = &back.process;
    assert_true(p->pid == 7 && p->tty && p->rows == 24 && p->columns == 80 && p->exit_code == 255);
    assert_true(p->signo == 9 && p->timed_out && p->ended_at_ms == UINT64_MAX && p->output_bytes == 4);
    assert_true(p->has_input_from && p->input_from == 5);
    assert_int_equal(p->command.count, 2);
    assert_string_equal(p->command.item[0], "sh");
    assert_in_range(strlen(p->command.item[1]), 500, 1000);
    stream_process_fini(&back.process);
    stream_process_fini(&m.process);
}

static void test_other_messages(void **state)
{
    const struct stream_message all[] = {{.kind = STREAM_INPUT_END},
                                         {.kind = STREAM_TO_SIZE, .rows = 1, .columns = 65535},
                                         {.kind = STREAM_TO_SIGNAL, .signo = 15}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct stream_message back;
        uint8_t bytes[STREAM_MESSAGE_MAX];
        struct err e;
        size_t len = stream_message_pack(&all[i], bytes);
        assert_true(len);
        assert_false(stream_message_unpack(bytes, len, &back, &e));
        assert_true(back.kind == all[i].kind && back.rows == all[i].rows && back.columns == all[i].columns);
        assert_int_equal(back.signo, all[i].signo);
    }
}

static void test_a_note(void **state)
{
    struct stream_start start = {.tag = "sixty-three characters at most"};
    struct stream_process back = {0};
    uint8_t note[STREAM_NOTE_MAX];
    memset(start.tag, 't', STREAM_TAG_MAX);
    for (int i = 0; i < STREAM_LIST_MAX; i++)
        add_long(&start.command, 1);
    size_t len = stream_note_pack(&start, note);
    assert_in_range(len, 1, STREAM_NOTE_MAX);
    stream_note_unpack(note, len, &back);
    assert_string_equal(back.tag, start.tag);
    assert_true(back.command.count > 100);
    stream_process_fini(&back);
    stream_note_unpack((const uint8_t *)"\xff\xff", 2, &back); /* a tenant can write what it likes there */
    assert_int_equal(back.command.count, 0);
    stream_start_fini(&start);
}

/* An agent is older than its controller while a cluster is upgraded. */
static void test_an_operation_of_a_later_version(void **state)
{
    static const uint8_t sandbox[] = "\x0a\x1esbx_01M8DPJDHH1FFPKADQRKMRANFK", later[] = {0xd2, 0x0f, 0},
                         verb[] = {0x82, 0x01, 2, 8, STREAM_FILE_VERBS};
    uint8_t bytes[64];
    struct stream_open back;
    struct err e;
    size_t len = sizeof sandbox - 1;
    memcpy(bytes, sandbox, len);
    memcpy(bytes + len, later, sizeof later);
    assert_int_equal(stream_open_unpack(bytes, len + sizeof later, &back, &e), ERR_NOT_IMPLEMENTED);
    memcpy(bytes + len, verb, sizeof verb);
    assert_int_equal(stream_open_unpack(bytes, len + sizeof verb, &back, &e), ERR_NOT_IMPLEMENTED);
}

/* Whatever is cut or turned is an error, or another message; never more. */
static void test_bad_bytes(void **state)
{
    struct stream_open open = {.op = STREAM_START}, back;
    uint8_t *bytes;
    size_t len;
    struct err e;
    set_sandbox(&open);
    string_list_add(&open.start.command, "sh");
    assert_false(stream_open_pack(&open, &bytes, &len, &e));
    for (size_t i = 0; i < len; i++) {
        if (!stream_open_unpack(bytes, i, &back, &e))
            stream_start_fini(&back.start);
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            if (!stream_open_unpack(bytes, len, &back, &e))
                stream_start_fini(&back.start);
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    free(bytes);
    stream_start_fini(&open.start);
}

/* Of files: all that an operation and its result say. */
static void test_a_file(void **state)
{
    struct stream_open open = {.op = STREAM_FILE};
    struct stream_file *f = &open.file;
    struct err e;
    uint8_t *bytes;
    size_t len;
    set_sandbox(&open);
    *f = (struct stream_file){.verb = STREAM_FILE_READ,
                              .range = STREAM_RANGE_LAST,
                              .offset = UINT64_MAX,
                              .length = 7,
                              .depth = 16,
                              .limit = 200,
                              .cursor = "1f.2",
                              .has_mode = true,
                              .mode = 0755,
                              .recursive = true,
                              .timeout_ms = 1000};
    memset(f->path, 0xff, STREAM_PATH_MAX);
    f->path[0] = '/';
    struct stream_open back = there_and_back(&open);
    assert_memory_equal(&back.file, f, sizeof *f);
    for (int i = 0; i < 7; i++) {
        struct stream_open bad = open;
        *(i == 0   ? &bad.file.depth
          : i == 1 ? &bad.file.limit
          : i == 2 ? &bad.file.mode
                   : &bad.file.depth) = i < 3 ? 010000 : 1;
        if (i == 3)
            bad.file.path[0] = 'x';
        if (i == 4)
            strcpy(bad.file.cursor, "g");
        if (i == 5)
            bad.file.timeout_ms = 0;
        if (i == 6)
            bad.file.verb = STREAM_FILE_MOVE; /* without where to */
        assert_int_equal(stream_open_pack(&bad, &bytes, &len, &e), ERR_INVALID);
    }
}

static void test_a_result_of_a_file(void **state)
{
    struct stream_message message = {.kind = STREAM_FILE_TOLD}, back;
    struct stream_file_result *r = &message.file;
    uint8_t bytes[STREAM_MESSAGE_MAX];
    struct err e;
    *r = (struct stream_file_result){FILE_TYPE_FILE, 07777, true, 10, -5, 3, true, 7, true, false};
    size_t len = stream_message_pack(&message, bytes);
    assert_false(stream_message_unpack(bytes, len, &back, &e));
    assert_int_equal(back.kind, STREAM_FILE_TOLD);
    assert_memory_equal(&back.file, r, sizeof *r);
    r->length = 8; /* more than there is */
    len = stream_message_pack(&message, bytes);
    assert_int_equal(stream_message_unpack(bytes, len, &back, &e), ERR_PROTOCOL);
    *r = (struct stream_file_result){.type = FILE_TYPES};
    len = stream_message_pack(&message, bytes);
    assert_int_equal(stream_message_unpack(bytes, len, &back, &e), ERR_PROTOCOL);
}

static void test_the_trace_goes_along_where_it_is_valid(void **state)
{
    static const char valid[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct stream_open open = {.op = STREAM_LIST};
    set_sandbox(&open);
    assert_true(trace_parse(valid, &open.trace));
    struct stream_open back = there_and_back(&open);
    assert_string_equal(back.trace.text, valid);
    open.trace.text[0] = 'F'; /* a controller that sends anything */
    back = there_and_back(&open);
    assert_false(trace_known(&back.trace));
    open.trace.text[0] = 0;
    back = there_and_back(&open);
    assert_false(trace_known(&back.trace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_start),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_a_result_of_a_file),
        cmocka_unit_test(test_starts_at_their_bounds),
        cmocka_unit_test(test_a_port),
        cmocka_unit_test(test_starts_past_their_bounds),
        cmocka_unit_test(test_acts),
        cmocka_unit_test(test_a_process),
        cmocka_unit_test(test_other_messages),
        cmocka_unit_test(test_a_note),
        cmocka_unit_test(test_an_operation_of_a_later_version),
        cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_the_trace_goes_along_where_it_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
