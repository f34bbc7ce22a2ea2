"""A Switchboard of our own for one test: temporary directory, free loopback ports, stopped at the end.

    with Server("sess-man/desk/seats[s]=alice@localhost") as server:
        server.account("alice@localhost", "secret")
        ... server.c2s, server.tls, server.http, server.https, server.ws
"""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZED = "SWITCHBOARD_SANITIZED" in os.environ  # its run-time library looks at files and processes as it likes
BINARY = os.environ.get("SWITCHBOARD", os.path.join(ROOT, "build", "switchboard"))
ROBOT = os.path.join(os.path.dirname(BINARY), "switchboard-robot")


def free_ports(count):
    """Ports nobody listens on, below those the kernel gives to outgoing connections: who restarts finds his own free. All are
    held open together, so they differ."""
    sockets = []
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as text:
            end = max(12000, int(text.read().split()[0]))
        while len(sockets) < count:
            s = socket.socket()
            try:
                s.bind(("127.0.0.1", random.randrange(10000, end)))
                sockets.append(s)
            except OSError:
                s.close()  # taken: another one
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class Process:
    """A program that says on its standard output when it is ready; its output is kept for the report of a failure."""

    def __init__(self, command, ready, cwd=None, env=None, log=None):
        self.log = open(log, "ab") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        self.output = []
        self.is_ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self.reader.start()
        if not self.is_ready.wait(30) or self.process.poll() is not None:
            self.stop()
            raise AssertionError("%s did not start: %s" % (command[0], "".join(self.output)))

    def _read(self, ready):
        for line in self.process.stdout:
            self.output.append(line)
            if ready in line:
                self.is_ready.set()
        self.is_ready.set()

    @property
    def pid(self):
        return self.process.pid

    def stop(self, number=signal.SIGTERM, timeout=15):
        """Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("it did not stop within %d s" % timeout)
        self.reader.join(5)
        if self.log is not subprocess.DEVNULL:
            self.log.close()
            self.log = subprocess.DEVNULL
        return self.process.returncode


class Server:
    def __init__(self, *lines, domain="localhost", keep=None):
        self.domain = domain
        self.keep = keep  # a directory to use again (restart tests)
        self.lines = lines
        self.process = None

    def __enter__(self):
        self.dir = self.keep or tempfile.mkdtemp(prefix="switchboard-test-")
        self.c2s, self.tls, self.http, self.https, self.ws = free_ports(5)
        text = [
            "--virt-hosts=%s" % self.domain,
            "--user-db-uri=sqlite:%s/data/switchboard.db" % self.dir,
            "--ssl-certs-location=%s/certs" % self.dir,
            "--bosh-extra-headers-file=%s/headers.txt" % self.dir,
            "basic-conf/config-dump-file=%s/dump.properties" % self.dir,
            "basic-conf/log-level=debug",
            "basic-conf/sandbox=%s" % ("off" if SANITIZED else "auto"),
            "basic-conf/core-dumps[B]=true",  # tests look into /proc/PID, which else is root's
            "--c2s-ports=%d,%d" % (self.c2s, self.tls),
            "c2s/connections/%d/socket=ssl" % self.tls,
            "--bosh-ports=%d,%d" % (self.http, self.https),
            "bosh/connections/%d/socket=ssl" % self.https,
            "--ws2s-ports=%d" % self.ws,
            "bosh/pages-dir=%s/web/dist" % ROOT,
        ]
        for component, ports in (("c2s", (self.c2s, self.tls)), ("bosh", (self.http, self.https)), ("ws2s", (self.ws,))):
            text += ["%s/connections/%d/ifc[s]=127.0.0.1" % (component, port) for port in ports]
        self.conf = os.path.join(self.dir, "init.properties")
        with open(self.conf, "w") as out:
            out.write("\n".join(text + [line.replace("{dir}", self.dir).replace("{build}", os.path.dirname(BINARY)) for line in self.lines]) + "\n")
        self.start()
        return self

    def start(self):
        self.log_path = os.path.join(self.dir, "log")
        self.process = Process([BINARY, "--property-file", self.conf], "switchboard ready", log=self.log_path)

    def __exit__(self, kind, value, trace):
        try:
            if self.process and self.process.process.poll() is None:
                code = self.process.stop()
                assert code == 0, "the server ended with %s:\n%s" % (code, self.log()[-4000:])
        finally:
            if kind:
                print("---- server log ----\n" + self.log()[-12000:])
            if not self.keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def stop(self, number=signal.SIGTERM):
        return self.process.stop(number)

    def restart(self, number=signal.SIGTERM):
        self.process.stop(number)
        self.start()

    def log(self):
        with open(self.log_path, errors="replace") as text:
            return text.read()

    def command(self, *words, text=""):
        return subprocess.run([BINARY, "--property-file", self.conf, *words], input=text, capture_output=True, text=True,
                              timeout=30)

    def account(self, jid, password):
        done = self.command("account", "add", jid, text=password + "\n")
        assert done.returncode == 0, done.stderr
        return self

    @property
    def certificate(self):
        return os.path.join(self.dir, "certs", self.domain + ".pem")


class Redis:
    """A real redis-server on a free port."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="switchboard-redis-")
        self.port = free_ports(1)[0]
        self.start()

    def start(self):
        self.process = Process(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                "--dir", self.dir], "Ready to accept connections")

    def stop(self):
        self.process.stop()

    def set(self, key, value):
        """RESP by hand: a test needs nothing more."""
        words = [b"SET", key.encode(), value.encode()]
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
            assert s.recv(64).startswith(b"+OK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
