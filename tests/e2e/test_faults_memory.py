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
import scram  # noqa: E402
from client import ENDED, SM, Bosh, Tcp, WebSocket  # noqa: E402
from faults import Breakable, Client, is_message, metric, text_of, until  # noqa: E402

LONG = bool(os.environ.get("FAULTS_LONG"))
# Last words: ours, or that a function of OpenSSL failed that fails for no other reason. The log's own thread may still write
# lines behind them.
LAST_WORDS = re.compile(r"switchboard: (out of memory|bug at \S+: ([\w -]+ failed|no SHA-\d+))")
# Points of each scenario and mode. A login with a password has thousands alike, inside PBKDF2, and a reload in the reader of
# the configuration: never all of them.
MOST = 3000 if LONG else 6
# How often a failure is repeated that may leak, and blocks it may take beyond those of a success: less than one for each time.
REPEATED, ALLOWED, LEAKS = 40, 30, 5
ALIKE = ("password", "reload")
FAST = ("sess-man/plugins-conf/scram-iterations[I]=4096", "basic-conf/workers[I]=2", "sess-man/durability-delay[I]=1",
        "amp/store-limit[L]=0", "amp/store-limit-total[L]=0", "sess-man/desk/seats[s]=seat@localhost",
        "sess-man/desk/robots[s]=robot@localhost", "sess-man/desk/hold[I]=0", "sess-man/desk/capacity[I]=10000",
        "sess-man/desk/robot-deadline[I]=0", "c2s/processors/urn\\:xmpp\\:sm\\:3/resumption-timeout[I]=5")


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
        self.contacts = {}  # what the roster has for certain: address to the last name it was given

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

    def password(self):
        yield
        self.client(self.over_tls).log_in("alice", "pw")

    def scram(self):
        client = self.client(self.over_tls)
        client.open()
        client.expect(lambda e: e.tag.endswith("features"))
        yield
        exchange = scram.Exchange("SCRAM-SHA-256", "alice", "pw", "n,,", b"")
        client.send(scram.auth("SCRAM-SHA-256", exchange.first()))
        client.send(scram.response(exchange.final(client.expect(lambda e: e.tag.endswith("challenge")).text)))
        success = client.expect(lambda e: e.tag.endswith("success")).text
        assert exchange.server_is_right(success), "a success that proves nothing"
        client.open()
        client.expect(lambda e: e.tag.endswith("features"))

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

    def page(self, kind):
        """A visit from beginning to end."""
        seat = self.client().enter("seat")
        seat.ping()
        hello, self.sent = "hello %d" % self.sent, self.sent + 1
        yield
        page = self.client(kind)
        page.log_in()
        page.send("<presence/>")
        page.send("<message to='desk@localhost' type='chat'><body>%s</body></message>" % hello)
        visitor = seat.hear(hello, clients.TIMEOUT).get("from")
        seat.say(visitor, "good day")
        page.expect(lambda e: is_message(e) and text_of(e) == "good day")
        page.close()

    def bosh(self):
        yield from self.page(Bosh)

    def websocket(self):
        yield from self.page(WebSocket)

    def visit(self):
        visitor = self.client()
        visitor.log_in()
        visitor.enable()
        visitor.send("<presence/>")
        visitor.ping()
        visitor.send("<r xmlns='%s'/>" % SM)
        until(lambda: visitor.handled == 2, "both acknowledged, what comes next is not")
        return visitor

    def assign(self):
        seat, visitor = self.client().enter("seat"), self.visit()
        seat.ping()
        yield
        self.send(visitor, "desk@localhost", visitor.handled)
        seat.ping()

    def hand_over(self):
        """A robot's conversation becomes a seat's, with what the robot has not answered."""
        robot, visitor = self.client().enter("robot"), self.visit()
        robot.ping()
        self.send(visitor, "desk@localhost", visitor.handled)
        robot.expect(is_message, "what the visitor wrote")
        seat = self.client().enter("seat")
        seat.ping()
        yield
        self.send(visitor, "desk@localhost", visitor.handled)
        seat.ping()

    def roster(self):
        alice = self.client().enter("alice")
        alice.ping()
        yield
        jid, self.sent = "contact%d@localhost" % (self.sent % 20), self.sent + 1
        alice.send("<iq type='set' id='set'><query xmlns='jabber:iq:roster'><item jid='%s' name='%d'/></query></iq>" % (jid, self.sent))
        if alice.expect(lambda e: e.get("id") == "set").get("type") == "result":
            self.contacts[jid] = self.sent

    def reload(self):
        alice = self.client().enter("alice")
        alice.ping()
        said = self.server.log().count("log level read again")
        yield
        os.kill(self.server.process.pid, signal.SIGHUP)
        until(lambda: self.server.log().count("log level read again") > said or self.server.get("hits"), "read again", 5)
        alice.ping()

    # -- one attempt -----------------------------------------------------------------------------------------------

    def play(self, scenario, **words):
        """Returns the number of allocations; what fails is looked at by the caller."""
        def ready():
            steps = getattr(self, scenario)()
            next(steps)
            return steps

        clients.TIMEOUT = 10  # this must succeed
        steps = self.with_memory(ready)
        clients.TIMEOUT = 1 if words["fail_at"] else 10
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
        last = self.server.log().rpartition(" sandbox: ")[2].splitlines()  # since its start
        assert any(LAST_WORDS.fullmatch(line) for line in last), "died without a reason; the log ends with:\n" + "\n".join(last[-9:])
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
        clients.TIMEOUT = 10
        receivers = self.with_memory(lambda: [self.client().enter(name) for name in ("bob", "carol", "seat")])
        until(lambda: self.safe <= self.heard, lambda: "lost although acknowledged: %s" % sorted(self.safe - self.heard), 30)
        self.check_roster()
        for client in receivers:
            self.leave(client)
        self.open = []

    def check_roster(self):
        """A contact may have a later name than the last one that was acknowledged, never an earlier one."""
        alice = self.with_memory(lambda: self.client().enter("alice"))
        alice.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
        query = alice.expect(lambda e: e.get("id") == "roster")[0]
        names = {item.get("jid"): int(item.get("name")) for item in query}
        assert all(names.get(jid, 0) >= name for jid, name in self.contacts.items()), (names, self.contacts)
        self.leave(alice)


    # -- leaks -----------------------------------------------------------------------------------------------------

    def held(self):
        """Blocks of memory when nobody is there any more."""
        until(lambda: metric(self.server, "sessions_open") == 0 and metric(self.server, "sm_asleep") == 0 and
              metric(self.server, "connections_open") <= 1, "everybody gone")  # the one that asks
        return self.server.get("live")

    def growth(self, scenario, point):
        """Blocks more after the same failure several times; None when the process ended."""
        self.play(scenario, fail_at=0)  # after a start: what is allocated once
        for number in range(REPEATED):
            self.play(scenario, fail_at=point, persistent=0)
            if self.died():
                return None
            if number == 0:
                before = self.held()
        return self.held() - before


