"""Controllers and the database end while upkeep packs the history of sandboxes: what it says stays the
same, to the last sample."""
import threading

import pytest
from corral import wait_until
from test_webhook_faults import end_controller, end_database, serves

HOURS = 12
SAMPLES = HOURS * 360 + 3600 - 360 # the last hour was watched: a sample each second


def fill(corral, sandbox):
    """Samples of yesterday."""
    corral.sql(f"""select make_partition((now() at time zone 'UTC')::date - day, 'sample_rows') from generate_series(0, 2) day;
        insert into sample_rows select '{sandbox}', packing_until() - interval '1 day' + i * interval '1 s', 1000 + i % 977, 1, 1, i % 10000, 1, i, 1, i, i, i % 100, 9
            from generate_series(0, {HOURS} * 3600 - 1) i where i % 10 = 0 or i >= {HOURS - 1} * 3600;
        insert into sandbox_told (sandbox_id, unpacked) values ('{sandbox}', packing_until() - interval '1 day')
            on conflict (sandbox_id) do update set unpacked = excluded.unpacked""")


def part_of(corral, sandbox):
    """How much of it is packed."""
    return int(corral.sql(f"select coalesce(sum(points), 0) from sample_blocks where sandbox_id = '{sandbox}'"))


class Packing(threading.Thread):
    """Calls upkeep's step in small batches, as several controllers would at once, whatever becomes of the database meanwhile."""

    def __init__(self, corral):
        super().__init__(daemon=True)
        self.corral, self.over = corral, False

    def run(self):
        while not self.over:
            try:
                self.corral.sql("set statement_timeout = 5000; select upkeep_packing(7, 360, ''); select upkeep_rollups(365, 2, '')")
            except Exception: # noqa: BLE001: the database is away: that is the test
                pass


@pytest.mark.parametrize("end", [end_controller, end_database])
def test_what_ends_while_history_is_packed_changes_nothing_of_it(corral, user, end):
    sandbox = user.create()["id"]
    fill(corral, sandbox)
    begin, until = corral.sql(f"select rfc3339(packing_until() - interval '1 day'), rfc3339(packing_until() - interval '{24 - HOURS} hours')").split("|")

    def told():
        return [user.good("GET", f"/sandbox/{sandbox}/stats/history?from={begin}&to={until}&step={step}") for step in (60, 3600)]
    before = told()
    assert len(before[1]["points"]) == HOURS
    packers = [Packing(corral) for _ in range(2)]
    for packer in packers:
        packer.start()
    try:
        for far in (SAMPLES // 10, SAMPLES // 2):
            wait_until("some of it is packed", lambda far=far: part_of(corral, sandbox) > far, 60)
            end(corral)
            wait_until("it serves again", lambda: serves(corral), 30)
        wait_until("all of it is packed", lambda: part_of(corral, sandbox) == SAMPLES, 90)
    finally:
        for packer in packers:
            packer.over = True
    assert told() == before
    assert corral.sql(f"select count(*) from sample_rows where sandbox_id = '{sandbox}' and at < '{until}'") == "0"
    assert corral.sql(f"select samples from usage_windows where sandbox_id = '{sandbox}' and at < '{until}' group by 1") == "360"
