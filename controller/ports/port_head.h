/*
 * The head of an answer that comes from inside a sandbox: a tenant's bytes, which anybody's browser is about
 * to get. What two programs could read in two ways is refused: two lengths, a length beside chunks, other
 * codings, bare line ends, folded lines, control characters. Pure.
 *
 * Not handed on: what concerns one connection only, the Date (ours says it), Alt-Svc, and of Set-Cookie the
 * Domain. Where ports share an origin, also what would concern all of that: Service-Worker-Allowed,
 * Clear-Site-Data, Strict-Transport-Security, NEL and its like. There a cookie and a Location get the prefix
 * of the port's own path, unless the server has put it there, as X-Forwarded-Prefix says, and
 * Content-Security-Policy: sandbox keeps pages out of the shared origin. A Location that names the server by
 * an address that only the sandbox knows, such as http://localhost:8000/, becomes a path.
 */
#ifndef CORRAL_CONTROLLER_PORTS_PORT_HEAD_H
#define CORRAL_CONTROLLER_PORTS_PORT_HEAD_H

#include "common/base/err.h"
#include "common/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define PORT_HEAD_MAX    32768 /* bytes */
#define PORT_FIELDS_MAX  100
#define PORT_UPGRADE_MAX 63 /* characters of the protocol of a 101 */

enum port_body {
    PORT_BODY_NONE, /* HEAD, 204, 304 */
    PORT_BODY_LENGTH,
    PORT_BODY_CHUNKS,
    PORT_BODY_CLOSE /* until the connection ends */
};

struct port_head {
    int status; /* 100 to 599 */
    enum port_body body;
    bool has_length; /* it states one, also of a body that is not sent (HEAD) */
    uint64_t length;
    char upgrade[PORT_UPGRADE_MAX + 1]; /* of a 101 */
    struct text lines;                  /* the headers to hand on, with their line ends */
};

/* Where the client sees the port; borrowed. */
struct port_outside {
    const char *prefix; /* "/p/<token>" where ports share an origin, else "" */
    const char *host;   /* as the client said; NULL: it did not */
    uint16_t port;      /* where the server listens inside */
};

/*
 * Reads a head. is_head: it answers a HEAD.
 * Returns the bytes of the head; 0 if more are needed; -1 with ERR_BAD_GATEWAY if it is refused. Fills *out
 * on a positive result only; port_head_fini is due then.
 */
long port_head_read(const char *bytes, size_t len, const struct port_outside *outside, bool is_head,
                    struct port_head *out, struct err *e) MUST_CHECK;
void port_head_fini(struct port_head *head);

#endif
