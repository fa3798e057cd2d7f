#include "cli/text.h"

#include "common/base/utf8.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

size_t text_obeyed(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < ' ' || c[0] == 0x7f)
        return 1;
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
        return 2;
    bool turns = c[0] == 0xe2 && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                                  (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
    return turns ? 3 : 0;
}

char *text_show_only(char *text)
{
    for (char *c = text; *c; c++) {
        size_t n = text_obeyed(c);
        if (!n)
            continue;
        *c = '?';
        memmove(c + 1, c + n, strlen(c + n) + 1);
    }
    return text;
}

/* The character at text, which has len bytes. */
static wchar_t character(const char *text, size_t len)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    wchar_t c = (wchar_t)((unsigned char)text[0] & first[len]);
    for (size_t i = 1; i < len; i++)
        c = (wchar_t)(c << 6 | ((unsigned char)text[i] & 0x3f));
    return c;
}

/*
 * What is sent is UTF-8 whatever the user's locale, so widths come from a locale of that kind. A character
 * that this system does not know counts as one column.
 */
static int character_width(wchar_t c)
{
    static bool is_set;
    if (!is_set) {
        locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
        if (utf8)
            uselocale(utf8);
        is_set = true;
    }
    int width = wcwidth(c);
    return width < 0 ? 1 : width;
}

/* The width of the character at text; *len: how many bytes it has. A byte that is no character counts as one.
 */
static int width_at(const char *text, size_t *len)
{
    *len = utf8_len(text);
    if (!*len) {
        *len = 1;
        return 1;
    }
    return character_width(character(text, *len));
}

int text_width(const char *text)
{
    int width = 0;
    for (size_t len; *text; text += len)
        width += width_at(text, &len);
    return width;
}

size_t text_fit(const char *text, int columns, int *width)
{
    size_t fits = 0;
    *width = 0;
    for (size_t len; text[fits]; fits += len) {
        int more = width_at(text + fits, &len);
        if (*width + more > columns)
            break;
        *width += more;
    }
    return fits;
}
