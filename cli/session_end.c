#include "cli/session_end.h"

#include "cli/cli.h"
#include "cli/text.h"

#include "common/base/mem.h"
#include "common/http/websocket_frames.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 65536
#define SIGNAL_MAX 64

/* An end of which nothing is known is no success. */
static char *why_of(const json_t *status)
{
    const char *reason = json_string_value(json_object_get(status, "reason"));
    const char *message = json_string_value(json_object_get(status, "message"));
    char *out = NULL;
    if (!reason && !message)
        return mem_strdup("the server does not tell how the process ended");
    if (message && reason && !strcmp(message, "the sandbox has ended"))
        message = NULL; /* as the server says it */
    if (asprintf(&out, "the sandbox has ended: %s%s%s", message ? message : "", message && reason ? ", " : "",
                 reason ? reason : "") < 0)
        abort();
    return text_show_only(out);
}

int session_end_read(const uint8_t *bytes, size_t len, char **why)
{
    json_t *status = len <= STATUS_MAX ? json_loadb((const char *)bytes, len, 0, NULL) : NULL;
    const json_t *signal = json_object_get(status, "signal"), *code = json_object_get(status, "exit_code");
    json_int_t signo = json_integer_value(signal);
    int result = -1;
    *why = NULL;
    if (json_is_integer(signal) && signo > 0 && signo <= SIGNAL_MAX)
        result = CLI_SIGNALLED + (int)signo;
    else if (json_is_integer(code))
        result = (int)(json_integer_value(code) & 0xff);
    else
        *why = why_of(status);
    json_decref(status);
    return result;
}

bool session_end_comes_back(unsigned code)
{
    return code == WEBSOCKET_RESTART || code == WEBSOCKET_LATER || code == WEBSOCKET_GOING_AWAY ||
           code == WEBSOCKET_ABNORMAL;
}

const char *session_end_why(unsigned code)
{
    switch (code) {
    case WEBSOCKET_POLICY:
        return "the API key has ended, or may no longer do this";
    case WEBSOCKET_FAILED:
        return "the node failed";
    case WEBSOCKET_NORMAL:
    case WEBSOCKET_NO_CODE:
        return "the server closed the connection without telling how the process ended";
    default:
        return "the server closed the connection";
    }
}
