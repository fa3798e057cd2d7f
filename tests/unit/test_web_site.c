#include "tests/lib/unit.h"

#include "controller/web/web_site.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void put(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_folder(void **state)
{
    char views[100], script[4000];
    strcpy(folder, "/tmp/corral-web-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(views, sizeof views, "%s/views", folder);
    mkdir(views, 0755);
    put("index.html", "<script src=\"/ui/{{version}}/main.js\"></script><!-- {{version}} -->");
    put("tiny.js", "1");
    put(".hidden.js", "no");
    put("secret.key", "no");
    memset(script, 'a', sizeof script - 1);
    script[sizeof script - 1] = 0;
    put("views/login.js", script);
    snprintf(views, sizeof views, "%s/link.js", folder);
    return symlink("/etc/passwd", views);
}

static int remove_folder(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static struct web_site *load(void)
{
    struct web_site *site = NULL;
    struct err e;
    assert_int_equal(web_site_load(&site, folder, &e), 0);
    return site;
}

static bool ask(const struct web_site *site, const char *path, const char *encoding, const char *etag,
                struct web_answer *out)
{
    struct web_request request = {"GET", path, encoding, etag};
    return web_site_answer(site, &request, out);
}

static void etag_of(const struct web_answer *answer, char out[static 64])
{
    const char *at = strstr(answer->headers, "ETag: ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "ETag: %63[^\r]", out), 1);
}

static void test_the_index(void **state)
{
    struct web_site *site = load();
    struct web_answer answer;
    char expected[200], etag[64];
    const char *version = web_site_version(site);
    assert_int_equal(strlen(version), WEB_VERSION_LEN);
    assert_true(ask(site, "/", NULL, NULL, &answer));
    snprintf(expected, sizeof expected, "<script src=\"/ui/%s/main.js\"></script><!-- %s -->", version,
             version);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.len, strlen(expected));
    assert_memory_equal(answer.body, expected, answer.len);
    assert_string_equal(answer.type, "text/html; charset=utf-8");
    assert_non_null(strstr(answer.headers, "Cache-Control: no-cache\r\n"));
    assert_non_null(strstr(answer.headers, "frame-ancestors 'none'"));
    assert_null(strstr(answer.headers, "unsafe"));
    etag_of(&answer, etag);
    assert_true(ask(site, "/", NULL, etag, &answer));
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.len, 0);
    web_site_free(site);
}

static void test_a_file(void **state)
{
    struct web_site *site = load();
    struct web_answer plain, packed;
    char path[100], list[200], etag[64], other[64];
    snprintf(path, sizeof path, "/ui/%s/views/login.js", web_site_version(site));
    assert_true(ask(site, path, NULL, NULL, &plain));
    assert_int_equal(plain.len, 3999);
    assert_non_null(strstr(plain.headers, "immutable"));
    assert_null(strstr(plain.headers, "Content-Encoding"));
    assert_true(ask(site, path, "br, GZIP;q=0.5", NULL, &packed));
    assert_true(packed.len < 200);
    assert_non_null(strstr(packed.headers, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(packed.headers, "Vary: Accept-Encoding\r\n"));
    etag_of(&plain, etag);
    etag_of(&packed, other);
    assert_string_not_equal(etag, other);
    snprintf(list, sizeof list, "\"x\" , W/%s", other);
    assert_true(ask(site, path, "gzip", list, &packed));
    assert_int_equal(packed.status, 304);
    assert_true(ask(site, path, NULL, list, &plain));
    assert_int_equal(plain.status, 200);
    web_site_free(site);
}

static void test_codings(void **state)
{
    static const struct {
        const char *accepts;
        bool packed;
    } cases[] = {
        {"gzip", true},          {"*", true},         {"gzip;q=0", false}, {"gzip; q=0.0, *", false},
        {"gzip ;q=0.001", true}, {"identity", false}, {"", false},         {" , ,", false},
        {"gzipped", false},      {"*;q=0", false},    {"gzip;q", false},   {"x-gzip, deflate", false}};
    struct web_site *site = load();
    struct web_answer answer;
    char path[100];
    snprintf(path, sizeof path, "/ui/%s/views/login.js", web_site_version(site));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(ask(site, path, cases[i].accepts, NULL, &answer));
        if (!strstr(answer.headers, "Content-Encoding") == cases[i].packed)
            fail_msg("Accept-Encoding: %s", cases[i].accepts);
    }
    snprintf(path, sizeof path, "/ui/%s/tiny.js", web_site_version(site));
    assert_true(ask(site, path, "gzip", NULL, &answer));
    assert_int_equal(answer.len, 1); /* packed it would be longer */
    web_site_free(site);
}

static void test_what_is_not_served(void **state)
{
    static const char *const names[] = {"index.html",      "views",     "views/",   ".hidden.js",
                                        "secret.key",      "link.js",   "",         "../index.html",
                                        "views//login.js", "%2e%2e/x",  "tiny.js/", "views/../tiny.js",
                                        "/etc/passwd",     "tiny.js?x", "TINY.JS",  "views\\login.js"};
    struct web_site *site = load();
    struct web_answer answer;
    char path[300];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/ui/%s/%s", web_site_version(site), names[i]);
        if (ask(site, path, NULL, NULL, &answer))
            fail_msg("%s is served", path);
    }
    memset(path, 'a', 299);
    path[299] = 0;
    memcpy(path, "/ui/", 4);
    memcpy(path + 4, web_site_version(site), WEB_VERSION_LEN);
    path[4 + WEB_VERSION_LEN] = '/';
    assert_false(ask(site, path, NULL, NULL, &answer));
    assert_false(ask(site, "/ui/0000000000000000/tiny.js", NULL, NULL, &answer));
    assert_false(ask(site, "/ui/", NULL, NULL, &answer));
    assert_false(ask(site, "/index.html", NULL, NULL, &answer));
    assert_false(ask(site, "/sandbox", NULL, NULL, &answer));
    web_site_free(site);
}

