#include "controller/db/db_hosts.h"

#include "common/io/lookup.h"
#include "common/base/mem.h"
#include "common/model/sandbox_spec.h"
#include "common/base/text.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_hosts {
    struct loop *loop;
    struct lookup *lookup;
    struct string_list hosts, ports;
    size_t at; /* index of the host being looked up */
    unsigned places;
    struct text host, hostaddr, port; /* the results so far, in the form of libpq's parameters */
    char why[200];
    db_hosts_cb *cb;
    void *arg;
};

static void go_on(struct db_hosts *hosts);

static void hosts_free(struct db_hosts *hosts)
{
    string_list_fini(&hosts->hosts);
    string_list_fini(&hosts->ports);
    text_fini(&hosts->host);
    text_fini(&hosts->hostaddr);
    text_fini(&hosts->port);
    free(hosts);
}

/* Whether host is a name to look up: not a socket folder, and not an address. */
static bool is_name(const char *host)
{
    struct in6_addr address;
    return host[0] && host[0] != '/' && host[0] != '@' && inet_pton(AF_INET, host, &address) != 1 &&
           inet_pton(AF_INET6, host, &address) != 1;
}

/* The port of host i: hosts share one port, or each has its own. */
static const char *port_of(const struct db_hosts *hosts, size_t i)
{
    if (!hosts->ports.count)
        return "";
    return hosts->ports.item[i < hosts->ports.count ? i : 0];
}

/* Appends an address to the result. "": libpq uses the host as given. */
static void add_place(struct db_hosts *hosts, const char *address)
{
    const char *comma = hosts->places++ ? "," : "";
    text_fmt(&hosts->host, "%s%s", comma, hosts->hosts.item[hosts->at]);
    text_fmt(&hosts->hostaddr, "%s%s", comma, address);
    text_fmt(&hosts->port, "%s%s", comma, port_of(hosts, hosts->at));
}

static void finish(struct db_hosts *hosts)
{
    struct db_hosts_found found = {hosts->host.data, hosts->hostaddr.data, hosts->port.data};
    hosts->cb(hosts->arg, hosts->places ? &found : NULL, hosts->why);
    hosts_free(hosts);
}

static void on_found(void *arg, const struct addrinfo *found, const char *why)
{
    struct db_hosts *hosts = arg;
    char address[INET6_ADDRSTRLEN];
    hosts->lookup = NULL;
    if (!found)
        snprintf(hosts->why, sizeof hosts->why, "%s: %s", hosts->hosts.item[hosts->at], why);
    for (; found; found = found->ai_next) {
        if (!getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST))
            add_place(hosts, address);
    }
    hosts->at++;
    go_on(hosts);
}

static void go_on(struct db_hosts *hosts)
{
    for (; hosts->at < hosts->hosts.count; hosts->at++) {
        if (is_name(hosts->hosts.item[hosts->at])) {
            hosts->lookup = lookup_start(hosts->loop, hosts->hosts.item[hosts->at], NULL, on_found, hosts);
            return;
        }
        add_place(hosts, "");
    }
    finish(hosts);
}

static void split(struct string_list *out, const char *text)
{
    char *copy = mem_strdup(text ? text : ""), *rest = copy;
    for (char *one; copy[0] && (one = strsep(&rest, ","));)
        string_list_add(out, one);
    free(copy);
}

/* Reads the hosts from the connection string. False where none has to be looked up. */
static bool take_url(struct db_hosts *hosts, const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    bool named = false, told = false;
    for (PQconninfoOption *o = options; o && o->keyword; o++) {
        if (!strcmp(o->keyword, "host"))
            split(&hosts->hosts, o->val);
        else if (!strcmp(o->keyword, "port"))
            split(&hosts->ports, o->val);
        else if (!strcmp(o->keyword, "hostaddr"))
            told = o->val && o->val[0];
    }
    PQconninfoFree(options);
    for (size_t i = 0; i < hosts->hosts.count; i++)
        named = named || is_name(hosts->hosts.item[i]);
    return named && !told && (hosts->ports.count <= 1 || hosts->ports.count == hosts->hosts.count);
}

struct db_hosts *db_hosts_find(struct loop *loop, const char *url, db_hosts_cb *cb, void *arg)
{
    struct db_hosts *hosts = mem_zalloc(sizeof *hosts);
    *hosts = (struct db_hosts){.loop = loop, .cb = cb, .arg = arg};
    if (!take_url(hosts, url)) {
        hosts_free(hosts);
        return NULL;
    }
    go_on(hosts); /* at least one is a name, so the callback comes later */
    return hosts;
}

void db_hosts_cancel(struct db_hosts *hosts)
{
    if (!hosts)
        return;
    lookup_cancel(hosts->lookup);
    hosts_free(hosts);
}
