/*
 * The escape key of a terminal's client, as ssh has it: typed at the beginning of a line, it begins a word to
 * the client. "~." leaves, "~^Z" stops the client, "~?" lists these, "~~" is one "~" for the shell. Pure.
 */
#ifndef CORRAL_CLI_ESCAPE_H
#define CORRAL_CLI_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESCAPE_USUAL '~'

enum escape_act { ESCAPE_NONE, ESCAPE_LEAVE, ESCAPE_STOP, ESCAPE_HELP };

struct escape {
    int key; /* negative: none */
    bool in_line, pending;
};

void escape_init(struct escape *e, int key);

/*
 * Reads what was typed, up to an act. *len: before, how many bytes; after, how many were read. out has room
 * for one byte more than were typed; *out_len: what is for the shell.
 */
enum escape_act escape_read(struct escape *e, const uint8_t *in, size_t *len, uint8_t *out, size_t *out_len);

#endif
