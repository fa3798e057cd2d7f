"""TLS on the REST port: which versions are spoken, what is refused, and a certificate that changes while
the server runs."""
import hashlib
import resource
import select
import socket
import ssl
import subprocess
import time

import pytest
from corral import wait_until
from front import Answer, Front, ends

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "tls.key",
                    "-out", folder / "tls.crt"], check=True, capture_output=True)
    return folder / "tls.crt", folder / "tls.key"


@pytest.fixture
def pair(tmp_path):
    return make_certificate(tmp_path, "first")


@pytest.fixture
def front(pair):
    front = Front(tls=pair, CORRAL_LISTEN_ADDRESS="0.0.0.0")
    yield front
    front.stop()


def shown(front):
    with front.connect() as s:
        return hashlib.sha256(s.getpeercert(True)).hexdigest()


def file_hash(path):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).hexdigest()


def get(s):
    s.sendall(GET)
    return Answer(s)


def test_it_serves_with_its_headers(front, pair):
    context = ssl.create_default_context(cafile=str(pair[0]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", front.port), 5), server_hostname="localhost") as s:
        assert s.version() == "TLSv1.3" and s.selected_alpn_protocol() == "http/1.1"
        for _ in range(3):
            answer = get(s)
            assert answer.status == 200 and answer.headers["strict-transport-security"].startswith("max-age=")
        s.sendall(b"BAD\r\n\r\n")
        refused = Answer(s)
        assert refused.status == 400 and "strict-transport-security" in refused.headers and "x-request-id" in refused.headers
        assert ends(s)


@pytest.mark.parametrize("version,served", [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True),
                                            (ssl.TLSVersion.TLSv1_3, True)])
def test_versions(front, version, served):
    run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{front.port}", "-cipher", "ALL:@SECLEVEL=0",
                          {"TLSv1_1": "-tls1_1", "TLSv1_2": "-tls1_2", "TLSv1_3": "-tls1_3"}[version.name]],
                         input=GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), capture_output=True, timeout=20)
    assert (b"Cipher is (NONE)" not in run.stdout) is served, run.stdout
    assert front.healthy()


def test_what_is_no_tls_after_the_handshake(front):
    """It is there when the connection begins to be read, in the middle of what the server does with it."""
    for i in range(200):
        with front.connect() as s:
            with socket.socket(fileno=s.detach()) as bare:
                bare.sendall(b"\x17\x03\x03\x00\x20" + bytes(32) if i % 2 else b"no TLS at all")
                if i % 4 < 2:
                    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert front.healthy()


def test_only_ciphers_with_forward_secrecy(front):
    for cipher in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "NULL-SHA256"):
        with pytest.raises(OSError):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_ciphers(cipher + ":@SECLEVEL=0")
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with context.wrap_socket(front.connect(tls=False)) as s:
                get(s)
    assert front.healthy()


def test_plain_http_ends_only_that_connection(front):
    with front.connect() as kept, front.connect(tls=False) as plain:
        assert get(kept).status == 200
        plain.sendall(GET)
        assert ends(plain)
        assert get(kept).status == 200


def test_much_at_once_in_one_record(front):
    """Bytes that OpenSSL has already read are handled without a new event of the socket."""
    with front.connect() as s:
        s.sendall(GET * 100)
        rest = b""
        for _ in range(100):
            answer = Answer(s, rest)
            assert answer.status == 200
            rest = answer.rest
        body = b"x" * (1 << 20)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert Answer(s).status == 200
        assert get(s).status == 200


def test_a_certificate_changes_while_it_serves(front, pair, tmp_path):
    before = file_hash(pair[0])
    assert shown(front) == before
    with front.connect() as kept:
        assert get(kept).status == 200
        make_certificate(tmp_path, "second")
        after = file_hash(pair[0])
        assert after != before and shown(front) == before
        front.reload()
        wait_until("the new certificate is shown", lambda: shown(front) == after, 10)
        assert get(kept).status == 200
        # A certificate that cannot be used changes nothing: first none, then one of another key.
        good = pair[0].read_bytes()
        for bad in (b"none", None):
            if bad is None:
                other = tmp_path / "other"
                other.mkdir()
                bad = make_certificate(other, "third")[0].read_bytes()
            had = front.text().count("nothing was reloaded")
            pair[0].write_bytes(bad)
            front.reload()
            wait_until("the log says so", lambda: front.text().count("nothing was reloaded") > had, 10)
            assert shown(front) == after and get(kept).status == 200
        pair[0].write_bytes(good)


def test_a_reload_is_all_or_nothing(pair, tmp_path):
    """If the certificate cannot be read, other settings of the same file are not taken over either."""
    config = tmp_path / "controller.yaml"
    config.write_text("log_level: info\n")
    front = Front(tls=pair, config=config)
    try:
        config.write_text("log_level: debug\n")
        pair[1].write_text("none")
        front.reload()
        wait_until("the log says so", lambda: "nothing was reloaded" in front.text(), 10)
        assert "log_level changed" not in front.text()
        assert front.healthy()
    finally:
        front.stop()


def test_a_handshake_has_its_time(front):
    """Half a handshake is ended after its time; it delays nobody."""
    with front.connect(tls=False, timeout=20) as s, front.connect(tls=False, timeout=20) as silent:
        begin = time.monotonic()
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert front.healthy()
        assert ends(s) and ends(silent)
        assert 8 < time.monotonic() - begin < 14


@pytest.mark.parametrize("env,what", [
    ({"CORRAL_LISTEN_ADDRESS": "0.0.0.0"}, "is not loopback"), ({"CORRAL_TLS_CERT": "/nowhere"}, "together"),
    ({"CORRAL_TLS_CERT": "/nowhere", "CORRAL_TLS_KEY": "/nowhere"}, "/nowhere: no certificate can be read")])
def test_what_cannot_be_served_does_not_start(env, what):
    with pytest.raises(AssertionError, match=what):
        Front(**env)


def client_hello():
    """The first bytes of a handshake that never goes on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()


def test_handshakes_of_others_keep_nobody_out(front):
    """Four networks begin hundreds of handshakes at once: a client that comes after them is answered before
    most of them are."""
    hello, begun = client_hello(), []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    with front.connect("127.0.0.9") as known:
        try:
            for n in range(3200):
                begun.append(socket.create_connection(("127.0.0.1", front.port), 10, (f"127.0.0.{30 + n % 4}", 0)))
            for s in begun:
                s.sendall(hello)
            assert get(known).status == 200
            with front.connect("127.0.0.8", timeout=60) as late:
                assert get(late).status == 200
            poll = select.poll()
            for s in begun:
                poll.register(s, select.POLLIN)
            answered = len(poll.poll(0))
            print(f"{answered} of {len(begun)} were answered before")
            assert answered < len(begun) / 2
        finally:
            for s in begun:
                s.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
