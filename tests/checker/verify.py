#!/usr/bin/python3
"""Reads the history of a run and says whether it kept the invariants I1-I8; prints the life line of the first message
that broke one. Exit code 0: all held; 1: one did not; 2: this is no history.

  verify.py [--settle SECONDS] [--resends-may-double] HISTORY

I1 no loss         what was acknowledged was received, bounced to its sender, or is kept for somebody who cannot return
I2 no invention    what was received was sent, unchanged, by whom it says, to whom got it
I3 no doubles      a second receipt needs a broken line, a new session or a crash in between; none at all of what the
                   server knows to be acknowledged, unless the disk failed (it could not delete what it kept); a resend
                   with the same origin-id is one message, if the server acknowledges in both sessions and did not start
                   anew in between
I4 order           first receipts by one recipient follow the order in one sender's session, unless the recipient opened
                   another session meanwhile
I5 one fate        bounced or received; both only with a crash in between, or when the recipient's session ended before it
                   had acknowledged what it got
I6 sane acks       h never falls (but in the <failed/> after a crash) and never passes what was sent
I7 archive         not applicable: there is no archive yet
I8 it settles      everything has its fate `--settle` seconds after the last fault; nothing waits in the store for somebody
                   who is here; everybody could log in

What a client without acknowledgements (TCP and WebSocket without stream management) had on its line when it broke is
nobody's promise: such a loss is counted, not reported. So is the loss of what was never acknowledged, in a crash or at a stop
right after it was handled.

Memory: users, sessions and faults. Messages are sorted by id outside (sort), then read message by message: O(n log n)."""
import argparse
import bisect
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import history  # noqa: E402

DESK = "desk"
DISK = ("disk-full", "disk-error")
SETTLE = 120
SOFT = 1     # seconds a message may be in memory alone that was handled and not acknowledged
LAG = 5      # seconds until the other side notices the end of a session
KEEP = 1000  # violations remembered
LINES = 80  # of a life line printed
NAMES = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")


def bare(jid):
    return (jid or "").split("/")[0]


def overlaps(intervals, since, until):
    return any(begin <= until and end >= since for begin, end in intervals)


