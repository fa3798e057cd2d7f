#include "cli/exec.h"

#include "cli/create.h"
#include "cli/input.h"
#include "cli/print.h"

#include "common/base/mem.h"
#include "common/base/units.h"
#include "common/base/utf8.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the request --- */

static int put_variable(void *arg, const char *text)
{
    json_t *env = arg;
    size_t len = strcspn(text, "=");
    CLEANUP(mem_free_ptr) char *name = mem_dup(text, len);
    json_object_set_new(env, name, json_string(text + len + 1));
    return 0;
}

/* Input that is no text goes in base64. */
static void put_input(json_t *body, const struct input *input)
{
    if (!memchr(input->bytes, 0, input->len) && utf8_valid((const char *)input->bytes)) {
        json_object_set_new(body, "stdin", json_string((const char *)input->bytes));
        return;
    }
    CLEANUP(mem_free_ptr) char *coded = mem_zalloc(input->len / 3 * 4 + 5);
    EVP_EncodeBlock((unsigned char *)coded, input->bytes, (int)input->len);
    json_object_set_new(body, "stdin_base64", json_string(coded));
}

static json_t *request_of(const struct cli *cli, int argc, char **argv, const struct input *input)
{
    const char *cwd = cli_option(cli, "workdir"), *timeout = cli_option(cli, "timeout");
    uint64_t seconds = 0;
    json_t *env = json_object(), *body = json_object();
    json_object_set_new(body, "command", create_command(argc, argv));
    if (!cli_each_option(cli, "env", put_variable, env) && json_object_size(env))
        json_object_set(body, "env", env);
    json_decref(env);
    if (cwd)
        json_object_set_new(body, "cwd", json_string(cwd));
    if (timeout && units_parse_seconds(timeout, &seconds) && seconds <= INT64_MAX / 1000)
        json_object_set_new(body, "timeout_ms", json_integer((json_int_t)seconds * 1000));
    if (input->len)
        put_input(body, input);
    return body;
}

/* --- the answer --- */

static void write_plain(const json_t *text, FILE *out)
{
    fwrite(json_string_value(text), 1, json_string_length(text), out);
}

static void write_coded(const json_t *text, FILE *out)
{
    const char *coded = json_string_value(text);
    size_t len = json_string_length(text), pad = 0;
    CLEANUP(mem_free_ptr) unsigned char *bytes = mem_zalloc(len + 1);
    while (pad < 2 && pad < len && coded[len - 1 - pad] == '=')
        pad++;
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)coded, (int)len);
    if (n > 0)
        fwrite(bytes, 1, (size_t)n - pad, out);
}

/* The bytes of one output, as the command wrote them: what a terminal makes of them is the user's matter. */
static void write_output(const json_t *result, const char *name, FILE *out)
{
    char other[32];
    snprintf(other, sizeof other, "%s_base64", name);
    const json_t *plain = json_object_get(result, name), *coded = json_object_get(result, other);
    if (json_is_string(plain))
        write_plain(plain, out);
    else if (json_is_string(coded))
        write_coded(coded, out);
    fflush(out);
}

/* An end of which nothing is known is no success. */
static int exit_code_of(const json_t *result)
{
    const json_t *signal = json_object_get(result, "signal"), *code = json_object_get(result, "exit_code");
    if (json_is_integer(signal))
        return CLI_SIGNALLED + (int)json_integer_value(signal);
    if (json_is_integer(code))
        return (int)json_integer_value(code) & 0xff;
    fprintf(stderr, "corral: the answer does not tell how the command ended\n");
    return CLI_FAILED;
}

static int take_result(const struct cli *cli, const json_t *result)
{
    if (cli_wants_json(cli)) {
        print_json(result);
        return exit_code_of(result);
    }
    write_output(result, "stdout", stdout);
    write_output(result, "stderr", stderr);
    if (json_is_true(json_object_get(result, "truncated")))
        fprintf(stderr,
                "corral: the command printed more than 1 MiB; what came after that was thrown away\n");
    if (json_is_true(json_object_get(result, "timed_out")))
        fprintf(stderr, "corral: the command was killed after %s (--timeout)\n", cli_option(cli, "timeout"));
    return exit_code_of(result);
}

int exec_run(struct cli *cli, const char *id, int argc, char **argv, bool *refused)
{
    struct cli_answer answer;
    struct input input;
    *refused = false;
    int rc = input_read(cli, &input);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr)
    char *path = cli_path(
        cli_option(cli, "admin-access") ? "/sandbox/%s/exec?admin_access=true" : "/sandbox/%s/exec", id);
    json_t *body = request_of(cli, argc, argv, &input);
    input_fini(&input);
    cli_patience(cli, 0);
    rc = cli_call(cli, "POST", path, body, &answer);
    if (!rc)
        rc = take_result(cli, answer.json);
    else if (rc < CLI_SIGNALLED) {
        *refused = rc == CLI_REFUSED;
        rc = CLI_FAILED;
    }
    cli_answer_fini(&answer);
    return rc;
}
