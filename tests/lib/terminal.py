"""A program in a terminal of its own: a pseudo-terminal whose other side is this file's."""
import errno
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, command, env, rows=24, columns=80, **more):
        """more: arguments of Popen, such as another stdin."""
        self.master, self.slave = os.openpty()
        self.size(rows, columns)
        self.before, self.output = termios.tcgetattr(self.slave), b""
        more = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **more}
        self.process = subprocess.Popen([str(word) for word in command], env=env, start_new_session=True, preexec_fn=self.take, **more)

    def take(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def step(self, seconds):
        """Takes what is there within so many seconds; false at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError as gone:
            assert gone.errno == errno.EIO
            return False
        self.output += data
        return bool(data)

    def until(self, text, seconds=20):
        """Reads until the output has this (a regular expression); forgets it, and returns it."""
        end = time.monotonic() + seconds
        while not (found := re.search(text.encode(), self.output)):
            assert time.monotonic() < end, (text, self.output[-2000:])
            self.step(0.1)
        seen, self.output = self.output[:found.end()], self.output[found.end():]
        return seen.decode(errors="replace")

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def ended(self, seconds=20):
        """The exit code, once the program has ended and left the terminal as it was."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, self.output[-2000:]
            self.step(0.05)
        while select.select([self.master], [], [], 0)[0] and self.step(0):
            pass
        assert self.is_as_before(), (termios.tcgetattr(self.slave), self.before)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.master, self.slave):
            os.close(fd)

    def signal(self, signo):
        os.kill(self.process.pid, signo)
