"""The memory of the whole process is bounded (reliability.md F50): newcomers are refused first, then the session that holds the most ends.
Its messages are kept, and nobody else notices."""
import os
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import ENDED, SM  # noqa: E402
from faults import Client, Heard, is_message, metric, text_of, until  # noqa: E402
from server import Server  # noqa: E402

MIB = 16
TOLD = "the sessions that hold the most are ended"
SETTINGS = ("sess-man/plugins-conf/scram-iterations[I]=4096", "amp/store-limit=0", "amp/store-limit-total=0",
            "basic-conf/workers[I]=1", "sess-man/limits/memory[I]=%d" % MIB, "sess-man/limits/user/output-hard[I]=67108864",
            "sess-man/limits/user/unacknowledged[I]=0", "sess-man/limits/user/stanza-rate[I]=0", "sess-man/limits/user/byte-rate[I]=0")


def refused(server):
    """Whether a new connection is closed before a word is said: one that is let in waits for us."""
    with socket.create_connection(("127.0.0.1", server.c2s), 5) as line:
        line.settimeout(0.2)
        try:
            return line.recv(1) == b""
        except socket.timeout:
            return False
        except ConnectionError:
            return True


class Deaf(Client):
    """From the first message on it neither reads nor acknowledges."""

    def __init__(self, server):
        super().__init__(server)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.hear = threading.Event()

    def answer(self, element):
        if is_message(element):
            self.hear.wait()
        super().answer(element)


class Budget(unittest.TestCase):
    def test_who_holds_the_most_is_ended_and_loses_nothing(self):
        with Server(*SETTINGS) as server:
            for name in ("alice", "bob", "carol", "dave"):
                server.account(name + "@localhost", "pw")
            alice, carol = Client(server).enter("alice"), Client(server).enter("carol")
            bob, dave = Deaf(server).enter("bob"), Deaf(server).enter("dave")
            sent, kept, turned_away = [], [], 0
            for number in range(100):  # 2 MB: he holds much, and not the most
                kept.append("dave %d %s" % (number, "x" * 10000))
                alice.say("dave@localhost", kept[-1])
            while TOLD not in server.log() and len(sent) < 1000:
                for _ in range(10):
                    sent.append("bob %d %s" % (len(sent), "x" * 40000))
                    alice.say("bob@localhost", sent[-1])
                alice.ping()
                carol.ping()  # who is in is served all the while
                turned_away += refused(server)
            self.assertIn(TOLD, server.log(), "40 MB for one who does not read")
            self.assertGreater(turned_away, 0, "newcomers were let in to the end")
            until(lambda: not refused(server), "there is room again")
            until(lambda: metric(server, "sessions_open") == 3, "bob alone was ended")
            self.assertLess(metric(server, "held_bytes"), MIB * 1024 * 1024 * 8 // 10)
            self.assertGreater(metric(server, "limit_memory"), 1)
            alice.send("<r xmlns='%s'/>" % SM)
            until(lambda: alice.handled >= len(sent) + len(kept) + 1, "the sender is told that all is safe")
            self.assertEqual([e for e in list(alice.inbox.queue) if e is not ENDED and e.get("type") == "error"], [])
            bob.hear.set()
            until(lambda: ENDED in list(bob.inbox.queue), "bob learns of it")
            got = {text_of(e) for e in list(bob.inbox.queue) if e is not ENDED and is_message(e)}
            rest = Heard(Client(server).enter("bob"), set(sent) - got).texts
            self.assertEqual(set(sent), got | set(rest))
            dave.hear.set()
            Heard(dave, kept)


if __name__ == "__main__":
    unittest.main()
