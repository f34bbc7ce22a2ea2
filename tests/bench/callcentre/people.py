"""Seats, robots and visitors as the load profile describes them; every one writes into the ledger what it does and sees."""
import asyncio
import math
import random

from bosh import Bosh
from lines import IQ, MESSAGE, Gone, Tcp, WebSocket

EVENT = "{urn:switchboard:desk:1}event"
ROSTER = "{jabber:iq:roster}"
STATES = "http://jabber.org/protocol/chatstates"
RECEIPTS = "urn:xmpp:receipts"
DELAY = "{urn:xmpp:delay}delay"
BODY = "{jabber:client}body"
ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
HAN = "您好请问我的订单什么时候可以发货谢谢已经三天了没有收到物流信息麻烦帮查一下好的稍等马上处理退款地址电话价格优惠"


def bare(jid):
    return jid.split("/")[0]


def log_normal(draw, mean, sigma):
    return draw.lognormvariate(math.log(mean) - sigma * sigma / 2, sigma)


def text(draw):
    """15 to 60 bytes, two in a hundred over a kilobyte."""
    return "".join(draw.choice(HAN) for _ in range(400 if draw.random() < 0.02 else draw.randint(5, 20)))


class Person:
    """What agents and visitors have in common: a name and what they make of stanzas."""
    def __init__(self, world, name):
        self.world, self.name, self.draw = world, name, random.Random("%s %s" % (world.seed, name))

    def attach(self, line, acknowledges):
        """Logged in: what comes from now on is this session's."""
        session = self.world.ledger.open_session(self.name, self.world.now(), acknowledges)
        line.session = session
        line.on_confirmed = self.world.ledger.confirm
        line.attach(lambda element: self.on_element(line, session, element))

    def detach(self, line, clean):
        session = getattr(line, "session", None)
        if session:
            unconfirmed = [ident for _, ident in line.unacked] + [ident for _, ident in getattr(line, "out", ()) if ident]
            self.world.ledger.close_session(session, self.world.now(), clean, unconfirmed)

    def write(self, line, to):
        """Typing, the message, and no more typing; the message is in the ledger."""
        body = text(self.draw)
        ident = self.world.ledger.send(self.name, to, body, self.world.now())
        line.say("<message xmlns='jabber:client' to='%s' type='chat'><composing xmlns='%s'/></message>" % (to, STATES))
        line.say("<message xmlns='jabber:client' to='%s' type='chat' id='%s'><body>%s</body><active xmlns='%s'/>"
                 "<request xmlns='%s'/></message>" % (to, ident, body, STATES, RECEIPTS), ident)

    def on_element(self, line, session, e):
        self.world.ledger.count["stanzas received"] += 1
        if e.tag == MESSAGE:
            self.on_message(line, session, e)
        elif e.tag == IQ and e.get("type") in ("get", "set"):
            self.on_push(e)
            to = " to='%s'" % e.get("from") if e.get("from") else ""
            line.say("<iq xmlns='jabber:client' type='result' id='%s'%s/>" % (e.get("id"), to))
        elif e.tag == IQ:
            self.on_answer(line, e)

    def on_push(self, e):
        pass

    def on_answer(self, line, e):
        if e.get("id", "").startswith("ping-"):
            line.confirm(int(e.get("id")[5:]))

    def on_message(self, line, session, e):
        ledger = self.world.ledger
        if e.get("type") == "error":
            condition = [c.tag[len(ERRORS):] for c in e.iter() if c.tag.startswith(ERRORS) and not c.tag.endswith("}text")]
            if e.find(BODY) is not None or e.get("id") in ledger.sent:
                ledger.bounce(session, e.get("id"), " ".join(condition))
            return
        event = e.find(EVENT)
        if event is not None:
            if event.get("kind").startswith("visitor-"):
                ledger.notice(session, bare(e.get("from")), event.get("kind"), e.get("id"), event.get("at"))
            return
        body = e.findtext(BODY)
        if body is None:
            return
        sender = bare(e.get("from"))
        ledger.receive(session, e.get("id"), sender, body, e.find(DELAY) is not None, self.world.now())
        if e.find("{%s}request" % RECEIPTS) is not None:
            line.say("<message xmlns='jabber:client' to='%s' type='chat'><received xmlns='%s' id='%s'/></message>"
                     % (sender, RECEIPTS, e.get("id")))
        self.on_words(line, sender)

    def on_words(self, line, sender):
        pass


