"""The ledger can fail: each mistake a server could make is found, and each excuse excuses only what it is for."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ledger import Ledger  # noqa: E402

AGENTS = ("alice@acme.example", "bob@acme.example")
VISITOR = "v1@acme.example"


class LedgerTest(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger(lambda name: name in AGENTS)
        self.alice, self.bob = (self.ledger.open_session(name, 0, True) for name in AGENTS)
        self.visitor = self.ledger.open_session(VISITOR, 0, True)

    def say(self, confirmed=True, sender=VISITOR, to=AGENTS[0], at=1):
        ident = self.ledger.send(sender, to, "words", at)
        if confirmed:
            self.ledger.confirm(ident)
        return ident

    def get(self, session, ident, sender=VISITOR, body="words", delayed=False, now=2):
        self.ledger.receive(session, ident, sender, body, delayed, now)

    def wrong(self, text, stored=()):
        found = self.ledger.check(set(stored))
        self.assertEqual(1, len(found), found)
        self.assertIn(text, found[0])

    def right(self, stored=()):
        self.assertEqual([], self.ledger.check(set(stored)))

    # -- messages -------------------------------------------------------------------------------------------------------------

    def test_received_once_is_right(self):
        self.get(self.alice, self.say())
        self.right()

    def test_lost_is_wrong(self):
        self.say()
        self.wrong("neither received nor returned nor kept")

    def test_kept_is_right(self):
        self.right(stored=[self.say()])

    def test_returned_is_right(self):
        self.ledger.bounce(self.visitor, self.say(), "resource-constraint")
        self.right()

    def test_returned_and_received_is_wrong(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.ledger.bounce(self.visitor, ident, "resource-constraint")
        self.wrong("returned and received")

    def test_returned_to_another_is_wrong(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.ledger.bounce(self.bob, ident, "resource-constraint")
        self.wrong("never sent")

    def test_in_doubt_may_be_missing(self):
        self.ledger.close_session(self.visitor, 2, False, [self.say(confirmed=False)])
        self.right()

    def test_open_on_a_line_that_holds_may_not_be_missing(self):
        self.say(confirmed=False)
        self.wrong("neither received")

    def test_confirmed_is_not_in_doubt_when_the_line_breaks(self):
        self.ledger.close_session(self.visitor, 2, False, [self.say()])
        self.wrong("neither received")

    def test_lost_with_a_line_that_acknowledges_is_wrong(self):
        self.say(sender=AGENTS[0], to=VISITOR)
        self.ledger.close_session(self.visitor, 2, False, [])
        self.wrong("neither received")

    def test_lost_with_a_line_that_does_not_acknowledge_is_excused_near_its_end(self):
        self.visitor.acknowledges = False
        self.ledger.close_session(self.visitor, 20, False, [])
        self.say(sender=AGENTS[0], to=VISITOR, at=19)
        self.right()
        self.say(sender=AGENTS[0], to=VISITOR, at=2)
        self.wrong("neither received")

    def test_twice_on_one_line_is_wrong(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.get(self.alice, ident, delayed=True)
        self.wrong("twice")

    def test_again_after_a_clean_end_is_wrong(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.ledger.close_session(self.alice, 4, True, [])
        self.get(self.ledger.open_session(AGENTS[0], 5, True), ident, delayed=True, now=6)
        self.wrong("at ease")

    def test_again_after_a_break_is_right(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.ledger.close_session(self.alice, 4, False, [])
        self.get(self.ledger.open_session(AGENTS[0], 5, True), ident, delayed=True, now=6)
        self.right()

    def test_on_two_devices_is_right(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.get(self.ledger.open_session(AGENTS[0], 0, True), ident)
        self.right()

    def test_two_owners_as_it_came_is_wrong_and_with_a_delay_right(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.get(self.bob, ident, delayed=True)
        self.right()
        ident = self.say()
        self.get(self.alice, ident)
        self.get(self.bob, ident)
        self.wrong("and so had")

    def test_out_of_order_is_wrong(self):
        first, second = self.say(), self.say()
        self.get(self.alice, second)
        self.get(self.alice, first)
        self.wrong("after number 2")

    def test_changed_words_are_wrong(self):
        ident = self.say()
        self.get(self.alice, ident)
        self.get(self.alice, ident, body="other words")
        self.wrong("nobody sent so")

    def test_somebody_elses_is_wrong(self):
        ident = self.say(sender=AGENTS[0], to="v2@acme.example")
        self.get(self.visitor, ident, sender=AGENTS[0])
        self.wrong("is for v2")

    def test_a_visitors_under_another_name_is_wrong(self):
        self.get(self.alice, self.say(), sender="v2@acme.example")
        self.wrong("from v2")

    # -- questions and notices ---------------------------------------------------------------------------------------------------

    def test_a_question_without_an_answer_is_wrong(self):
        self.ledger.asked(VISITOR, None, 0)
        self.wrong("got no answer")

    def test_an_answer_with_two_items_is_wrong(self):
        self.ledger.asked(VISITOR, 0.1, 2)
        self.wrong("got 2 items")

    def leave(self, at=10, back=None, owner=AGENTS[0]):
        self.ledger.left(VISITOR, at, 10, owner, 1)
        if back:
            self.ledger.back(VISITOR, back)

    def tell(self, ident, session=None, kind="visitor-disconnected", at="10:00"):
        self.ledger.notice(session or self.alice, VISITOR, kind, ident, at)

    def test_a_leaving_told_once_is_right_also_to_two_devices(self):
        self.leave()
        self.tell("n1")
        self.tell("n1", self.ledger.open_session(AGENTS[0], 0, True))
        self.right()

    def test_a_leaving_not_told_is_wrong(self):
        self.leave()
        self.wrong("0 notices")

    def test_a_leaving_told_twice_is_wrong(self):
        self.leave()
        self.tell("n1")
        self.tell("n2")
        self.wrong("told twice")

    def test_two_leavings_told_where_one_was_are_wrong(self):
        self.leave()
        self.tell("n1")
        self.tell("n2", at="10:01")
        self.wrong("2 notices")

    def test_an_owner_who_takes_over_is_told_too(self):
        self.leave()
        self.tell("n1")
        self.tell("n2", self.ledger.open_session(AGENTS[1], 0, True))
        self.right()

    def test_an_owner_who_had_lost_the_conversation_before_is_not_told(self):
        self.ledger.close_session(self.alice, 12, False, [])
        self.ledger.open_session(AGENTS[0], 50, True)
        self.leave(at=60)
        self.right()

    def test_an_owner_who_had_lost_it_and_was_given_it_again_is(self):
        self.ledger.close_session(self.alice, 12, False, [])
        alice = self.ledger.open_session(AGENTS[0], 50, True)
        self.get(alice, self.say(at=52), now=53)
        self.leave(at=60)
        self.wrong("0 notices")

    def test_a_robot_loses_its_conversations_with_its_line(self):
        self.ledger.is_robot = lambda name: name == AGENTS[0]
        self.get(self.alice, self.say())
        self.ledger.close_session(self.alice, 12, False, [])
        self.ledger.open_session(AGENTS[0], 14, True)
        self.leave(at=60)
        self.right()

    def test_a_robot_whose_line_breaks_before_the_notice_may_miss_it(self):
        self.ledger.is_robot = lambda name: name == AGENTS[0]
        self.get(self.alice, self.say())
        self.away(gone=15, back=17)
        self.right()

    def test_a_robot_is_told_of_those_who_said_something_only(self):
        self.ledger.is_robot = lambda name: name == AGENTS[0]
        self.leave()
        self.right()
        self.get(self.alice, self.say())
        self.leave(at=30)
        self.wrong("0 notices")

    def test_the_same_notice_twice_is_wrong(self):
        self.leave()
        self.tell("n1")
        self.tell("n1")
        self.wrong("n1 twice")

    def test_a_page_that_loads_again_and_is_told_is_wrong(self):
        self.leave(back=12)
        self.tell("n1")
        self.wrong("0 times at most")

    def away(self, gone, back):
        self.ledger.close_session(self.alice, gone, False, [])
        self.ledger.open_session(AGENTS[0], back, True)
        self.leave()

    def test_an_owner_whose_line_broke_just_then_may_miss_it(self):
        self.away(gone=20, back=22)
        self.right()

    def test_an_owner_who_stayed_away_longer_than_the_hold_may_miss_it(self):
        self.away(gone=12, back=50)
        self.right()

    def test_an_owner_who_is_back_within_the_hold_may_not_miss_it(self):
        self.away(gone=12, back=30)
        self.wrong("0 notices")

    def test_an_owner_who_came_back_after_the_visitor_need_not_be_told(self):
        self.ledger.close_session(self.alice, 12, False, [])
        self.ledger.open_session(AGENTS[0], 30, True)
        self.leave(back=29)
        self.right()

    def test_back_more_often_than_gone_is_wrong(self):
        self.leave(back=60)
        self.tell("n1")
        self.tell("n2", kind="visitor-returned")
        self.tell("n3", kind="visitor-returned")
        self.wrong("said to be back 2 times")


if __name__ == "__main__":
    unittest.main()
