/* Which proxy requests go through, by the variables that libcurl and others read. */
#ifndef CORRAL_CLI_PROXY_H
#define CORRAL_CLI_PROXY_H

/*
 * The hosts in $no_proxy, and always this machine: nobody else needs to see a key for a local server. The
 * caller's.
 */
char *proxy_spared_hosts(void);

/*
 * The variable that names a proxy for this URL; NULL where requests to it use none. *address: the proxy's
 * address without user and password.
 */
const char *proxy_of(const char *url, const char **address);

#endif
