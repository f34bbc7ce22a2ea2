"""Faults of clients (reliability.md F39, F40, F42 to F45): a reader that does not read, a user with very many messages, everybody back at
once. $FAULTS_LONG plays them in full size (`./test --long`)."""
import os
import resource
import selectors
import socket
import sqlite3
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import ENDED, SASL, STREAM, Bosh, WebSocket  # noqa: E402
from faults import PATIENCE, Client, Heard, is_message, memory, metric, text_of, until  # noqa: E402
from server import SANITIZED, Server  # noqa: E402

LONG = bool(os.environ.get("FAULTS_LONG"))
QUEUED = 100000 if LONG else 10000
RETURNING = 50000 if LONG else 2000
# What a session may hold while its queue is given out, and what allocators keep back on a few threads.
SESSION_KIB = 1024
ALLOCATOR_KIB = 3072 * (8 if SANITIZED else 1)  # a sanitizer keeps what was freed for a while
FAST = ("sess-man/plugins-conf/scram-iterations[I]=4096", "amp/store-limit=0", "amp/store-limit-total=0")


class Deaf(Client):
    """Stops reading when it is told to; its socket takes little."""

    def __init__(self, server):
        super().__init__(server)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def go_deaf(self, whole):
        """The reader thread waits inside answer() from the next stanza on."""
        self.deaf = whole

    deaf = None

    def answer(self, element):
        super().answer(element)
        if self.deaf and is_message(element):
            self.deaf.wait()


class SlowReader(unittest.TestCase):
    """F39: output is bounded, the reader is cut off, its messages are kept, the sender notices nothing."""

    def test_hard_bound_closes_and_keeps(self):
        with Server(*FAST, "sess-man/limits/user/output-hard[I]=1048576", "sess-man/limits/user/stanza-rate[I]=0",
                    "sess-man/limits/user/byte-rate[I]=0") as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            alice, carol, bob = Client(server).enter("alice"), Client(server).enter("carol"), Deaf(server)
            bob.enter("bob")
            hear = threading.Event()
            bob.go_deaf(hear)
            before, sent = memory(server), []
            while metric(server, "sessions_open") + metric(server, "sm_asleep") > 2 and len(sent) < 400:
                for _ in range(20):
                    text = "%d %s" % (len(sent), "x" * 20000)
                    sent.append(text)
                    alice.say("bob@localhost", text)
                carol.ping()  # others are served meanwhile
            until(lambda: alice.handled >= len(sent) + 1, "the sender is told that all is safe")
            self.assertLess(len(sent), 400, "8 MB for somebody who does not read, and no bound")
            self.assertLess(memory(server) - before, 16 * 1024 * (4 if SANITIZED else 1), "output of one client")
            self.assertGreater(metric(server, "limits_hit"), 0)
            self.assertEqual([e for e in list(alice.inbox.queue) if e is not ENDED and e.get("type") == "error"], [])
            hear.set()
            until(lambda: ENDED in list(bob.inbox.queue), "the reader was cut off")
            got = [text_of(e) for e in list(bob.inbox.queue) if e is not ENDED and is_message(e)]
            again = Client(server).enter("bob")
            rest = Heard(again, set(sent) - set(got)).texts
            self.assertEqual(set(sent), set(got) | set(rest))
            self.assertEqual(rest, [text for text in sent if text in set(rest)], "in order")

    def test_no_progress_closes(self):
        with Server(*FAST, "sess-man/limits/user/output-stall[I]=2", "sess-man/limits/user/stanza-rate[I]=0",
                    "sess-man/limits/user/output-hard[I]=67108864", "sess-man/limits/user/byte-rate[I]=0") as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            alice, bob, hear = Client(server).enter("alice"), Deaf(server), threading.Event()
            bob.enter("bob")
            bob.go_deaf(hear)
            sent = ["%d %s" % (number, "x" * 20000) for number in range(600)]  # less than the hard bound, more than the kernel takes
            for text in sent:
                alice.say("bob@localhost", text)
            until(lambda: metric(server, "sm_asleep") + metric(server, "sm_expired") > 0 or metric(server, "sessions_open") == 1,
                  "cut off for taking nothing", 60)
            hear.set()
            until(lambda: ENDED in list(bob.inbox.queue), "the line was closed")
            got = {text_of(e) for e in list(bob.inbox.queue) if e is not ENDED and is_message(e)}
            again = Client(server)
            condition = again.resume(bob, "bob", "pw")
            self.assertIsNone(condition, "its session waited for it")
            Heard(again, set(sent) - got)


