"""corral-base: each applet that people use works, as the sandbox's user, with the network of a sandbox."""
import subprocess

from corral import wait_until

MIB = 1 << 20
SETUP = """cd /workspace && printf 'b 2\\na 1\\nc 3\\na 1\\n' >t && mkdir d && echo in >d/f && ln -s t l && printf 'one\\ntwo\\n' >o
printf 'one\\n2\\n' >n && httpd -p 127.0.0.1:8080 -h /workspace"""

# The script that runs in /workspace, and all that it prints.
DOES = [
    ("ash -c 'echo $((6 * 7))'", "42"), ("awk '{s += $2} END {print s}' t", "7"), ("base64 o | base64 -d", "one\ntwo"),
    ("basename /a/b.c .c", "b"), ("bzip2 -c t | bunzip2 -c | cmp - t && echo same", "same"), ("cal 2 2024 | grep -c 29", "1"),
    ("cat o", "one\ntwo"), ("cp t t2 && chmod 600 t2 && stat -c %a t2", "600"), ("chown 1000:1000 t && echo done", "done"),
    ("cut -d' ' -f1 t | tr -d '\\n'", "baca"), ("date -u -d @0 +%FT%TZ", "1970-01-01T00:00:00Z"),
    ("dd if=/dev/zero bs=1k count=3 2>/dev/null | wc -c", "3072"), ("df -P . | wc -l", "2"), ("diff o n | grep -c '^[-+][a-z0-9]'", "2"),
    ("dirname /a/b", "/a"), ("du -s d | cut -f2", "d"), ("echo -n x", "x"), ("env -i A=b env", "A=b"), ("expr 3 + 4", "7"), ("false || echo no", "no"),
    ("find . -name 'f' -type f", "./d/f"), ("fold -w 2 o | head -1", "on"), ("grep -c a t", "2"), ("egrep -o '[0-9]+' t | head -1", "2"),
    ("gzip -c t | gunzip -c | md5sum | cut -c1-32 | cmp - /dev/fd/3 3<<X && echo same\n$(md5sum <t | cut -c1-32)\nX", "same"),
    ("head -n 1 t", "b 2"), ("hexdump -C o | head -1 | cut -c11-21", "6f 6e 65 0a"), ("hostname | wc -l", "1"), ("id -u", "1000"), ("id -un", "sandbox"),
    ("ip link show lo | grep -c LOOPBACK", "1"), ("ifconfig lo | grep -c 127.0.0.1", "1"), ("sleep 50 & kill $! && wait $!; echo $?", "143"),
    ("printf 'a\\nb\\nc\\n' | less", "a\nb\nc"), ("ln -f t t3 && stat -c %h t3", "2"), ("ls d", "f"), ("md5sum </dev/null | cut -c1-8", "d41d8cd9"),
    ("mkdir -p x/y && rmdir x/y && ls x | wc -l", "0"), ("mkfifo p && (echo through >p & cat p)", "through"), ("mktemp -d | cut -c1-9", "/tmp/tmp."),
    ("mv t3 t4 && ls t4", "t4"), ("printf 'GET /o HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080 | tail -n 1", "two"), ("netstat -ltn | grep -c 127.0.0.1:8080", "1"), ("nl o | wc -l", "2"),
    ("nproc | grep -c '^[0-9]'", "1"), ("od -An -c o | head -1 | tr -s ' '", " o n e \\n t w o \\n"), ("paste -d, o n | head -1", "one,one"),
    ("printf 'x\\n' >e && printf '1c1\\n< x\\n---\\n> y\\n' >/dev/null && printf -- '--- e\\n+++ e\\n@@ -1 +1 @@\\n-x\\n+y\\n' | patch e >/dev/null && cat e", "y"),
    ("pidof httpd | wc -w", "1"), ("printf '%03d' 7", "007"), ("ps | grep -c '[h]ttpd'", "1"), ("pwd", "/workspace"), ("readlink l", "t"), ("realpath l", "/workspace/t"),
    ("printf 'abc\\n' | rev", "cba"), ("touch r && rm r && ls r 2>/dev/null | wc -l", "0"), ("sed -n 's/^b/X/p' t", "X 2"), ("seq -s, 3", "1,2,3"),
    ("setsid sh -c 'echo led'", "led"), ("sha256sum </dev/null | cut -c1-8", "e3b0c442"), ("sha512sum </dev/null | cut -c1-8", "cf83e135"),
    ("shuf -n 1 -e one", "one"), ("sort -u t | head -1", "a 1"), ("stat -c %s o", "8"), ("strings -n 3 o | head -1", "one"), ("tac o", "two\none"), ("tail -n 1 o", "two"),
    ("tar c d | tar t", "d/\nd/f"), ("tar cz d | (mkdir u; tar xz -C u) && cat u/d/f", "in"), ("echo x | tee tee1", "x"), ("test -d d && echo yes", "yes"),
    ("time true 2>&1 | grep -c real", "1"), ("timeout 1 sleep 9; echo $?", "143"), ("tr a-z A-Z <o | head -1", "ONE"), ("true && echo yes", "yes"),
    ("truncate -s 5 tr && stat -c %s tr", "5"), ("uname -s", "Linux"), ("sort t | uniq -c | head -1 | tr -s ' '", " 2 a 1"), ("printf 'a\\r\\n' | dos2unix | od -An -c | tr -d ' '", "a\\n"),
    ("uptime | grep -c load", "1"), ("usleep 10 && echo slept", "slept"), ("printf '1G\\ndd\\n:wq\\n' | vi o2 >/dev/null 2>&1; echo $?", "0"), ("wc -l <t", "4"),
    ("which sh", "/bin/sh"), ("whoami", "sandbox"), ("echo a b | xargs -n 1 echo", "a\nb"), ("xxd -p o | head -1", "6f6e650a74776f0a"),
    ("yes | head -n 1", "y"), ("gzip -k o && zcat o.gz", "one\ntwo"), ("getopt ab: -a -b x", " -a -b x --"),
    ("printf 'd/f\\n' | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null", "d/f"), ("factor 12", "12: 2 2 3"), ("bc <<X\n2^10\nX", "1024"), ("dc -e '2 3 + p'", "5"),
    ("wget -qO- http://127.0.0.1:8080/o", "one\ntwo"), ("wget -qO- http://localhost:8080/o", "one\ntwo"), ("wget -q -T 5 -O - http://127.0.0.1:8080/o", "one\ntwo"),
    ("wget -qO- --timeout=5 --header 'A: -T' http://127.0.0.1:8080/o", "one\ntwo"), ("mkdir w && wget -qT5 -P w http://127.0.0.1:8080/o && cat w/o", "one\ntwo"),
    ("wget -q http://127.0.0.1:8080/no; echo $?", "1"), ("wget -q http://127.0.0.1:1/; echo $?", "1"), ("wget -qT 3 http://no.such.name.invalid/; echo $?", "1"),
    ("ping -c 1 -W 1 127.0.0.1 >/dev/null 2>&1; [ $? -lt 2 ] && echo no crash", "no crash"),
]


