#include "common/http/http_accept.h"

#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* A weight is 0 or 1 with at most three decimals; what is none is as if it were not there. */
static unsigned weight_of(const char *text, size_t len)
{
    unsigned weight = 0, place = 1000;
    for (size_t i = 0; i < len; i++) {
        if (i == 1 && text[i] == '.')
            continue;
        if (text[i] < '0' || text[i] > '9' || i > 4)
            return 1000;
        weight += (unsigned)(text[i] - '0') * place;
        place /= 10;
    }
    return len && weight <= 1000 ? weight : 1000;
}

static size_t trimmed(const char **text, size_t len)
{
    while (len && strchr(BLANKS, **text)) {
        (*text)++;
        len--;
    }
    while (len && strchr(BLANKS, (*text)[len - 1]))
        len--;
    return len;
}

/* The weight of one member of the list, "type;parameter=value;q=0.5"; -1: it is of another type. */
static int member(const char *text, size_t len, const char *type)
{
    unsigned weight = 1000;
    for (bool first = true;; first = false) {
        size_t part = 0;
        while (part < len && text[part] != ';')
            part++;
        const char *word = text;
        size_t word_len = trimmed(&word, part);
        if (first && (word_len != strlen(type) || strncasecmp(word, type, word_len) != 0))
            return -1;
        if (!first && word_len > 2 && !strncasecmp(word, "q=", 2))
            weight = weight_of(word + 2, word_len - 2);
        if (part == len)
            return (int)weight;
        text += part + 1;
        len -= part + 1;
    }
}

unsigned http_accept_weight(const char *accept, const char *type)
{
    int found = 0;
    while (accept && *accept) {
        size_t len = strcspn(accept, ",");
        int weight = member(accept, len, type);
        found = weight > found ? weight : found;
        accept += len + (accept[len] == ',');
    }
    return (unsigned)found;
}

bool http_accept_prefers(const char *accept, const char *type, const char *other)
{
    unsigned weight = http_accept_weight(accept, type);
    return weight && weight >= http_accept_weight(accept, other);
}
