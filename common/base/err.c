#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct err_row {
    const char *name;
    const char *title;
    int status;
    bool retryable;
};

static const struct err_row rows[] = {
    [ERR_INDEX_NONE] = {"ok", "Done", 200, false},
#define ERR(name, code, status, retry, title) [ERR_INDEX_##name] = {code, title, status, retry},
#include "common/base/err.def"
#undef ERR
};

static const struct err_row *row_of(int code)
{
    if (code > 0 || code <= -ERR_INDEX_COUNT)
        return &rows[ERR_INDEX_INTERNAL];
    return &rows[-code];
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        e->code = code;
        vsnprintf(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
    }
    return code;
}

const char *err_name(int code)
{
    return row_of(code)->name;
}

const char *err_title(int code)
{
    return row_of(code)->title;
}

int err_status(int code)
{
    return row_of(code)->status;
}

bool err_retryable(int code)
{
    return row_of(code)->retryable;
}
