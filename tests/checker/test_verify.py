#!/usr/bin/python3
"""The verifier against histories made by hand: for each invariant some that keep it and some that break it."""
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import history  # noqa: E402
import verify  # noqa: E402

A, B = "alice@h", "bob@h"


class Story:
    """Writes a history; the clock moves one second with each event."""

    def __init__(self):
        self.events, self.now = [], 0.0
        self("run", seed=1)
        self("chain", c="a", role="user", jid=A, acks=True, returns=True)
        self("chain", c="b", role="user", jid=B, acks=True, returns=True)
        self("open", c="a", s=1, how="tcp", promises=True)
        self("open", c="b", s=2, how="tcp", promises=True)

    def __call__(self, e, after=1.0, **more):
        self.now += after
        self.events.append({"t": self.now, "e": e, **more})
        return self

    def send(self, n, to="b", c="a", s=1, attempt=1):
        ident = "1|%s|%d" % (c, n)
        return self("send", c=c, s=s, id=ident, to=to, sha=history.checksum(ident), **{"try": attempt})

    def acked(self, n, c="a", s=1, h=None):
        h = n if h is None else h
        return self("acked", c=c, s=s, h=h, sent=max(n, h), ids=["1|%s|%d" % (c, n)])

    def recv(self, n, c="b", s=2, who="a", jid=A, at=1, **more):
        ident = "1|%s|%d" % (who, n)
        sha = history.checksum(ident)
        return self("recv", c=c, s=s, id=ident, **{"from": jid + "/x", "sha": sha, "sum": sha, "n": at, **more})

    def bounce(self, n, c="a", s=1):
        return self("bounce", c=c, s=s, id="1|%s|%d" % (c, n), why="service-unavailable")

    def crash(self):
        return self("fault", kind="kill")("fault", kind="up")

    def verdict(self, rest=True, **options):
        if rest:
            self("rest")
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as out:
            out.writelines(json.dumps(e) + "\n" for e in self.events)
            out.flush()
            verdict = verify.Verifier(out.name, **options).run()
            self.text = io.StringIO()
            verify.report(out.name, verdict, self.text)
            return verdict


