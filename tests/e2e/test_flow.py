"""Clients that are over their rate, never log in, or say goodbye while they wait: each once harmed others or lost words."""
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from client import Bosh, Tcp, WebSocket  # noqa: E402
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

    def test_words_said_while_a_page_reloads_reach_the_new_one(self):
        """The server would wait 60 s for the old session; the new page gets what was said meanwhile at once, and once."""
        def said(e):
            return e.tag.endswith("message") and e.find("{jabber:client}body") is not None

        for page in (Bosh, WebSocket):
            with Server("sess-man/desk/seats[s]=alice@localhost", "bosh/max-inactivity[I]=60") as server:
                server.account("alice@localhost", "secret")
                seat, old = Tcp(server), Bosh(server)
                self.assertIsNone(seat.log_in("alice", "secret"))
                seat.send("<presence/><iq type='get' id='here'><ping xmlns='urn:xmpp:ping'/></iq>")
                seat.expect(lambda e: e.get("id") == "here")
                self.assertIsNone(old.log_in())
                old.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
                old.expect(lambda e: e.get("id") == "r")
                old.send("<message to='alice@localhost' type='chat'><body>hello</body></message>")
                visitor = seat.expect(said).get("from").split("/")[0]
                old.kill()
                seat.send("<message to='%s' type='chat'><body>gap</body></message>" % visitor)
                fresh = page(server, cookie=old.cookie)
                self.assertIsNone(fresh.log_in())
                self.assertEqual(fresh.jid.split("/")[0], visitor)
                fresh.send("<presence/>")
                self.assertEqual(fresh.expect(said).findtext("{jabber:client}body"), "gap")
                seat.send("<message to='%s' type='chat'><body>next</body></message>" % visitor)
                self.assertEqual(fresh.expect(said).findtext("{jabber:client}body"), "next", "the gap's words came once")

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
