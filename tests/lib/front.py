"""A controller without a database or nodes, whose HTTP front answers nevertheless; and sockets that speak
raw bytes."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from corral import free_port, wait_until

KEEP = ("PATH", "HOME", "UBSAN_OPTIONS")


class Front:
    def __init__(self, tls=None, files=None, config=None, resolver=None, **env):
        """tls: (certificate, key), paths. files: limit of open files. config: its file. resolver: the
        resolv.conf that it sees. env: of the controller."""
        self.home = Path(tempfile.mkdtemp(prefix="corral-front-", dir="/var/tmp"))
        self.port = free_port()
        self.program = Path(os.environ["CORRAL_BUILD_ROOT"]) / "controller/corral-controller"
        self.environ = {k: v for k, v in os.environ.items() if k in KEEP}
        # Freed memory that a sanitizer keeps would count as the server's.
        self.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        self.environ.update(CORRAL_LISTEN_PORT=str(self.port), CORRAL_PORTS_LISTEN_PORT="0", CORRAL_PKI_DIR=str(self.home / "pki"),
                            CORRAL_NODE_URL=f"ipc://{self.home}/nodes", CORRAL_DATABASE_CONNECTIONS="1",
                            CORRAL_DATABASE_URL="postgresql://corral@127.0.0.1:1/none")
        self.environ.update(env)
        if tls:
            self.environ.update(CORRAL_TLS_CERT=str(tls[0]), CORRAL_TLS_KEY=str(tls[1]))
        self.tls = bool(tls)
        subprocess.run([self.program, "pki", "init"], env=self.environ, check=True, capture_output=True)
        command = (["prlimit", f"--nofile={files}", "--"] if files else []) + [self.program, "serve"] + (
            ["--config", config] if config else [])
        if resolver:
            command = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver, *command]
        self.log = self.home / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until("the front answers", self.healthy, 10)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            shutil.rmtree(self.home, ignore_errors=True)
            raise

    def connect(self, source=None, timeout=10, tls=None, **more):
        """A connection; with TLS if the front has it. source: the loopback address that it comes from."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout, (source, 0) if source else None)
        if not (self.tls if tls is None else tls):
            return s
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for name, value in more.items():
            setattr(context, name, value)
        return context.wrap_socket(s, server_hostname="localhost")

    def healthy(self, source=None):
        if self.process.poll() is not None:
            raise AssertionError(f"the controller ended: {self.text()}")
        try:
            with self.connect(source, 5) as s:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                return Answer(s).status == 200
        except OSError:
            return False

    def rss(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) << 10

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def text(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        code, text = self.process.wait(20), self.text()
        shutil.rmtree(self.home, ignore_errors=True)
        assert code == 0 and "Sanitizer" not in text and "runtime error" not in text, text


class Answer:
    """Reads one whole answer; status is None if the connection ended instead."""

    def __init__(self, s, had=b""):
        self.status, self.headers, self.body, self.rest = None, {}, b"", had
        while b"\r\n\r\n" not in self.rest:
            if not self._more(s):
                return
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in self.headers, head
            self.headers[name.lower()] = value
        while len(self.rest) < int(self.headers.get("content-length", 0)):
            assert self._more(s), (head, self.rest)
        size = int(self.headers.get("content-length", 0))
        self.body, self.rest = self.rest[:size], self.rest[size:]
        self.status = int(lines[0].split()[1])

    def _more(self, s):
        try:
            got = s.recv(65536)
        except ConnectionError:
            got = b""
        self.rest += got
        return got


def ends(s):
    """Whether the other side ends the connection; data that still arrives is dropped."""
    try:
        while s.recv(65536):
            pass
    except ConnectionError:
        pass
    return True
