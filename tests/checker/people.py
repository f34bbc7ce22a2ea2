"""Who takes part in a run: users, seats, robots and visitors, each with a will of its own drawn from the seed.

A person lives through sessions: logs in (or resumes, XEP-0198), talks, stops reading, stops acknowledging, cuts its own
line, leaves, comes back. Everything it sends and gets is in the history. It never touches the server's side."""
import asyncio
import collections
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import history  # noqa: E402
from verify import DESK  # noqa: E402
from wire import Bosh, Gone, Refused, Tcp, WebSocket  # noqa: E402
from client import BIND, CLIENT, SM  # noqa: E402

DESK_NS = "urn:switchboard:desk:1"
ROSTER = "jabber:iq:roster"
STANZAS = {"{%s}%s" % (CLIENT, name) for name in ("message", "presence", "iq")}
ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
SILENCE = 8   # seconds without an answer that is due: the line is taken for dead


class Managed:
    """A session with stream management: it outlives its line."""

    def __init__(self, session):
        self.id, self.s, self.on = None, session, False
        self.got = self.sent = 0
        self.h = 0
        self.unacked = collections.deque()  # (number, ident)
        self.claimed = 0  # h of our last <a/>


class Person:
    def __init__(self, world, name, role, transport, managed):
        self.world, self.name, self.role, self.transport = world, name, role, transport
        self.managed_wanted = managed and transport != "bosh"
        self.random = random.Random("%s %s" % (world.seed, name))
        self.acks = managed or transport == "bosh"
        self.line = self.managed = self.jid = self.s = self.cookie = self.resource = None
        self.open_messages = {}      # ident -> (to, jid, filler): not acknowledged
        self.number = 0              # of the last message
        self.got = self.told = self.newest = 0
        self.mute = False
        self.heard = 0.0
        self.pings = {}              # id -> (idents it answers for, h of our last <a/> before it)
        self.plain_sent = []         # on a line without acknowledgements, not covered by a ping
        self.owner = None
        self.peers = collections.OrderedDict()  # bare JID -> chain: whom a seat or robot can answer
        self.chain = name
        self.generation = 0
        self.turn = None             # future: answer to bind, enable or resume
        self.ready = asyncio.Event()

    # -- logging in ---------------------------------------------------------------------------------------------------

    def make_line(self):
        world, keeps = self.world, self.role == "visitor" and self.world.keeps(self)
        cookie = self.cookie if keeps else None
        if self.transport == "tcp":
            return Tcp(world.port("c2s"), world.domain)
        if self.transport == "ws":
            return WebSocket(world.port("http"), world.domain, cookie)
        return Bosh(world.port("http"), world.domain, self.random.randrange(1, 1 << 40), cookie, self.random.random() < 0.7)

    async def answered(self):
        try:
            return await asyncio.wait_for(self.turn, 15)
        except asyncio.TimeoutError:
            raise Gone("no answer") from None

    def ask(self, send):
        self.turn = asyncio.get_running_loop().create_future()
        send()
        return self.answered()

    async def log_in(self, may_resume):
        self.line = line = self.make_line()
        await line.dial()
        if line.over.is_set():
            raise Gone(line.why)
        watch = asyncio.create_task(self.watch(line))
        try:
            await line.log_in(None if self.role == "visitor" else self.name, self.world.password(self))
            self.cookie = getattr(line, "cookie", None)
            line.handler = lambda element, n: self.on_element(line, element, n)
            line.on_acked, line.on_told = self.on_acked, self.on_told
            if self.managed and self.managed.id and may_resume and await self.ask(self.resume):
                return
            await self.begin()
        except BaseException:
            self.turn = None
            self.drop(line)
            raise
        finally:
            watch.cancel()

    async def watch(self, line):
        await line.over.wait()
        if self.turn and not self.turn.done():
            self.turn.set_exception(Gone(line.why))

    def drop(self, line):
        if isinstance(line, Bosh):
            line.leave()
        elif hasattr(line, "writer"):
            line.kill(False)

    def enable(self):
        """What we send counts from here on, what we get from <enabled/> on (XEP-0198 3)."""
        self.managed = Managed(self.s)
        self.line.put("<enable xmlns='%s' resume='true'/>" % SM)

    def resume(self):
        m = self.managed
        self.line.put("<resume xmlns='%s' previd='%s' h='%d'/>" % (SM, m.id, m.got))

    async def begin(self):
        """A fresh session. What was not acknowledged in the one before is sent again, or forgotten."""
        left = list(self.open_messages) if self.random.random() < 0.7 else []
        if not left:
            self.open_messages.clear()
        self.managed = None
        await self.ask(lambda: self.line.bind(self.resource))
        if self.managed_wanted:
            await self.ask(self.enable)
        if not self.world.quiet.is_set() and self.random.random() < self.world.profile.hasty:
            self.line.flowing.clear()
        self.stanza("<presence xmlns='jabber:client'/>")
        if self.role == "visitor":
            self.stanza("<iq xmlns='jabber:client' type='get' id='roster'><query xmlns='%s'/></iq>" % ROSTER)
        for ident in left:
            self.send_again(ident)

    def on_bound(self, jid):
        self.jid, self.s, self.got = jid, self.world.next_session(), 0
        self.resource = jid.split("/")[1] if self.role != "visitor" else None
        self.plain_sent, self.pings = [], {}
        self.told = self.newest = 0
        bare = jid.split("/")[0]
        if self.world.jids.get(bare) != self.chain:
            if self.role == "visitor":
                self.generation += 1
                self.chain = "%s.%d" % (self.name, self.generation)
            self.world.jids[bare] = self.chain
            self.log("chain", c=self.chain, role=self.role, jid=bare, acks=self.acks, returns=self.world.keeps(self))
        promises = self.managed_wanted or getattr(self.line, "acks", False)
        self.log("open", c=self.chain, s=self.s, how=self.transport, promises=promises)

    # -- sending ------------------------------------------------------------------------------------------------------

    def log(self, e, **more):
        self.world.history(e, **more)

    def stanza(self, text, ident=None):
        if self.managed:
            self.managed.sent += 1
            if ident:
                self.managed.unacked.append((self.managed.sent, ident))
        elif ident and not isinstance(self.line, Bosh):
            self.plain_sent.append(ident)
        self.line.put(text, ident)

    def write_message(self, ident, attempt):
        to, jid, filler = self.open_messages[ident]
        self.log("send", c=self.chain, s=self.s, id=ident, to=to, sha=history.checksum(ident, filler), **{"try": attempt})
        self.stanza("<message xmlns='jabber:client' to='%s' type='chat' id='%s'><body>%s</body><origin-id "
                    "xmlns='urn:xmpp:sid:0' id='%s'/></message>" % (jid, ident, history.body(ident, filler), ident), ident)

    def say(self, to, jid):
        self.number += 1
        ident = "%s|%s|%d" % (self.world.run, self.chain, self.number)
        filler = "x" * self.random.choice(self.world.fillers)
        self.open_messages[ident] = (to, jid, filler)
        self.write_message(ident, 1)

    def send_again(self, ident):
        if ident.split("|")[1] == self.chain:  # a visitor without its cookie is somebody else now
            self.write_message(ident, 2)
        else:
            self.open_messages.pop(ident)

    def send(self):
        if self.role == "visitor":
            self.say(DESK, self.owner or self.world.desk)
        elif self.role in ("seat", "robot"):
            if self.peers:
                jid = self.random.choice(list(self.peers))
                self.say(self.peers[jid], jid)
        else:
            other = self.random.choice(self.world.partners(self))
            self.say(other.chain, "%s@%s" % (other.name, self.world.domain))

    def ask_for_ack(self):
        if self.managed:
            self.line.put("<r xmlns='%s'/>" % SM)
            if self.random.random() < 0.2:
                self.ping()
        elif not isinstance(self.line, Bosh) and self.plain_sent:
            self.ping()

    def ping(self):
        ident = "ping-%s-%d" % (self.s, self.random.getrandbits(40))
        self.pings[ident] = self.plain_sent, self.managed.claimed if self.managed else 0
        self.plain_sent = []
        self.stanza("<iq xmlns='jabber:client' type='get' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % ident)
        return ident

    def acknowledge(self):
        self.managed.claimed = self.managed.got
        self.line.put("<a xmlns='%s' h='%d'/>" % (SM, self.managed.got))

    # -- what is acknowledged -------------------------------------------------------------------------------------------

    def on_acked(self, h, sent, idents):
        if isinstance(self.line, Bosh) and not self.line.acks:  # XEP-0124 9: a bare answer promises nothing
            self.log("soft", c=self.chain, s=self.s, ids=idents)
        else:
            self.log("acked", c=self.chain, s=self.s, h=h, sent=sent, ids=idents)
        for ident in idents:
            self.open_messages.pop(ident, None)

    def on_told(self, n):
        """Written when it says something new."""
        if self.s is not None and self.told < min(n, self.newest):
            self.told = n
            self.log("told", c=self.chain, s=self.s, n=n)

    def settle(self, h):
        """h of XEP-0198; the session may be past its 32 bits in no run of ours."""
        m, idents = self.managed, []
        while m.unacked and m.unacked[0][0] <= h:
            idents.append(m.unacked.popleft()[1])
        if idents or not m.h <= h <= m.sent:
            self.on_acked(h, m.sent, idents)
        m.h = h

    # -- what comes -----------------------------------------------------------------------------------------------------

    def on_element(self, line, e, n):
        if line is not self.line:
            return
        self.heard = self.world.now()
        if e.tag in STANZAS:
            self.got += 1
            if self.managed and self.managed.on:
                self.managed.got += 1
            getattr(self, "on_" + e.tag.split("}")[1])(e, n or (self.managed.got if self.managed else self.got))
        elif e.tag.startswith("{%s}" % SM):
            getattr(self, "on_" + e.tag.split("}")[1])(e)

    def turned(self, answer):
        if self.turn and not self.turn.done():
            self.turn.set_result(answer)

    def on_enabled(self, e):
        self.managed.id, self.managed.on = e.get("id"), True
        self.turned(True)

    def on_resumed(self, e):
        m = self.managed
        self.s = m.s
        self.on_told(m.got)
        self.log("resumed", c=self.chain, s=self.s)
        m.claimed = m.got
        self.settle(int(e.get("h")))
        again = [ident for _, ident in m.unacked]
        m.unacked.clear()
        m.sent = int(e.get("h"))
        for ident in again:
            self.write_message(ident, 2)
        self.turned(True)

    def on_failed(self, e):
        if self.managed and e.get("h"):
            self.s = self.managed.s
            self.settle(int(e.get("h")))
            self.s = None
        self.turned(False)

    def on_r(self, _):
        if not self.mute:
            self.acknowledge()

    def on_a(self, e):
        self.settle(int(e.get("h")))

    def on_presence(self, e, n):
        pass

    def on_iq(self, e, n):
        ident = e.get("id")
        if e.get("type") in ("get", "set"):
            self.stanza("<iq xmlns='jabber:client' type='result' id='%s'%s/>"
                        % (ident, " to='%s'" % e.get("from") if e.get("from") else ""))
        elif ident == "bind" and e.get("type") == "result":
            self.on_bound(e.findtext("{%s}bind/{%s}jid" % (BIND, BIND)))
            self.turned(True)
        elif ident == "roster" and e.get("type") == "result":
            item = e.find("{%s}query/{%s}item" % (ROSTER, ROSTER))
            self.owner = item.get("jid") if item is not None else None
            self.ready.set()
        elif ident in self.pings:
            idents, told = self.pings.pop(ident)
            if told:
                self.on_told(told)  # our <a/> came before it
            if idents:
                self.log("soft", c=self.chain, s=self.s, ids=idents)
                for one in idents:
                    self.open_messages.pop(one, None)
            self.turned(ident)

    def on_message(self, e, n):
        if e.get("type") == "error":
            if history.ID.fullmatch(e.get("id") or ""):
                error = e.find("{%s}error" % CLIENT)
                why = [c.tag[len(ERRORS):] for c in error if c.tag.startswith(ERRORS)] if error is not None else []
                self.log("bounce", c=self.chain, s=self.s, id=e.get("id"), why=" ".join(why))
            return
        text = e.findtext("{%s}body" % CLIENT)
        if text is None or e.find("{%s}event" % DESK_NS) is not None:
            return
        found = history.read_body(text)
        if not found:
            self.log("strange", c=self.chain, s=self.s, text=text[:200])
            return
        ident, sha, checked = found
        self.newest = n
        self.log("recv", c=self.chain, s=self.s, id=ident, n=n, sha=sha, sum=checked, **{"from": e.get("from")})
        if self.role in ("seat", "robot"):
            self.react(e.get("from").split("/")[0])

    def react(self, visitor):
        chain = self.world.jids.get(visitor)
        if not chain or chain == self.chain:
            return
        self.peers[visitor] = chain
        self.peers.move_to_end(visitor)
        while len(self.peers) > 6:
            self.peers.popitem(last=False)
        if self.random.random() < (0.9 if self.role == "robot" else 0.5):
            line = self.line
            asyncio.get_running_loop().call_later(self.random.random(), self.reply, line, chain, visitor)

    def reply(self, line, chain, visitor):
        if line is self.line and self.s and not line.over.is_set() and not self.world.quiet.is_set():
            self.say(chain, visitor)

    # -- living -----------------------------------------------------------------------------------------------------------

    async def live(self):
        while not self.world.quiet.is_set():
            try:
                await self.log_in(self.random.random() < 0.8)
                if not self.line.flowing.is_set():
                    await self.hurry_away(self.line)
                await self.session()
            except Refused:
                pass
            except Gone:
                pass
            await self.world.rest_or(self.random.choice((0.02, 0.05, 0.1, 0.3)))

    def gone(self):
        """The line is over, for whatever reason."""
        line, self.line = self.line, None
        if line.fault:
            self.log("strange", c=self.chain, s=self.s, text=line.fault)
        if isinstance(line, Bosh):
            line.leave()
        if self.s is None:
            return
        if line.clean:
            self.managed = None
            self.log("closed", c=self.chain, s=self.s)
        else:
            acks = self.managed_wanted or isinstance(line, Bosh)
            self.log("lost", c=self.chain, s=self.s, acks=acks, why=line.why[:80])
        self.s = None

    async def session(self):
        line, self.mute, self.heard = self.line, False, self.world.now()
        asked = None
        try:
            while not self.world.quiet.is_set() and not line.over.is_set():
                await self.world.any_of(line.over, self.random.expovariate(self.world.rate))
                if line.over.is_set() or self.world.quiet.is_set():
                    break
                waits = self.open_messages and not isinstance(line, Bosh)
                asked = (asked or self.world.now()) if waits else None
                if waits and self.world.now() - max(asked, self.heard) > SILENCE:
                    line.kill(True)
                    break
                op = self.random.choices(self.world.ops, self.world.weights)[0]
                await getattr(self, "do_" + op)(line)
            if not line.over.is_set():
                await self.finish(line)
        finally:
            self.gone()

    async def finish(self, line):
        """Before the end of the run: properly, or the line just goes."""
        if self.random.random() < 0.5:
            await self.do_leave(line)
        elif isinstance(line, Bosh):
            line.leave()
        else:
            line.kill(True)

    async def hurry_away(self, line):
        """What was kept for it is on its way; it is gone before it reads that, and does not resume."""
        await self.world.any_of(line.over, self.random.random() * 0.2)
        self.drop(line)
        self.managed = None

    async def do_send(self, line):
        self.send()
        if self.random.random() < 0.3:
            self.ask_for_ack()

    async def do_burst(self, line):
        for _ in range(self.random.randrange(3, self.world.burst)):
            self.send()
        self.ask_for_ack()

    async def do_ask(self, line):
        self.ask_for_ack()

    async def do_mute(self, line):
        """It reads and does not acknowledge."""
        self.mute = True
        await self.world.any_of(line.over, self.random.random() * 3)
        self.mute = False
        if self.managed and not line.over.is_set():
            self.acknowledge()

    async def do_deaf(self, line):
        """It does not read (BOSH: does not poll)."""
        line.flowing.clear()
        await self.world.any_of(line.over, self.random.random() * 4)
        line.flowing.set()

    async def do_kill(self, line):
        line.kill(self.random.random() < 0.5)

    async def do_vanish(self, line):
        """The machine is gone: nothing more is read or said, and it comes back later as if for the first time."""
        if isinstance(line, Bosh):
            line.leave()
        else:
            line.kill(self.random.random() < 0.5)
        await self.world.rest_or(self.random.random() * self.world.absence)

    async def do_leave(self, line):
        if self.managed and not self.mute:
            self.acknowledge()
        line.close()
        await self.world.any_of(line.over, 5, quiet=False)
        if not line.over.is_set():
            line.end(why="no end of stream came")
        if not self.world.quiet.is_set():
            await self.world.rest_or(self.random.random() * self.world.absence)

    # -- the end ----------------------------------------------------------------------------------------------------------

    async def come_to_rest(self, deadline):
        """Logs in for the last time; False when that cannot be done. The line stays open."""
        wrong = "no time was left"
        while self.world.now() < deadline:
            try:
                await self.log_in(False)
                self.mute = False
                return True
            except (Gone, Refused) as error:
                wrong = str(error)
                await asyncio.sleep(0.2)
        self.log("stuck", c=self.chain, why="cannot log in at the end: " + wrong)
        return False

    async def has_all(self):
        """A question and its answer: what was on the way is here now."""
        self.turn = asyncio.get_running_loop().create_future()
        self.ping()
        try:
            await self.answered()
            return True
        except Gone:
            self.log("stuck", c=self.chain, why="no answer to a ping at the end")
            return False

    async def log_out(self):
        line = self.line
        await self.do_leave(line)
        self.gone()


