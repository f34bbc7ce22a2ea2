"""One run: opening, the arrivals of the peak hour, closing time, and the time until everything has its fate."""
import asyncio
import random
import time

from ledger import Ledger
from lines import task
from people import Agent, Listener, Visitor

# Row L of the load profile, at peak, for --scale 1.
SEATS, ROBOTS, VISITS_PER_S = 1000, 40, 3_600_000 * 0.12 / 3600
ROBOT_ONLY = 0.337     # of the chats
SEAT_LOSSES_PER_S = 1 / (8 * 3600)


class World:
    def __init__(self, chosen, ports):
        self.chosen, self.seed, self.pace = chosen, chosen.seed, chosen.pace
        self.tcp_port, self.http_port, self.ws_port = ports
        self.seat_domain, self.robot_domain = chosen.domains
        self.grace, self.terminate_grace = chosen.grace, min(3, chosen.grace)
        self.ledger = Ledger(lambda name: name in self.agents, is_robot=lambda name: self.agents[name].robot)
        self.draw = random.Random(chosen.seed)
        self.zero, self.agents, self.listeners = time.monotonic(), {}, []
        self.online = self.chatting = self.most_online = self.most_chatting = self.visits = 0
        self.shut, self.over, self.closing = False, False, asyncio.Event()
        self.lag = []  # how late the generator itself is

    def now(self):
        return time.monotonic() - self.zero

    async def rest(self, seconds):
        await self.rest_or(None, seconds)

    async def rest_or(self, event, seconds):
        """Until the time is over, the event is set, or it is closing time."""
        waits = [asyncio.ensure_future(e.wait()) for e in (event, self.closing) if e]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def measure_lag(self):
        while not self.over:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            self.lag.append(time.monotonic() - before - 0.05)
            self.most_online = max(self.most_online, self.online)
            self.most_chatting = max(self.most_chatting, self.chatting)

    async def open(self):
        """Seats and robots log in, fifty at once."""
        draw, scale = self.draw, self.chosen.scale
        for kind, domain, count in (("seat", self.seat_domain, round(SEATS * scale)),
                                    ("robot", self.robot_domain, max(2, round(ROBOTS * scale)))):
            for i in range(count):
                name = "u%d@%s" % (i, domain)
                self.agents[name] = Agent(self, name, kind == "robot", kind == "seat" and draw.random() < 0.3)
                self.agents[name].on_break = kind == "seat" and i and draw.random() < 0.15
        self.listeners = [Listener(self, name, False, False) for name, a in self.agents.items()
                          if not a.robot and draw.random() < 0.3]
        for listener in self.listeners:
            listener.on_break = self.agents[listener.name].on_break
        turn = asyncio.Semaphore(50)

        async def log_in(agent):
            async with turn:
                await agent.log_in()
        for group in (list(self.agents.values()), self.listeners):
            await asyncio.gather(*(log_in(agent) for agent in group))

    def losses(self, agent, seconds):
        """When its line breaks: a seat's once a day in the mean, one robot's once in the run; half are back within 20 s."""
        if agent.robot:
            chosen = agent.name == "u0@" + self.robot_domain
            return [(self.now() + seconds / 3, 5)] if chosen else []
        when, found = 0, []
        if agent.name == "u0@" + self.seat_domain:
            found.append((self.now() + seconds / 2, 2))  # at least one in every run
        while (when := when + self.draw.expovariate(SEAT_LOSSES_PER_S)) < seconds and not found:
            found.append((self.now() + when, self.draw.uniform(1, 20) if self.draw.random() < 0.5 else self.draw.uniform(20, 90)))
        return found

    async def peak(self, seconds):
        """Returns the visits that go on and the agents' work."""
        end = self.now() + seconds
        work = {task(agent.work(self.losses(agent, seconds))): agent for agent in self.agents.values()}
        visits, rate, due = set(), self.chosen.visits, self.now()
        while (due := due + self.draw.expovariate(rate)) < end:
            await asyncio.sleep(max(0, due - self.now()))
            self.visits += 1
            chats = self.draw.random() < self.chosen.chat_share
            visit = task(Visitor(self, self.visits, chats and self.draw.random() < ROBOT_ONLY, chats).visit())
            visits.add(visit)
            visit.add_done_callback(visits.discard)
        await asyncio.sleep(max(0, end - self.now()))
        return visits, work

    async def close(self, visits, work, stored):
        """Everybody leaves; then until each message and each leaving has its fate. stored(): ids in the server's store."""
        self.shut = True
        self.closing.set()
        if visits:
            await asyncio.wait(list(visits))
        for job, agent in work.items():
            if not agent.line.over.is_set():
                job.cancel()  # it waits for a loss that will not come
        await asyncio.gather(*work, return_exceptions=True)
        most = self.now() + 60 + self.grace
        while self.now() < most:
            await asyncio.sleep(1)
            if not self.ledger.untold() and not {m.ident for m in self.ledger.missing()} - stored():
                break
        self.over = True
        await asyncio.gather(*(agent.leave() for agent in list(self.agents.values()) + self.listeners))
