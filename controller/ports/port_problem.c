#include "controller/ports/port_problem.h"

#include "common/base/json_text.h"
#include "common/io/pki.h"

#include <stdio.h>
#include <string.h>

#define PROBLEM_MAX 4096
#define DETAIL_MAX  500
#define HEADERS                                                                                              \
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"         \
    "Content-Security-Policy: sandbox\r\n"

static const char gone[] = "There is no such port: it was never made, or it has ended";

static int public_code(int code)
{
    switch (code) {
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:
        return ERR_NOT_FOUND;
    case ERR_PROCESS_LIMIT:
        return ERR_TOO_MANY_STREAMS;
    case ERR_IO:
    case ERR_PROTOCOL:
        return ERR_BAD_GATEWAY;
    case ERR_CANCELLED:
        return ERR_WRONG_STATE;
    default:
        return code;
    }
}

static void write_problem(int code, const char *detail, char out[static PROBLEM_MAX],
                          char headers[static 512])
{
    struct json_text json = {.text = text_in(out, PROBLEM_MAX)};
    char id[33], cut[DETAIL_MAX + 1];
    uint8_t random[16];
    pki_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    snprintf(cut, sizeof cut, "%s", detail);
    json_text_object(&json, NULL);
    json_text_str(&json, "type", "about:blank");
    json_text_str(&json, "title", err_title(code));
    json_text_int(&json, "status", err_status(code));
    json_text_str(&json, "detail", cut);
    json_text_str(&json, "code", err_name(code));
    json_text_str(&json, "request_id", id);
    json_text_end(&json);
    snprintf(headers, 512, "X-Request-Id: %s\r\n" HEADERS "%s", id,
             err_status(code) == 429 || err_status(code) == 503 ? "Retry-After: 1\r\n" : "");
}

void port_problem_answer(struct http_exchange *x, int code, const char *detail)
{
    char text[PROBLEM_MAX], headers[512];
    int shown = public_code(code);
    write_problem(shown, shown == ERR_NOT_FOUND ? gone : detail, text, headers);
    http_answer(x, err_status(shown), "application/problem+json", headers, text, strlen(text));
}

const char *port_problem_of_server(void *owner, int code, const char *detail, bool tls, const char **headers)
{
    static char text[PROBLEM_MAX], lines[512]; /* valid until the next */
    write_problem(code, detail, text, lines);
    *headers = lines;
    return text;
}
