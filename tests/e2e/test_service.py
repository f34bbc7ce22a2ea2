"""What a service manager sees: the notify protocol on a socket of our own."""
import os
import signal
import socket
import sys
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


if __name__ == "__main__":
    unittest.main()
