#include "tests/fuzz/target.h"

#include "common/io/conf.h"

struct values {
    char *string, *list, *choice;
    bool flag;
    uint64_t number, bytes;
};
#define AT(member) offsetof(struct values, member)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct conf_row rows[] = {
        {"string", "S", CONF_STRING, AT(string), NULL, 0, 20, NULL, true, false, "."},
        {"list", "L", CONF_LIST, AT(list), NULL, 0, 0, NULL, true, false, "."},
        {"choice", "C", CONF_CHOICE, AT(choice), "a", 0, 0, "a b", true, false, "."},
        {"flag", "F", CONF_BOOL, AT(flag), "no", 0, 0, NULL, true, false, "."},
        {"number", "N", CONF_UINT, AT(number), "1", 1, 9, NULL, true, false, "."},
        {"bytes", "B", CONF_BYTES, AT(bytes), "1K", 1, 1u << 30, NULL, true, false, "."},
    };
    static const struct conf_table table = {
        .row = rows, .count = ARRAY_LEN(rows), .size = sizeof(struct values)};
    struct values values = {0};
    struct err e;
    (void)!conf_yaml_read(&table, "f", (const char *)bytes, len, &values, &e);
    conf_fini(&table, &values);
    return 0;
}
