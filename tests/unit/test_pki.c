#include "common/io/pki.h"

#include "tests/lib/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64];
    char path[128];
};

static const char *in(struct place *place, const char *name)
{
    snprintf(place->path, sizeof place->path, "%s/%s", place->dir, name);
    return place->path;
}

static void setup(struct place *place)
{
    strcpy(place->dir, "/tmp/corral-pki-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    assert_int_equal(pki_init(place->dir, NULL, NULL), 0);
}

static void teardown(struct place *place)
{
    static const char *const names[] = {"ca.crt", "ca.key", "controller.crt", "controller.key",
                                        "h1.crt", "h1.key", "h2.crt",         "h2.key"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(in(place, names[i]));
    assert_int_equal(rmdir(place->dir), 0);
}

static struct pki_identity *issue(struct place *place, const char *node)
{
    char cert[128], key[128];
    struct pki_identity *identity;
    assert_int_equal(pki_issue(place->dir, node, PKI_NODE_DAYS, place->dir, NULL), 0);
    snprintf(cert, sizeof cert, "%s/%s.crt", place->dir, node);
    snprintf(key, sizeof key, "%s/%s.key", place->dir, node);
    assert_int_equal(pki_identity_load(&identity, cert, key, NULL), 0);
    return identity;
}

static void test_files_are_private_and_never_written_over(void **state)
{
    struct place place;
    struct err err;
    struct stat st;
    struct string_list bad = {0};
    setup(&place);
    assert_int_equal(stat(in(&place, "ca.key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pki_init(place.dir, NULL, &err), ERR_CONFLICT);
    assert_int_equal(pki_issue(place.dir, "h1", PKI_NODE_DAYS, place.dir, &err), 0);
    assert_int_equal(pki_issue(place.dir, "h1", PKI_NODE_DAYS, place.dir, &err), ERR_CONFLICT);
    assert_int_equal(pki_issue(place.dir, "../h1", PKI_NODE_DAYS, place.dir, &err), ERR_INVALID);
    assert_int_equal(pki_issue(place.dir, PKI_CONTROLLER_NAME, PKI_NODE_DAYS, place.dir, &err), ERR_INVALID);
    string_list_add(&bad, "a,DNS:h1");
    assert_int_equal(pki_init(place.dir, &bad, &err), ERR_INVALID);
    string_list_fini(&bad);
    teardown(&place);
}

static void test_who_a_certificate_names_is_who_it_proves(void **state)
{
    struct place place, foreign_place;
    struct pki_ca *ca;
    struct pki_identity *h1, *foreign, *controller, *mixed;
    struct err err;
    const uint8_t *cert;
    size_t len;
    setup(&place);
    setup(&foreign_place);
    assert_int_equal(pki_ca_load(&ca, in(&place, "ca.crt"), &err), 0);
    h1 = issue(&place, "h1");
    cert = pki_identity_cert(h1, &len);
    assert_int_equal(pki_verify_node(ca, "h1", cert, len, &err), 0);
    assert_int_equal(pki_verify_node(ca, "h2", cert, len, &err), ERR_UNAUTHENTICATED);
    assert_int_equal(pki_verify_node(ca, "h1", cert, len - 1, &err), ERR_UNAUTHENTICATED);
    foreign = issue(&foreign_place, "h1");
    cert = pki_identity_cert(foreign, &len);
    assert_int_equal(pki_verify_node(ca, "h1", cert, len, &err), ERR_UNAUTHENTICATED);
    char crt[128], key[128];
    strcpy(crt, in(&place, "controller.crt"));
    strcpy(key, in(&place, "controller.key"));
    assert_int_equal(pki_identity_load(&controller, crt, key, &err), 0);
    cert = pki_identity_cert(controller, &len);
    assert_int_equal(pki_verify_node(ca, PKI_CONTROLLER_NAME, cert, len, &err), ERR_UNAUTHENTICATED);
    assert_int_equal(pki_identity_load(&mixed, crt, in(&place, "h1.key"), &err), ERR_CONFIG);
    pki_identity_free(controller);
    pki_identity_free(foreign);
    pki_identity_free(h1);
    pki_ca_free(ca);
    teardown(&foreign_place);
    teardown(&place);
}

static void test_a_signature_holds_for_its_data_and_key_only(void **state)
{
    struct place place;
    struct pki_identity *h1, *h2;
    struct err err;
    uint8_t sig[PKI_SIGNATURE_MAX];
    size_t sig_len, len;
    const uint8_t *cert;
    setup(&place);
    h1 = issue(&place, "h1");
    h2 = issue(&place, "h2");
    assert_int_equal(pki_sign(h1, "nonce", 5, sig, &sig_len, &err), 0);
    cert = pki_identity_cert(h1, &len);
    assert_int_equal(pki_verify_signature(cert, len, "nonce", 5, sig, sig_len, &err), 0);
    assert_int_equal(pki_verify_signature(cert, len, "nonc", 4, sig, sig_len, &err), ERR_UNAUTHENTICATED);
    assert_int_equal(pki_verify_signature(cert, len, "nonce", 5, sig, sig_len - 1, &err),
                     ERR_UNAUTHENTICATED);
    cert = pki_identity_cert(h2, &len);
    assert_int_equal(pki_verify_signature(cert, len, "nonce", 5, sig, sig_len, &err), ERR_UNAUTHENTICATED);
    pki_identity_free(h1);
    pki_identity_free(h2);
    teardown(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_private_and_never_written_over),
        cmocka_unit_test(test_who_a_certificate_names_is_who_it_proves),
        cmocka_unit_test(test_a_signature_holds_for_its_data_and_key_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
