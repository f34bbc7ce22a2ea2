"""A line that goes down without a word (reliability.md F38): no end, no reset, nothing is acknowledged any more. The test runs itself once
more in a network namespace of its own, where it can take the loopback interface down."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faults import Client, metric, until  # noqa: E402
from server import Server  # noqa: E402

NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
INSIDE = "SWITCHBOARD_TEST_NAMESPACE"
CAN = subprocess.run([*NAMESPACE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


def link(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def held_by(server):
    """Ends of connections to the port for TCP clients that are the server's and still open."""
    with open("/proc/%d/net/tcp" % server.process.pid) as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(row[1].endswith(":%04X" % server.c2s) and row[3] == "01" for row in rows)


class Line(unittest.TestCase):
    @unittest.skipUnless(CAN, "no network namespace for this user on this machine, or no ip (iproute2)")
    def test_a_dead_line_is_found_and_its_session_sleeps(self):
        if os.environ.get(INSIDE):
            self.play()
            return
        done = subprocess.run([*NAMESPACE, sys.executable, "-B", "-W", "ignore", os.path.abspath(__file__)], capture_output=True, text=True,
                              env=dict(os.environ, **{INSIDE: "1"}), timeout=200)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-6000:])

    def play(self):
        link("up")
        with Server("c2s/watchdog_timeout[I]=1", "sess-man/limits/user/output-stall[I]=2") as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            bob = Client(server).enter("bob")
            bob.ping()
            self.assertEqual(held_by(server), 1)
            link("down")
            until(lambda: held_by(server) == 0, "the silent client is asked, does not answer, and its line is given up")
            link("up")
            self.assertEqual(metric(server, "sm_asleep"), 1)
            alice = Client(server).enter("alice")
            alice.say("bob@localhost", "while you were away")
            until(lambda: alice.handled == 2, "acknowledged: it is kept")
            again = Client(server)
            self.assertIsNone(again.resume(bob, "bob", "pw"))
            again.hear("while you were away")


if __name__ == "__main__":
    unittest.main()
