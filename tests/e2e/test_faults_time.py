"""Faults of time (reliability.md F56 to F58): a wall clock that jumps by a day, a process that was stopped for a while, days and zones that
programs get wrong. Nobody is logged out, no timer fires early, stamps are sane and rows stay in order."""
import os
import signal
import sys
import time
import unittest
from datetime import datetime, timezone

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import ENDED, Bosh, Tcp, WebSocket  # noqa: E402
from faults import Breakable, Client, is_message, metric, text_of, until  # noqa: E402
from server import Server  # noqa: E402

DAY = 86400
SHORT_TIMERS = ("c2s/max-inactivity-time[I]=3600", "c2s/watchdog_timeout[I]=3600", "bosh/max-inactivity[I]=600",
                "sess-man/desk/seats[s]=seat@localhost", "sess-man/desk/robots[s]=robot@localhost",
                "sess-man/desk/hold[I]=600", "sess-man/desk/robot-deadline[I]=600", "sess-man/desk/return-window[I]=3600")


def stamp(element):
    text = element.find("{urn:xmpp:delay}delay").get("stamp")
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class World:
    """A bit of everything that has timers: TCP, BOSH, WebSocket, a sleeping session, a desk conversation."""

    def __init__(self, server):
        self.server = server
        for name in ("alice", "bob", "carol", "seat"):
            server.account(name + "@localhost", "pw")
        self.alice, self.bob, self.seat = (Client(server).enter(name) for name in ("alice", "bob", "seat"))
        self.page, self.socket = Bosh(server), WebSocket(server)
        for visitor in (self.page, self.socket):
            assert visitor.log_in() is None
            visitor.send("<presence/>")
        self.page.send("<message to='desk@localhost' type='chat'><body>a question</body></message>")
        self.chat = self.seat.hear("a question").get("from")
        self.sleeper = Client(server).enter("carol")
        self.sleeper.ping()
        self.sleeper.kill()
        until(lambda: metric(server, "sm_asleep") == 1, "asleep")
        self.sessions = metric(server, "sessions_open")

    def check(self, word):
        """Everybody is there, and the sleeper and the conversation are where they were."""
        for client in (self.alice, self.bob, self.seat):
            client.ping()
        self.alice.say(self.bob.jid, "live " + word)
        self.bob.hear("live " + word)
        self.seat.say(self.chat, "answer " + word)
        for visitor in (self.page, self.socket):
            visitor.send("<iq type='get' id='v%s'><ping xmlns='urn:xmpp:ping'/></iq>" % word)
        self.page.expect(lambda e: is_message(e) and text_of(e) == "answer " + word)
        self.socket.expect(lambda e: e.get("id") == "v" + word)
        assert metric(self.server, "sessions_open") == self.sessions, "somebody was logged out"
        assert metric(self.server, "sm_asleep") == 1 and metric(self.server, "sm_expired") == 0, "the sleeper was woken"
        assert metric(self.server, "stream_errors") == 0


class Clock(unittest.TestCase):
    def test_jumps_log_nobody_out_and_fire_nothing(self):
        """F56"""
        with Breakable(*SHORT_TIMERS) as server:
            world = World(server)
            world.check("now")
            for number, offset in enumerate((DAY, -DAY, 0, 400 * DAY, 0)):
                server.set(wall_offset_s=offset)
                Client(server).enter("alice", present=False).close()  # logins work
                world.check("jump%d" % number)
            again = Client(server)
            self.assertIsNone(again.resume(world.sleeper, "carol", "pw"))

    def test_stamps_follow_the_clock_and_rows_keep_their_order(self):
        with Breakable() as server:
            for name in ("alice", "bob"):
                server.account(name + "@localhost", "pw")
            alice = Client(server).enter("alice")
            offsets = (0, DAY, -DAY, 0)
            for number, offset in enumerate(offsets):
                server.set(wall_offset_s=offset)
                alice.say("bob@localhost", "row %d" % number)
                until(lambda: metric(server, "offline_stored") == number + 1, "kept")
            bob = Client(server).enter("bob")
            for number, offset in enumerate(offsets):
                row = bob.expect(is_message)
                self.assertEqual(text_of(row), "row %d" % number, "in the order in which they were sent")
                self.assertAlmostEqual(stamp(row), datetime.now(timezone.utc).timestamp() + offset, delta=300)


class Calendar(unittest.TestCase):
    """F58: the moments around which clocks break, in zones in which they do; `right/UTC` counts leap seconds."""

    MOMENTS = ("2016-12-31T23:59:58", "2017-01-01T00:00:00", "2026-03-29T00:59:58", "2026-10-25T01:00:00", "2038-01-19T03:14:05",
               "2038-01-19T03:14:09", "2106-02-07T06:28:20")

    def test_stamps_are_utc_on_every_day_in_every_zone(self):
        for zone in ("Europe/Berlin", "right/UTC", "no such zone"):
            with self.subTest(zone), Breakable(env={"TZ": zone}) as server:
                for name in ("alice", "bob"):
                    server.account(name + "@localhost", "pw")
                alice = Client(server).enter("alice")
                for number, moment in enumerate(self.MOMENTS):
                    at = datetime.fromisoformat(moment + "+00:00").timestamp()
                    server.set(wall_offset_s=int(at - time.time()))
                    alice.say("bob@localhost", moment)
                    until(lambda: metric(server, "offline_stored") == number + 1, "kept")
                    self.assertIsNone(Tcp(server, direct_tls=True).log_in("alice", "pw"))
                    os.kill(server.process.pid, signal.SIGHUP)
                    until(lambda: server.log().count("log level read again") == number + 1, "a line of this moment")
                    line = [line for line in server.log().splitlines() if "log level read again" in line][-1]
                    self.assertAlmostEqual(datetime.fromisoformat(line.split("Z ")[0] + "+00:00").timestamp(), at, delta=20)
                bob = Client(server).enter("bob")
                for moment in self.MOMENTS:
                    row = bob.hear(moment)
                    self.assertAlmostEqual(stamp(row), datetime.fromisoformat(moment + "+00:00").timestamp(), delta=20)


class Stopped(unittest.TestCase):
    """F57: the process stops for a while, as a machine that is suspended does."""

    def test_sessions_live_on(self):
        # Every timer but those of World would have fired meanwhile, had the clock been the only judge.
        with Server(*SHORT_TIMERS, "c2s/watchdog_timeout[I]=2", "bosh/websocket-idle-ping[I]=2", "bosh/max-inactivity[I]=3",
                    "sess-man/desk/notify-grace[I]=2") as server:
            world = World(server)
            os.kill(server.process.pid, signal.SIGSTOP)
            time.sleep(5)  # the fault itself
            os.kill(server.process.pid, signal.SIGCONT)
            world.check("after")
            world.check("again")
            self.assertFalse(any(e is ENDED for e in list(world.page.inbox.queue)))
            again = Client(server)
            self.assertIsNone(again.resume(world.sleeper, "carol", "pw"))


if __name__ == "__main__":
    unittest.main()
