/*
 * The opening handshake of a WebSocket as its client asks for it and checks its answer (RFC 6455, section
 * 4.1). No I/O.
 *
 * Bounds: an answer's head has at most http_parser's 80 KiB; of a refusal's body UPGRADE_BODY_MAX are kept,
 * and past them the answer is over.
 */
#ifndef CORRAL_CLI_UPGRADE_H
#define CORRAL_CLI_UPGRADE_H

#include "common/base/text.h"
#include "common/http/websocket_key.h"

#include <http_parser.h>
#include <stdint.h>

#define UPGRADE_PROTOCOL "v5.channel.k8s.io"
#define UPGRADE_BODY_MAX 65536

enum upgrade_state {
    UPGRADE_MORE,    /* the answer goes on */
    UPGRADE_OPEN,    /* the WebSocket is open; what follows are its frames */
    UPGRADE_REFUSED, /* by an answer that is whole */
    UPGRADE_BROKEN   /* what came is no answer, or not one to this request */
};

struct upgrade {
    enum upgrade_state state;
    unsigned status;
    uint32_t pid;         /* X-Process-Id; 0: none */
    uint64_t output_from; /* X-Output-From */
    bool has_input_from;
    uint64_t input_from; /* X-Input-From */
    struct text body;    /* of a refusal */

    /* private */
    http_parser parser;
    char name[32], value[64]; /* of the header that is read; longer ones are cut, and are none of ours */
    size_t name_len, value_len;
    bool has_value; /* of this header, which may be empty */
    char accept[64], protocol[64], upgrade[64];
    char key[WEBSOCKET_KEY_LEN + 1];
};

/* Makes a new key, and writes the request. target: path with query. authority: of the Host header. */
void upgrade_begin(struct upgrade *u, const char *authority, const char *target, const char *api_key,
                   struct text *request);
void upgrade_fini(struct upgrade *u);

/* Reads bytes of the answer. Returns how many belong to it. */
size_t upgrade_read(struct upgrade *u, const char *bytes, size_t len);

/* The connection has ended: what came so far may be a whole refusal. */
void upgrade_eof(struct upgrade *u);

#endif
