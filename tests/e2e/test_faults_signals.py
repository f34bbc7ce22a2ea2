"""Stopping under load (reliability.md F06, F07): exit code 0 whatever is going on, and nothing that was acknowledged is missing after
the next start."""
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import ENDED, Bosh, WebSocket  # noqa: E402
from faults import Client, is_message, metric, text_of, until  # noqa: E402
from server import Server  # noqa: E402

FAST = ("sess-man/plugins-conf/scram-iterations[I]=4096", "amp/store-limit[I]=0", "amp/store-limit-total[I]=0",
        "sess-man/limits/user/stanza-rate[I]=0")


class Load:
    """Four senders write without a pause to somebody who is there and somebody who is not."""

    def __init__(self, server):
        self.server, self.over = server, threading.Event()
        for name in ("bob", "carol", "s0", "s1", "s2", "s3"):
            server.account(name + "@localhost", "pw")
        self.bob = Client(server).enter("bob")
        self.bob.ping()
        self.senders = [Client(server).enter("s%d" % number, present=False) for number in range(4)]
        self.sent = [[] for _ in self.senders]
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(len(self.senders))]
        for thread in self.threads:
            thread.start()
        until(lambda: all(sender.handled > 50 for sender in self.senders), "load")

    def write(self, number):
        sender, sent = self.senders[number], self.sent[number]
        while not self.over.is_set() and len(sent) < 20000:
            if len(sent) - sender.handled > 200:
                time.sleep(0.001)
                continue
            sent.append("from %d number %d" % (number, len(sent)))
            try:
                sender.say("%s@localhost" % ("bob", "carol")[len(sent) % 2], sent[-1])
            except OSError:
                return

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def check(self, test):
        """Everybody was told; after the next start bob and carol have all that was acknowledged."""
        safe = set()
        for sender, sent in zip(self.senders, self.sent):
            until(lambda: ENDED in list(sender.inbox.queue), "the senders' streams ended")
            refused = {e.get("id") for e in list(sender.inbox.queue) if e is not ENDED and e.get("type") == "error"}
            safe |= {text for text in sent[:sender.handled] if text not in refused}
        until(lambda: ENDED in list(self.bob.inbox.queue), "the receiver's stream ended")
        heard = {text_of(e) for e in list(self.bob.inbox.queue) if e is not ENDED and is_message(e)}
        test.assertGreater(len(safe), 200)
        self.server.start()
        again = [Client(self.server).enter(name) for name in ("bob", "carol")]

        def missing():
            for client in again:
                heard.update(text_of(e) for e in list(client.inbox.queue) if e is not ENDED and is_message(e))
            return safe - heard

        until(lambda: not missing(), lambda: "acknowledged and lost: %s" % sorted(missing())[:10], 60)


class Stop(unittest.TestCase):
    def ends(self, *numbers):
        with Server(*FAST) as server:
            load = Load(server)
            process = server.process.process
            try:
                for number in numbers:
                    process.send_signal(number)
                code = process.wait(30)
            finally:
                load.stop()
            self.assertEqual(code, 0, server.log()[-2000:])
            load.check(self)

    def test_term_under_load(self):
        self.ends(signal.SIGTERM)

    def test_term_twice_under_load(self):
        self.ends(signal.SIGTERM, signal.SIGTERM)

    def test_int_during_term_under_load(self):
        self.ends(signal.SIGTERM, signal.SIGINT, signal.SIGTERM)

    def test_a_client_that_does_not_leave_is_not_waited_for_when_asked_twice(self):
        with Server("basic-conf/shutdown-timeout[I]=600", "sess-man/limits/close-linger[I]=60") as server:
            server.account("alice@localhost", "pw")
            alice = Client(server).enter("alice")
            alice.leave = lambda: None  # it keeps its side open
            server.process.process.send_signal(signal.SIGTERM)
            self.assertEqual(alice.expect_end(), "system-shutdown")
            server.process.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.process.wait(30), 0)

    def test_every_transport_is_told(self):
        with Server() as server:
            page, socket = Bosh(server, wait=60), WebSocket(server)
            for visitor in (page, socket):
                self.assertIsNone(visitor.log_in())
            until(lambda: metric(server, "bosh_sessions") == 1, "the page polls")
            self.assertEqual(server.stop(), 0)
            self.assertEqual(page.expect_end(), "system-shutdown")
            self.assertIn(page.condition, ("system-shutdown", "remote-stream-error"))
            self.assertEqual(socket.expect_end(), "system-shutdown")
            self.assertEqual(socket.close_code, 1001)


if __name__ == "__main__":
    unittest.main()
