"""What a service manager sees: the notify protocol on a socket of our own."""
import ctypes
import os
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Tcp  # noqa: E402
from service import Managed  # noqa: E402


class Notify(unittest.TestCase):
    def test_ready_reload_stop(self):
        with Managed() as server:
            self.assertIsNone(Tcp(server).log_in())  # what READY=1 promised
            server.process.send_signal(signal.SIGHUP)
            reloading = server.wait_for("RELOADING=1")
            self.assertGreater(int(reloading["MONOTONIC_USEC"]), 0)
            server.wait_for("READY=1")
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("STOPPING=1")
            self.assertEqual(server.process.wait(20), 0)

    def test_a_manager_that_went_away(self):
        with Managed() as server:
            server.close_manager()
            server.process.send_signal(signal.SIGHUP)
            self.assertIsNone(Tcp(server).log_in())
            self.assertEqual(server.end(), 0)

    def test_nothing_is_told_to_a_stranger(self):
        """A start that fails is no READY."""
        with Managed() as server, Managed("--c2s-ports=%d" % server.c2s, wait=False) as second:
            self.assertEqual(second.process.wait(20), 1)
            self.assertIn("in use", second.log())
            second.manager.settimeout(0.01)
            with self.assertRaises(socket.timeout):
                second.manager.recv(100)


class Watchdog(unittest.TestCase):
    """A worker thread of the real server is stopped by the kernel, as a debugger would (F48)."""

    OPTIONS = ("basic-conf/workers[I]=2", "basic-conf/watchdog-warn[I]=300")

    def serve(self, *lines):
        return Managed(*self.OPTIONS, *lines, env={"WATCHDOG_USEC": "100000"})

    def test_alive(self):
        with self.serve() as server:
            for _ in range(5):  # nobody does anything, and still
                server.wait_for("WATCHDOG=1")

    def test_not_for_another_process(self):
        with self.serve() as server:
            server.env["WATCHDOG_PID"] = "1"
            server.restart()
            server.reload()
            server.manager.settimeout(0)
            self.assertRaises(BlockingIOError, server.manager.recv, 100)

    def test_a_stalled_worker_is_warned_of_and_goes_on(self):
        with self.serve("basic-conf/watchdog-abort[I]=0") as server:
            server.wait_for("WATCHDOG=1")
            with Halted(worker_thread(server, 1)):
                server.logged("worker 1 has not come round")
                drain(server)
                with Halted(worker_thread(server, 0)):
                    server.logged("worker 0 has not come round")
                    self.assertEqual(drain(server), [], "the manager was told that all is well")
            server.logged("goes on")
            server.logged("goes on")
            server.wait_for("WATCHDOG=1")
            self.assertIsNone(Tcp(server).log_in())

    def test_one_that_stays_away_ends_the_process(self):
        with self.serve("basic-conf/watchdog-abort[I]=1") as server:
            with Halted(worker_thread(server, 0)) as halted:
                server.logged("worker 0 has not come round")
                server.logged("watchdog-abort")
                halted.reap()
                self.assertEqual(server.process.wait(20), -signal.SIGABRT)


def worker_thread(server, index):
    """By its name, which it gives itself when it starts; that nobody announces."""
    for _ in range(2000):
        for thread in server.threads():
            with open("/proc/%d/task/%s/comm" % (server.pid, thread)) as text:
                if text.read().strip() == "worker %d" % index:
                    return int(thread)
        time.sleep(0.01)
    raise AssertionError("no worker %d" % index)


def drain(server):
    """What was told so far."""
    notices = []
    server.manager.setblocking(False)
    while True:
        try:
            notices.append(server.manager.recv(4096).decode())
        except BlockingIOError:
            return notices


class Halted:
    """One thread stands still."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)

    def ask(self, request):
        if self.libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.ask(self.SEIZE)
        self.ask(self.INTERRUPT)
        os.waitpid(self.thread, self.WALL)
        return self

    def reap(self):
        """The process was killed: its tracer takes note, or the parent never learns of it."""
        while not os.WIFSIGNALED(os.waitpid(self.thread, self.WALL)[1]):
            pass
        self.thread = None

    def __exit__(self, *_):
        if self.thread:
            self.ask(self.DETACH)


if __name__ == "__main__":
    unittest.main()
