#include "cli/escape.h"

#define CTRL_Z 0x1a

void escape_init(struct escape *e, int key)
{
    *e = (struct escape){.key = key};
}

static enum escape_act act_of(uint8_t c)
{
    return c == '.' ? ESCAPE_LEAVE : c == CTRL_Z ? ESCAPE_STOP : c == '?' ? ESCAPE_HELP : ESCAPE_NONE;
}

enum escape_act escape_read(struct escape *e, const uint8_t *in, size_t *len, uint8_t *out, size_t *out_len)
{
    enum escape_act act = ESCAPE_NONE;
    size_t i = 0, n = 0;
    while (i < *len && !act) {
        uint8_t c = in[i++];
        bool was_pending = e->pending;
        e->pending = false;
        if (was_pending && (act = act_of(c)))
            continue; /* after it, a line begins as before */
        if (!was_pending && !e->in_line && c == e->key) {
            e->pending = true;
            continue;
        }
        if (was_pending && c != e->key)
            out[n++] = (uint8_t)e->key;
        out[n++] = c;
        e->in_line = c != '\r' && c != '\n';
    }
    *len = i;
    *out_len = n;
    return act;
}
