"""Memory runs out (reliability.md F49), by the N-th-failure method: each scenario is played with its first allocation failing, then its
second, … until a run is over before the failure. Every library of the process shares the fate. Two outcomes are right: the
operation fails alone, or the process ends by abort() with `out of memory` (docs/decisions/0010-memory.md). After either, the store
is whole (a start checks it) and every message that was acknowledged reaches its receiver.

A run has thousands of allocations: $FAULTS_LONG plays every one; otherwise some are drawn, $FAULTS_SEED draws them again."""
import http.client
import os
import random
import re
import resource
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import client as clients  # noqa: E402
from client import ENDED, SM, Bosh, Tcp, WebSocket  # noqa: E402
from faults import Breakable, Client, is_message, metric, text_of, until  # noqa: E402

LONG = bool(os.environ.get("FAULTS_LONG"))
# Last words: ours, or that a function of OpenSSL failed that fails for no other reason. The log's own thread may still write
# a line or two behind them.
LAST_WORDS = re.compile(r"switchboard: (out of memory|bug at \S+: ([\w -]+ failed|no SHA-\d+))")
# Points of each scenario and mode. A login with a password has thousands alike, inside PBKDF2: never all of them.
MOST = 2000 if LONG else 16
FAST = ("sess-man/plugins-conf/scram-iterations[I]=4096", "basic-conf/workers[I]=2", "sess-man/durability-delay[I]=10",
        "amp/store-limit[I]=0", "amp/store-limit-total[I]=0", "c2s/processors/urn\\:xmpp\\:sm\\:3/resumption-timeout[I]=5")


class Listener(Client):
    """What it is told counts from the moment it has it."""

    def answer(self, element):
        if is_message(element) and element.get("type") != "error":
            self.run.heard.add(text_of(element))
        try:
            super().answer(element)
        except OSError:
            pass  # the server died


class Run:
    """One scenario on one server, again and again; `safe` is what was acknowledged, `heard` what receivers have."""

    def __init__(self, server):
        self.server, self.sent, self.safe, self.heard, self.open = server, 0, set(), set(), []

    def client(self, kind=Listener):
        self.open.append(kind(self.server))
        self.open[-1].run = self
        return self.open[-1]

    def send(self, sender, to, base):
        text = "message %d" % self.sent
        self.sent += 1
        sender.say(to, text)
        until(lambda: sender.handled > base or ENDED in list(sender.inbox.queue), "an acknowledgement", 1)
        if sender.handled > base and not any(e is not ENDED and e.get("type") == "error" for e in list(sender.inbox.queue)):
            self.safe.add(text)

    # -- scenarios: what stands before `yield` is made ready, what stands behind may fail at any step -----------------

    @staticmethod
    def over_tls(server):
        return Tcp(server, direct_tls=True)

    def login(self):
        yield
        self.client(self.over_tls).log_in("alice", "pw")

    def visitor(self):
        yield
        visitor = self.client(self.over_tls)
        visitor.log_in()
        visitor.send("<presence/>")
        visitor.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
        visitor.expect(lambda e: e.get("id") == "r")

    def online(self):
        bob, alice = self.client().enter("bob"), self.client().enter("alice")
        bob.ping()
        yield
        self.send(alice, "bob@localhost", 1)

    def offline(self):
        alice, carol = self.client().enter("alice"), self.client().enter("carol", present=False)
        yield
        self.send(alice, "carol@localhost", 1)
        carol.send("<presence/>")
        if self.server.get("hits") == 0:
            carol.expect(is_message, "what was kept")
        carol.ping()

    def resume(self):
        alice, again = self.client().enter("alice"), self.client()
        alice.ping()
        alice.kill()
        again.open()
        again.expect(lambda e: e.tag.endswith("features"))
        again.authenticate("alice", "pw")
        again.open()
        again.expect(lambda e: e.tag.endswith("features") and len(e))
        yield
        again.managed = alice.managed
        again.send("<resume xmlns='%s' previd='%s' h='%d'/>" % (SM, alice.managed, alice.counted))
        answer = again.expect(lambda e: e.tag in ("{%s}resumed" % SM, "{%s}failed" % SM))
        again.handled = int(answer.get("h"))
        self.send(again, "carol@localhost", again.handled)

    def bosh(self):
        yield
        page = self.client(Bosh)
        page.log_in()
        page.send("<message to='desk@localhost' type='chat'><body>hello</body></message>")

    def websocket(self):
        yield
        page = self.client(WebSocket)
        page.log_in()
        page.send("<message to='desk@localhost' type='chat'><body>hello</body></message>")

    # -- one attempt -----------------------------------------------------------------------------------------------

    def play(self, scenario, **words):
        """Returns the number of allocations; what fails is looked at by the caller."""
        def ready():
            steps = getattr(self, scenario)()
            next(steps)
            return steps

        steps = self.with_memory(ready)
        self.server.set(count=0, hits=0, armed=1, **words)
        try:
            next(steps, None)
        except (AssertionError, OSError, ValueError, SyntaxError, AttributeError, http.client.HTTPException):
            if not words["fail_at"]:
                raise
        finally:
            self.server.set(armed=0)
        for each in self.open:
            self.leave(each)
        self.open = []
        return self.server.get("count")

    @staticmethod
    def leave(client):
        try:
            if isinstance(client, Tcp):  # it leaves for good: a session that sleeps would keep messages for itself
                client.raw("</stream:stream>")
                client.socket.shutdown(socket.SHUT_WR)
            else:
                client.kill()
        except OSError:
            pass

    def answers(self):
        """A round trip says that it lives, and one more that it was not just dying."""
        try:
            for _ in range(3):
                metric(self.server, "sessions_open")
            return "alive"
        except (OSError, http.client.HTTPException):
            return None

    def died(self):
        """Whether the process ended; it may only have done so on purpose."""
        process = self.server.process.process
        if not self.server.get("hits"):
            assert process.poll() is None
            return False
        if until(lambda: process.poll() is not None or self.answers(), "dead or alive") == "alive":
            return False
        process.wait(10)
        self.revive()
        return True

    def revive(self):
        """Starts it again; it may only have ended on purpose."""
        process = self.server.process.process
        assert process.returncode == -signal.SIGABRT, "ended with %d\n%s" % (process.returncode, self.server.log()[-3000:])
        last = self.server.log().splitlines()[-5:]
        assert any(LAST_WORDS.fullmatch(line) for line in last), "died without a reason; the log ends with:\n" + "\n".join(last)
        self.server.process.stop()
        self.server.start()

    def with_memory(self, step):
        """A step that must succeed, if need be after one more start: a library may remember that it had no memory once (OpenSSL
        finds an algorithm never again), and the process then ends when it is needed."""
        try:
            return step()
        except (AssertionError, OSError):
            if not until(lambda: self.server.process.process.poll() is not None or self.answers(), "dead or alive") is True:
                raise
            self.open = []
            self.revive()
            return step()

    def check(self):
        """Every message acknowledged is with its receiver, or comes from the store now."""
        receivers = self.with_memory(lambda: [self.client().enter(name) for name in ("bob", "carol")])
        until(lambda: self.safe <= self.heard, lambda: "lost although acknowledged: %s" % sorted(self.safe - self.heard), 30)
        for client in receivers:
            self.leave(client)
        self.open = []


