"""Image registries on the loopback of Docker's own network namespace, where nobody else can connect."""
import ctypes
import gzip
import json
import socket
import ssl
import subprocess
import tarfile
import threading
import uuid
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from corral import wait_until

CLONE_NEWNET = 0x40000000


def namespace(corral, node=1):
    return f"/run/netns/{corral.installed_as}-{node}"


def enter(corral, node=1):
    """Enters the namespace with this thread only: a namespace belongs to a thread."""
    with open(namespace(corral, node)) as f:
        assert ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) == 0, ctypes.get_errno()


def within(corral, make, node=1):
    """What make returns when called inside the namespace."""
    made = []

    def run():
        enter(corral, node)
        made.append(make())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert made, "see the thread's own traceback"
    return made[0]


class SilentRegistry:
    """Takes connections, and answers nothing."""

    def __init__(self, corral, port=5000): # a name that the installation allows for images
        self.corral, self.port, self.taken = corral, port, []

    def accept(self):
        try:
            while True:
                self.taken.append(self.listener.accept()[0])
        except OSError:
            pass # closed

    def __enter__(self):
        self.listener = within(self.corral, lambda: socket.create_server(("127.0.0.1", self.port)))
        threading.Thread(target=self.accept, daemon=True).start()
        self.image = f"127.0.0.1:{self.port}/silent/{uuid.uuid4().hex}:1"
        return self

    def open(self):
        """How many of its connections Docker has not closed."""
        count = 0
        for connection in self.taken:
            connection.setblocking(False)
            try:
                while connection.recv(65536):
                    pass
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def hang_up(self):
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.taken:
            connection.close()

    def __exit__(self, *_):
        self.hang_up()


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body, length=None, **headers):
        self.send_response(status)
        for name, value in {"Docker-Distribution-Api-Version": "registry/2.0", "Content-Length": str(length or len(body)),
                            **{n.replace("_", "-"): v for n, v in headers.items()}}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, **headers):
        self.say(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode(),
                 Content_Type="application/json", **headers)

    def do_GET(self):
        self.server.asked.append(self.path)
        try:
            self.server.answer(self)
        except OSError:
            pass # Docker hung up

    do_HEAD = do_GET


class LyingRegistry:
    """Answers as the test says: answer(request), with request.say and request.refuse."""

    def __init__(self, corral, answer, address=("127.0.0.1", 5000), tls=None):
        self.corral, self.answer, self.address, self.tls = corral, answer, address, tls

    def make(self):
        server = ThreadingHTTPServer(self.address, Answers)
        server.daemon_threads = True
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    def __enter__(self):
        self.server = within(self.corral, self.make)
        self.server.answer, self.server.asked = self.answer, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.image = f"{self.address[0]}:{self.address[1]}/lying/{uuid.uuid4().hex}:1"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}).encode()


def part(kind, size, of):
    return {"mediaType": f"application/vnd.docker.{kind}", "size": size, "digest": "sha256:" + sha256(of).hexdigest()}


def image_of(layer, size):
    """Answers for an image of one layer, which it claims has this size."""
    return image_of_layers([(layer, size)])


def image_of_layers(layers):
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": part("container.image.v1+json", len(CONFIG), CONFIG),
                           "layers": [part("image.rootfs.diff.tar.gzip", size, layer) for layer, size in layers]}).encode()

    def answer(request):
        if request.path.endswith("/v2/"):
            request.say(200, b"{}")
        elif "/manifests/" in request.path:
            request.say(200, manifest, Content_Type=kind, Docker_Content_Digest="sha256:" + sha256(manifest).hexdigest())
        elif request.path.endswith(sha256(CONFIG).hexdigest()):
            request.say(200, CONFIG)
        else:
            layer, size = next((l, s) for l, s in layers if request.path.endswith(sha256(l).hexdigest()))
            request.say(200, layer, length=size)
            while len(layer) < size and request.connection.recv(1): # until Docker hangs up
                pass
    return answer


def endless_layer():
    """An image that claims to be as large as a disk, of which a little arrives: Docker reports each half
    MiB."""
    return image_of(bytes(2 << 20), 1 << 40)


class DrippingRegistry(LyingRegistry):
    """Each name is another image of so many layers, each claims 100 MiB; of each a byte a second arrives.
    held: the images whose layers Docker waits for, one entry a layer."""

    def __init__(self, corral, layers, port):
        super().__init__(corral, self.drip, ("127.0.0.1", port))
        self.layers, self.held, self.ended = layers, [], threading.Event()

    def new_image(self):
        return f"{self.address[0]}:{self.address[1]}/lying/{uuid.uuid4().hex}:1"

    def drip(self, request):
        name = request.path.removeprefix("/v2/").rsplit("/", 2)[0]
        layers = [f"{name} {i}".encode() for i in range(self.layers)]
        if not any(request.path.endswith(sha256(layer).hexdigest()) for layer in layers):
            image_of_layers([(layer, 100 << 20) for layer in layers])(request)
            return
        self.held.append(name)
        try:
            request.say(200, b"", length=100 << 20)
            while not self.ended.wait(1):
                request.wfile.write(b"x")
        finally:
            self.held.remove(name)

    def __exit__(self, *more):
        self.ended.set()
        super().__exit__(*more)


def bomb(gigabytes):
    """A small layer of so many zeros when unpacked: a gzip stream may have many members."""
    header = tarfile.TarInfo("zeros")
    header.size = gigabytes << 30
    zeros = gzip.compress(bytes(64 << 20))
    layer = gzip.compress(header.tobuf()) + gigabytes * 16 * zeros + gzip.compress(bytes(1024))
    return image_of(layer, len(layer))


class Registry:
    """Debian's own registry, with what is pushed to it in a folder."""

    address = "127.0.0.1:5000"

    def __init__(self, corral, folder, node=1): # several nodes may have one each, over the same folder
        self.corral, self.folder, self.node = corral, folder, node
        self.more = self.auth = "" # of the configuration

    def __enter__(self):
        config = self.folder / f"registry-{self.node}.yml"
        config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\n"
                          f"http: {{addr: '{self.address}'{self.more}}}\n{self.auth}")
        self.process = subprocess.Popen(["nsenter", f"--net={namespace(self.corral, self.node)}", "docker-registry", "serve", config],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the registry listens", lambda: within(self.corral, self.listens, self.node), 20, 0.2)
        return self

    def listens(self):
        host, port = self.address.split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def push(self, ref):
        """Pushes an image of the installation's Docker, which keeps it; returns its digest."""
        return self.corral.docker("push", ref).rsplit("digest: ", 1)[1].split()[0]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
