/*
 * The head of a request to a port inside a sandbox, made of the request that a client sent to the port's URL:
 * which token it names, what of its path is left without that, and which headers are handed on. Pure.
 *
 * Not handed on: what concerns one connection only (RFC 9110 section 7.6.1), what a client claims about other
 * proxies, and an API key of Corral, which nobody inside may learn.
 */
#ifndef CORRAL_CONTROLLER_PORTS_PORT_REQUEST_H
#define CORRAL_CONTROLLER_PORTS_PORT_REQUEST_H

#include "common/base/text.h"

#include <stdbool.h>

#define PORT_TOKEN_LEN  32
#define PORT_PREFIX_MAX (3 + PORT_TOKEN_LEN) /* "/p/" and the token */

/* Where a URL points. */
struct port_place {
    char token[PORT_TOKEN_LEN + 1];
    bool in_path;     /* http://host/p/<token>/…: it shares its origin; else http://<token>.<domain>/… */
    const char *path; /* what is left of the path, borrowed; "": the URL lacks the slash behind the token */
};

struct port_field {
    const char *name, *value; /* the name in lower case */
};

struct port_request {
    const char *method;
    const char *query;   /* "": none */
    const char *address; /* of the client */
    const char *host;    /* as the client said; NULL: it did not */
    bool tls;
    const char *upgrade; /* the protocol that the client asks for; NULL: none */
    bool has_body, has_length;
    unsigned long long length; /* of the body; without has_length it goes in chunks */
};

/* Whether text begins with a token (base 32 in lower case, RFC 4648) that nothing of a longer word follows.
 */
bool port_token_is(const char *text);

/* Finds the token in the host (NULL: none; with or without a port) where domain is not NULL, else in the
 * path. False: there is none. */
bool port_place_find(const char *host, const char *domain, const char *path, struct port_place *out);

/* "/p/<token>", or "" where the origin is the port's own. */
void port_place_prefix(const struct port_place *place, char out[static PORT_PREFIX_MAX + 1]);

/* Writes the head with its empty line. */
void port_request_write(const struct port_request *request, const struct port_place *place,
                        const struct port_field *field, size_t count, struct text *out);

/* Whether a list of words that commas separate has this one; in either case of letters. */
bool port_list_has(const char *list, const char *word);

#endif
