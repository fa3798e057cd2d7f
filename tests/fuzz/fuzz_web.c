#include "tests/fuzz/target.h"

#include "common/base/mem.h"
#include "controller/web/web_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct web_site *make_site(void)
{
    char folder[] = "/tmp/corral-fuzz-web-XXXXXX", path[100];
    struct web_site *site = NULL;
    struct err e;
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/index.html", folder);
    FILE *f = fopen(path, "w");
    if (!f)
        abort();
    for (int i = 0; i < 100; i++)
        fputs("<p>" WEB_VERSION_MARK "</p>", f);
    fclose(f);
    if (web_site_load(&site, folder, &e))
        abort();
    unlink(path);
    rmdir(folder);
    return site;
}

/* Lines "Name: value", each ended by CR LF, and no other CR, LF or NUL. */
static void check_headers(const char *headers)
{
    for (const char *at = headers; *at;) {
        size_t len = strcspn(at, "\r\n");
        if (!len || !memchr(at, ':', len) || strncmp(at + len, "\r\n", 2))
            abort();
        at += len + 2;
    }
}

/* The path, Accept-Encoding and If-None-Match of a request, a line each. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct web_site *site;
    char *text = mem_dup(bytes, len), *rest = text, *part[3];
    struct web_answer answer;
    if (!site)
        site = make_site();
    for (int i = 0; i < 3; i++)
        part[i] = strsep(&rest, "\n");
    struct web_request request = {"GET", part[0], part[1], part[2]};
    if (web_site_answer(site, &request, &answer)) {
        bool same = answer.status == 304;
        if ((answer.status != 200 && !same) || same == (answer.len > 0) || (answer.len && !answer.body))
            abort();
        check_headers(answer.headers);
    }
    free(text);
    return 0;
}
