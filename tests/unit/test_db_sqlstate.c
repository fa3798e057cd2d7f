#include "controller/db/db_sqlstate.h"

#include "common/base/err.h"
#include "tests/lib/unit.h"

/* Each failure of the database has an error code, and an action for the request and its session. */
static void each_state_has_its_answer(void **state)
{
    static const struct {
        const char *state;
        int code;
        enum db_action action;
    } rows[] = {
        {"25006", ERR_DATABASE_UNAVAILABLE, DB_READ_ONLY},
        {"53100", ERR_DATABASE_UNAVAILABLE, DB_FULL},
        {"53300", ERR_DATABASE_UNAVAILABLE, DB_RENEW},
        {"53200", ERR_DATABASE_UNAVAILABLE, DB_TELL},
        {"57P01", ERR_DATABASE_UNAVAILABLE, DB_OVER},
        {"57P02", ERR_DATABASE_UNAVAILABLE, DB_RENEW},
        {"57P03", ERR_DATABASE_UNAVAILABLE, DB_OVER},
        {"57014", ERR_DATABASE_UNAVAILABLE, DB_TELL},
        {"40001", ERR_DATABASE_UNAVAILABLE, DB_AGAIN},
        {"40P01", ERR_DATABASE_UNAVAILABLE, DB_AGAIN},
        {"40003", ERR_DATABASE_UNAVAILABLE, DB_TELL},
        {"08006", ERR_DATABASE_UNAVAILABLE, DB_RENEW},
        {"08P01", ERR_DATABASE_UNAVAILABLE, DB_RENEW},
        {"55P03", ERR_DATABASE_UNAVAILABLE, DB_TELL},
        {"58030", ERR_DATABASE_UNAVAILABLE, DB_TELL},
        {"22P02", ERR_INVALID, DB_TELL},
        {"23505", ERR_CONFLICT, DB_TELL},
        {"CO001", ERR_WRONG_STATE, DB_TELL},
        {"42P01", ERR_CONFIG, DB_TELL},
        {"42601", ERR_INTERNAL, DB_TELL},
        {"XX000", ERR_INTERNAL, DB_AGAIN},
        {"XX001", ERR_INTERNAL, DB_TELL},
        {"", ERR_INTERNAL, DB_TELL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct db_sqlstate *row = db_sqlstate_find(rows[i].state);
        assert_int_equal(row->code, rows[i].code);
        assert_int_equal(row->action, rows[i].action);
        assert_non_null(row->sentence);
    }
}

/* A client that gets a 503 is told when to retry: each code for an outage is retryable. */
static void an_outage_may_be_tried_again(void **state)
{
    assert_int_equal(err_status(ERR_DATABASE_UNAVAILABLE), 503);
    assert_true(err_retryable(ERR_DATABASE_UNAVAILABLE));
    assert_int_equal(err_status(ERR_NOT_LEADING), 503);
    assert_string_equal(err_name(ERR_NOT_LEADING), "not_leading");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_has_its_answer),
        cmocka_unit_test(an_outage_may_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
