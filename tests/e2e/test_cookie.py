"""Seats log in with a cookie that a user centre put in Redis (a real one)."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Bosh, Tcp, WebSocket  # noqa: E402
from server import Redis, Server  # noqa: E402


class Cookie(unittest.TestCase):
    def settings(self, redis, key="cookie:%u"):
        return ("sess-man/desk/seats[s]=alice@localhost,bob@localhost", "sess-man/desk/seat-auth=cookie",
                "sess-man/desk/cookie-cache-uri=redis://127.0.0.1:%d/0" % redis.port, "sess-man/desk/cookie-key=" + key)

    def test_right_wrong_missing(self):
        with Redis() as redis, Server(*self.settings(redis)) as server:
            redis.set("cookie:alice", "7f3a9c")
            for transport in (Tcp, WebSocket, Bosh):
                self.assertIsNone(transport(server).log_in("alice", "7f3a9c"), "the right cookie")
                self.assertEqual(transport(server).log_in("alice", "7f3a9d"), "not-authorized")
                self.assertEqual(transport(server).log_in("alice", "7f3a9"), "not-authorized")
                self.assertEqual(transport(server).log_in("bob", "7f3a9c"), "not-authorized")
            self.assertNotIn("7f3a9", server.log(), "no cookie in the log")

    def test_key_template(self):
        with Redis() as redis, Server(*self.settings(redis, "seat/%d/%u/%j")) as server:
            redis.set("seat/localhost/alice/alice@localhost", "abc")
            self.assertIsNone(Tcp(server).log_in("alice", "abc"))

    def test_redis_away_and_back(self):
        with Redis() as redis, Server(*self.settings(redis)) as server:
            redis.set("cookie:alice", "c1")
            alice = Tcp(server)
            self.assertIsNone(alice.log_in("alice", "c1"))
            redis.stop()
            begin = time.monotonic()
            self.assertEqual(Tcp(server).log_in("alice", "c1"), "temporary-auth-failure")
            self.assertLess(time.monotonic() - begin, 10, "it answered at all; the 2 s bound is the edge's unit test")
            # the session that is there is untouched
            alice.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
            self.assertEqual(alice.expect(lambda e: e.get("id") == "p").get("type"), "result")
            # visitors do not depend on the cache
            self.assertIsNone(Bosh(server).log_in())
            redis.start()
            redis.set("cookie:alice", "c2")
            deadline = time.monotonic() + 20
            while True:
                failure = Tcp(server).log_in("alice", "c2")
                if failure is None:
                    break
                self.assertEqual(failure, "temporary-auth-failure")
                self.assertLess(time.monotonic(), deadline, "no recovery")


if __name__ == "__main__":
    unittest.main()
