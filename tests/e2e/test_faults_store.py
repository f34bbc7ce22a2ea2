"""Faults of the store (reliability.md F13, F18 to F20, F62, F63): what is refused says so, what was acknowledged is there."""
import errno
import hashlib
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faults import CAN_MOUNT, NAMESPACE, Breakable, Client, Confined, Heard, copy_of, metric, start_refused, until  # noqa: E402
from server import Server  # noqa: E402


def database(server):
    return os.path.join(server.dir, "data", "switchboard.db")


def sum_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Locked(unittest.TestCase):
    """F19: another process holds the write lock."""

    def test_who_is_there_chats_on_and_what_cannot_be_kept_is_refused(self):
        with Server() as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            alice, bob = Client(server).enter("alice"), Client(server).enter("bob")
            alice.ping(), bob.ping()
            lock = sqlite3.connect(database(server), isolation_level=None, timeout=30)
            lock.execute("BEGIN IMMEDIATE")
            alice.say("carol@localhost", "kept?")
            for number in range(20):
                alice.say(bob.jid, "live %d" % number)
                bob.hear("live %d" % number)
            self.assertEqual(alice.handled, 2, "presence and ping; the rest was acknowledged before it was kept or refused")
            alice.hear_error("resource-constraint")
            bob.say("alice@localhost", "and back")
            alice.hear("and back")
            lock.execute("ROLLBACK")
            lock.close()
            alice.say("carol@localhost", "kept")
            until(lambda: alice.handled >= 24, "acknowledged: presence, ping, one refused, 20 live, one kept")
            heard = Heard(Client(server).enter("carol"), ["kept"])
            self.assertEqual(heard.texts, ["kept"], "what was refused was not kept")


