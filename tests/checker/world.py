"""One run: the people, what they share, and its three acts: the play with its faults, the coming to rest, the look into the
store."""
import asyncio
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import history  # noqa: E402
from faults import Nemesis  # noqa: E402
from people import Person  # noqa: E402
from target import PASSWORD  # noqa: E402
from verify import DESK, LAG  # noqa: E402


class Waiting:
    """Messages that were acknowledged and have no fate yet: the run does not rest before they have."""

    def __init__(self):
        self.state = collections.defaultdict(set)
        self.to, self.losses = {}, {}
        self.changed = asyncio.Event()

    def __call__(self, event):
        e = event["e"]
        if e == "send":
            if event["try"] == 1:
                self.to[event["id"]] = event["to"], event["t"]
        elif e == "acked":
            for ident in event["ids"]:
                self.mark(ident, "acked")
        elif e in ("recv", "bounce"):
            self.mark(event["id"], "fate")
        elif e == "lost" and not event["acks"]:
            self.losses[event["c"]] = event["t"]

    def mark(self, ident, what):
        if ident not in self.to:
            return  # it had both before
        self.state[ident].add(what)
        if len(self.state[ident]) == 2:
            del self.state[ident], self.to[ident]
            self.changed.set()

    def left(self, returning):
        """Those that must still come: not those whose recipient cannot come back, or lost a line without acknowledgements."""
        return [ident for ident, state in self.state.items() if "acked" in state and
                (self.to[ident][0] == DESK or self.to[ident][0] in returning) and
                self.losses.get(self.to[ident][0], 0) < self.to[ident][1] - LAG]


class World:
    domain, desk = "localhost", "desk@localhost"

    def __init__(self, target, seed, run, profile, count, path):
        self.target, self.seed, self.run, self.profile = target, seed, run, profile
        self.waiting = Waiting()
        self.history = history.History(path, self.waiting)
        self.quiet = asyncio.Event()
        self.jids, self.sessions, self.direct = {}, 0, False
        self.ops, self.weights = list(profile.ops), list(profile.ops.values())
        self.rate, self.burst, self.absence, self.fillers = profile.rate, profile.burst, profile.absence, profile.fillers
        self.people = self.make(count)

    # -- who is there -----------------------------------------------------------------------------------------------------

    def make(self, count):
        import random
        chance = random.Random("people %s" % self.seed)
        p, people, number = self.profile, [], 0
        tenth = max(1, count // 10)
        staff = max(2, p.staff * tenth) if p.staff else 0
        roles = ["seat", "robot"] * (staff // 2) + ["user"] * (p.user * tenth) + ["visitor"] * (p.visitor * tenth)
        for role in roles:
            name = "v%d" % number if role == "visitor" else "u%d" % number
            person = Person(self, name, role, chance.choice(p.transports), chance.random() < (p.managed if role in ("user", "visitor") else 1))
            person.keeps = role != "visitor" or (person.transport != "tcp" and chance.random() < p.visitors_keep)
            person.absent = role == "user" and chance.random() * 10 < p.absent
            people.append(person)
            number += 1
        self.users = [person for person in people if person.role == "user"]
        return people

    def names(self):
        """For the server's settings: names of seats and robots, and how many accounts there must be."""
        def of(role):
            return [person.name for person in self.people if person.role == role]
        return {"seat": of("seat"), "robot": of("robot"), "accounts": len(self.people)}

    def keeps(self, person):
        return person.keeps

    def partners(self, person):
        choice = [other for other in self.users if other is not person]
        absent = [other for other in choice if other.absent]
        return absent or choice

    def password(self, person):
        return PASSWORD

    def next_session(self):
        self.sessions += 1
        return self.sessions

    def now(self):
        return asyncio.get_running_loop().time()

    def port(self, name):
        server = self.target.server
        return getattr(server, name) if self.direct else self.target.proxies[name].port

    async def any_of(self, event, seconds, quiet=True):
        """Until the event, the end of the play (unless quiet is False), or the time is over."""
        events = [event] + ([self.quiet] if quiet and event is not self.quiet else [])
        waits = [asyncio.ensure_future(one.wait()) for one in events]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def rest_or(self, seconds):
        await self.any_of(self.quiet, seconds)

    # -- the acts ---------------------------------------------------------------------------------------------------------

    async def play(self, plan, seconds, settle, failures):
        for person in self.people:
            if person.role != "visitor":  # its address is known before it comes
                bare = "%s@%s" % (person.name, self.domain)
                self.jids[bare] = person.chain
                self.history("chain", c=person.chain, role=person.role, jid=bare, acks=person.acks, returns=True)
        lives = [asyncio.ensure_future(person.live()) for person in self.people if not person.absent]
        trouble = asyncio.ensure_future(self.watch(lives, failures))
        nemesis = Nemesis(self.target, self.history, self.seed)
        until = self.now() + seconds
        await nemesis.play(plan, trouble)
        if not trouble.done():
            await asyncio.wait([trouble], timeout=max(0, until - self.now()))
        trouble.cancel()  # nothing happens to it when it is done
        self.quiet.set()
        await asyncio.wait(lives, timeout=60)
        for life in lives:
            life.cancel() if not life.done() else life.result()
        if not trouble.cancelled():
            self.history("stuck", c="server", why=trouble.result())
        else:
            await self.rest(settle)

    async def watch(self, lives, failures):
        """Returns what went wrong: the server ended by itself, or the driver did."""
        while True:
            await asyncio.sleep(0.2)
            if failures or any(life.done() for life in lives):
                return "the driver failed"
            if self.target.is_dead() and not self.target.busy:
                return "it ended by itself: " + self.target.log_tail()

    async def rest(self, settle):
        self.target.heal_disk(for_good=True)
        self.history("fault", kind="restart")
        code = await self.target.restart()
        if code != 0:
            self.history("stuck", c="server", why="exit code %d at SIGTERM: %s" % (code, self.target.log_tail()))
        self.history("fault", kind="restart over")
        self.direct = True
        deadline = self.now() + settle
        came = await asyncio.gather(*(person.come_to_rest(deadline) for person in self.people))
        present = [person for person, there in zip(self.people, came) if there]
        returning = {person.chain for person in present if person.keeps}
        while self.waiting.left(returning) and self.now() < deadline:
            self.waiting.changed.clear()
            await self.any_of(self.waiting.changed, min(1, max(0.01, deadline - self.now())), quiet=False)
        for _ in range(2):
            if not all(await asyncio.gather(*(person.has_all() for person in present))):
                break
        await asyncio.gather(*(person.log_out() for person in present))
        await self.target.stop_server()
        for table, ident in self.target.stored():
            self.history("stored", id=ident, where=table)
        self.history("rest")