class Agent(Person):
    """A seat or a robot: answers each visitor who has no answer yet; one device of a seat speaks, the other one listens."""
    silent = on_break = False

    def __init__(self, world, name, robot, websocket):
        super().__init__(world, name)
        self.robot, self.kind = robot, WebSocket if websocket else Tcp
        self.line, self.owed = None, set()

    async def log_in(self):
        line = self.kind(self.world.ws_port if self.kind is WebSocket else self.world.tcp_port, self.name.split("@")[1])
        line.managed = True
        await line.log_in(self.name.split("@")[0], "bench")
        self.attach(line, True)
        line.say("<iq xmlns='jabber:client' type='get' id='roster'><query xmlns='%s'/></iq>" % ROSTER[1:-1])
        show = "<show>dnd</show>" if self.on_break else ""
        line.say("<presence xmlns='jabber:client'>%s</presence>" % show)
        self.line = line

    async def work(self, losses):
        """Until closing time; loses its line at the given moments (when, how long)."""
        for when, gap in losses:
            await asyncio.sleep(max(0, when - self.world.now()))
            if self.line.over.is_set() or self.world.shut:
                break
            self.line.cut()
            self.detach(self.line, False)
            self.world.ledger.count["agents' lines lost"] += 1
            await asyncio.sleep(gap)
            await self.log_in()

    def on_words(self, line, sender):
        if sender in self.owed or self.silent:
            return
        self.owed.add(sender)
        pause = self.draw.uniform(0.5, 3) if self.robot else log_normal(self.draw, 30, 0.668) / self.world.pace
        asyncio.get_running_loop().call_later(pause, self.answer, sender)

    def answer(self, visitor):
        if self.world.over:
            return
        if self.line.over.is_set():
            asyncio.get_running_loop().call_later(1, self.answer, visitor)
            return
        self.owed.discard(visitor)
        for _ in range(2 if self.draw.random() < 0.1 else 1):
            self.write(self.line, visitor)

    async def leave(self):
        line = self.line
        await line.close()
        if line.why != "closed":
            self.world.ledger.fault("%s: its line ended by itself: %s", self.name, line.why)
        self.detach(line, line.why == "closed")


class Listener(Agent):
    """The second device of a seat."""
    silent = True


