"""A key that asks too much, under the rates of a new installation: it is told when to ask again, and no
other key is slowed down."""
import random
import re
import resource
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from corral import Client, wait_until

SMALL = {"memory_bytes": 8 << 20, "cpu_millis": 10, "storage_bytes": 4 << 20, "pids": 8}


@pytest.fixture
def flooded(cluster):
    """A client whose tokens are spent, and stay spent."""
    user = cluster.user(f"flood-{time.monotonic_ns()}", tier="pro")
    user.sandbox = user.create(**SMALL)["id"]
    end, codes = time.monotonic() + 4, []

    def flood(_):
        session = requests.Session()
        while time.monotonic() < end:
            answer = session.get(cluster.url + "/sandbox", headers=user.session.headers, timeout=10)
            codes.append((answer.status_code, answer.headers.get("retry-after"), answer.headers["ratelimit-remaining"]))

    def all_codes():
        for one in floods:
            one.result()
        return codes

    with ThreadPoolExecutor(16) as pool:
        floods = [pool.submit(flood, i) for i in range(16)]
        wait_until("the burst is spent", lambda: any(code[0] == 429 for code in codes), 4)
        user.codes = all_codes
        yield user


def test_it_is_told_and_nobody_else_notices(cluster, flooded):
    other = cluster.user(f"other-{time.monotonic_ns()}", tier="pro")
    took = []
    for _ in range(40):
        begin = time.monotonic()
        assert other.call("GET", "/sandbox").status_code == 200
        took.append(time.monotonic() - begin)
    assert requests.get(cluster.url + "/healthz", timeout=1).status_code == 200
    assert sorted(took)[-4] < 0.1, sorted(took)
    assert flooded.call("DELETE", f"/sandbox/{flooded.sandbox}").status_code == 204  # a request that frees room is never limited
    assert all(n["state"] == "ready" for n in cluster.admin.good("GET", "/sandbox/system/nodes")["items"])
    codes = flooded.codes()
    served, refused = [c for c in codes if c[0] == 200], [c for c in codes if c[0] == 429]
    assert len(served) + len(refused) == len(codes) and refused
    assert {c[1] for c in refused} == {"1"} and {c[2] for c in refused} == {"0"}
    assert len(served) <= 100 + 50 * 6, "the burst, and fifty a second"


@pytest.fixture
def few_connections(cluster):
    """As many connections as there are descriptors for: 131."""
    pid = cluster.pid("controller")
    soft = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]

    def limit(files):
        subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={files}:"], check=True)
        cluster.kill("controller", signal.SIGHUP)
    limit(400)
    wait_until("the limit is in the log", lambda: "HTTP connections at once: 131 instead" in (cluster.home / "log/controller.log").read_text(), 5)
    yield
    limit(soft)


def test_one_user_does_not_take_all_connections(cluster, few_connections):
    """Whatever the requests wait for: one user has at most a quarter of them."""
    user, other = (cluster.user(f"{name}-{time.monotonic_ns()}", tier="pro") for name in ("many", "other"))
    sandbox = user.create(**SMALL)["id"]

    def wait(_):
        answer = requests.get(f"{cluster.url}/sandbox/{sandbox}/wait?timeout_ms=8000", headers=user.session.headers, timeout=20)
        return answer.status_code, answer.json().get("code"), answer.headers.get("retry-after")
    with ThreadPoolExecutor(90) as pool:
        waits = [pool.submit(wait, i) for i in range(90)]
        wait_until("the other requests are refused", lambda: sum(w.done() for w in waits) == 90 - 32, 6)
        assert other.call("GET", "/sandbox").status_code == 200
        assert user.refused("GET", "/sandbox")["code"] == "rate_limited"
        answers = [w.result() for w in waits]
    assert sorted(set(answers), key=str) == [(200, None, None), (429, "rate_limited", "1")]
    assert user.delete(sandbox) is None


def test_a_guesser_of_keys_is_slowed(cluster):
    guesser = Client(cluster.url, "crl_" + "0" * 48)
    codes, begin = [], time.monotonic()
    while time.monotonic() - begin < 3:
        codes.append(guesser.call("GET", "/sandbox").status_code)
    assert set(codes) == {401, 429} and len(codes) <= 50 + 2 * 10 * 4
    assert cluster.admin.call("GET", "/sandbox").status_code == 200, "a client with a key, at the same address"


def lookups(cluster):
    text = cluster.admin.call("GET", "/metrics").text
    return int(float(re.search(r"^corral_key_lookups_total (\S+)", text, re.M)[1]))


def test_random_keys_reach_no_database(cluster):
    """Unknown keys are counted before they are looked up; a key that was created meanwhile works at once."""
    def guess(_):
        session, answers = requests.Session(), []
        while time.monotonic() < end:
            key = "crl_" + "".join(random.choices("0123456789abcdefghjkmnpqrstvwxyz", k=52))
            answers.append(session.get(cluster.url + "/sandbox", headers={"X-API-Key": key}, timeout=10).status_code)
        return answers

    before, begin = lookups(cluster), time.monotonic()
    end = begin + 4
    with ThreadPoolExecutor(16) as pool:
        guesses = [pool.submit(guess, i) for i in range(16)]
        for _ in range(5):
            fresh = cluster.user(f"fresh-{time.monotonic_ns()}", tier="pro")
            assert fresh.call("GET", "/sandbox").status_code == 200, "a client with a key, at the same address"
        codes = [code for g in guesses for code in g.result()]
    took = time.monotonic() - begin
    assert set(codes) == {401, 429}
    assert lookups(cluster) - before <= 50 + 10 * (took + 1) + 15, "the burst, ten a second, and the known keys"


def test_deletes_of_nothing_are_held_to_the_rate(cluster):
    user = cluster.user(f"deleter-{time.monotonic_ns()}", tier="free")
    sandbox = user.create(**SMALL)["id"]

    def flood(i):
        session, answers = requests.Session(), []
        session.headers.update(user.session.headers)
        while time.monotonic() < end:
            target = "sbx_" + "".join(random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26)) if i % 2 else "no-id"
            answers.append(session.delete(f"{cluster.url}/sandbox/{target}", timeout=10).status_code)
        return answers

    begin = time.monotonic()
    end = begin + 4
    with ThreadPoolExecutor(16) as pool:
        codes = [code for g in pool.map(flood, range(16)) for code in g]
    took = time.monotonic() - begin
    assert set(codes) == {404, 429}
    assert codes.count(404) <= 100 + 50 + (50 + 10) * (took + 1)
    wait_until("the user's own sandbox is deleted", lambda: user.call("DELETE", f"/sandbox/{sandbox}").status_code == 204, 5)
    for _ in range(3):
        assert user.call("DELETE", f"/sandbox/{sandbox}").status_code == 204
