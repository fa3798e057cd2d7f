"""A node played by hand: nng's request protocol as its ipc transport frames it, over TLS, and the messages
of proto/."""
import socket
import ssl
import struct
import subprocess


def field(number, value):
    """One field of a protobuf message: a number, or bytes."""
    def varint(n):
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def parse(message):
    """The fields of a protobuf message: {number: [value, …]}; parts and texts as bytes."""
    def varint(at):
        n = shift = 0
        while True:
            n |= (message[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if message[at - 1] < 128:
                return n, at
    at, out = 0, {}
    while at < len(message):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            value, at = message[at:at + value], at + value
        out.setdefault(tag >> 3, []).append(value)
    return out


class Peer:
    """A node that sends what the test says: say_hello, then prove, then any number of reports."""

    def __init__(self, port, pki, name):
        self.pki, self.name, self.session, self.request = pki, name, bytes(16), 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
        self.peer = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="corral-controller")
        self.peer.sendall(b"\0SP\0" + struct.pack(">HH", 0x30, 0))
        assert read(self.peer, 8)[:6] == b"\0SP\0\0\x31"

    def ask(self, payload, body):
        """Sends one payload in an envelope; returns the answer's envelope."""
        self.request += 1
        message = struct.pack(">I", 0x80000000 + self.request) + field(1, 1) + field(2, b"") + field(3, 1) + field(
            4, self.session) + field(5, self.request) + field(payload, body)
        self.peer.sendall(b"\1" + struct.pack(">Q", len(message)) + message)
        answer = read(self.peer, struct.unpack(">xQ", read(self.peer, 9))[0])
        return parse(answer[4:])

    def say_hello(self):
        certificate = ssl.PEM_cert_to_DER_cert((self.pki / f"{self.name}.crt").read_text())
        answer = self.ask(16, field(1, self.name.encode()) + field(2, certificate) + field(3, 0))
        assert 17 in answer, answer
        self.session, self.nonce = answer[4][0], parse(answer[17][0])[1][0]

    def prove(self, inventory):
        """Sends a proof with a packed Inventory. Once this returns the session exists."""
        said = b"corral node proof 1\0" + self.session + self.nonce + self.name.encode() + b"\0" + inventory
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.pki / f"{self.name}.key"], input=said,
                                   capture_output=True, check=True).stdout
        answer = self.ask(18, field(1, signature) + field(2, inventory))
        assert 19 in answer, answer

    def report(self, body):
        answer = self.ask(20, body)
        assert 21 in answer, answer

    def close(self):
        self.peer.close()


def say_hello(port, pki, name):
    """Connects with the certificate of a node and asks for a session. Returns the peer, once the challenge
    has arrived."""
    peer = Peer(port, pki, name)
    peer.say_hello()
    return peer


def read(peer, count):
    out = b""
    while len(out) < count:
        more = peer.recv(count - len(out))
        assert more, "the controller hung up"
        out += more
    return out