class Visitor(Person):
    """One visit: pages, perhaps a chat, and a way of leaving."""
    def __init__(self, world, number, robots_only, chats):
        super().__init__(world, "visitor %d" % number)
        self.domain = world.robot_domain if robots_only else world.seat_domain
        self.kind = WebSocket if self.draw.random() < 0.15 else Bosh
        self.robots_only, self.owner, self.cookie, self.line, self.second = robots_only, None, None, None, None
        self.words, self.spams = asyncio.Event(), False
        self.asked, self.answered, self.shown = 0.0, None, 0.0  # shown: when it last heard who its owner is
        self.left = 0
        if chats:
            mean, sigma = (8, 0.6) if robots_only else (20, 0.931)
            self.left = max(1, round(log_normal(self.draw, mean, sigma) / 2.1))

    # -- coming, asking, going ------------------------------------------------------------------------------------------------

    def make_line(self):
        return self.kind(self.world.ws_port if self.kind is WebSocket else self.world.http_port, self.domain, self.cookie)

    async def arrive(self):
        """A page without a session: logs in, under the old name if a cookie says so."""
        line = self.make_line()
        await line.log_in()
        if self.cookie and bare(line.jid) != self.name:
            self.world.ledger.fault("%s came back with its cookie as %s", self.name, line.jid)
        self.name, self.cookie = bare(line.jid), line.cookie
        self.attach(line, self.kind is Bosh)
        line.say("<presence xmlns='jabber:client'/>")
        self.line = line
        await self.ask()

    async def ask(self):
        """Who is there? Each page asks."""
        self.answered, self.asked = asyncio.get_running_loop().create_future(), self.world.now()
        self.line.say("<iq xmlns='jabber:client' type='get' id='getmyroster'><query xmlns='jabber:iq:roster'/></iq>")
        over = asyncio.ensure_future(self.line.over.wait())
        await asyncio.wait((self.answered, over), timeout=60, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if self.answered.done():
            self.world.ledger.back(self.name, self.world.now())
        elif self.line.over.is_set():
            raise Gone(self.line.why)
        else:
            self.world.ledger.asked(self.name, None, 0)

    def on_answer(self, line, e):
        if e.get("id") != "getmyroster" or line is not self.line:
            super().on_answer(line, e)
        elif not self.answered.done():
            items = e.findall("%squery/%sitem" % (ROSTER, ROSTER))
            self.world.ledger.asked(self.name, self.world.now() - self.asked, len(items) if e.get("type") == "result" else -1)
            self.owner, self.shown = items[0].get("jid") if items else None, self.asked
            self.answered.set_result(True)

    def on_push(self, e):
        item = e.find("%squery/%sitem" % (ROSTER, ROSTER))
        if item is not None and item.get("subscription") != "remove":
            self.owner, self.shown = item.get("jid"), self.world.now()

    def on_words(self, line, sender):
        self.words.set()

    def absent(self, grace):
        named = self.owner and not self.owner.startswith("desk@")
        self.world.ledger.left(self.name, self.world.now(), grace, self.owner if named else None, self.shown)

    def cut(self, line):
        line.cut()
        self.detach(line, False)

    async def move(self, gap, keep):
        """Away from this page without a word, and on the next one after the gap; keep: with the session of the old one."""
        self.world.ledger.count["pages left"] += 1
        line = self.line
        keep = keep and self.kind is Bosh
        line.hide() if keep else self.cut(line)
        if not self.second:
            self.absent(self.world.grace)
        await asyncio.sleep(gap)
        if keep:
            line.restore()
            line.session.there = self.world.now()
            try:
                await self.ask()
                return
            except Gone:
                self.detach(line, False)
        await self.arrive()

    async def leave(self):
        lines = [line for line in (self.second, self.line) if line]
        silent = self.draw.random() < 0.15
        for line in lines:
            if line is lines[-1]:
                self.absent(self.world.grace if silent else self.world.terminate_grace if self.kind is Bosh else 0)
            if not silent:
                await line.close()
            clean = line.why == "closed"
            self.cut(line)
            if line.why == "policy-violation" and self.spams:  # what it has piled up is more than one request may hold
                self.world.ledger.excused["spam that was shown the door"] += 1
            elif not silent and not clean:
                self.world.ledger.fault("%s: its line did not end properly: %s", self.name, line.why)

    # -- the visit --------------------------------------------------------------------------------------------------------------

    async def visit(self):
        world = self.world
        world.online += 1
        try:
            await self.arrive()
            await (self.chat() if self.left else self.read())
            if world.shut:
                await asyncio.sleep(self.draw.uniform(0, max(5, world.most_online / 300)))  # not all at the same moment
            await self.leave()
        except Gone as gone:
            world.ledger.count["visits that broke: %s" % gone] += 1
            world.ledger.fault("%s: its visit broke: %s", self.name, gone)
        finally:
            for line in (self.second, self.line):
                if line:
                    self.cut(line)
            world.online -= 1

    def page_gap(self):
        return self.draw.uniform(0.5, 4)

    async def read(self):
        """Five pages in the mean, half a minute each."""
        while True:
            await self.world.rest(self.draw.expovariate(1 / 30) / self.world.pace)
            if self.world.shut or self.draw.random() < 0.2:
                return
            await self.move(self.page_gap(), self.draw.random() < 0.7)

    def turns(self):
        """What happens during a chat besides words, each at some word."""
        draw, plan = self.draw, {}
        moves = [(self.page_gap(), 0.7)] * sum(draw.random() < 0.5 for _ in range(3))
        moves += [(draw.uniform(0.2, 1), 0.5)] * (draw.random() < 0.10)      # F5
        moves += [(draw.uniform(3, 40), 0.5)] * (draw.random() < 0.05)       # another network
        moves += [(draw.uniform(20, 120), 0)] * (draw.random() < 0.03)       # closed, and back
        for move in moves:
            plan.setdefault(draw.randrange(self.left), []).append(move)
        return plan

    async def chat(self):
        world, draw, plan = self.world, self.draw, self.turns()
        spam = self.spams = draw.random() < 0.001
        world.ledger.count["chats"] += 1
        world.chatting += 1
        try:
            if draw.random() < 0.08:
                await self.open_tab()
            for word in range(100 if spam else self.left):
                self.words.clear()
                for _ in range(draw.choices((1, 2, 3), (70, 20, 10))[0]):
                    self.write(self.line, self.owner)
                for gap, keep in plan.get(word, ()):
                    await world.rest(draw.uniform(0, 5) / world.pace)
                    await self.move(gap, draw.random() < keep)
                if world.shut:
                    return
                if spam:
                    await asyncio.sleep(0.05)
                    continue
                await world.rest_or(self.words, 180 / world.pace)
                await world.rest(draw.expovariate(1 / (5 if self.robots_only else 25)) / world.pace)
                if world.shut or self.line.over.is_set():
                    return
        finally:
            world.chatting -= 1

    async def open_tab(self):
        """A second tab under the same cookie; it only listens."""
        if self.cookie:
            self.second = self.make_line()
            await self.second.log_in()
            self.attach(self.second, self.kind is Bosh)
            self.second.say("<presence xmlns='jabber:client'/>")

