"""What the tests of faults share: the server looked at from outside, waiting for a state, senders that know what was
acknowledged, and the server whose clock, disk and memory a test can break (tests/support/fault_shim.c)."""
import mmap
import os
import re
import struct
import subprocess
import time
import unittest
import urllib.request

from client import ENDED, SM, Tcp
from server import BINARY, Process, Server, free_ports

# A mount namespace of our own; without root a user namespace with it, where the kernel lets us.
NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
CAN_MOUNT = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0
PATIENCE = 30  # seconds; how long a state is waited for, no bound on how fast it comes


def metric(server, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % server.http, timeout=PATIENCE) as page:
        return int(re.search(r"^switchboard_%s(?:\{\})? (-?\d+)$" % name, page.read().decode(), re.M)[1])


def memory(server):
    """Resident KiB."""
    with open("/proc/%d/status" % server.process.pid) as text:
        return int(re.search(r"VmRSS:\s+(\d+)", text.read())[1])


def until(test, what, timeout=PATIENCE):
    """Asks until the answer is true, and returns it. Between two questions the machine is left to the others."""
    end = time.monotonic() + timeout
    while not (answer := test()):
        assert time.monotonic() < end, "not within %d s: %s" % (timeout, what() if callable(what) else what)
        time.sleep(0.02)
    return answer


def text_of(element):
    return element.findtext("{jabber:client}body")


def is_message(element):
    return element.tag == "{jabber:client}message"


def error_of(element):
    """The condition of a stanza error, or None."""
    error = element.find("{jabber:client}error") if element.get("type") == "error" else None
    return error[0].tag.split("}")[1] if error is not None else None


class Client(Tcp):
    """A TCP client that notes how many of its stanzas the server has acknowledged since enable()."""

    handled = 0

    def answer(self, element):
        if element.tag == "{%s}a" % SM:
            self.handled = int(element.get("h"))
        super().answer(element)

    def enter(self, user, password="pw", managed=True, present=True):
        assert self.log_in(user, password) is None
        if managed:
            self.enable()
        if present:
            self.send("<presence/>")
        return self

    def say(self, to, text):
        """Under stream management it asks at once whether that was handled."""
        self.send("<message to='%s' type='chat' id='%s'><body>%s</body></message>%s"
                  % (to, text[:40], text, "<r xmlns='%s'/>" % SM if self.managed else ""))

    def ping(self):
        """A round trip to the server's core."""
        self.send("<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
        answer = self.expect(lambda e: e.get("id") == "ping", "pong")
        assert answer.get("type") == "result"

    def hear(self, text, timeout=PATIENCE):
        return self.expect(lambda e: is_message(e) and text_of(e) == text and not e.get("type") == "error",
                           "message %r" % text[:60], timeout)

    def hear_error(self, condition, timeout=PATIENCE):
        return self.expect(lambda e: is_message(e) and error_of(e) == condition, "error " + condition, timeout)


class Heard:
    """Everything a client is told from now on, until all of `wanted` was among it."""

    def __init__(self, client, wanted, timeout=PATIENCE):
        self.texts, self.errors = [], []
        missing, end = set(wanted), time.monotonic() + timeout
        while missing:
            assert time.monotonic() < end, "never came: %s" % sorted(missing)[:5]
            element = client.take(timeout)
            assert element is not ENDED, "the stream ended; missing: %s" % sorted(missing)[:5]
            if is_message(element) and element.get("type") != "error":
                self.texts.append(text_of(element))
                missing.discard(text_of(element))


def copy_of(server, **changes):
    """The server's configuration with ports of its own, and other words replaced; returns the file's name."""
    with open(server.conf) as file:
        text = file.read()
    ports = (server.c2s, server.tls, server.http, server.https, server.ws)
    for old, new in zip(ports, free_ports(5)):
        text = text.replace(str(old), str(new))
    for old, new in changes.items():
        text = text.replace(old, new)
    path = server.conf + ".copy"
    with open(path, "w") as file:
        file.write(text)
    return path


def start_refused(conf, prefix=()):
    """Starts a server that must not start; returns what it said."""
    done = subprocess.run([*prefix, BINARY, "--property-file", conf], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, (done.returncode, done.stderr[-2000:])
    assert "switchboard ready" not in done.stdout
    return done.stderr


class Confined(Server):
    """One of its folders is a disk (tmpfs) of `size` KiB in a namespace of its own, `ballast` KiB of it taken and removable."""

    def __init__(self, folder, size, ballast, *lines):
        super().__init__(*lines)
        self.folder, self.size, self.ballast = folder, size, ballast

    def start(self):
        self.log_path = os.path.join(self.dir, "log")
        disk = os.path.join(self.dir, self.folder)
        os.makedirs(disk, exist_ok=True)
        script = "mount -t tmpfs -o size=%dk tmpfs %s && head -c %dk /dev/zero >%s/ballast && exec \"$@\"" % (
            self.size, disk, self.ballast, disk)
        self.process = Process([*NAMESPACE, "sh", "-c", script, "sh", BINARY, "--property-file", self.conf],
                               "switchboard ready", log=self.log_path)

    def inside(self, *words, text=""):
        return subprocess.run(["nsenter", "--mount", "--target", str(self.process.pid), *words], input=text,
                              capture_output=True, text=True, timeout=30)

    def command(self, *words, text=""):
        return self.inside(BINARY, "--property-file", self.conf, *words, text=text)

    def free_ballast(self):
        done = self.inside("rm", os.path.join(self.dir, self.folder, "ballast"))
        assert done.returncode == 0, done.stderr


SHIMMED = os.path.join(os.path.dirname(BINARY), "tests", "switchboard-faults")


class Breakable(Server):
    """The server with tests/support/fault_shim.c in it. Words are set as attributes: server.set(wall_offset_s=86400)."""

    WORDS = ("wall_offset_s", "write_errno", "armed", "fail_at", "persistent", "least", "count", "hits", "flaky", "flaked",
             "live")

    def __init__(self, *lines, env=None):
        super().__init__(*lines)
        self.env = env or {}

    def start(self):
        if not os.path.exists(SHIMMED):
            raise unittest.SkipTest("a sanitizer build has no switchboard-faults")
        path = os.path.join(self.dir, "faults")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(bytes(8 * len(self.WORDS)))
            self.file = open(path, "r+b")
            self.map = mmap.mmap(self.file.fileno(), 0)
        self.log_path = os.path.join(self.dir, "log")
        self.process = Process([SHIMMED, "--property-file", self.conf], "switchboard ready", log=self.log_path,
                               env=dict(os.environ, SWITCHBOARD_FAULTS=path, **self.env))

    def set(self, **words):
        for name, value in words.items():
            struct.pack_into("q", self.map, 8 * self.WORDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("q", self.map, 8 * self.WORDS.index(name))[0]

    def __exit__(self, *failure):
        super().__exit__(*failure)
        self.map.close()
        self.file.close()