class Invariants(unittest.TestCase):
    def holds(self, story, **options):
        verdict = story.verdict(**options)
        self.assertTrue(verdict.ok, story.text.getvalue())
        return verdict

    def breaks(self, name, story, ident="1|a|1", **options):
        verdict = story.verdict(**options)
        self.assertEqual({k for k, n in verdict.count.items() if n}, {name}, story.text.getvalue())
        self.assertEqual(verdict.first()[2], ident)
        self.assertIn("first violation: %s" % name, story.text.getvalue())
        if ident:
            self.assertIn('"id": "%s"' % ident, story.text.getvalue(), "the life line")

    def test_nothing_happened(self):
        self.holds(Story())

    # -- I1 ---------------------------------------------------------------------------------------------------------

    def test_i1_received_bounced_or_kept(self):
        story = Story()
        story("chain", c="v", role="visitor", jid="v-1@h", acks=True, returns=False)
        story.send(1).acked(1).recv(1).send(2).acked(2).bounce(2).send(3, to="v").acked(3)
        story("stored", id="1|a|3", where="offline")
        self.assertEqual(self.holds(story).seen["acknowledged"], 3)

    def test_i1_acknowledged_and_gone(self):
        self.breaks("I1", Story().send(1).acked(1).send(2).acked(2).recv(2))

    def test_i1_a_crash_is_no_excuse_for_what_was_acknowledged(self):
        self.breaks("I1", Story().send(1).acked(1).crash())

    def test_i1_what_was_not_acknowledged_may_go(self):
        self.holds(Story().send(1).crash())

    def test_i1_handled_may_go_in_a_crash_only(self):
        self.holds(Story().send(1)("soft", c="a", s=1, ids=["1|a|1"]).crash())
        self.breaks("I1", Story().crash().send(1)("soft", c="a", s=1, ids=["1|a|1"]))

    def test_i1_handled_right_before_a_stop(self):
        def stopped(after):
            story = Story().send(1)("soft", c="a", s=1, ids=["1|a|1"])
            return story("fault", after=after, kind="restart")("fault", kind="restart over")
        self.holds(stopped(0.5))
        self.breaks("I1", stopped(1.5))

    def test_i1_a_line_without_acknowledgements(self):
        self.holds(Story().send(1).acked(1)("lost", c="b", s=2, acks=False))
        self.breaks("I1", Story().send(1).acked(1)("lost", c="b", s=2, acks=True))
        self.holds(Story()("lost", c="b", s=2, acks=False).send(1).acked(1))
        self.breaks("I1", Story()("lost", c="b", s=2, acks=False)("open", after=10, c="b", s=3, how="tcp", promises=True).send(1).acked(1))

    def test_i1_a_message_to_the_desk_reaches_any_seat_or_robot(self):
        def desk():
            story = Story()("chain", c="r", role="robot", jid="r@h", acks=True, returns=True)
            return story.send(1, to="desk").acked(1)
        self.holds(desk().recv(1, c="r", s=3))
        self.breaks("I1", desk())

    # -- I2 ---------------------------------------------------------------------------------------------------------

    def test_i2_nobody_sent_it(self):
        self.breaks("I2", Story().recv(1))

    def test_i2_received_before_it_was_sent(self):
        self.breaks("I2", Story().recv(1).send(1))

    def test_i2_changed_on_the_way(self):
        self.breaks("I2", Story().send(1).recv(1, sum="00000000"))
        self.breaks("I2", Story().send(1).recv(1, sha="00000000", sum="00000000"))

    def test_i2_under_a_false_name(self):
        self.breaks("I2", Story().send(1).recv(1, jid=B))

    def test_i2_to_somebody_else(self):
        self.breaks("I2", Story()("chain", c="c", role="user", jid="c@h", acks=True, returns=True).send(1).recv(1, c="c"))

    def test_i2_the_wrong_sender_gets_the_error(self):
        story = Story().send(1)("bounce", c="b", s=2, id="1|a|1", why="gone")
        self.breaks("I2", story)

    def test_i2_a_text_of_nobody(self):
        self.breaks("I2", Story()("strange", c="b", s=2, text="hello"), ident=None)

    # -- I3 ---------------------------------------------------------------------------------------------------------

    def test_i3_twice_needs_a_reason(self):
        self.breaks("I3", Story().send(1).recv(1).recv(1, at=2))
        self.holds(Story().send(1).recv(1)("lost", c="b", s=2, acks=True)("resumed", c="b", s=2).recv(1, at=1))
        self.holds(Story().send(1).recv(1)("open", c="b", s=3, how="tcp", promises=True).recv(1, s=3))
        self.holds(Story().send(1).recv(1).crash().recv(1))

    def test_i3_the_reason_must_lie_between(self):
        self.breaks("I3", Story().send(1)("open", c="b", s=3, how="tcp", promises=True).recv(1).recv(1)("lost", c="b", s=3, acks=True))
        self.breaks("I3", Story().send(1).crash().recv(1).recv(1).crash())
        self.breaks("I3", Story().send(1).recv(1)("lost", c="a", s=1, acks=True).recv(1))

    def test_i3_never_what_the_server_knows_to_be_acknowledged(self):
        def resumed(told):
            story = Story().send(1).recv(1, at=5)("lost", c="b", s=2, acks=True)
            return story("told", c="b", s=2, n=told)("resumed", c="b", s=2)
        self.holds(resumed(4).recv(1, at=5))
        self.breaks("I3", resumed(5).recv(1, at=6))
        self.holds(resumed(5).crash().recv(1))

    def test_i3_a_failing_disk_deletes_nothing(self):
        def again(since):
            story = Story().send(1).recv(1, at=5)
            if since:
                story("fault", kind="disk-error")("fault", kind="disk-error over")
            return story("lost", c="b", s=2, acks=True)("told", c="b", s=2, n=5)("resumed", c="b", s=2).recv(1, at=6)
        self.holds(again(True))
        self.breaks("I3", again(False))

    def test_i3_a_resend_is_one_message(self):
        def story():
            return Story().send(1).recv(1).send(1, attempt=2).recv(1)
        self.breaks("I3", story())
        self.holds(story(), resends_may_double=True)
        self.holds(Story().send(1).crash().recv(1).send(1, attempt=2).recv(1))
        plain = Story()("open", c="a", s=9, how="tcp", promises=False)
        self.holds(plain.send(1, s=9).recv(1).send(1, attempt=2).recv(1))
        self.breaks("I3", Story().crash().send(1).recv(1).send(1, attempt=2).recv(1))

    # -- I4 ---------------------------------------------------------------------------------------------------------

    def test_i4_first_receipts_in_order(self):
        self.breaks("I4", Story().send(1).send(2).recv(2).recv(1))
        self.holds(Story().send(1).send(2).recv(1).recv(2)("open", c="b", s=3, how="tcp", promises=True).recv(1))

    def test_i4_a_new_session_of_the_recipient(self):
        self.holds(Story().send(1)("open", c="b", s=3, how="bosh", promises=True).send(2).recv(2).recv(1))
        self.breaks("I4", Story().send(1).send(2).recv(2).recv(1)("open", c="b", s=3, how="bosh", promises=True))
        self.breaks("I4", Story()("open", c="b", s=3, how="bosh", promises=True).send(1).send(2).recv(2).recv(1))
        self.breaks("I4", Story().send(1).send(2).recv(2)("resumed", c="b", s=2).recv(1))

    def test_i4_sessions_and_recipients_have_orders_of_their_own(self):
        self.holds(Story().send(1).send(2, s=9).recv(2).recv(1))
        story = Story()("chain", c="c", role="user", jid="c@h", acks=True, returns=True)
        self.holds(story.send(1).send(2, to="c").recv(2, c="c", s=3).recv(1))

    def test_i4_which_send_of_two_arrived_nobody_knows(self):
        self.holds(Story().send(1).send(2).send(1, attempt=2).recv(2).recv(1))

    # -- I5 ---------------------------------------------------------------------------------------------------------

    def test_i5_bounced_and_received(self):
        self.breaks("I5", Story().send(1).recv(1).bounce(1))
        self.breaks("I5", Story().send(1).bounce(1).recv(1))
        self.holds(Story().send(1).recv(1).crash().bounce(1))
        self.holds(Story().send(1).recv(1)("lost", c="b", s=2, acks=True).bounce(1))

    # -- I6 ---------------------------------------------------------------------------------------------------------

    def test_i6_h_falls(self):
        self.breaks("I6", Story().send(1).recv(1).acked(1, h=2).acked(1, h=1), ident=None)
        self.holds(Story().send(1).recv(1).acked(1, h=2)("open", c="a", s=5, how="tcp", promises=True).acked(1, s=5, h=1))

    def test_i6_h_may_be_behind_after_a_crash(self):
        self.holds(Story().send(1).recv(1).acked(1, h=2).crash().acked(1, h=1))
        story = Story().send(1).recv(1).crash()("open", after=10, c="a", s=5, how="tcp", promises=True)
        self.breaks("I6", story.acked(1, s=5, h=2).acked(1, s=5, h=1), ident=None)

    def test_i6_h_passes_what_was_sent(self):
        story = Story().send(1).recv(1)
        self.breaks("I6", story("acked", c="a", s=1, h=3, sent=2, ids=["1|a|1"]), ident=None)

    # -- I7, I8 -----------------------------------------------------------------------------------------------------

    def test_i7_is_said_to_be_not_applicable(self):
        story = Story()
        self.holds(story)
        self.assertIn("I7 not applicable: no archive", story.text.getvalue())

    def test_i8_late(self):
        self.breaks("I8", Story().send(1).crash()("strays", after=130).recv(1))
        self.holds(Story().send(1).crash()("strays", after=100).recv(1))
        self.breaks("I8", Story().send(1).crash()("strays", after=20).recv(1), settle=10)

    def test_i8_kept_and_not_given_to_one_who_is_here(self):
        self.breaks("I8", Story().send(1).acked(1)("stored", id="1|a|1", where="offline"))

    def test_i8_stuck_or_never_at_rest(self):
        self.breaks("I8", Story()("stuck", c="a", why="cannot log in"), ident=None)
        self.breaks("I8", Story(), ident=None, rest=False)

    # -- the whole ----------------------------------------------------------------------------------------------------

    def test_the_first_of_several_is_told(self):
        story = Story().send(1).send(2).recv(2).recv(2).recv(1).recv(1)
        verdict = story.verdict()
        self.assertEqual(verdict.first()[1:3], ("I3", "1|a|2"))

    def test_exit_codes(self):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as out:
            out.write("no json\n")
            out.flush()
            code = os.spawnl(os.P_WAIT, sys.executable, sys.executable, verify.__file__, out.name)
            self.assertEqual(code, 2)


if __name__ == "__main__":
    unittest.main()
