"""The server as a service manager starts it: it says on a datagram socket when it is ready. Nothing of the server's
standard files is needed, so tests may do with them what they like.

    with Managed("basic-conf/workers[I]=2", env={"WATCHDOG_USEC": "1000000"}) as server:
        server.wait_for("WATCHDOG=1")
"""
import os
import signal
import socket
import subprocess
import threading
import time

from server import BINARY, Server


class Managed(Server):
    def __init__(self, *lines, env=None, wait=True, command=None, preexec=None, stderr=None, arrange=None,
                 **others):
        super().__init__(*lines, **others)
        self.env = env or {}
        self.lines_logged, self.taken, self.changed = [], 0, threading.Condition()
        self.wait = wait
        self.command_line = command or (lambda words: words)  # may put other words in front
        self.preexec = preexec
        self.arrange = arrange  # called with the directory before the server starts
        self.stderr = stderr  # a descriptor; None = kept here, see logged()

    def start(self):
        if self.arrange:
            self.arrange(self.dir)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.dir, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.manager.bind(path)
        os.chmod(path, 0o777)
        env = dict(os.environ, NOTIFY_SOCKET=path, **self.env)
        reader, writer = os.pipe()
        self.process = subprocess.Popen(self.command_line([BINARY, "--property-file", self.conf]), env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=writer if self.stderr is None else self.stderr,
                                        preexec_fn=self.preexec, cwd=self.dir)
        os.close(writer)
        self.ended = False
        self.reader = threading.Thread(target=self._read, args=(reader,), daemon=True)
        self.reader.start()
        if self.wait:
            self.wait_for("READY=1")

    def _read(self, descriptor):
        with os.fdopen(descriptor, errors="replace") as log:
            for line in log:
                with self.changed:
                    self.lines_logged.append(line)
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def logged(self, words, timeout=30):
        """Takes lines of the log until one has the words; returns it. Each line is taken once."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                while self.taken < len(self.lines_logged):
                    self.taken += 1
                    if words in self.lines_logged[self.taken - 1]:
                        return self.lines_logged[self.taken - 1]
                left = deadline - time.monotonic()
                assert left > 0 and not self.ended, "no line with '%s' came:\n%s" % (words, "".join(self.lines_logged)[-4000:])
                self.changed.wait(left)

    def log(self):
        """All that came so far; all there is once the process has ended."""
        if self.process and self.process.poll() is not None:
            self.reader.join(10)
        with self.changed:
            return "".join(self.lines_logged)

    def wait_for(self, line, timeout=30):
        """Takes notices until one has the line; returns it as a dictionary."""
        deadline = time.monotonic() + timeout
        while True:
            self.manager.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                notice = self.manager.recv(4096).decode().splitlines()
            except socket.timeout:
                raise AssertionError("no %s within %s s (exit code %s):\n%s" % (line, timeout, self.process.poll(),
                                                                               self.log()[-4000:])) from None
            if line in notice:
                return dict(pair.split("=", 1) for pair in notice)

    def end(self, number=signal.SIGTERM):
        """Returns the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.manager.close()
        return code

    def restart(self, number=signal.SIGTERM):
        assert self.end(number) == 0, self.log()[-4000:]
        self.start()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        self.wait_for("READY=1")

    def close_manager(self):
        self.manager.close()
        os.unlink(os.path.join(self.dir, "notify"))

    @property
    def pid(self):
        return self.process.pid

    def status(self, field, thread=None):
        """A line of /proc/PID/status (or of one thread), as words."""
        path = "/proc/%d/status" % self.pid if thread is None else "/proc/%d/task/%s/status" % (self.pid, thread)
        with open(path) as text:
            return next(line.split()[1:] for line in text if line.startswith(field + ":"))

    def threads(self):
        return os.listdir("/proc/%d/task" % self.pid)

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.manager.close()
        self.process = None  # what is left is the directory's business
        super().__exit__(kind, value, trace)
