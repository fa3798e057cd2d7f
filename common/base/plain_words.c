#include "common/base/plain_words.h"

#include "common/base/rfc3339.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define HIDDEN   "…"
#define ID_LEAST 12 /* hexadecimal digits in a row, a letter among them */
#define ID_SURE  32 /* the same without a letter */

/* Characters that separate words in such texts. */
#define AROUND " \t\r\n\"'`()[]{}<>,;|="

/* Whether the word holds an id of a container or an image, or one of ours. A number is no id, unless it
 * has ID_SURE digits. */
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

/* A time has colons as an address has, but reveals nothing. */
static bool is_time(const char *word, size_t len)
{
    char text[40];
    if (len >= sizeof text)
        return false;
    memcpy(text, word, len);
    text[len] = 0;
    return rfc3339_valid(text);
}

/* Looks like an IPv4 address (digits and dots), an IPv6 address (two colons) or a port (a colon before
 * digits). */
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

/* A name of a host or a file: a dot with a letter or digit before it and a letter after it. */
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

/* Copies as much as fits, without cutting a UTF-8 character. */
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
        /* Keep the colon that ended the clause. */
        if (hidden && text[word - 1] == ':')
            at = put(out, at, size, ":", 1);
        text += word;
    }
    out[at] = 0;
}
