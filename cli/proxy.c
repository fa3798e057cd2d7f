#include "cli/proxy.h"

#include "common/base/defs.h"
#include "common/base/mem.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The variable that names a proxy for this URL, as libcurl looks for it; NULL where none is set. */
static const char *proxy_variable(const char *url)
{
    static const char *const names[][4] = {{"http_proxy", "all_proxy", "ALL_PROXY", NULL},
                                           {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}};
    const char *const *name = names[!strncmp(url, "https:", 6)];
    for (size_t i = 0; i < ARRAY_LEN(names[0]) && name[i]; i++) {
        const char *value = getenv(name[i]);
        if (value)
            return value[0] ? name[i] : NULL;
    }
    return NULL;
}

#define LOOPBACK "localhost,127.0.0.0/8,::1"

/*
 * The hosts in $no_proxy, and always this machine: nobody else needs to see a key for a local server. The
 * caller's.
 */
char *proxy_spared_hosts(void)
{
    char *hosts = NULL;
    const char *given = getenv("no_proxy");
    if (!given)
        given = getenv("NO_PROXY");
    if (given && !strcmp(given, "*"))
        return mem_strdup(given);
    if (asprintf(&hosts, "%s%s" LOOPBACK, given ? given : "", given && given[0] ? "," : "") < 0)
        abort();
    return hosts;
}

/* Whether an entry of such a list matches the host: its name, or a domain above it. */
static bool means(const char *entry, size_t len, const char *host)
{
    size_t all = strlen(host);
    if (len && *entry == '.') {
        entry++;
        len--;
    }
    return len && len <= all && !strncasecmp(host + all - len, entry, len) &&
           (len == all || host[all - len - 1] == '.');
}

/*
 * Whether the list matches the host. Ignores networks, except for this machine's own; used only for an error
 * message.
 */
static bool is_spared(const char *list, const char *host)
{
    if (!strcmp(list, "*") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]"))
        return true;
    for (size_t len; *list; list += len, list += strspn(list, ", ")) {
        len = strcspn(list, ", ");
        if (means(list, len, host))
            return true;
    }
    return false;
}

/* Whether requests to this URL use no proxy. */
static bool goes_straight(const char *url)
{
    CLEANUP(mem_free_ptr) char *list = proxy_spared_hosts();
    CURLU *parts = curl_url();
    char *host = NULL;
    bool straight = parts && !curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME) &&
                    !curl_url_get(parts, CURLUPART_HOST, &host, 0) && is_spared(list, host);
    curl_free(host);
    curl_url_cleanup(parts);
    return straight;
}

const char *proxy_of(const char *url, const char **address)
{
    const char *variable = goes_straight(url) ? NULL : proxy_variable(url);
    if (!variable)
        return NULL;
    const char *proxy = getenv(variable),
               *at = strrchr(proxy, '@'); /* a user and password may stand before it */
    *address = at ? at + 1 : proxy;
    return variable;
}