class NthFailure(unittest.TestCase):
    def look_for_leaks(self, run, scenario, survived):
        """What fails and is repeated takes no more memory than what succeeds as often (a desk remembers its visitors, a wheel
        has its deadlines), but for a few blocks."""
        clean = run.growth(scenario, 0)
        for point in survived:
            grown = run.growth(scenario, point)
            if grown is not None:
                self.assertLess(grown, clean + ALLOWED, "%s: point %d, %d times" % (scenario, point, REPEATED))

    def loop(self, scenario):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seed = int(os.environ.get("FAULTS_SEED", random.randrange(1 << 31)))
        rng = random.Random(seed)
        with Breakable(*FAST) as server:
            for name in ("alice", "bob", "carol", "seat", "robot"):
                server.account(name + "@localhost", "pw")
            run = Run(server)
            run.play(scenario, fail_at=0)  # what is allocated once
            total = run.play(scenario, fail_at=0)
            self.assertGreater(total, 20)
            self.assertTrue(not LONG or total <= MOST or scenario in ALIKE, "%d allocations, not all are played" % total)
            deaths = hits = 0
            survived = []
            for persistent in (0, 1):
                every = range(1, total + 1)
                points = every if total <= MOST else sorted(rng.sample(every, MOST))
                for point in points:
                    try:
                        run.play(scenario, fail_at=point, persistent=persistent)
                        hits += server.get("hits") > 0
                        died = run.died()
                        deaths += died
                        if not died and not persistent and server.get("hits"):
                            survived.append(point)
                    except BaseException:
                        print("%s: point %d of %d, persistent %d, seed %d" % (scenario, point, total, persistent, seed))
                        raise
                run.check()
            if LONG:
                self.look_for_leaks(run, scenario, rng.sample(survived, min(len(survived), LEAKS)))
            print("%s: %d allocations, %d failed, %d aborts, %d messages acknowledged" %
                  (scenario, total, hits, deaths, len(run.safe)), file=sys.stderr)
            self.assertGreater(hits, 0)

    def test_password(self):
        self.loop("password")

    def test_scram(self):
        self.loop("scram")

    def test_assign(self):
        self.loop("assign")

    def test_hand_over(self):
        self.loop("hand_over")

    def test_roster(self):
        self.loop("roster")

    def test_reload(self):
        self.loop("reload")

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
