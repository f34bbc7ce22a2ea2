"""What everybody sent, received and was told, and whether that adds up. It knows no sockets.

Excuses, each with its reason:
- a message whose line broke before the server confirmed it is in doubt: it may have arrived or not;
- what was written to an unmanaged WebSocket around the time it broke may be lost with it: nothing acknowledges there;
- what had no acknowledgement when a line broke comes again on the next one, so twice on two lines is right then;
- what an owner has not answered goes to the next owner, stamped with a delay;
- notices of a leaving are not stored: an owner whose own line broke at that moment, or who stayed away longer than the hold,
  misses them;
- whoever takes over the conversation of a visitor who has left is told of that leaving too: once to each owner;
- a robot is told of visitors who have said something, not of those who were only shown its name;
- a robot whose line broke, or a seat who stayed away longer than the hold, has lost its conversations. A visitor who said nothing
  and asked nothing since has no owner, whatever name its page still shows: nobody is told."""
import collections

AROUND = 5  # seconds a loaded machine may need to see that a line broke


class Session:
    """One line of somebody, from login on."""
    def __init__(self, who, name, now, acknowledges):
        self.who, self.name, self.begin, self.acknowledges = who, name, now, acknowledges
        self.there = now     # since when somebody listens: a BOSH session's later pages set it again
        self.end, self.clean = None, False
        self.newest = {}     # by sender: number of the newest message received as it came
        self.notices = set()


class Sent:
    __slots__ = ("ident", "sender", "to", "body", "number", "at", "fate", "receipts")

    def __init__(self, ident, sender, to, body, number, at):
        self.ident, self.sender, self.to, self.body, self.number, self.at = ident, sender, to, body, number, at
        self.fate, self.receipts = "open", []  # fate: open, confirmed, doubt, bounced


class Visitor:
    """What the notices about one visitor must be."""
    def __init__(self):
        self.absences = []   # [from, to or None, grace, owner at the time]
        self.told, self.returned = collections.defaultdict(dict), set()  # told: when it left -> who was told, by which notice


