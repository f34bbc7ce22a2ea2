"""Faults of the cookie cache (reliability.md F28 to F31, F37): only logins of seats may notice, and those only while it lasts."""
import os
import signal
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Bosh  # noqa: E402
from faults import CAN_MOUNT, NAMESPACE, Client, memory, until  # noqa: E402
from server import Redis, Server  # noqa: E402
from service import Managed  # noqa: E402

AWAY = "temporary-auth-failure"


def settings(port):
    return ("sess-man/desk/seats[s]=alice@localhost,bob@localhost", "sess-man/desk/seat-auth=cookie",
            "sess-man/desk/cookie-cache-uri=redis://127.0.0.1:%d/0" % port, "sess-man/desk/cookie-timeout[I]=500")


class Real(unittest.TestCase):
    def others_notice_nothing(self, server, seat):
        seat.ping()
        self.assertIsNone(Bosh(server).log_in())

    def test_restart_between_two_logins_refuses_nobody(self):
        with Redis() as redis, Server(*settings(redis.port)) as server:
            redis.set("cookie:alice", "c1")
            self.assertIsNone(Client(server).log_in("alice", "c1"))
            redis.stop()
            redis.start()
            redis.set("cookie:alice", "c2")
            self.assertIsNone(Client(server).log_in("alice", "c2"), "the old connection was dead, and nobody noticed")

    def test_flushall_ends_cookies_not_sessions(self):
        with Redis() as redis, Server(*settings(redis.port)) as server:
            redis.set("cookie:alice", "c1")
            alice = Client(server).enter("alice", "c1")
            with socket.create_connection(("127.0.0.1", redis.port), 5) as s:
                s.sendall(b"FLUSHALL\r\n")
                self.assertEqual(s.recv(64), b"+OK\r\n")
            self.assertEqual(Client(server).log_in("alice", "c1"), "not-authorized")
            self.others_notice_nothing(server, alice)
            redis.set("cookie:alice", "c2")
            self.assertIsNone(Client(server).log_in("alice", "c2"))

    def test_stopped_redis_is_waited_for_by_nobody_but_the_login(self):
        """F29"""
        with Redis() as redis, Server(*settings(redis.port)) as server:
            redis.set("cookie:alice", "c1")
            alice = Client(server).enter("alice", "c1")
            os.kill(redis.process.pid, signal.SIGSTOP)
            try:
                refused = []
                login = threading.Thread(target=lambda: refused.append(Client(server).log_in("alice", "c1")))
                login.start()
                for _ in range(20):
                    self.others_notice_nothing(server, alice)
                login.join()
                self.assertEqual(refused, [AWAY])
            finally:
                os.kill(redis.process.pid, signal.SIGCONT)
            until(lambda: Client(server).log_in("alice", "c1") is None, "logins again")