static void test_other_methods(void **state)
{
    struct web_site *site = load();
    struct web_request request = {"POST", "/", NULL, NULL};
    struct web_answer answer;
    assert_true(web_site_answer(site, &request, &answer));
    assert_int_equal(answer.status, 405);
    assert_non_null(strstr(answer.headers, "Allow: GET, HEAD\r\n"));
    request.method = "HEAD";
    assert_true(web_site_answer(site, &request, &answer));
    assert_int_equal(answer.status, 200);
    web_site_free(site);
}

static void test_none_installed(void **state)
{
    struct web_site *site = NULL;
    struct web_answer answer;
    struct err e;
    assert_int_equal(web_site_load(&site, "/nonexistent/web", &e), ERR_NOT_FOUND);
    assert_int_equal(web_site_load(&site, "/dev", &e), ERR_NOT_FOUND);
    assert_true(ask(NULL, "/", NULL, NULL, &answer));
    assert_int_equal(answer.status, 404);
    assert_non_null(strstr(answer.body, "not installed"));
    assert_false(ask(NULL, "/ui/0000000000000000/tiny.js", NULL, NULL, &answer));
}

static void test_bounds(void **state)
{
    struct web_site *site = NULL;
    struct err e;
    char path[200];
    snprintf(path, sizeof path, "%s/large.js", folder);
    put("large.js", "");
    assert_int_equal(truncate(path, WEB_FILE_BYTES_MAX + 1), 0);
    assert_int_equal(web_site_load(&site, folder, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "large.js"));
    unlink(path);
    for (int i = 0; i < WEB_FILES_MAX; i++) {
        snprintf(path, sizeof path, "f%d.js", i);
        put(path, "");
    }
    assert_int_equal(web_site_load(&site, folder, &e), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_index),     cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_codings),       cmocka_unit_test(test_what_is_not_served),
        cmocka_unit_test(test_other_methods), cmocka_unit_test(test_none_installed),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
