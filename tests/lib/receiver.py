"""A receiver of webhooks: keeps what was posted to it, and answers as a test says."""
import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from corral import BUILD_ROOT, ROOT


class Receiver:
    """answer: the status of the next answers; or a function of (handler, how many came before), which writes the answer itself or
    returns a status, or (status, headers)."""

    def __init__(self, answer=204, port=0, certificate=None):
        self.got, self.answer, self.lock = [], answer, threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with receiver.lock:
                    before = len(receiver.got)
                    receiver.got.append({"headers": {k.lower(): v for k, v in self.headers.items()}, "body": body, "path": self.path})
                said = receiver.answer(self, before) if callable(receiver.answer) else receiver.answer
                status, headers = said if isinstance(said, tuple) else (said, {})
                if status:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size, daemon_threads = 128, True

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/hook"
        if certificate: # and its key, in one file
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

    def take(self):
        with self.lock:
            return list(self.got)

    def ids(self):
        return [r["headers"]["webhook-id"] for r in self.take()]

    def types(self):
        return [json.loads(r["body"])["type"] for r in self.take()]


def verify(secret, requests):
    """What npm's standardwebhooks says of each: "ok", or why not."""
    programs = subprocess.run([ROOT / "tests/npm/install", BUILD_ROOT], check=True, capture_output=True, text=True).stdout.strip()
    run = subprocess.run(["node", ROOT / "tests/lib/verify_webhooks.cjs", f"{programs}/..", secret], input=json.dumps(requests),
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
