"""Faults of the log (reliability.md F14, F15, F54): a reader that is stuck or gone, a full disk. The server serves, counts what it
could not log, and stops as asked."""
import fcntl
import os
import select
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faults import CAN_MOUNT, PATIENCE, Client, Confined, metric, until  # noqa: E402
from server import BINARY, Process, Server  # noqa: E402

OPTIONS = ("sess-man/plugins-conf/scram-iterations[I]=4096",)


class Piped(Server):
    """Its standard error is a pipe of one page; the test has the other end."""

    def start(self):
        self.log_path = os.path.join(self.dir, "log")
        open(self.log_path, "w").close()
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.process = Process([BINARY, "--property-file", self.conf], "switchboard ready", log="/proc/self/fd/%d" % writer)
        os.close(writer)


def chatter(server, rounds):
    """Each session writes two lines."""
    for _ in range(rounds):
        client = Client(server)
        assert client.log_in() is None
        client.kill()


class Reader(unittest.TestCase):
    def lose_lines(self, server):
        server.account("alice@localhost", "pw")
        alice = Client(server).enter("alice")
        until(lambda: chatter(server, 20) or metric(server, "log_lost") > 0, "lines lost", 120)
        alice.ping()

    def test_a_stuck_reader_holds_nobody_up(self):
        """F15: the ring keeps the newest lines; they come when the reader reads again."""
        with Piped(*OPTIONS) as server:
            server.account("alice@localhost", "pw")
            alice = Client(server).enter("alice")
            chatter(server, 100)  # more than the pipe takes
            alice.ping()
            self.assertEqual(server.stop(), 0, "stopped although nobody reads")
            os.close(server.reader)

    def test_what_does_not_fit_is_counted_and_said(self):
        with Piped(*OPTIONS) as server:
            server.account("alice@localhost", "pw")
            alice = Client(server).enter("alice")
            until(lambda: chatter(server, 50) or metric(server, "log_lost") > 0, "the ring full", 240)
            alice.ping()
            said = b""
            while b"lines lost" not in said:
                self.assertTrue(select.select([server.reader], [], [], PATIENCE)[0], "the log stopped: %r" % said[-300:])
                said += os.read(server.reader, 65536)
            self.assertRegex(said, rb"(?m)^log: \d+ lines lost")
            os.set_blocking(server.reader, False)
            self.assertEqual(server.stop(), 0)
            os.close(server.reader)

    def test_a_reader_that_is_gone(self):
        """F54: writing gives EPIPE."""
        with Piped(*OPTIONS) as server:
            os.close(server.reader)
            self.lose_lines(server)
            self.assertEqual(server.stop(), 0)


@unittest.skipUnless(CAN_MOUNT, "no mount namespace for this user")
class FullDisk(unittest.TestCase):
    """F14"""

    def test_lines_are_lost_and_counted_until_there_is_room(self):
        with Confined("logs", 64, 1, *OPTIONS, "basic-conf/log-file={dir}/logs/log") as server:
            server.account("alice@localhost", "pw")
            alice = Client(server).enter("alice")
            until(lambda: chatter(server, 20) or metric(server, "log_lost") > 0, "the disk full", 120)
            alice.ping()
            path = os.path.join(server.dir, "logs", "log")
            self.assertEqual(server.inside("truncate", "-s", "0", path).returncode, 0)
            chatter(server, 2)
            until(lambda: " bound from " in server.inside("cat", path).stdout, "lines again")
            lines = server.inside("cat", path).stdout
            self.assertRegex(lines, r"(?m)^log: \d+ lines lost")
            self.assertNotRegex(lines, r"[^\n]\d{4}-\d\d-\d\dT", "two lines in one")
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
