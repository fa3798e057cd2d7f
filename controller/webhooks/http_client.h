/*
 * Posts to servers of others, on the loop: the one file that knows libcurl. Nothing that a server does harms
 * anybody else: its answer is read as far as its bounds and no further, redirects are not followed, and the
 * whole try ends in time. Names are resolved by the loop's resolver (common/io/lookup.h); what is checked is
 * the very address that is connected to, so a name that means another address a moment later gains nothing.
 * Neither proxies, credentials nor cookies come from the environment. Every try has a connection of its own.
 *
 * The caller bounds how many are under way.
 */
#ifndef CORRAL_CONTROLLER_WEBHOOKS_HTTP_CLIENT_H
#define CORRAL_CONTROLLER_WEBHOOKS_HTTP_CLIENT_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <stddef.h>

#define HTTP_CLIENT_URL_MAX     2048
#define HTTP_CLIENT_BODY_MAX    4096   /* bytes of an answer that are read */
#define HTTP_CLIENT_HEAD_MAX    16384  /* bytes of the heads of an answer; past it, it fails */
#define HTTP_CLIENT_ANSWER_MAX  131072 /* bytes of all of an answer, with TLS; past it, it fails */
#define HTTP_CLIENT_EXCERPT_MAX 255    /* bytes of the answer that are kept */
#define HTTP_CLIENT_HEADERS_MAX 8

struct http_client;
struct http_client_call;

/* Owned by the caller; borrows loop. ERR_INTERNAL: the library fails. */
int http_client_new(struct http_client **out, struct loop *loop, struct err *e) MUST_CHECK;
/* Cancels what is under way. NULL is allowed. */
void http_client_free(struct http_client *client);

/*
 * Why a URL is refused whatever its host resolves to; NULL: it is not. http and https only, no credentials in
 * it. A sentence that follows "url: ".
 */
const char *http_client_url_fault(const char *url);

struct http_client_post {
    const char *url;
    const char *header[HTTP_CLIENT_HEADERS_MAX]; /* "Name: value"; NULL ends them */
    const char *body;
    size_t body_len;
    uint64_t time_ms;    /* for all of it */
    bool allow_private;  /* else only addresses of the public internet are connected to */
    unsigned turn;       /* of several addresses, with which it begins */
    const char *ca_file; /* NULL: what this machine trusts */
};

struct http_client_answer {
    unsigned status;   /* 0: there was none */
    char problem[160]; /* a sentence, where status is 0 or the answer broke a bound; "": none */
    char excerpt[HTTP_CLIENT_EXCERPT_MAX + 1]; /* of the answer, without control characters */
    bool asked;                                /* it had a Retry-After */
    uint64_t asked_ms;
    uint64_t took_ms;
};

/* answer: borrowed. Called once, never inside http_client_start. */
typedef void http_client_cb(void *arg, const struct http_client_answer *answer);

/* Copies what post names. */
struct http_client_call *http_client_start(struct http_client *client, const struct http_client_post *post,
                                           http_client_cb *cb, void *arg);
/* No callback afterwards. Not needed after it. NULL is allowed. */
void http_client_cancel(struct http_client_call *call);

#endif
