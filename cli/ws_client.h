/*
 * A WebSocket to a process in a sandbox, as its client (docs/terminals.md), over a connection of libcurl's:
 * TLS, CA and proxies are those of requests. Nothing blocks but ws_client_dial.
 *
 * Bounds: a message of the server has at most WS_CLIENT_MESSAGE_MAX, a longer one ends the connection;
 * nothing is read while the caller does not ask for messages. What waits to be sent is WS_CLIENT_ROOM and one
 * message more, past which ws_client_has_room says no; the pong of the latest ping waits beside.
 */
#ifndef CORRAL_CLI_WS_CLIENT_H
#define CORRAL_CLI_WS_CLIENT_H

#include "cli/cli.h"

#include "common/http/websocket_frames.h"

#define WS_CLIENT_MESSAGE_MAX (1u << 20)
#define WS_CLIENT_ROOM        65536
#define WS_CLIENT_DATA_MAX    16384 /* of one message that is sent */

enum ws_client_channel {
    WS_STDIN,
    WS_STDOUT,
    WS_STDERR,
    WS_STATUS,
    WS_RESIZE,
    WS_CLOSE = 255 /* the byte of the channel that is closed follows */
};

struct ws_client;

enum ws_client_result {
    WS_OPEN,
    WS_REFUSED,     /* status and problem tell why */
    WS_UNREACHABLE, /* error tells why */
    WS_FOREIGN,     /* what answers does not speak as Corral does */
    WS_STOPPED      /* by the watch */
};

/* While it dials: fd (negative: none) and signals wake go_on, which returns false to stop. */
struct ws_client_watch {
    int fd;
    bool (*go_on)(void *arg, struct ws_client_watch *watch);
    void *arg;
};

struct ws_client_answer {
    unsigned status;
    json_t *problem; /* the caller's; NULL: none came */
    int error;       /* a CURLcode */
    uint32_t pid;
    uint64_t output_from;
    bool has_input_from;
    uint64_t input_from;
};

/* Connects and upgrades, within 30 s. On WS_OPEN *out is the caller's. */
enum ws_client_result ws_client_dial(struct cli *cli, const char *path, struct ws_client_watch *watch,
                                     struct ws_client **out, struct ws_client_answer *answer);

/* Prints on stderr why it was not opened; returns the exit code. */
int ws_client_explain(const struct cli *cli, enum ws_client_result result,
                      const struct ws_client_answer *answer);

int ws_client_fd(const struct ws_client *ws);

/*
 * The next message of the server: WEBSOCKET_BINARY, WEBSOCKET_TEXT, WEBSOCKET_CLOSE, WEBSOCKET_BROKEN
 * (WEBSOCKET_ABNORMAL: the connection is gone), or WEBSOCKET_NOTHING until the descriptor is readable.
 * *heard: bytes came.
 */
struct websocket_read ws_client_next(struct ws_client *ws, bool *heard);

bool ws_client_has_room(const struct ws_client *ws);

/* Whether something waits until the descriptor is writable. */
bool ws_client_waits(const struct ws_client *ws);

/* Adds a message: a byte of a channel, and at most WS_CLIENT_DATA_MAX bytes. */
void ws_client_write(struct ws_client *ws, enum ws_client_channel channel, const void *bytes, size_t len);

/* Sends what can be sent now. false: the connection is gone. */
bool ws_client_flush(struct ws_client *ws);

/* Says goodbye with this code, as far as it can be sent at once, and frees it. NULL is allowed. */
void ws_client_close(struct ws_client *ws, unsigned code);

#endif