class NthFailure(unittest.TestCase):
    def loop(self, scenario):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seed = int(os.environ.get("FAULTS_SEED", random.randrange(1 << 31)))
        rng = random.Random(seed)
        clients.TIMEOUT = 10
        with Breakable(*FAST) as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            run = Run(server)
            run.play(scenario, fail_at=0)  # what is allocated once
            total = run.play(scenario, fail_at=0)
            self.assertGreater(total, 20)
            clients.TIMEOUT = 1
            deaths = hits = 0
            for persistent in (0, 1):
                every = range(1, total + 1)
                points = every if total <= MOST else sorted(rng.sample(every, MOST))
                for point in points:
                    try:
                        run.play(scenario, fail_at=point, persistent=persistent)
                        hits += server.get("hits") > 0
                        deaths += run.died()
                    except BaseException:
                        print("%s: point %d of %d, persistent %d, seed %d" % (scenario, point, total, persistent, seed))
                        raise
                run.check()
            print("%s: %d allocations, %d failed, %d aborts, %d messages acknowledged" %
                  (scenario, total, hits, deaths, len(run.safe)), file=sys.stderr)
            self.assertGreater(hits, 0)

    def test_login(self):
        self.loop("login")

    def test_visitor(self):
        self.loop("visitor")

    def test_online(self):
        self.loop("online")

    def test_offline(self):
        self.loop("offline")

    def test_resume(self):
        self.loop("resume")

    def test_bosh(self):
        self.loop("bosh")

    def test_websocket(self):
        self.loop("websocket")


class Large(unittest.TestCase):
    """Memory a client asks for with the size of what it sends: without it that client fails, nobody else, on every transport."""

    SIZE = 200 * 1024

    def body(self, text="x"):
        return "<message xmlns='jabber:client' to='bob@localhost' type='chat'><body>%s</body></message>" % (text * self.SIZE)

    def send_tcp(self, server):
        alice = Client(server).enter("alice", managed=False)
        yield
        alice.send(self.body())
        yield alice.expect_end()

    def send_escaped(self, server):
        alice = Client(server).enter("alice", managed=False)
        yield
        alice.send(self.body()[:-17] + "&lt;" * 1000 + "</body></message>")
        yield alice.expect_end()

    def send_websocket(self, server):
        alice = WebSocket(server)
        self.assertIsNone(alice.log_in("alice", "pw"))
        yield
        alice.send(self.body())
        yield alice.expect_end()

    def send_bosh(self, server):
        alice = Bosh(server)
        self.assertIsNone(alice.log_in("alice", "pw"))
        yield
        try:
            alice.request(alice.body(self.body()))
        except (OSError, http.client.HTTPException):
            pass  # the connection ended, the session may go on

    def test_only_the_client_that_wants_it_fails(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with Breakable("sess-man/limits/user/byte-rate[I]=0", "bosh/limits/body[I]=1048576") as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            carol, bob = Client(server).enter("carol"), Client(server).enter("bob")
            carol.ping(), bob.ping()
            for number, send in enumerate((self.send_tcp, self.send_escaped, self.send_websocket, self.send_bosh)):
                with self.subTest(send.__name__):
                    steps = send(server)
                    next(steps)
                    server.set(count=0, hits=0, least=100 * 1024, fail_at=1, persistent=1, armed=1)
                    next(steps, None)
                    self.assertGreater(server.get("hits"), 0)
                    carol.say(bob.jid, "small %d" % number)
                    bob.hear("small %d" % number)
                    server.set(armed=0)
            alice = Client(server).enter("alice", managed=False)
            alice.send(self.body())
            bob.expect(lambda e: is_message(e) and len(text_of(e)) == self.SIZE, "with memory it comes")


if __name__ == "__main__":
    unittest.main()
