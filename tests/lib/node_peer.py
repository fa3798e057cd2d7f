"""A host's first word to the controller, by hand: nng's request protocol as its ipc transport frames it, over TLS, and the messages of proto/."""
import socket
import ssl
import struct


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


def say_hello(port, pki, name):
    """Connects with the certificate of a node, and asks to be let in. The socket, once the challenge came."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
    peer = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="corral-controller")
    peer.sendall(b"\0SP\0" + struct.pack(">HH", 0x30, 0))
    assert read(peer, 8)[:6] == b"\0SP\0\0\x31"
    certificate = ssl.PEM_cert_to_DER_cert((pki / f"{name}.crt").read_text())
    hello = field(1, name.encode()) + field(2, certificate) + field(3, 0)
    message = struct.pack(">I", 0x80000001) + field(1, 1) + field(2, b"") + field(4, bytes(16)) + field(5, 1) + field(16, hello)
    peer.sendall(b"\1" + struct.pack(">Q", len(message)) + message)
    answer = read(peer, struct.unpack(">xQ", read(peer, 9))[0])
    assert field(17, b"")[:2] in answer, answer
    return peer


def read(peer, count):
    out = b""
    while len(out) < count:
        more = peer.recv(count - len(out))
        assert more, "the controller hung up"
        out += more
    return out
