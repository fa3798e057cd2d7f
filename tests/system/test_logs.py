"""Output of a sandbox's command: GET /sandbox/{id}/logs."""
import base64
import json
import time

import requests
from corral import wait_until

MIB = 1 << 20
GONE = "Corral-Logs-Truncated"


def shell(user, script, **more):
    return user.create(command=["sh", "-c", script], **more)["id"]


def ended(user, sandbox):
    wait_until("it has ended", lambda: user.good("GET", f"/sandbox/{sandbox}")["state"] == "stopped", 60)


def logs(corral, user, sandbox, accept="text/plain", **query):
    """Asked without the proxy that checks descriptions, which reads answers whole."""
    return requests.get(f"{corral.url}/sandbox/{sandbox}/logs", params=query, timeout=60,
                        headers={"X-API-Key": user.session.headers["X-API-Key"], "Accept": accept})


def lines(corral, user, sandbox, **query):
    answer = logs(corral, user, sandbox, accept="application/x-ndjson", **query)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()]


def test_after_the_end(corral, user):
    sandbox = shell(user, "echo hello; exit 3")
    ended(user, sandbox)
    answer = logs(corral, user, sandbox)
    assert (answer.status_code, answer.text) == (200, "hello\n") and GONE not in answer.headers
    assert lines(corral, user, sandbox, follow="true")[0]["text"] == "hello"


def test_a_last_line_that_nothing_ends(corral, user):
    """Docker writes it when the output ends, and who follows in that moment does not always get it."""
    sandboxes = [user.create(command=["printf", "%s\n%s", "first", "last"])["id"] for _ in range(20)]
    for sandbox in sandboxes:
        ended(user, sandbox)
    assert [logs(corral, user, sandbox).text for sandbox in sandboxes] == ["first\nlast\n"] * 20


def test_while_it_lives(corral, user):
    sandbox = shell(user, "echo one; echo two >&2; sleep 0.1; echo three; exec sleep 1000")
    wait_until("it has written", lambda: "three" in logs(corral, user, sandbox).text, 30)
    assert sorted(logs(corral, user, sandbox).text.split()) == ["one", "three", "two"]
    assert logs(corral, user, sandbox, stream="stderr").text == "two\n"
    assert logs(corral, user, sandbox, stream="stdout").text == "one\nthree\n"
    assert logs(corral, user, sandbox, tail=1).text == "three\n"
    assert logs(corral, user, sandbox, tail=0).text == ""
    got = lines(corral, user, sandbox)
    assert {(line["stream"], line["text"]) for line in got} == {("stdout", "one"), ("stderr", "two"), ("stdout", "three")}
    assert logs(corral, user, sandbox, since=got[-1]["at"]).text == "three\n"
    assert logs(corral, user, sandbox, since="soon").status_code == 422
    assert logs(corral, user, sandbox, follow="maybe").status_code == 422


def test_follow_ends_with_the_sandbox(corral, user):
    sandbox = shell(user, "for i in 1 2 3 4 5; do echo $i; sleep 0.3; done; echo end")
    assert logs(corral, user, sandbox, follow="true").text == "1\n2\n3\n4\n5\nend\n"


def test_bytes_that_are_no_text(corral, user):
    sandbox = shell(user, r"printf '\377\376\n'; printf 'a\303\244\n'; head -c 40000 /dev/zero | tr '\0' x; echo; echo last")
    ended(user, sandbox)
    assert logs(corral, user, sandbox).content == b"\xff\xfe\na\xc3\xa4\n" + b"x" * 40000 + b"\nlast\n"
    got = lines(corral, user, sandbox)
    assert base64.b64decode(got[0]["text_base64"]) == b"\xff\xfe" and got[1]["text"] == "aä" and got[-1]["text"] == "last"
    assert [line.get("continues", False) for line in got[2:5]] == [True, True, False]


def test_a_flood(corral, user):
    """The oldest goes, that is told, and others are not harmed."""
    flood = shell(user, "i=$(head -c 99 /dev/zero | tr '\\0' x); yes $i | head -c 52428800; echo end")
    other = shell(user, "echo fine; exec sleep 1000")
    wait_until("the other is read", lambda: logs(corral, user, other).text == "fine\n", 30)
    wait_until("it has ended", lambda: user.good("GET", f"/sandbox/{flood}")["state"] == "stopped", 200)
    answer = logs(corral, user, flood)
    assert answer.headers[GONE] == "true" and answer.text.endswith("x\nend\n")
    assert 2 * MIB - 65536 < len(answer.content) <= 2 * MIB
    assert logs(corral, user, flood, tail=2).text.splitlines()[-1] == "end"


def test_after_a_delete(corral, user):
    kept, dropped = (shell(user, "echo here; exec sleep 1000") for _ in range(2))
    for sandbox in (kept, dropped):
        wait_until("it has written", lambda s=sandbox: logs(corral, user, s).text == "here\n", 30)
    assert user.call("DELETE", f"/sandbox/{kept}").status_code == 204
    assert user.call("DELETE", f"/sandbox/{dropped}?logs=false").status_code == 204
    assert logs(corral, user, kept).text == "here\n"
    answer = logs(corral, user, dropped)
    assert (answer.status_code, answer.json()["code"]) == (410, "logs_gone")
    assert user.call("DELETE", f"/sandbox/{kept}?logs=false").status_code == 204
    assert logs(corral, user, kept).status_code == 410


def test_it_is_its_owners_alone(corral, user):
    other = corral.user("other-logs", "pro")
    sandbox = shell(user, "echo secret; exec sleep 1000")
    assert logs(corral, other, sandbox).status_code == 404 == logs(corral, corral.admin, sandbox).status_code
    user.delete(sandbox)
    assert logs(corral, other, sandbox).status_code == 404 == logs(corral, corral.admin, sandbox).status_code
    assert logs(corral, user, "sbx_00000000000000000000000000").status_code == 404


def test_a_paused_one(corral, user):
    sandbox = shell(user, "echo here; exec sleep 1000")
    user.good("POST", f"/sandbox/{sandbox}/pause")
    wait_until("it has written", lambda: logs(corral, user, sandbox).text == "here\n", 30)


def test_a_client_that_does_not_read(corral, user):
    """It holds up neither the sandbox nor other readers."""
    sandbox = shell(user, "yes 0123456789012345678901234567890123456789 | head -c 20000000; exec sleep 1000")
    slow = requests.get(
        f"{corral.url}/sandbox/{sandbox}/logs", params={"follow": "true"}, stream=True, timeout=60,
        headers={"X-API-Key": user.session.headers["X-API-Key"]})
    begun = time.monotonic()
    assert logs(corral, user, sandbox, tail=1).status_code == 200 and time.monotonic() - begun < 30
    slow.close()