class Ledger:
    def __init__(self, is_agent, hold=30, is_robot=lambda name: False):
        """hold: seconds the server keeps the conversations of a seat whose line broke."""
        self.is_agent, self.hold, self.is_robot = is_agent, hold, is_robot
        self.heard = {}      # (visitor, agent): when the agent received a message of the visitor last
        self.sent, self.numbers, self.wrong = {}, collections.Counter(), []
        self.sessions, self.visitors = collections.defaultdict(list), collections.defaultdict(Visitor)
        self.count, self.latency, self.assignment = collections.Counter(), [], []
        self.excused = collections.Counter()

    def fault(self, text, *what):
        self.wrong.append(text % what)

    def open_session(self, who, now, acknowledges):
        made = Session(who, "%s#%d" % (who, len(self.sessions[who])), now, acknowledges)
        self.sessions[who].append(made)
        return made

    def close_session(self, session, now, clean, unconfirmed):
        if session.end is None:
            session.end, session.clean = now, clean
            for ident in unconfirmed:
                if self.sent[ident].fate == "open":
                    self.sent[ident].fate = "doubt"

    # -- as it happens ------------------------------------------------------------------------------------------------------

    def send(self, sender, to, text, now):
        self.numbers[sender, to if self.is_agent(sender) else ""] += 1
        number = self.numbers[sender, to if self.is_agent(sender) else ""]
        ident = "m%d" % (len(self.sent) + 1)
        self.sent[ident] = Sent(ident, sender, to, text, number, now)
        return ident

    def confirm(self, ident):
        if self.sent[ident].fate == "open":
            self.sent[ident].fate = "confirmed"

    def bounce(self, session, ident, condition):
        self.count["bounced: " + condition] += 1
        if ident not in self.sent or self.sent[ident].sender != session.who:
            self.fault("%s got back %s, which it never sent", session.name, ident)
        else:
            self.sent[ident].fate = "bounced"

    def receive(self, session, ident, sender, body, delayed, now):
        message = self.sent.get(ident)
        if not message or message.body != body:
            self.fault("%s received %s (%.40r), which nobody sent so", session.name, ident, body)
            return
        if not self.is_agent(message.sender):
            if message.sender != sender or not self.is_agent(session.who):
                self.fault("%s received %s of %s from %s", session.name, ident, message.sender, sender)
        elif message.to != session.who:
            self.fault("%s received %s, which is for %s", session.name, ident, message.to)
        self.heard[message.sender, session.who] = now
        self.in_order(session, message, delayed)
        self.only_once(session, message, delayed)
        if not message.receipts and not delayed and session.there < message.at:
            self.latency.append(now - message.at)
        message.receipts.append((session, now))

    def in_order(self, session, message, delayed):
        newest = session.newest.get(message.sender, 0)
        if message.number <= newest and not delayed:
            self.fault("%s received %s (number %d of %s) after number %d", session.name, message.ident, message.number,
                       message.sender, newest)
        session.newest[message.sender] = max(newest, message.number)

    def only_once(self, session, message, delayed):
        for before, at in message.receipts:
            if before is session and not (delayed and message.receipts[-1][0].who != session.who):
                self.fault("%s received %s twice", session.name, message.ident)
            elif before is not session and before.who == session.who and session.begin > at + 1 and \
                    (before.end is None or before.clean):
                self.fault("%s received %s, which %s had received at ease", session.name, message.ident, before.name)
            elif before.who != session.who and not delayed:
                self.fault("%s received %s as it came, and so had %s", session.name, message.ident, before.name)

    def notice(self, session, visitor, kind, ident, at):
        """at: when it left, as the notice says."""
        if ident in session.notices:
            self.fault("%s got notice %s twice", session.name, ident)
        session.notices.add(ident)
        self.count["notices: " + kind] += 1
        if kind == "visitor-disconnected":
            before = self.visitors[visitor].told[at].setdefault(session.who, ident)
            if before != ident:
                self.fault("%s was told twice that %s left at %s: %s, %s", session.name, visitor, at, before, ident)
        elif kind == "visitor-returned":
            self.visitors[visitor].returned.add(ident)

    def left(self, visitor, now, grace, owner, shown=0):
        """owner: whom it was shown last, at `shown`; None: nobody."""
        if owner and self.is_robot(owner) and not any(who == visitor for who, _ in self.heard):
            owner = None
        elif owner and self.has_lost(owner, max(shown, self.heard.get((visitor, owner), 0)), now):
            owner = None
            self.excused["leaving of one whose owner had lost it before"] += 1
        self.visitors[visitor].absences.append([now, None, grace, owner])

    def has_lost(self, owner, since, now):
        """Did the server take away what this agent had at `since`?"""
        sessions, gone = self.sessions[owner], since
        while gone is not None and gone < now:
            there = [s for s in sessions if s.begin <= gone and (s.end is None or s.end > gone)]
            if there:
                gone = None if any(s.end is None for s in there) else max(s.end for s in there)
                continue
            back = min((s.begin for s in sessions if s.begin > gone), default=now)
            if self.is_robot(owner) or back - gone > self.hold - AROUND:
                return True
            gone = back
        return False

    def back(self, visitor, now):
        absences = self.visitors[visitor].absences
        if absences and absences[-1][1] is None:
            absences[-1][1] = now

    def asked(self, who, seconds, items):
        """A roster was asked for: seconds until the answer, None without one."""
        if seconds is None:
            self.fault("%s asked who is there and got no answer", who)
        elif items != 1:
            self.fault("%s asked who is there and got %d items", who, items)
        else:
            self.assignment.append(seconds)

    # -- at the end ---------------------------------------------------------------------------------------------------------

    def missing(self):
        """Messages without a fate so far."""
        return [m for m in self.sent.values() if not m.receipts and m.fate in ("open", "confirmed")]

    def due(self, absence):
        """(certainly, possibly) told."""
        begin, end, grace, owner = absence
        gap = float("inf") if end is None else end - begin
        return bool(owner) and gap > grace + AROUND, gap > grace - 1 or grace < 1

    def untold(self):
        """Visitors of whose leaving somebody must still be told."""
        return [name for name, v in self.visitors.items()
                if len(v.told) < sum(self.due(a)[0] and not self.away(a) for a in v.absences)]

    def check(self, stored):
        """stored: ids found in the server's store. Returns what is wrong."""
        for message in self.missing():
            if message.ident in stored:
                self.count["waits in the store"] += 1
            elif self.lost_with_line(message):
                self.excused["lost with a WebSocket that broke"] += 1
            else:
                self.fault("%s (%s to %s, %s, sent at %.1f) was neither received nor returned nor kept", message.ident,
                           message.sender, message.to, message.fate, message.at)
        for message in self.sent.values():
            if message.fate == "doubt" and not message.receipts:
                self.excused["sent on a line that broke before it was confirmed"] += 1
            if message.fate == "bounced" and message.receipts:
                self.fault("%s of %s was returned and received", message.ident, message.sender)
        for name, visitor in self.visitors.items():
            self.check_notices(name, visitor)
        return self.wrong

    def lost_with_line(self, message):
        if not self.is_agent(message.sender):
            return False
        return any(not s.acknowledges and s.end is not None and not s.clean and abs(message.at - s.end) <= AROUND
                   for s in self.sessions[message.to])

    def check_notices(self, name, visitor):
        due = [self.due(a) for a in visitor.absences]
        certain, possible = sum(c for c, _ in due), sum(p for _, p in due)
        missed = sum(c and self.away(a) for (c, _), a in zip(due, visitor.absences))
        if len(visitor.told) < certain - missed:
            self.fault("%s left %d times, and %d notices told of it: %s", name, certain, len(visitor.told), visitor.absences)
        elif len(visitor.told) < certain:
            self.excused["notice to an owner who was away"] += certain - len(visitor.told)
        if len(visitor.told) > possible:
            self.fault("%s left %d times at most, and %d notices told of it: %s", name, possible, len(visitor.told),
                       visitor.absences)
        if len(visitor.returned) > len(visitor.told) + missed:
            self.fault("%s was said to be back %d times, and gone %d times", name, len(visitor.returned), len(visitor.told))

    def away(self, absence):
        """Was the owner itself away when it was to be told, so that the notice may be missing? It comes later to one who is back
        within the hold."""
        begin, end, grace, owner = absence
        moment, sessions = begin + grace, self.sessions[owner]
        if any(s.begin < (begin if self.is_robot(owner) else moment - 1) and (s.end is None or s.end > moment + AROUND) for s in sessions):
            return False
        gone = max((s.end for s in sessions if s.end is not None and s.end <= moment + AROUND), default=moment)
        back = min((s.begin for s in sessions if s.begin > gone), default=float("inf"))
        broke_then = gone >= moment - 1      # the notice may have been written to the line that broke
        gave_up = self.is_robot(owner) and gone >= begin - 1  # a robot has no hold
        return broke_then or gave_up or back - gone > self.hold - AROUND or (end is not None and end < back + 1)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")
