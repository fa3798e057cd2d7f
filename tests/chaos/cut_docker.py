"""A proxy in front of Docker's socket that cuts, hangs or falsifies connections."""
import re
import socket
import threading


class CutDocker:
    """A proxy in front of Docker's socket; it breaks the connections whose request matches the expression."""

    def __init__(self, corral, cut):
        self.socket, self.docker = corral.home / "run/docker.sock", corral.home / "run/docker-behind.sock"
        self.cut, self.asked = re.compile(cut), []

    def __enter__(self):
        self.socket.rename(self.docker)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.docker.rename(self.socket)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            docker = socket.socket(socket.AF_UNIX)
            docker.connect(str(self.docker))
            threading.Thread(target=self.pump, args=(client, docker, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(docker, client, False), daemon=True).start()

    @property
    def cuts(self):
        return len(self.asked)

    def matched(self, what):
        """What is done with a connection that matches; returns whether it was broken."""
        self.asked.append(what)
        return True

    def breaks(self, source, sink, asks, data):
        """Whether no more data is passed on."""
        match = asks and self.cut.search(data)
        return match and self.matched(match.group())

    def pump(self, source, sink, asks):
        try:
            while (data := source.recv(65536)) and not self.breaks(source, sink, asks, data):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class HungDocker(CutDocker):
    """Lets matching requests hang until release(): then Docker gets them, even if nobody waits for the
    answer any more."""

    def __init__(self, corral, hangs):
        super().__init__(corral, hangs)
        self.released = threading.Event()

    def matched(self, what):
        self.asked.append(what)
        self.released.wait()
        return False

    def release(self):
        self.released.set()

    def __exit__(self, *what):
        self.release()
        super().__exit__(*what)


class LyingDocker(CutDocker):
    """Docker does what matches `mute`, and the proxy never passes its answer on; what matches `lies` is
    answered as done once, and Docker does not get it."""

    def __init__(self, corral, mute, lies):
        super().__init__(corral, mute)
        self.lies, self.muted = re.compile(lies), set()

    def breaks(self, source, sink, asks, data):
        if not asks:
            return sink in self.muted
        if self.cut.search(data):
            self.muted.add(source)
        match = not self.asked and self.lies.search(data)
        if match:
            self.asked.append(match.group())
            source.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        return match