class Overflow(unittest.TestCase):
    """F45: the queue of one client is full. What becomes of what is in it and of what comes goes by its kind."""

    def test_messages_are_kept_requests_refused_presence_forgotten(self):
        with Server(*FAST, "sess-man/limits/user/unacknowledged[I]=40", "sess-man/limits/user/stanza-rate[I]=0") as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            alice, bob = Client(server).enter("alice"), Client(server)
            bob.acknowledges = False
            bob.enter("bob")
            sent = []
            for number in range(25):
                sent.append("message %d" % number)
                alice.say(bob.jid, sent[-1])
                alice.send("<iq type='get' to='%s' id='q%d'><query xmlns='urn:test:x'/></iq>" % (bob.jid, number))
                alice.send("<presence to='%s'/>" % bob.jid)
            until(lambda: ENDED in list(bob.inbox.queue), "the full one was cut off")
            answers = lambda: {e.get("id"): e for e in list(alice.inbox.queue) if e is not ENDED and e.tag.endswith("iq")}  # noqa: E731
            until(lambda: len(answers()) == 25, lambda: "every request answered: %s" % sorted(answers()))
            self.assertEqual({e.get("type") for e in answers().values()}, {"error"})
            until(lambda: alice.handled >= 76, "all of it acknowledged")
            errors = [e for e in list(alice.inbox.queue) if e is not ENDED and e.get("type") == "error" and not e.tag.endswith("iq")]
            self.assertEqual(errors, [], "no message was bounced, no presence answered")
            self.assertGreater(metric(server, "limits_hit"), 0)
            self.assertEqual(Heard(Client(server).enter("bob"), sent).texts, sent)


class Queue(unittest.TestCase):
    """F42: very many messages for one user are given out in pages; rows go when they are acknowledged."""

    def rows(self, server):
        db = sqlite3.connect(os.path.join(server.dir, "data", "switchboard.db"), timeout=PATIENCE)
        try:
            return db.execute("SELECT count(*) FROM offline").fetchone()[0]
        finally:
            db.close()

    def fill(self, server, count=QUEUED):
        """The row the server wrote itself, very often."""
        alice = Client(server).enter("alice")
        alice.say("bob@localhost", "number 000000")
        until(lambda: metric(server, "offline_stored") == 1, "kept")
        alice.close()
        server.stop()
        with sqlite3.connect(os.path.join(server.dir, "data", "switchboard.db")) as db:
            owner, tag, at, value = db.execute("SELECT owner, tag, time, value FROM offline").fetchone()
            db.executemany("INSERT INTO offline(owner, tag, time, value) VALUES(?, ?, ?, ?)",
                           ((owner, tag, at + n, value.replace(b"number 000000", b"number %06d" % n))
                            for n in range(1, count)))
        db.close()
        server.start()

    def test_pages_bounded_memory_and_deletion_after_the_acknowledgement(self):
        with Server(*FAST) as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            self.fill(server)
            carol = Client(server).enter("carol")
            for name in ("alice", "carol"):  # what first uses cost is paid before
                Client(server).enter(name).ping()
            before = memory(server)
            bob = Client(server)
            bob.acknowledges = False
            bob.enter("bob")
            first = bob.hear("number 000000")
            self.assertIsNotNone(first.find("{urn:xmpp:delay}delay"))
            until(lambda: bob.counted >= 100, "a page")
            for _ in range(20):
                carol.ping()
            self.assertLessEqual(bob.counted, 101, "a page, and no more before the client has it")
            self.assertEqual(self.rows(server), QUEUED, "nothing is deleted before it is acknowledged")
            self.assertLess(memory(server) - before, SESSION_KIB + ALLOCATOR_KIB)
            bob.acknowledges = True
            bob.send("<a xmlns='urn:xmpp:sm:3' h='%d'/>" % bob.counted)
            most, asked = 0, 0
            end = time.monotonic() + (600 if LONG else 120)
            while bob.counted < QUEUED:
                self.assertLess(time.monotonic(), end, "%d of %d came" % (bob.counted, QUEUED))
                carol.ping()
                asked += 1
                most = max(most, memory(server) - before)
            self.assertGreater(asked, 10, "others were served all the time")
            self.assertLess(most, SESSION_KIB + ALLOCATOR_KIB, "KiB for one session")
            texts = [text_of(e) for e in list(bob.inbox.queue) if is_message(e)]
            self.assertEqual(texts, ["number %06d" % n for n in range(1, QUEUED)], "each once, in order")
            bob.send("<a xmlns='urn:xmpp:sm:3' h='%d'/>" % bob.counted)
            until(lambda: self.rows(server) == 0, lambda: "%d rows are left" % self.rows(server), 60)

    def test_a_client_that_dies_half_way_gets_the_rest_next_time(self):
        with Server(*FAST) as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            count = max(QUEUED, 40000)  # more than are given out while we look
            self.fill(server, count)
            alice, bob = Client(server).enter("alice"), Client(server).enter("bob", managed=False)
            until(lambda: bob.inbox.qsize() > 300, "some")
            bob.kill()
            until(lambda: metric(server, "sessions_open") == 1, "noticed")
            # The store takes one after the other: behind what alice leaves for carol nothing of bob's is still to be deleted.
            alice.say("carol@localhost", "a mark")
            until(lambda: alice.handled == 2, "the mark is in the store")
            left = self.rows(server) - 1
            self.assertGreater(left, 0)
            again = Client(server).enter("bob")
            until(lambda: self.rows(server) == 1, lambda: "%d rows are left" % self.rows(server), 600 if LONG else 120)
            texts = [text_of(e) for e in list(again.inbox.queue) if is_message(e)]
            self.assertEqual(texts[-1], "number %06d" % (count - 1))
            self.assertEqual(texts, sorted(texts))
            self.assertGreaterEqual(len(texts), left)


