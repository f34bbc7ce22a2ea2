"""At its limit the server still serves: a closed loop of the load generator always has work for it, and newcomers get in; a reader of
100,000 kept messages does not stop the others. Nothing here measures time: what must happen happens, and others' progress is
counted between two events."""
import base64
import http.client
import os
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import BIND, SASL, STREAM, Bosh, Tcp  # noqa: E402
from server import BINARY, SANITIZED, Process, Server  # noqa: E402

LOADGEN = os.path.join(os.path.dirname(BINARY), "tests", "bench", "loadgen")
PATIENCE = 60  # s, on a busy machine
UNLIMITED = ["sess-man/limits/%s/%s-rate[I]=0" % (who, what) for who in ("before-login", "visitor", "user")
             for what in ("byte", "stanza") if (who, what) != ("before-login", "stanza")]
QUEUED = 3000 if SANITIZED else 100000
EXCHANGES = 20 if SANITIZED else 100


class Patient:
    def expect(self, test, what="element", timeout=PATIENCE):
        return super().expect(test, what, timeout)


class PatientTcp(Patient, Tcp):
    pass


class PatientBosh(Patient, Bosh):
    pass


def metric(server, name):
    """On one connection: there is a limit on new ones."""
    if not hasattr(server, "watching"):
        server.watching = http.client.HTTPConnection("127.0.0.1", server.http, timeout=PATIENCE)
    server.watching.request("GET", "/metrics")
    text = server.watching.getresponse().read().decode()
    return int(re.search(r"^switchboard_%s (-?\d+)$" % name, text, re.M)[1])


def resident(server):
    with open("/proc/%d/statm" % server.process.pid) as text:
        return int(text.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def body_is(text):
    return lambda e: e.findtext("{jabber:client}body") == text


class Saturated(unittest.TestCase):
    def test_newcomers_get_in(self):
        """One worker and 200 pairs, each with two messages on their way at all times: there is never nothing to do."""
        with Server("basic-conf/workers[I]=1", *UNLIMITED) as server:
            loop = Process([LOADGEN, "--port", str(server.c2s), "--users", "400", "--seconds", "3600", "chat"], "chatting")
            try:
                before = metric(server, "messages_routed")
                seat = PatientTcp(server)
                self.assertIsNone(seat.log_in())
                visitor = PatientBosh(server)
                self.assertIsNone(visitor.log_in())
                visitor.send("<message to='%s' type='chat'><body>the first one</body></message>" % seat.jid)
                seat.expect(body_is("the first one"), "the visitor's first message")
                between = metric(server, "messages_routed") - before
                self.assertIsNone(loop.process.poll(), "the load went on all the time")
                self.assertGreater(between, 400, "each of the others wrote meanwhile")
                visitor.close()
                seat.close()
            finally:
                loop.stop()


class Reader:
    """A client that reads only when it is told to, and whose system keeps little for it."""

    def __init__(self, server, user, password):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", server.c2s))
        self.rest, self.bytes = b"", 0
        header = "<stream:stream xmlns='jabber:client' xmlns:stream='%s' to='localhost' version='1.0'>" % STREAM
        auth = base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()
        for text, answer in ((header, b"</stream:features>"),
                             ("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL, auth), b"<success"),
                             (header, b"</stream:features>"),
                             ("<iq type='set' id='b'><bind xmlns='%s'/></iq>" % BIND, b"</jid></bind></iq>")):
            self.socket.sendall(text.encode())
            while answer not in self.rest:
                self.rest += self.socket.recv(65536)
            self.rest = b""
        self.socket.sendall(b"<presence/>")

    def read(self):
        """The numbers of the messages that came with one look at the socket."""
        part = self.socket.recv(65536)
        assert part, "the server closed"
        self.bytes += len(part)
        self.rest += part
        end = self.rest.rfind(b"</message>") + 1
        whole, self.rest = self.rest[:end], self.rest[end:]
        return [int(n) for n in re.findall(rb"<body>number (\d+) of many</body>", whole)]


class LongQueue(unittest.TestCase):
    def fill(self, server, writer):
        """In bob's absence; in parts, for at most 1,000 messages wait while an account is looked up."""
        deadline = time.monotonic() + 2 * PATIENCE
        for at in range(0, QUEUED, 500):
            writer.raw("".join("<message to='bob@localhost' type='chat'><body>number %d of many</body></message>" % i
                               for i in range(at, at + 500)))
            while (stored := metric(server, "offline_stored")) < at + 500:
                self.assertLess(time.monotonic(), deadline, "%d are stored" % stored)

    def test_others_talk_while_one_reads(self):
        """Before each look of bob at his socket carol asks dave and hears from him: by then bob cannot have more than he has
        read and what the kernel holds, so the server is in the middle of his messages all the time."""
        with Server("basic-conf/workers[I]=1", "amp/store-limit[I]=0", "amp/store-limit-total[I]=0",
                    "basic-conf/log-level=warning", *UNLIMITED) as server:
            for name in ("alice", "bob", "carol", "dave"):
                server.account(name + "@localhost", "pw")
            alice, carol, dave = (PatientTcp(server) for _ in range(3))
            for client, name in ((alice, "alice"), (carol, "carol"), (dave, "dave")):
                self.assertIsNone(client.log_in(name, "pw"))
            self.fill(server, alice)
            before = resident(server)
            bob, numbers = Reader(server, "bob", "pw"), []
            numbers += bob.read()
            for i in range(EXCHANGES):
                carol.send("<message to='%s' type='chat'><body>ask %d</body></message>" % (dave.jid, i))
                dave.expect(body_is("ask %d" % i), "what carol says")
                dave.send("<message to='%s' type='chat'><body>answer %d</body></message>" % (carol.jid, i))
                carol.expect(body_is("answer %d" % i), "what dave answers")
                if i == 0:
                    self.assertLess(metric(server, "offline_delivered"), QUEUED, "carol was heard before bob had everything")
                numbers += bob.read()
            self.assertLess(len(numbers), QUEUED, "bob still has messages to read")
            self.assertLess(metric(server, "offline_delivered"), QUEUED)
            self.assertLess(resident(server) - before, 12 << 20, "they are not held in memory")
            while len(numbers) < QUEUED:
                numbers += bob.read()
            self.assertEqual(numbers, list(range(QUEUED)), "each once, in their order")
            bob.socket.close()


if __name__ == "__main__":
    unittest.main()
