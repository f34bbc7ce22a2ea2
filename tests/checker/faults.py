"""What goes wrong in a run: a schedule drawn from the seed before it begins, and the hand that carries it out.

Only faults that the machine allows are drawn; `Nemesis.absent` says which are not, and why."""
import asyncio
import os
import random
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proxy import KINDS  # noqa: E402

# kind: how often, relative to the others
OTHERS = {"freeze": 2, "slow-disk": 2, "disk-full": 2, "disk-error": 2, "redis": 1,
          **{"line-" + kind: 2 for kind in KINDS}}


def schedule(seed, seconds, kills, kinds, every):
    """[(second, kind, length, share of the lines)]. The kills are spread evenly; one in three comes while the disk is slow,
    one in six after it has failed."""
    chance = random.Random("faults %s" % seed)
    plan = []
    for i in range(kills):
        at = (i + chance.uniform(0.35, 0.95)) * seconds / kills
        before = chance.random()
        if before < 0.33 and "slow-disk" in kinds:
            plan.append((max(0.0, at - 0.5), "slow-disk", 0.5, 0))
        elif before < 0.5 and "disk-error" in kinds:
            plan.append((max(0.0, at - 0.3), "disk-error", 0.3, 0))
        plan.append((at, "kill", 0, 0))
    names = sorted(k for k in kinds if k != "kill")
    at = chance.expovariate(1 / every) if names else seconds
    while at < seconds:
        kind = chance.choices(names, [OTHERS[k] for k in names])[0]
        plan.append((at, kind, chance.uniform(0.2, 2.0), chance.uniform(0.05, 0.6)))
        at += chance.expovariate(1 / every)
    return sorted(plan)


class Nemesis:
    """`target`: the server under test (run), with its process, disk, proxies and Redis."""

    def __init__(self, target, history, seed):
        self.target, self.history, self.random = target, history, random.Random("nemesis %s" % seed)
        self.kills, self.redis_alone = 0, asyncio.Lock()

    async def play(self, plan, died):
        """Until the plan is over or the server dies by itself."""
        loop = asyncio.get_running_loop()
        begin, running = loop.time(), set()
        for at, kind, length, share in plan:
            wait = begin + at - loop.time()
            if wait > 0:
                await asyncio.wait([died], timeout=wait)
            if died.done():
                break
            act = asyncio.ensure_future(self.act(kind, length, share))
            if kind == "kill":
                await act
            else:
                running.add(act)
        if running:
            await asyncio.wait(running)
        for act in running:
            act.result()

    async def act(self, kind, length, share):
        if kind == "kill":
            await self.kill()
        elif kind.startswith("line-"):
            self.spoil(kind[5:], length, share)
        else:
            await getattr(self, kind.replace("-", "_"))(length)

    async def kill(self):
        self.history("fault", kind="kill")
        self.kills += 1
        await self.target.kill()
        self.target.heal_disk()
        await self.target.start_again()
        self.history("fault", kind="up")

    def spoil(self, kind, length, share):
        links = sorted(self.target.links(), key=id)
        chosen = [link for link in links if self.random.random() < share]
        self.history("fault", kind="line-" + kind, lines=len(chosen), seconds=length)
        for link in chosen:
            link.spoil(kind, length)

    async def for_a_time(self, kind, length, begin, end):
        self.history("fault", kind=kind, seconds=length)
        begin()
        await asyncio.sleep(length)
        end()
        self.history("fault", kind=kind + " over")

    async def freeze(self, length):
        pid = self.target.pid
        try:
            await self.for_a_time("freeze", length, lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT))
        except ProcessLookupError:
            pass  # killed meanwhile

    async def slow_disk(self, length):
        await self.for_a_time("slow-disk", length, lambda: self.target.disk_flag("slow", str(self.random.choice((20, 60, 200)))),
                              lambda: self.target.disk_flag("slow", None))

    async def disk_error(self, length):
        await self.for_a_time("disk-error", length, lambda: self.target.disk_flag("eio", ""),
                              lambda: self.target.disk_flag("eio", None))

    async def disk_full(self, length):
        await self.for_a_time("disk-full", length, self.target.fill_disk, self.target.empty_disk)

    async def redis(self, length):
        async with self.redis_alone:
            await self.for_a_time("redis", length, self.target.redis.stop, lambda: None)
            await self.target.start_redis()
