#include "common/model/image_ref.h"

#include "common/base/text_form.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST                                                                                                 \
    "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]{1,5})?"
#define COMPONENT "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
#define PATH      "^" COMPONENT "(/" COMPONENT ")*$"
#define TAG       "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
#define DIGEST    "^sha256:[0-9a-f]{64}$"

static struct text_form host_form = TEXT_FORM("^" HOST "$"), path_form = TEXT_FORM(PATH),
                        tag_form = TEXT_FORM(TAG), digest_form = TEXT_FORM(DIGEST);

bool image_registry_valid(const char *text)
{
    return text_form_fits(&host_form, text);
}

/* Copies the registry; all of Docker Hub's names become "docker.io". */
static void registry_copy(char out[static IMAGE_REF_MAX + 1], const char *text, size_t len)
{
    snprintf(out, IMAGE_REF_MAX + 1, "%.*s", (int)len, text);
    for (char *c = out; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (!strcmp(out, "index.docker.io") || !strcmp(out, "registry-1.docker.io") ||
        !strcmp(out, "hub.docker.com"))
        strcpy(out, IMAGE_HUB);
}

/* The length of the registry at the beginning of text; 0 if it names none. */
static size_t registry_of(const char *text)
{
    size_t len = strcspn(text, "/");
    bool is_one =
        memchr(text, '.', len) || memchr(text, ':', len) || (len == 9 && !strncmp(text, "localhost", 9));
    return text[len] && is_one ? len : 0;
}

static bool is_hex(const char *text)
{
    return strlen(text) == 64 && !text[strspn(text, "0123456789abcdef")];
}

bool image_ref_parse(const char *text, struct image_ref *out)
{
    char rest[IMAGE_REF_FULL_MAX];
    memset(out, 0, sizeof *out);
    size_t len = registry_of(text);
    if (strlen(text) >= sizeof rest || len > IMAGE_REF_MAX)
        return false;
    registry_copy(out->registry, len ? text : IMAGE_HUB, len ? len : strlen(IMAGE_HUB));
    strcpy(rest, len ? text + len + 1 : text);
    char *digest = strchr(rest, '@');
    if (digest) {
        *digest++ = 0;
        if (!text_form_fits(&digest_form, digest))
            return false;
        strcpy(out->digest, digest);
    }
    char *tag = strrchr(rest, ':');
    if (tag) {
        *tag++ = 0;
        if (!text_form_fits(&tag_form, tag))
            return false;
    }
    if (!text_form_fits(&path_form, rest) || is_hex(rest) || !image_registry_valid(out->registry))
        return false;
    bool official = !strcmp(out->registry, IMAGE_HUB) && !strchr(rest, '/');
    if (snprintf(out->path, sizeof out->path, "%s%s", official ? "library/" : "", rest) >=
        (int)sizeof out->path)
        return false;
    if (!digest)
        snprintf(out->tag, sizeof out->tag, "%s", tag ? tag : "latest");
    return true;
}

void image_ref_full(const struct image_ref *ref, char out[static IMAGE_REF_FULL_MAX])
{
    snprintf(out, IMAGE_REF_FULL_MAX, "%s/%s%s%s", ref->registry, ref->path, ref->digest[0] ? "@" : ":",
             ref->digest[0] ? ref->digest : ref->tag);
}

void image_ref_familiar(const struct image_ref *ref, char out[static IMAGE_REF_FULL_MAX])
{
    static const char hub[] = IMAGE_HUB "/", official[] = "library/";
    char full[IMAGE_REF_FULL_MAX], *from = full;
    image_ref_full(ref, full);
    if (!strncmp(from, hub, strlen(hub))) {
        from += strlen(hub);
        if (!strncmp(from, official, strlen(official)) && !strchr(from + strlen(official), '/'))
            from += strlen(official);
    }
    snprintf(out, IMAGE_REF_FULL_MAX, "%s", from);
}

bool image_ref_is(const struct image_ref *ref, const char *text)
{
    struct image_ref other;
    return image_ref_parse(text, &other) && !strcmp(ref->registry, other.registry) &&
           !strcmp(ref->path, other.path) && !strcmp(ref->tag, other.tag) &&
           !strcmp(ref->digest, other.digest);
}

bool image_ref_allowed(const struct image_ref *ref, const char *registries)
{
    for (const char *at = registries; *at; at += strcspn(at, ","), at += *at == ',') {
        char registry[IMAGE_REF_MAX + 1];
        registry_copy(registry, at, strcspn(at, ","));
        if (!strcmp(registry, ref->registry))
            return true;
    }
    return false;
}
