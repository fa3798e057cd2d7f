#include "controller/ops/command_body.h"

#include "common/base/mem.h"
#include "common/io/pki.h"
#include "controller/ops/routes.h"

#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what validates --- */

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

#define COMMAND_FIELDS                                                                                       \
    {"command", FIELD_WORDS, 1, 1024, NULL, NULL, true, false, NULL},                                        \
        {"stdin_base64", FIELD_TEXT, 0, 1048576, NULL, &base64_rule, false, false, NULL},                    \
        {"env", FIELD_MAP, 0, 1024, NULL, &field_rule_variable, false, false, NULL},                         \
        {"cwd", FIELD_TEXT, 1, 4095, NULL, &path_rule, false, false, NULL},                                  \
    {                                                                                                        \
        "timeout_ms", FIELD_NUMBER, 1, 31622400000, NULL, NULL, false, false, NULL                           \
    }

static const struct field exec_fields[] = {
    COMMAND_FIELDS,
    {"stdin", FIELD_TEXT, 0, 1048576, NULL, NULL, false, false, NULL},
};

static const struct field size_fields[] = {
    {"rows", FIELD_NUMBER, 1, 65535, NULL, NULL, true, false, NULL},
    {"columns", FIELD_NUMBER, 1, 65535, NULL, NULL, true, false, NULL},
};
static const struct field_table size_table = {size_fields, ARRAY_LEN(size_fields)};

static const struct field process_fields[] = {
    COMMAND_FIELDS,
    {"stdin", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    {"tty", FIELD_OBJECT, 0, 2, NULL, NULL, false, true, &size_table},
    {"tag", FIELD_TEXT, 1, STREAM_TAG_MAX, NULL, &field_rule_name, false, true, NULL},
    {"grace_seconds", FIELD_NUMBER, 1, 3600, NULL, NULL, false, false, NULL},
};

/* --- what the handler gets --- */

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

static void decode(struct command_request *request, const json_t *coded)
{
    const char *text = json_string_value(coded);
    size_t size = json_string_length(coded);
    request->input = mem_zalloc(size / 4 * 3 + 1);
    if (!size)
        return;
    EVP_DecodeBlock(request->input, (const unsigned char *)text, (int)size);
    request->input_len = size / 4 * 3 - (text[size - 1] == '=') - (text[size - 2] == '=');
}

static void take_input(struct command_request *request, const json_t *body)
{
    const json_t *plain = json_object_get(body, "stdin"), *coded = json_object_get(body, "stdin_base64");
    if (json_is_string(plain)) {
        request->input_len = json_string_length(plain);
        request->input = mem_dup(json_string_value(plain), request->input_len);
    } else if (coded) {
        decode(request, coded);
    }
}

static struct terminal_size size_of(const json_t *body)
{
    return (struct terminal_size){(uint16_t)json_integer_value(json_object_get(body, "rows")),
                                  (uint16_t)json_integer_value(json_object_get(body, "columns"))};
}

static void *parse(const json_t *body)
{
    const json_t *cwd = json_object_get(body, "cwd"), *tag = json_object_get(body, "tag"),
                 *tty = json_object_get(body, "tty");
    struct terminal_size size = size_of(tty);
    struct command_request *request = mem_zalloc(sizeof *request);
    struct stream_start *start = &request->start;
    take_words(&start->command, json_object_get(body, "command"));
    take_env(&start->env, json_object_get(body, "env"));
    start->cwd = cwd ? mem_strdup(json_string_value(cwd)) : NULL;
    start->timeout_ms = (uint64_t)json_integer_value(json_object_get(body, "timeout_ms"));
    start->grace_ms = (uint64_t)json_integer_value(json_object_get(body, "grace_seconds")) * 1000;
    start->hold = start->grace_ms > 0;
    start->tty = json_is_object(tty);
    start->rows = size.rows;
    start->columns = size.columns;
    if (json_is_string(tag))
        snprintf(start->tag, sizeof start->tag, "%s", json_string_value(tag));
    take_input(request, body);
    start->has_stdin = request->input || start->tty || json_is_true(json_object_get(body, "stdin"));
    pki_random(start->token, sizeof start->token);
    return request;
}

static void request_free(void *arg)
{
    struct command_request *request = arg;
    stream_start_fini(&request->start);
    free(request->input);
    free(request);
}

const struct api_body exec_body = {.fields = {exec_fields, ARRAY_LEN(exec_fields)},
                                   .apart = {"stdin", "stdin_base64"},
                                   .parse = parse,
                                   .free = request_free};

const struct api_body process_body = {.fields = {process_fields, ARRAY_LEN(process_fields)},
                                      .apart = {"stdin", "stdin_base64"},
                                      .parse = parse,
                                      .free = request_free};

/* --- acts on one --- */

static void *parse_size(const json_t *body)
{
    struct terminal_size size = size_of(body);
    return mem_dup(&size, sizeof size);
}

const struct api_body size_body = {
    .fields = {size_fields, ARRAY_LEN(size_fields)}, .parse = parse_size, .free = free};

static const struct field signal_fields[] = {
    {"signal", FIELD_NUMBER, 1, 64,
     "SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE "
     "SIGALRM SIGTERM SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM "
     "SIGPROF SIGWINCH SIGPOLL SIGPWR SIGSYS",
     NULL, true, false, NULL},
};

static int32_t signal_number(const char *name)
{
    for (int signo = 1; signo < NSIG; signo++) {
        const char *known = sigabbrev_np(signo);
        if (known && !strcmp(name + strlen("SIG"), known))
            return signo;
    }
    return 0;
}

static void *parse_signal(const json_t *body)
{
    const json_t *given = json_object_get(body, "signal");
    int32_t signo =
        json_is_string(given) ? signal_number(json_string_value(given)) : (int32_t)json_integer_value(given);
    return mem_dup(&signo, sizeof signo);
}

const struct api_body signal_body = {
    .fields = {signal_fields, ARRAY_LEN(signal_fields)}, .parse = parse_signal, .free = free};
