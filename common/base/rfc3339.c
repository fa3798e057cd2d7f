#include "common/base/rfc3339.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void rfc3339_format(uint64_t unix_ms, char out[static RFC3339_LEN + 1])
{
    const uint64_t last = 253402300799999u; /* the end of year 9999 */
    uint64_t ms = unix_ms < last ? unix_ms : last;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, RFC3339_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, RFC3339_LEN + 1 - n, ".%03uZ", (unsigned)(ms % 1000));
}

bool rfc3339_parse(const char *text, uint64_t *unix_ms)
{
    struct tm tm = {0};
    unsigned ms;
    char canonical[RFC3339_LEN + 1];
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3uZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &ms) != 7)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    time_t seconds = timegm(&tm);
    if (seconds < 0)
        return false;
    uint64_t out = (uint64_t)seconds * 1000 + ms;
    rfc3339_format(out, canonical);
    if (strcmp(canonical, text)) /* refuses the 30th of February, signs, spaces */
        return false;
    *unix_ms = out;
    return true;
}

static bool has_form(const char *text, const char *form)
{
    for (; *form; form++, text++) {
        if (*form == 'd' ? !isdigit((unsigned char)*text) : *text != *form)
            return false;
    }
    return true;
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

static bool day_exists(const char *date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = two_digits(date) * 100 + two_digits(date + 2), month = two_digits(date + 5),
        day = two_digits(date + 8);
    bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (leap && month == 2);
}

static bool is_clock(const char *hours, const char *minutes)
{
    return two_digits(hours) <= 23 && two_digits(minutes) <= 59;
}

bool rfc3339_valid(const char *text)
{
    if (!has_form(text, "dddd-dd-ddTdd:dd:dd") || !day_exists(text) || !is_clock(text + 11, text + 14) ||
        two_digits(text + 17) > 59)
        return false;
    const char *t = text + 19;
    if (*t == '.') {
        size_t digits = strspn(++t, "0123456789");
        if (!digits || digits > 9)
            return false;
        t += digits;
    }
    if (!strcmp(t, "Z"))
        return true;
    if (!strncmp(text, *t == '+' ? "0001-01-01" : "9999-12-31",
                 10)) /* an offset that leads to a year of fewer or more digits in UTC */
        return false;
    return (*t == '+' || *t == '-') && has_form(t + 1, "dd:dd") && !t[6] && two_digits(t + 1) <= 14 &&
           is_clock(t + 1, t + 4);
}

#define SECONDS_LEN 19 /* "2026-01-02T03:04:05" */
#define NS          1000000000u

static bool read_digits(const char *text, size_t count, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (unsigned)(text[i] - '0');
    }
    return true;
}

/* Reads what follows the seconds: a fraction, and "Z" or an offset to UTC in seconds. */
static bool read_rest(const char *rest, unsigned *ns, long *offset)
{
    unsigned hours, minutes, digit;
    *ns = 0;
    *offset = 0;
    if (*rest == '.') {
        rest++;
        for (unsigned unit = NS / 10; unit && read_digits(rest, 1, &digit); unit /= 10, rest++)
            *ns += digit * unit;
    }
    if (!strcmp(rest, "Z"))
        return true;
    if ((*rest != '+' && *rest != '-') || strlen(rest) != 6 || rest[3] != ':' ||
        !read_digits(rest + 1, 2, &hours) || !read_digits(rest + 4, 2, &minutes))
        return false;
    *offset = ((long)hours * 60 + (long)minutes) * (*rest == '+' ? 60 : -60);
    return true;
}

bool rfc3339_read(const char *text, uint64_t *unix_ns)
{
    char exact[RFC3339_LEN + 1];
    uint64_t ms;
    unsigned ns;
    long offset;
    if (strlen(text) <= SECONDS_LEN || !read_rest(text + SECONDS_LEN, &ns, &offset))
        return false;
    snprintf(exact, sizeof exact, "%.19s.000Z", text);
    if (!rfc3339_parse(exact, &ms))
        return false;
    int64_t seconds = (int64_t)(ms / 1000) - offset;
    if (seconds < 0)
        return false;
    *unix_ns = seconds < INT64_MAX / NS ? (uint64_t)seconds * NS + ns : INT64_MAX;
    return true;
}