HEAD = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='%s' to='localhost' version='1.0'>" % STREAM).encode()
STEPS = ((HEAD, b"</stream:features>"),
         (b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", b"<success"),
         (HEAD, b"</stream:features>"),
         (b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"</iq>"))


class Herd:
    """Very many plain clients in one thread: all connect at once, each logs in as fast as it is answered; who is refused by a
    limit on new connections tries again, as clients do."""

    def __init__(self, server, count):
        self.selector, self.bound, self.refused, self.port = selectors.DefaultSelector(), 0, 0, server.c2s
        self.sockets = {}
        for _ in range(count):
            self.connect()

    def connect(self):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", self.port))
        self.sockets[s] = [-1, b""]  # step, what came
        self.selector.register(s, selectors.EVENT_WRITE)

    def again(self, s):
        self.refused += 1
        self.selector.unregister(s)
        del self.sockets[s]
        s.close()
        self.connect()

    def step(self, s, state):
        state[0] += 1
        state[1] = b""
        if state[0] == len(STEPS):
            self.bound += 1
            self.selector.unregister(s)
            return
        s.sendall(STEPS[state[0]][0])

    def turn(self, s, mask):
        state = self.sockets[s]
        if mask & selectors.EVENT_WRITE:
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError
            self.selector.modify(s, selectors.EVENT_READ)
            return self.step(s, state)
        data = s.recv(4096)
        if not data:
            raise OSError
        state[1] += data
        if STEPS[state[0]][1] in state[1]:
            self.step(s, state)

    def run(self, timeout):
        end = time.monotonic() + timeout
        while self.bound < len(self.sockets):
            assert time.monotonic() < end, "%d of %d are back, %d were refused" % (self.bound, len(self.sockets), self.refused)
            for key, mask in self.selector.select(1):
                try:
                    self.turn(key.fileobj, mask)
                except OSError:
                    self.again(key.fileobj)

    def close(self):
        for s in self.sockets:
            s.close()
        self.selector.close()


class Reset(unittest.TestCase):
    """F40: the line is reset inside a stanza. Half of it is nothing, whatever carried it; the session sleeps or ends."""

    HALF = "<message xmlns='jabber:client' to='%s' type='chat'><body>half of a mess"

    def half_websocket(self, client, text):
        whole = len(text) + 1000
        client.socket.sendall(bytes([0x81, 0x80 | 126]) + whole.to_bytes(2, "big") + bytes(4) + text.encode())

    def half_bosh(self, client, text):
        body = client.body(text)
        with socket.create_connection(("127.0.0.1", client.server.http), 5) as line:
            line.sendall(("POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s"
                          % (len(body) + 1000, body)).encode())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def test_half_a_stanza_is_nothing(self):
        with Server(*FAST, "bosh/max-inactivity[I]=2", "bosh/max-wait[I]=1") as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            bob = Client(server).enter("bob")
            for kind, half in ((Client, lambda c, text: c.raw(text)), (WebSocket, self.half_websocket), (Bosh, self.half_bosh)):
                with self.subTest(kind.__name__):
                    client = kind(server)
                    self.assertIsNone(client.log_in("alice", "pw"))
                    client.send("<message xmlns='jabber:client' to='%s' type='chat'><body>whole</body></message>" % bob.jid)
                    bob.hear("whole")
                    half(client, self.HALF % bob.jid)
                    client.kill()
                    until(lambda: metric(server, "sessions_open") == 1, "the session ends")
                    self.nothing_came(bob)

    def test_a_managed_session_sleeps_and_goes_on_with_whole_stanzas(self):
        with Server(*FAST) as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            bob, alice = Client(server).enter("bob"), Client(server).enter("alice")
            alice.say(bob.jid, "whole")
            bob.hear("whole")
            until(lambda: alice.handled == 2, "acknowledged")
            alice.raw(self.HALF % bob.jid)
            alice.kill()
            until(lambda: metric(server, "sm_asleep") == 1, "asleep")
            self.nothing_came(bob)
            again = Client(server)
            self.assertIsNone(again.resume(alice, "alice", "pw"))
            self.assertEqual(again.h, 2, "half of one is not counted")
            again.say(bob.jid, "sent again, whole")
            bob.hear("sent again, whole")

    def nothing_came(self, bob):
        bob.send("<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>")
        while (element := bob.take()).get("id") != "last":
            self.assertFalse(is_message(element), "half of a message")


class Hashing(unittest.TestCase):
    """F44: a herd whose passwords take a second each to check. Some get in, the others are told to come back; nobody else waits."""

    HERD = 30

    def threads(self, server):
        return len(os.listdir("/proc/%d/task" % server.process.pid))

    def test_a_herd_is_served_in_part_and_others_notice_nothing(self):
        with Server("sess-man/auth-threads[I]=1", "sess-man/auth-wait[I]=1000") as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            with open(server.conf, "a") as conf:  # for the command; the server has read its own
                conf.write("sess-man/plugins-conf/scram-iterations[I]=1000000\n")
            server.account("herd@localhost", "pw")
            alice, bob, threads = Client(server).enter("alice"), Client(server).enter("bob"), self.threads(server)
            herd = [Client(server) for _ in range(self.HERD)]
            for client in herd:
                client.open()
                client.expect(lambda e: e.tag == "{%s}features" % STREAM)
            for client in herd:
                client.send("<auth xmlns='%s' mechanism='PLAIN'>AGhlcmQAcHc=</auth>" % SASL)
            verdicts = []
            for number, client in enumerate(herd):
                answer = client.expect(lambda e: e.tag.startswith("{%s}" % SASL), "a verdict", PATIENCE)
                verdicts.append("in" if answer.tag.endswith("success") else answer[0].tag.split("}")[1])
                alice.say(bob.jid, "meanwhile %d" % number)
                bob.hear("meanwhile %d" % number)
            self.assertEqual(set(verdicts), {"in", "temporary-auth-failure"})
            self.assertEqual(metric(server, "limit_login_wait"), verdicts.count("temporary-auth-failure"))
            self.assertEqual(self.threads(server), threads, "hashing takes no more threads than it was given")
            for client in herd[:verdicts.index("temporary-auth-failure")]:
                client.kill()
            late = herd[verdicts.index("temporary-auth-failure")]
            self.assertIsNone(late.authenticate("herd", "pw"), "the next try on the same connection")
            self.assertIsNone(Client(server).log_in())


class Return(unittest.TestCase):
    """F43: all clients come back at once; those that are here do not notice, and all get in."""

    def test_herd(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        room = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200, 10000, RETURNING)
        with Server(*FAST, "basic-conf/log-level=info",
                    "sess-man/limits/unauthenticated-total[I]=100000") as server:
            server.account("alice@localhost", "pw")
            alice, left, rounds = Client(server).enter("alice"), RETURNING, []
            sizes = []
            while left > 0:
                herd = Herd(server, min(room, left))
                herd.run(300)
                alice.ping()
                self.assertEqual(metric(server, "sessions_open"), herd.bound + 1)
                sizes.append(memory(server))
                rounds.append(herd.bound)
                herd.close()
                until(lambda: metric(server, "sessions_open") == 1, "all gone", 120)
                left -= min(room, left)
            self.assertEqual(sum(rounds), RETURNING)
            self.assertEqual(len(os.listdir("/proc/%d/fd" % server.process.pid)) < 100, True, "descriptors are given back")
            if len(sizes) > 2:
                self.assertLess(sizes[-1], sizes[1] * 1.2, "memory does not grow from round to round")


if __name__ == "__main__":
    unittest.main()
