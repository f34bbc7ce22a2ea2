"""What the system refuses at the start (reliability.md F59): threads and random bytes. A start that cannot be whole is none, and says why in
one line; nothing of it stays behind. strace answers for the kernel."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from server import SANITIZED  # noqa: E402
from service import Managed  # noqa: E402

OWN = unittest.skipIf(SANITIZED, "a sanitizer has threads and leak checks of its own, which strace disturbs")


def refusing(call, error, when=""):
    inject = ["strace", "-f", "-qq", "-e", "trace=" + call, "-e", "inject=%s:error=%s%s" % (call, error, when), "-o", "/dev/null"]
    return lambda words: inject + words


@OWN
class Threads(unittest.TestCase):
    """The log's writer, store, logins, workers, watchdog: whichever of them cannot be made."""

    def threads(self):
        with Managed("basic-conf/workers[I]=2") as server:
            return len(server.threads()) - 1

    def test_a_start_without_one_of_its_threads_is_refused(self):
        every = self.threads()
        self.assertGreater(every, 4)
        for number in range(1, every + 1):
            with self.subTest(number), Managed("basic-conf/workers[I]=2", wait=False, command=refusing(
                    "clone3", "EAGAIN", ":when=%d" % number)) as server:
                self.assertEqual(server.process.wait(20), 1, server.log())
                said = [line for line in server.log().splitlines() if line.startswith("switchboard: cannot start: ")]
                self.assertEqual(len(said), 1, server.log())
                self.assertRegex(said[0], "no thread can be made: .*TasksMax")
                self.assertNotIn("bug", server.log())
                self.assertEqual(self.after_it(server), "ok")

    def after_it(self, server):
        """The store was left whole and unlocked."""
        return "ok" if server.account("alice@localhost", "pw") else None


@OWN
class Random(unittest.TestCase):
    """OpenSSL knows getrandom() and nothing else here: without it there are no keys, and no start."""

    def test_without_random_bytes_there_is_no_start(self):
        for error in ("ENOSYS", "EPERM", "EFAULT"):
            with self.subTest(error), Managed(wait=False, command=refusing("getrandom", error)) as server:
                self.assertEqual(server.process.wait(20), 1, server.log())
                self.assertRegex(server.log(), r"\Aswitchboard: cannot start: .*no random bytes.*\n\Z")
                self.assertFalse(os.path.exists(os.path.join(server.dir, "data", "switchboard.db")), "nothing was made without them")


if __name__ == "__main__":
    unittest.main()