def run(corral, sandbox, script, **more):
    return subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "exec", "-i", sandbox["id"], "sh", "-c", script],
                          capture_output=True, text=True, timeout=60, **more)


def test_applets(corral, user):
    sandbox = user.create(memory_bytes=64 * MIB, storage_bytes=32 * MIB)
    made = run(corral, sandbox, SETUP)
    assert made.returncode == 0, made
    wait_until("httpd listens", lambda: run(corral, sandbox, "wget -qO- http://127.0.0.1:8080/o").returncode == 0)
    wrong = []
    for script, expected in DOES:
        got = run(corral, sandbox, f"cd /workspace\n{script}")
        if got.stdout.rstrip("\n") != expected or got.returncode > 128:
            wrong.append((script, expected, got.stdout, got.stderr, got.returncode))
    assert not wrong, "\n".join(map(str, wrong))


DNS = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    q, peer = s.recvfrom(512)
    kind = q[-4:-2]
    a = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\x7f\\0\\0\\x09" if kind == b"\\0\\1" else b""
    s.sendto(q[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if a else b"\\0\\0") + b"\\0\\0\\0\\0" + q[12:] + a, peer)
"""


def test_names_are_looked_up(corral, user):
    """nslookup asks the server that it is given, one in the sandbox's own network."""
    sandbox = user.create(memory_bytes=64 * MIB)
    pid = corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"])
    server = subprocess.Popen(["nsenter", "-t", pid, "-n", "python3", "-c", DNS], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline() == "ready\n"
        got = run(corral, sandbox, "nslookup -type=a some.name 127.0.0.1 || nslookup some.name 127.0.0.1")
        assert "127.0.0.9" in got.stdout, got
    finally:
        server.kill()
        server.wait()


def test_all_that_it_has_is_there(corral, user):
    """Each name that busybox knows can be run; the image is as small as the documents say."""
    sandbox = user.create(memory_bytes=64 * MIB)
    got = run(corral, sandbox, "for a in $(busybox --list); do [ -x /bin/$a ] || echo $a; done; for l in /lib/*/*.so*; do [ -r $l ] || echo $l; done")
    assert (got.returncode, got.stdout) == (0, ""), got
    assert 2_500_000 < int(corral.docker("image", "inspect", "-f", "{{.Size}}", "corral-base:latest")) < 3_500_000
