#include "common/base/id.h"

#include <stdio.h>
#include <string.h>

static const char alphabet[] = ULID_ALPHABET;

void ulid_format(char out[static ULID_LEN + 1], uint64_t at_ms, const uint8_t random[static 10])
{
    for (int i = 9; i >= 0; i--) {
        out[i] = alphabet[at_ms & 31];
        at_ms >>= 5;
    }
    /* 80 bits in 16 characters: each half of 40 bits fills eight. */
    for (int half = 0; half < 2; half++) {
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | random[half * 5 + i];
        for (int i = 7; i >= 0; i--) {
            out[10 + half * 8 + i] = alphabet[bits & 31];
            bits >>= 5;
        }
    }
    out[ULID_LEN] = '\0';
}

struct sandbox_id sandbox_id_make(uint64_t at_ms, const uint8_t random[static 10])
{
    struct sandbox_id id;
    memcpy(id.text, "sbx_", 4);
    ulid_format(id.text + 4, at_ms, random);
    return id;
}

/* 26 * 5 = 130 bits hold 128, so the first character is at most 7. */
bool ulid_valid(const char *text)
{
    return strnlen(text, ULID_LEN + 1) == ULID_LEN && text[0] <= '7' && strspn(text, alphabet) == ULID_LEN;
}

bool sandbox_id_parse(const char *text, struct sandbox_id *out)
{
    if (strncmp(text, "sbx_", 4) != 0 || !ulid_valid(text + 4))
        return false;
    memcpy(out->text, text, SANDBOX_ID_LEN + 1);
    return true;
}
