"""The dashboard at /: served with care, and walked through by a real browser (tests/browser)."""
import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest
import requests
from corral import BUILD_ROOT, ROOT, running

LOGS = Path(os.environ.get("CORRAL_TEST_LOGS", BUILD_ROOT / "meson-logs"))


@pytest.fixture(scope="module")
def packages():
    return Path(subprocess.run([ROOT / "tests/npm/install", BUILD_ROOT], check=True, capture_output=True, text=True,
                               timeout=300).stdout.strip()).parents[1]


@pytest.fixture
def walk(corral, packages):
    """Walks a journey in a browser; what it must not do, and what axe finds serious, fails it. Each line that it prints is
    an act(line) of the test's."""
    def go(journey, act=print, **environ):
        command = ["timeout", "150", "node", ROOT / f"tests/browser/{journey}.mjs"]
        with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                     env={**os.environ, "CORRAL_URL": corral.url, "BROWSER_PACKAGES": str(packages),
                          "BROWSER_PICTURES": str(LOGS / "dashboard"), "ADMIN_KEY": corral.admin_key, **environ}) as walker:
            for line in walker.stdout:
                act(line.strip())
            said = walker.stderr.read()
        assert walker.returncode == 0, said
    return go


def key_of(client):
    return client.session.headers["X-API-Key"]


def test_files(corral):
    """The index is asked for each time; all else carries its version, and is kept."""
    index = requests.get(corral.url, timeout=10)
    assert index.status_code == 200 and index.headers["Content-Type"] == "text/html; charset=utf-8"
    assert index.headers["Cache-Control"] == "no-cache" and index.headers["X-Content-Type-Options"] == "nosniff"
    policy = index.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert index.headers["Referrer-Policy"] == "no-referrer" and index.headers["X-Request-Id"]
    again = requests.get(corral.url, headers={"If-None-Match": index.headers["ETag"]}, timeout=10)
    assert again.status_code == 304 and not again.content and "Content-Length" not in again.headers

    main = corral.url + re.search(r'src="(/ui/[0-9a-f]{16}/main\.js)"', index.text)[1]
    packed = requests.get(main, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10)
    assert packed.headers["Content-Encoding"] == "gzip" and "immutable" in packed.headers["Cache-Control"]
    plain = requests.get(main, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert "Content-Encoding" not in plain.headers and gzip.decompress(packed.raw.read()) == plain.content
    head = requests.head(main, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert head.headers["Content-Length"] == str(len(plain.content)) and not head.content
    assert requests.post(main, timeout=10).status_code == 405


def test_without_npm(tmp_path):
    """The build goes on without the dashboard, says so, and tries again the next time."""
    out = tmp_path / "web"
    built = subprocess.run([ROOT / "web/assemble", out, tmp_path / "npm", "index.html"], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "npm_config_registry": "http://127.0.0.1:1/", "npm_config_fetch_retries": "0",
                                "npm_config_cache": str(tmp_path / "cache")})
    assert built.returncode == 0 and "the dashboard is left out" in built.stderr
    assert out.is_dir() and not list(out.iterdir()) and out.stat().st_mtime == 0


@pytest.mark.parametrize("path", ["/ui/", "/ui/0000000000000000/main.js", "/index.html", "/ui/../etc/passwd"])
def test_other_paths(corral, path):
    """They are as unknown as before, and no path leads to the host's files."""
    answer = requests.get(corral.url + path, timeout=10)
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"


def test_without_the_database(corral):
    """The page is there, to show what the API answers."""
    corral.postgres("stop")
    try:
        assert requests.get(corral.url, timeout=10).status_code == 200
    finally:
        corral.postgres("start")


def test_first_page(walk, user):
    walk("first", USER_KEY=key_of(user))


def test_a_users_journey(walk, user):
    walk("user", USER_KEY=key_of(user))


def test_an_administrators_journey(walk, corral, user):
    busy = user.create(name="busy", command=["sh", "-c", "while :; do echo x; sleep 0.2; done"], memory_bytes=64 << 20)
    user.create(name="idle", labels={"team": "research"}, memory_bytes=128 << 20)
    name = corral.admin.good("GET", f"/sandbox/system/users/{user.user_id}")["name"]
    walk("admin", OTHER_SANDBOX=busy["id"], USER_NAME=name)


def test_a_terminal_comes_back(walk, corral, user):
    """The controller dies under it and is started again: the same shell goes on."""
    def restart(line):
        assert line == "the terminal is open"
        corral.kill("controller")
        corral.restart("controller")

    walk("terminal", restart, USER_KEY=key_of(user), SANDBOX=user.create(memory_bytes=64 << 20)["id"])