class Sorted:
    """Lines sorted by their first field; lines with the same key stay in order. One use: add all, then read."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile("w+", encoding="utf-8", suffix=".unsorted")

    def add(self, key, line):
        self.file.write("%s\t%s\n" % (key, line))

    def groups(self):
        self.file.flush()
        with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".sorted") as out:
            subprocess.run(["sort", "-s", "-t", "\t", "-k1,1", "-o", out.name, self.file.name], check=True,
                           env=dict(os.environ, LC_ALL="C"))
            lines = (line.rstrip("\n").split("\t", 1) for line in out)
            for key, group in itertools.groupby(lines, lambda pair: pair[0]):
                yield key, [rest for _, rest in group]
        self.file.close()


class Verdict:
    def __init__(self):
        self.violations = []  # (line number of the event, invariant, id or None, what)
        self.count = dict.fromkeys(NAMES, 0)
        self.seen = {}        # counters for the report

    def violate(self, at, name, ident, what):
        self.count[name] += 1
        if len(self.violations) < KEEP:
            self.violations.append((at, name, ident, what))

    def add(self, counter, n=1):
        self.seen[counter] = self.seen.get(counter, 0) + n

    @property
    def ok(self):
        return not any(self.count.values())

    def first(self):
        return min(self.violations, default=None, key=lambda v: v[0])


class Verifier:
    def __init__(self, path, settle=SETTLE, resends_may_double=False):
        self.path, self.settle, self.resends_may_double = path, settle, resends_may_double
        self.out = Verdict()
        self.chains, self.jids = {}, {}
        self.breaks = {}    # chain -> times at which a session of it began, broke, went on or ended
        self.opens = {}     # chain -> times at which one began
        self.promising = set()  # sessions in which the server acknowledges
        self.losses = {}    # chain -> times at which a line without acknowledgements broke
        self.told = {}      # session -> [(time, n)]
        self.acks = {}      # session -> (h, line)
        # [from, to]: the server is dead; it is restarted properly; the disk fails
        self.crashes, self.restarts, self.disk = [], [], []
        self.last_fault = 0.0
        self.at_rest = False

    # -- pass 1: users, sessions, faults; messages go out to be sorted -------------------------------------------------

    def gather(self, messages):
        for at, e in enumerate(history.read(self.path)):
            getattr(self, "on_" + e["e"], lambda *_: None)(at, e)
            for ident in e.get("ids") or filter(None, [e.get("id")]):
                slim = {k: v for k, v in e.items() if k not in ("ids", "h", "sent")}
                messages.add(ident, json.dumps({"at": at, **slim}))

    def on_chain(self, _, e):
        self.chains[e["c"]] = e
        if e.get("jid"):
            self.jids[e["jid"]] = e["c"]

    def on_break(self, _, e):
        self.breaks.setdefault(e["c"], []).append(e["t"])

    on_resumed = on_closed = on_break

    def on_open(self, at, e):
        self.on_break(at, e)
        self.opens.setdefault(e["c"], []).append(e["t"])
        if e["promises"]:
            self.promising.add(e["s"])

    def on_lost(self, at, e):
        self.on_break(at, e)
        if not e["acks"]:
            self.losses.setdefault(e["c"], []).append(e["t"])

    def on_told(self, _, e):
        self.told.setdefault(e["s"], []).append((e["t"], e["n"]))

    def on_acked(self, at, e):
        before, then = self.acks.get(e["s"], (0, e["t"]))
        if e["h"] < before and self.crashed(then - LAG, e["t"]):  # the last one may have been on its way at the crash
            self.out.add("h was behind after a crash")  # the <failed/> of a session that the crash ended
        elif e["h"] < before:
            self.out.violate(at, "I6", None, "%s, session %s: h went from %d back to %d" % (e["c"], e["s"], before, e["h"]))
        if e["h"] > e["sent"]:
            self.out.violate(at, "I6", None, "%s, session %s: h is %d and only %d were sent"
                             % (e["c"], e["s"], e["h"], e["sent"]))
        self.acks[e["s"]] = e["h"], e["t"]

    def on_fault(self, _, e):
        self.last_fault = e["t"]
        self.out.add("fault " + e["kind"])
        if e["kind"] == "kill":
            self.crashes.append([e["t"], float("inf")])
        elif e["kind"] == "up" and self.crashes:
            self.crashes[-1][1] = e["t"]
        elif e["kind"] == "restart":
            self.restarts.append([e["t"], float("inf")])
        elif e["kind"] == "restart over" and self.restarts:
            self.restarts[-1][1] = e["t"]
        elif e["kind"] in DISK:
            self.disk.append([e["t"], float("inf")])
        elif e["kind"].endswith(" over") and e["kind"][:-5] in DISK:
            for one in self.disk:
                one[1] = min(one[1], e["t"])

    def on_strange(self, at, e):
        self.out.violate(at, "I2", None, "%s got a text that nobody sent: %r" % (e["c"], e["text"]))

    def on_stuck(self, at, e):
        self.out.violate(at, "I8", None, "%s: %s" % (e["c"], e["why"]))

    def on_rest(self, *_):
        self.at_rest = True

    # -- what lies between ------------------------------------------------------------------------------------------

    def crashed(self, since, until):
        """The server was dead at some moment between the two."""
        return overlaps(self.crashes, since, until)

    def started_anew(self, since, until):
        return self.crashed(since, until) or overlaps(self.restarts, since, until)

    def disk_failed(self, since, until):
        return overlaps(self.disk, since, until)

    @staticmethod
    def between(times, since, until):
        """One of the times (sorted) is in (since, until]."""
        at = bisect.bisect_right(times, since)
        return at < len(times) and times[at] <= until

    def broke(self, chain, since, until):
        return self.between(self.breaks.get(chain, []), since, until)

    def was_told(self, session, n, since, until):
        return any(since < t <= until and up_to >= n for t, up_to in self.told.get(session, ()))

    def are_recipients(self, to, chain):
        if to == DESK:
            return self.chains.get(chain, {}).get("role") in ("seat", "robot")
        return to == chain

    def excused(self, to, since):
        """A line without acknowledgements of a recipient broke after it was sent, or so shortly before that the server did not
        know of it."""
        since -= LAG
        if to != DESK:
            return any(t >= since for t in self.losses.get(to, ()))
        return any(self.are_recipients(DESK, chain) and any(t >= since for t in times)
                   for chain, times in self.losses.items())

    # -- pass 2: message by message -----------------------------------------------------------------------------------

    def message(self, ident, events, orders):
        kinds = {}
        for e in events:
            kinds.setdefault(e["e"], []).append(e)
        sends, receipts, bounces = kinds.get("send", []), kinds.get("recv", []), kinds.get("bounce", [])
        self.out.add("messages", bool(sends))
        self.out.add("received", bool(receipts))
        self.out.add("bounced", bool(bounces))
        if not self.is_true(ident, sends, receipts, bounces):
            return
        self.is_kept(ident, sends[0], kinds)
        for chain in sorted({r["c"] for r in receipts}):
            own = [r for r in receipts if r["c"] == chain]
            for first, second in zip(own, own[1:]):
                self.may_double(ident, sends, first, second)
            if len(sends) == 1:
                orders.add("%s %s" % (sends[0]["s"], chain), "%012d %d %f %f %s" % (sends[0]["at"], own[0]["at"], sends[0]["t"],
                                                                                       own[0]["t"], ident))
        self.has_one_fate(ident, sends, receipts, bounces)
        self.is_in_time(ident, receipts + bounces)

    def is_true(self, ident, sends, receipts, bounces):
        for r in receipts + bounces:
            sent = next((s for s in sends if s["at"] < r["at"]), None)
            wrong = None
            if not sent:
                wrong = "%s got what nobody had sent" % r["c"]
            elif r["e"] == "bounce":
                if r["c"] != sent["c"]:
                    wrong = "%s got an error for a message of %s" % (r["c"], sent["c"])
            elif not r["sha"] == r["sum"] == sent["sha"]:
                wrong = "%s got a changed body" % r["c"]
            elif self.jids.get(bare(r["from"])) != sent["c"]:
                wrong = "%s got it from %s, it was sent by %s" % (r["c"], r["from"], sent["c"])
            elif not self.are_recipients(sent["to"], r["c"]):
                wrong = "%s got it, it was sent to %s" % (r["c"], sent["to"])
            if wrong:
                self.out.violate(r["at"], "I2", ident, wrong)
                return False
        return bool(sends)

    def is_kept(self, ident, sent, kinds):
        acked = (kinds.get("acked") or [None])[0]
        soft = (kinds.get("soft") or [None])[0]
        self.out.add("acknowledged", bool(acked))
        if "recv" in kinds or "bounce" in kinds or not (acked or soft):
            return
        if "stored" in kinds:
            self.out.add("kept")
            if sent["to"] == DESK or self.chains[sent["to"]]["returns"]:
                self.out.violate(kinds["stored"][0]["at"], "I8", ident,
                                 "it lies in the store although its recipient was here at the end")
        elif self.excused(sent["to"], sent["t"]):
            self.out.add("lost with a line without acknowledgements")
        elif acked:
            self.out.violate(acked["at"], "I1", ident, "acknowledged and gone")
        elif self.crashed(sent["t"], float("inf")):
            self.out.add("lost in a crash, not acknowledged")
        elif overlaps(self.restarts, soft["t"], soft["t"] + SOFT):
            self.out.add("lost at a stop, not acknowledged")
        else:
            self.out.violate(soft["at"], "I1", ident, "handled and gone, without a crash")

    def may_forget(self, sends, until):
        """After a start nobody remembers what was sent before; and for what came under no promise nobody answers, so it does
        not stand for what is sent again under one."""
        return self.resends_may_double or self.started_anew(sends[0]["t"], until) or \
            any(s["s"] not in self.promising for s in sends)

    def may_double(self, ident, sends, first, second):
        self.out.add("doubles")
        since, until = first["t"], second["t"]
        again = any(s["try"] > 1 and s["t"] < until for s in sends)
        if self.crashed(since, until):
            return
        if again and self.may_forget(sends, until):
            self.out.add("doubles of resends")
            return
        # What the desk passes on is settled by an answer, not by a receipt: an owner who comes back may be shown it again.
        if sends[0]["to"] != DESK and self.was_told(first["s"], first["n"], since, until):
            if self.disk_failed(since, until) and self.broke(first["c"], since, until):
                self.out.add("doubles of rows that a failing disk did not delete")
                return
            what = "%s got it again after the server had its acknowledgement" % first["c"]
        elif self.broke(first["c"], since, until):
            return
        elif again:
            what = "%s got it twice because it was sent again with the same origin-id" % first["c"]
        else:
            what = "%s got it twice on an unbroken line" % first["c"]
        self.out.violate(second["at"], "I3", ident, what)

    def has_one_fate(self, ident, sends, receipts, bounces):
        if not receipts or not bounces:
            return
        if len(sends) > 1 and self.may_forget(sends, sends[-1]["t"]):
            self.out.add("doubles of resends")
            return
        times = [e["t"] for e in receipts + bounces]
        since, until = min(times), max(times)
        # It went back when its recipient's session ended, and the recipient had it without having said so yet.
        unsaid = any(self.broke(r["c"], since, until + LAG) and not self.was_told(r["s"], r["n"], since, bounces[0]["t"])
                     for r in receipts)
        if not self.crashed(since, until) and not unsaid:
            self.out.violate(max(receipts[0]["at"], bounces[0]["at"]), "I5", ident, "bounced and received")

    def is_in_time(self, ident, fates):
        first = min(fates, default=None, key=lambda e: e["at"])
        if first and self.last_fault and first["t"] > self.last_fault + self.settle:
            self.out.violate(first["at"], "I8", ident, "settled %.0f s after the last fault" % (first["t"] - self.last_fault))

    # -- pass 3: order --------------------------------------------------------------------------------------------------

    def order(self, key, lines):
        """Lines: when it was sent, when it was received first (places in the history), the same as times, id. The order of
        sending must be that of receiving. A recipient who opened a new session meanwhile had two, each with its own."""
        chain = key.split(" ", 1)[1]
        highest, latest, sent, got = -1, None, 0.0, 0.0
        for _, at, since, until, ident in sorted(line.split(" ", 4) for line in lines):
            if int(at) > highest:
                highest, latest, sent, got = int(at), ident, float(since), float(until)
            elif self.between(self.opens.get(chain, []), sent, got):
                self.out.add("out of order over a new session")
            else:
                self.out.violate(highest, "I4", latest, "%s was sent after it and received before it (session, recipient: %s)"
                                 % (ident, key))
                return  # the first one tells enough

    def run(self):
        messages, orders = Sorted(), Sorted()
        self.gather(messages)
        for times in itertools.chain(self.breaks.values(), self.losses.values()):
            times.sort()
        for ident, lines in messages.groups():
            self.message(ident, [json.loads(line) for line in lines], orders)
        for key, lines in orders.groups():
            self.order(key, lines)
        if not self.at_rest:
            self.out.violate(1 << 62, "I8", None, "the run never came to rest")
        return self.out


def life_line(path, ident):
    """All that happened to one message, and to those who had to do with it from its first event on."""
    begin = end = None
    people, fates = set(), 0
    for at, e in enumerate(history.read(path)):
        if e.get("id") == ident or ident in (e.get("ids") or ()):
            begin, end = at if begin is None else begin, at
            people |= {e.get("c"), e.get("to")}
            fates += e["e"] in ("recv", "bounce")
    if begin is None:
        return
    untold = {}
    for at, e in enumerate(history.read(path)):
        own = e.get("id") == ident or ident in (e.get("ids") or ())
        near = at >= begin and (at <= end or not fates) and (e["e"] == "fault" or e.get("c") in people and
                                                            e["e"] in ("open", "lost", "resumed", "closed"))
        if own and e["e"] == "recv":
            untold[e["s"]] = e["n"]
        elif e["e"] == "told" and untold.get(e["s"], float("inf")) <= e["n"]:
            near = bool(untold.pop(e["s"]))
        if own or near:
            e.pop("ids", None)
            yield "%s %s" % ("*" if own else " ", json.dumps(e, ensure_ascii=False))


def report(path, verdict, out=sys.stdout):
    print(", ".join("%s %d" % (k, v) for k, v in sorted(verdict.seen.items())), file=out)
    for name in NAMES:
        word = "not applicable: no archive" if name == "I7" else \
            "%d violations" % verdict.count[name] if verdict.count[name] else "holds"
        print("%s %s" % (name, word), file=out)
    first = verdict.first()
    if not first:
        return
    _, name, ident, what = first
    print("first violation: %s %s: %s" % (name, ident or "", what), file=out)
    for line in itertools.islice(life_line(path, ident), LINES) if ident else ():
        print("  " + line, file=out)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("history")
    options.add_argument("--settle", type=float, default=SETTLE)
    options.add_argument("--resends-may-double", action="store_true")
    chosen = options.parse_args()
    try:
        verdict = Verifier(chosen.history, chosen.settle, chosen.resends_may_double).run()
    except (OSError, ValueError, KeyError) as error:
        print("%s: no history of a run: %r" % (chosen.history, error), file=sys.stderr)
        return 2
    with contextlib.suppress(BrokenPipeError):
        report(chosen.history, verdict)
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
