#include "common/base/plain_words.h"

#include "common/base/rfc3339.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define HIDDEN   "…"
#define ID_LEAST 12 /* hexadecimal digits in a row */
#define ID_SURE  32 /* without a letter among them */

/* What stands around words in such texts. */
#define AROUND " \t\r\n\"'`()[]{}<>,;|="

/* A container's, an image's, one of ours; a figure is none, however long. */
static bool is_id(const char *word, size_t len)
{
    size_t digits = 0;
    bool letter = false;
    for (size_t i = 0; i < len; i++) {
        bool hex = isxdigit((unsigned char)word[i]);
        digits = hex ? digits + 1 : 0;
        letter = hex && (letter || isalpha((unsigned char)word[i]));
        if (digits >= ID_LEAST && (letter || digits >= ID_SURE))
            return true;
    }
    return len > 4 && (!strncmp(word, "sbx_", 4) || !strncmp(word, "usr_", 4) || !strncmp(word, "key_", 4) ||
                       !strncmp(word, "crl_", 4));
}

/* Which has colons, and tells nothing. */
static bool is_time(const char *word, size_t len)
{
    char text[40];
    if (len >= sizeof text)
        return false;
    memcpy(text, word, len);
    text[len] = 0;
    return rfc3339_valid(text);
}

/* Digits and dots as of an IPv4 address; two colons as of an IPv6 one; a colon before digits as of a port. */
static bool is_address(const char *word, size_t len)
{
    unsigned dots = 0, colons = 0;
    bool port = false, digit_before = false;
    for (size_t i = 0; i < len; i++) {
        bool more = i + 1 < len && isdigit((unsigned char)word[i + 1]);
        dots += word[i] == '.' && digit_before && more;
        colons += word[i] == ':' && i + 1 < len;
        port |= word[i] == ':' && more;
        digit_before = isdigit((unsigned char)word[i]);
    }
    return dots >= 3 || colons >= 2 || port;
}

/* A name with dots, as of a host or a file: letters on both sides of one. */
static bool is_name(const char *word, size_t len)
{
    for (size_t i = 1; i + 1 < len; i++) {
        if (word[i] == '.' && isalnum((unsigned char)word[i - 1]) && isalpha((unsigned char)word[i + 1]))
            return true;
    }
    return false;
}

static bool tells(const char *word, size_t len)
{
    if (is_time(word, len))
        return false;
    return memchr(word, '/', len) || memchr(word, '\\', len) || is_id(word, len) || is_address(word, len) ||
           is_name(word, len);
}

/* As much as fits, and no half of a character of UTF-8. */
static size_t put(char *out, size_t at, size_t size, const char *bytes, size_t len)
{
    size_t n = len < size - 1 - at ? len : size - 1 - at;
    while (n && n < len && ((unsigned char)bytes[n] & 0xc0) == 0x80)
        n--;
    memcpy(out + at, bytes, n);
    return at + n;
}

void plain_words(const char *text, char *out, size_t size)
{
    size_t at = 0;
    while (*text) {
        size_t around = strspn(text, AROUND), word = strcspn(text + around, AROUND);
        at = put(out, at, size, text, around);
        text += around;
        bool hidden = word && tells(text, word);
        at = hidden ? put(out, at, size, HIDDEN, strlen(HIDDEN)) : put(out, at, size, text, word);
        /* What ended the clause still does. */
        if (hidden && text[word - 1] == ':')
            at = put(out, at, size, ":", 1);
        text += word;
    }
    out[at] = 0;
}