class Fake:
    """Says +OK to SELECT and `answer` to the first GET of each connection; in pieces, then hangs up or waits."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.select, self.answer, self.hang_up, self.asked = b"+OK\r\n", b"", False, 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        try:
            while data := s.recv(4096):
                if b"SELECT" in data:
                    s.sendall(self.select)
                if b"GET" in data:
                    self.asked += 1
                    for at in range(0, len(self.answer), 65536):
                        s.sendall(self.answer[at:at + 65536])
                    if self.hang_up:
                        break
        except OSError:
            pass
        s.close()


GARBAGE = {
    "random": bytes(range(256)) * 8,
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "giant bulk": b"$999999999999999999\r\nx",
    "large bulk": b"$536870912\r\n" + b"x" * 1024,
    "negative bulk": b"$-2147483648\r\n",
    "no number": b"$abc\r\n",
    "giant array": b"*1152921504606846976\r\n",
    "large array": b"*100000000\r\n",
    "negative array": b"*-7\r\n",
    "nested arrays": b"*1\r\n" * 10000,
    "integer": b":1\r\n",
    "endless integer": b":" + b"9" * 4096 + b"\r\n",
    "array of strings": b"*2\r\n$2\r\nc1\r\n$2\r\nc1\r\n",
    "error": b"-READONLY You can't read against a replica\r\n",
    "moved": b"-MOVED 3999 127.0.0.1:1\r\n",
    "status": b"+c1\r\n",
    "half": b"$2\r\nc",
    "nothing": b"",
    "more than asked": b"$1\r\nx\r\n" * 50,
}


class Garbage(unittest.TestCase):
    """F31 (and of F30 the answers): the login is refused, the connection dropped, the next one starts afresh."""

    def test_every_kind(self):
        fake = Fake()
        with Server(*settings(fake.port)) as server:
            server.account("carol@localhost", "pw")
            carol = Client(server).enter("carol")
            fake.answer = b"$2\r\nc1\r\n"
            self.assertIsNone(Client(server).log_in("alice", "c1"), "the fake works")
            before = memory(server)
            for hang_up in (False, True):
                for name, answer in GARBAGE.items():
                    with self.subTest(name, hang_up=hang_up):
                        fake.answer, fake.hang_up = answer, hang_up
                        asked = fake.asked
                        until(lambda: self.refused(server, name) and fake.asked > asked, "asked", 10)
                        carol.ping()
            fake.hang_up = False
            fake.answer = b"$2\r\nc1\r\n"
            until(lambda: Client(server).log_in("alice", "c1") is None, "logins again")
            fake.select = b"*1\r\n" * 100
            fake.hang_up = True
            fake.answer = b""
            self.refused(server, "select")
            self.assertLess(memory(server) - before, 32 * 1024)
        fake.listener.close()

    def refused(self, server, name):
        failure = Client(server).log_in("alice", "c1")
        self.assertIn(failure, (AWAY, "not-authorized") if name == "more than asked" else (AWAY,))
        return True


class Names(unittest.TestCase):
    """F37: the host of the cache is the only name the server ever looks up. Its login is refused for now, nobody else waits."""

    ANSWERS = {
        "silence": None,
        "no such name": lambda question: question[:2] + b"\x81\x83" + question[4:],
        "nonsense": lambda question: b"\xff" * 512,
    }

    def name_server(self, dns):
        """Answers as self.answer says, and counts the questions."""
        while True:
            try:
                question, peer = dns.recvfrom(512)
                self.asked += 1
                if self.answer:
                    dns.sendto(self.answer(question), peer)
            except OSError:
                return

    def only_the_seat_is_refused(self, server):
        server.account("carol@localhost", "pw")
        carol, refused = Client(server).enter("carol"), []
        login = threading.Thread(target=lambda: refused.append(Client(server).log_in("alice", "c1")))
        login.start()
        until(lambda: self.asked, "the name is looked up")
        for _ in range(5):
            carol.ping()
            self.assertIsNone(Bosh(server).log_in())
        login.join()
        self.assertEqual(refused, [AWAY])

    @unittest.skipUnless(CAN_MOUNT and os.geteuid() == 0, "only root has port 53 and a mount namespace")
    def test_a_name_server_that_is_silent_or_knows_nothing(self):
        with tempfile.NamedTemporaryFile("w") as conf, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
            conf.write("nameserver 127.0.0.77\noptions timeout:1 attempts:1\n")
            conf.flush()
            dns.bind(("127.0.0.77", 53))
            threading.Thread(target=self.name_server, args=(dns,), daemon=True).start()
            inside = lambda words: [*NAMESPACE, "sh", "-c", 'mount --bind %s /etc/resolv.conf && exec "$@"' % conf.name,  # noqa: E731
                                    "sh", *words]
            for name, answer in self.ANSWERS.items():
                self.answer, self.asked = answer, 0
                with self.subTest(name), Managed("sess-man/desk/seats[s]=alice@localhost", "sess-man/desk/seat-auth=cookie",
                                                 "sess-man/desk/cookie-cache-uri=redis://cache.test.invalid:6379/0",
                                                 command=inside) as server:
                    self.only_the_seat_is_refused(server)


if __name__ == "__main__":
    unittest.main()