class Damaged(unittest.TestCase):
    """F20: a store that is damaged is named and left alone."""

    def refused(self, server, *words):
        before = sum_of(database(server))
        text = start_refused(server.conf)
        for word in (database(server), *words):
            self.assertIn(word, text)
        self.assertEqual(sum_of(database(server)), before, "the file was written to")

    def test_every_kind_of_damage_is_refused_at_start(self):
        with Server() as server:
            for number in range(3):
                server.account("user%d@localhost" % number, "pw")
            server.stop()
            with open(database(server), "rb") as file:
                good = file.read()
            self.assertGreater(len(good), 3 * 4096)
            leaf = good.rindex(b"user1@localhost") // 4096 * 4096

            def write(data):
                with open(database(server), "wb") as file:
                    file.write(data)

            for data, words in ((b"\xff" * 16 + good[16:], "is no SQLite database"),
                                (good[:leaf] + b"\xa5" * 4096 + good[leaf + 4096:], ""),
                                (good[:leaf] + bytes(4096) + good[leaf + 4096:], ""),
                                (good[:len(good) // 2 // 4096 * 4096], "malformed"),
                                (b"", "it held a store before")):
                write(data)
                self.refused(server, words)
            write(good)
            server.start()
            Client(server).enter("user1")

    def test_an_empty_file_is_not_filled_by_a_server_that_had_one(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            server.stop()
            for end in ("", "-wal", "-shm"):
                if os.path.exists(database(server) + end):
                    os.truncate(database(server) + end, 0)
            self.refused(server, "put a backup in its place, or remove it to start anew")
            os.remove(database(server))  # as it says
            server.start()
            self.assertEqual(Client(server).log_in("alice", "pw"), "not-authorized")


class Versions(unittest.TestCase):
    """F62: a store of a newer version."""

    def test_it_is_refused_and_left_alone(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            server.stop()
            with sqlite3.connect(database(server)) as db:
                db.execute("PRAGMA user_version=99")
            db.close()
            text = start_refused(server.conf)
            self.assertIn(database(server), text)
            self.assertIn("newer version", text)
            with sqlite3.connect(database(server)) as db:
                self.assertEqual(db.execute("PRAGMA user_version").fetchone(), (99,))
                db.execute("PRAGMA user_version=1")
            db.close()
            server.start()
            Client(server).enter("alice")


class Twice(unittest.TestCase):
    """F63: two servers on one file."""

    def test_the_second_is_refused_and_the_first_goes_on(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            alice = Client(server).enter("alice")
            text = start_refused(copy_of(server))
            self.assertIn("%s: another server uses this store (process %d)" % (database(server), server.process.pid), text)
            alice.ping()
            self.assertEqual(server.command("account", "add", "bob@localhost", text="pw\n").returncode, 0,
                             "the command line works beside the server")

    def test_the_lock_dies_with_its_holder(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            server.process.process.kill()
            server.process.process.wait()
            server.start()
            Client(server).enter("alice")


@unittest.skipUnless(CAN_MOUNT, "no mount namespace for this user")
class Disk(unittest.TestCase):
    def inside(self, script, *words):
        return [*NAMESPACE, "sh", "-c", script + ' && exec "$@"', "sh", *words]

    def test_read_only_is_refused_at_start(self):
        """F18"""
        with Server() as server:
            server.account("alice@localhost", "pw")
            server.stop()
            data = os.path.dirname(database(server))
            text = start_refused(server.conf, self.inside("mount --bind %s %s && mount -o remount,bind,ro %s" % ((data,) * 3)))
            self.assertIn(data, text)
            self.assertIn("Read-only file system", text)
            server.start()
            Client(server).enter("alice")

    def test_a_full_disk_refuses_messages_and_heals(self):
        """F13: the store on a small disk; nothing that was acknowledged is missing, nothing that was refused comes."""
        with Confined("data", 900, 300, "amp/store-limit=0", "amp/store-limit-total=0") as server:
            for name in ("alice", "bob", "dora"):
                server.account(name + "@localhost", "pw")
            alice, dora = Client(server).enter("alice"), Client(server).enter("dora")
            sent, refused = [], []
            while not refused:
                self.assertLess(len(sent), 2000, "the disk never filled")
                text = "message %d %s" % (len(sent), "x" * 2000)
                sent.append(text)
                alice.say("bob@localhost", text)
                until(lambda: alice.handled == len(sent) + 1, "an answer to %d" % len(sent))
                while not alice.inbox.empty():
                    element = alice.inbox.get()
                    if element.get("type") == "error":
                        self.assertEqual(element.find("{jabber:client}error").get("type"), "wait")
                        refused.append(sent[-1])
            self.assertIn("no space left", server.log())
            self.assertGreater(metric(server, "store_failures"), 0)
            alice.say(dora.jid, "still there")
            dora.hear("still there")
            server.free_ballast()
            alice.say("bob@localhost", "after")
            until(lambda: alice.handled == len(sent) + 3, "acknowledged again")
            kept = [text for text in sent if text not in refused] + ["after"]
            heard = Heard(Client(server).enter("bob"), kept)
            self.assertEqual(heard.texts, kept)


class Broken(unittest.TestCase):
    """F18 and its like while the server runs: every write to the store's files fails for a while."""

    def test_writes_that_fail_at_run_time(self):
        with Breakable() as server:
            for name in ("alice", "bob", "carol"):
                server.account(name + "@localhost", "pw")
            alice, carol = Client(server).enter("alice"), Client(server).enter("carol")
            carol.ping()
            kept, refused = [], []
            for number, problem in enumerate((0, errno.EROFS, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, 0)):
                server.set(write_errno=problem)
                text = "message %d" % number
                (refused if problem else kept).append(text)
                alice.say("bob@localhost", text)
                if problem:
                    alice.hear_error("resource-constraint")
                until(lambda: alice.handled == number + 2, "an answer")
                carol.ping()
            self.assertGreaterEqual(metric(server, "store_failures"), len(refused))
            self.assertEqual(Heard(Client(server).enter("bob"), kept).texts, kept)


if __name__ == "__main__":
    unittest.main()
