/* POST /sandbox/{id}/exec: one command, from its start to its end. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/io/pki.h"
#include "controller/api/api_stream.h"
#include "controller/streams/exec_run.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the body --- */

static const char *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = strlen(text), body = strspn(text, digits), pad = strspn(text + body, "=");
    return len % 4 == 0 && pad <= 2 && body + pad == len ? NULL : "must be base64, with its padding";
}

static const char *absolute(const char *text)
{
    return text[0] == '/' ? NULL : "must be an absolute path";
}

static const struct field_rule base64_rule = {"^[A-Za-z0-9+/]*={0,2}$", base64, 0};
static const struct field_rule path_rule = {"^/", absolute, 0};

static const struct field fields[] = {
    {"command", FIELD_WORDS, 1, 1024, NULL, NULL, true, false, NULL},
    {"stdin", FIELD_TEXT, 0, 1048576, NULL, NULL, false, false, NULL},
    {"stdin_base64", FIELD_TEXT, 0, 1048576, NULL, &base64_rule, false, false, NULL},
    {"env", FIELD_MAP, 0, 1024, NULL, &field_rule_variable, false, false, NULL},
    {"cwd", FIELD_TEXT, 1, 4095, NULL, &path_rule, false, false, NULL},
    {"timeout_ms", FIELD_NUMBER, 1, 31622400000, NULL, NULL, false, false, NULL},
};

const struct api_body exec_body = {.fields = {fields, ARRAY_LEN(fields)}, .apart = {"stdin", "stdin_base64"}};

struct exec_call {
    struct api_call *call;
    struct exec_run *run;
};

/* --- the answer --- */

/* How many bytes a character has that begins so. */
static size_t character_len(uint8_t first)
{
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

/* The length without a character that the bound has cut, so that text stays text. */
static size_t whole_characters(const struct exec_output *o)
{
    size_t last = o->len;
    if (!o->truncated)
        return o->len;
    while (last > 0 && o->len - last < 4 && (o->bytes[last - 1] & 0xc0) == 0x80)
        last--;
    return last && last - 1 + character_len(o->bytes[last - 1]) > o->len ? last - 1 : o->len;
}

static void put_output(struct json_text *json, const char *name, const struct exec_output *o)
{
    size_t len = whole_characters(o);
    ops_put_bytes(json, name, o->bytes, ops_is_text(o->bytes, len) ? len : o->len);
}

static void answer(struct api_call *call, const struct exec_result *r)
{
    const struct stream_process *p = &r->process;
    struct json_text json = {0};
    json_text_object(&json, NULL);
    if (p->has_exit_code)
        json_text_int(&json, "exit_code", p->exit_code);
    else
        json_text_null(&json, "exit_code");
    if (p->signo)
        json_text_int(&json, "signal", p->signo);
    else
        json_text_null(&json, "signal");
    put_output(&json, "stdout", &r->out);
    put_output(&json, "stderr", &r->err);
    json_text_bool(&json, "truncated", r->out.truncated || r->err.truncated);
    json_text_bool(&json, "timed_out", p->timed_out);
    json_text_num(&json, "duration_ms", r->duration_ms);
    json_text_end(&json);
    api_answer_json(call, 200, NULL, json.text.data);
    json_text_fini(&json);
}

static void on_done(void *arg, int code, const char *text, const struct exec_result *result)
{
    struct exec_call *p = arg;
    if (code)
        ops_fail(p->call, code == ERR_CANCELLED ? ERR_WRONG_STATE : code, text);
    else
        answer(p->call, result);
    free(p);
}

/* Nobody waits for it any more: neither does it go on. */
static void on_gone(void *arg)
{
    struct exec_call *p = arg;
    exec_run_cancel(p->run);
    ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    free(p);
}

/* --- the request --- */

static void take_words(struct string_list *out, const json_t *list)
{
    size_t i;
    const json_t *word;
    json_array_foreach(list, i, word) string_list_add(out, json_string_value(word));
}

static void take_env(struct string_list *out, json_t *env)
{
    const char *name;
    json_t *value;
    json_object_foreach(env, name, value)
    {
        size_t size = strlen(name) + json_string_length(value) + 2;
        char *text = mem_zalloc(size);
        snprintf(text, size, "%s=%s", name, json_string_value(value));
        string_list_add(out, text);
        free(text);
    }
}

void ops_take_command(struct stream_start *start, const json_t *body)
{
    const json_t *cwd = json_object_get(body, "cwd");
    take_words(&start->command, json_object_get(body, "command"));
    take_env(&start->env, json_object_get(body, "env"));
    start->cwd = cwd ? mem_strdup(json_string_value(cwd)) : NULL;
    start->timeout_ms = (uint64_t)json_integer_value(json_object_get(body, "timeout_ms"));
    pki_random(start->token, sizeof start->token);
}

uint8_t *ops_take_input(const json_t *body, size_t *len)
{
    const json_t *plain = json_object_get(body, "stdin"), *coded = json_object_get(body, "stdin_base64");
    *len = 0;
    if (plain) {
        *len = json_string_length(plain);
        return mem_dup(json_string_value(plain), *len);
    }
    if (!coded || !json_string_length(coded))
        return NULL;
    const char *text = json_string_value(coded);
    size_t size = json_string_length(coded), pad = (text[size - 1] == '=') + (text[size - 2] == '=');
    uint8_t *bytes = mem_zalloc(size / 4 * 3 + 1);
    EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size);
    *len = size / 4 * 3 - pad;
    return bytes;
}

static int start(struct controller *c, struct exec_call *p, const struct sandbox_id *id, const char *node,
                 const json_t *body, struct err *e)
{
    struct stream_open open = {.sandbox = *id};
    size_t len;
    uint8_t *input = ops_take_input(body, &len);
    ops_take_command(&open.start, body);
    int rc = exec_run_start(&p->run, c->loop, leader_streams(c->leader), node, p->call->caller.key_id, &open,
                            input, len, on_done, p, e);
    stream_start_fini(&open.start);
    free(input);
    return rc;
}

void ops_sandbox_exec(void *owner, struct api_call *call)
{
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct controller *c = owner;
    struct sandbox_id id;
    char node[NODE_NAME_MAX + 1];
    struct err e;
    if (!ops_inside(c, call, &id, node))
        return;
    struct exec_call *p = mem_zalloc(sizeof *p);
    p->call = call;
    json_t *body = json_loadb(call->body, call->body_len, JSON_ALLOW_NUL, NULL);
    int rc = start(c, p, &id, node, body, &e);
    json_decref(body);
    if (rc) {
        api_answer_err(call, &e);
        free(p);
        return;
    }
    if (!api_stream_await(call, &waits, p)) {
        exec_run_cancel(p->run);
        free(p);
    }
}
