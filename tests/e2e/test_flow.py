"""Clients that are over their rate, never log in, or say goodbye while they wait: each once harmed others or lost words."""
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from client import Tcp  # noqa: E402
from server import Server  # noqa: E402
from test_bosh import Raw  # noqa: E402


class Flow(unittest.TestCase):
    def alive(self, server):
        canary = Tcp(server)
        self.assertIsNone(canary.log_in(), "the server still takes logins")
        canary.close()

    def test_a_bosh_session_that_never_logs_in_ends_with_its_held_request(self):
        with Server("sess-man/auth-timeout[I]=2") as server:
            raw = Raw(server)
            if not len(raw.created):
                raw.next()
            answer = raw.next()  # held until the time for logging in is over
            while answer.get("type") != "terminate":
                answer = raw.next()
            self.assertEqual(answer.get("condition"), "remote-stream-error")
            self.alive(server)

    def test_a_bosh_client_over_its_rate_stalls_nobody(self):
        with Server("basic-conf/workers[I]=1", "sess-man/limits/visitor/stanza-rate[I]=5",
                    "sess-man/limits/visitor/stanza-burst[I]=5") as server:
            raw = Raw(server).log_in()
            message = "<message xmlns='jabber:client' to='%s'><body>x</body></message>" % raw.jid
            waiting = [raw.later(raw.rid + 1, message * 40), raw.later(raw.rid + 2)]
            self.alive(server)
            self.alive(server)
            for thread in waiting:
                thread.join(30)
            self.alive(server)

    def test_what_was_said_before_goodbye_arrives(self):
        with Server("sess-man/limits/user/stanza-rate[I]=50", "sess-man/limits/user/stanza-burst[I]=20") as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            alice, bob = Tcp(server), Tcp(server)
            self.assertIsNone(alice.log_in("alice", "secret", "r"))
            self.assertIsNone(bob.log_in("bob", "secret"))
            alice.send("<presence/>")
            bob.raw("".join("<message type='chat' to='%s'><body>%d</body></message>" % (alice.jid, i) for i in range(100)) +
                    "</stream:stream>")
            bob.socket.shutdown(socket.SHUT_WR)
            got = [alice.expect(lambda e: e.tag.endswith("message")).findtext("{jabber:client}body") for _ in range(100)]
            self.assertEqual(got, [str(i) for i in range(100)])

    def test_white_space_behind_a_stanza_harms_nobody_else(self):
        with Server("basic-conf/workers[I]=1") as server:
            noisy, quiet = Tcp(server), Tcp(server)
            self.assertIsNone(noisy.log_in())
            self.assertIsNone(quiet.log_in())
            noisy.send("<presence/>" + " " * 15000)
            for number in range(20):
                quiet.send("<iq type='get' id='p%d'><ping xmlns='urn:xmpp:ping'/></iq>" % number)
                quiet.expect(lambda e: e.get("id") == "p%d" % number)

    def test_a_lost_seat_does_not_disturb_the_shutdown(self):
        with Server("sess-man/desk/seats[s]=alice@localhost") as server:
            server.account("alice@localhost", "secret")
            alice = Tcp(server)
            self.assertIsNone(alice.log_in("alice", "secret"))
            alice.send("<presence/>")
            visitor = Tcp(server)
            self.assertIsNone(visitor.log_in())
            visitor.send("<message to='alice@localhost' type='chat'><body>hi</body></message>")
            alice.expect(lambda e: e.tag.endswith("message"))
            alice.kill()
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
