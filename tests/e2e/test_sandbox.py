"""The real server inside its fence: it does all of its work, and what it needs not it cannot do."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Bosh, Tcp, WebSocket  # noqa: E402
from service import Managed  # noqa: E402


def what_is_here():
    """(Landlock's version, whether calls are filtered), as the server itself says it."""
    with Managed() as server:
        line = server.logged("sandbox:")
    landlock = int(line.split("(Landlock ")[1].split(")")[0]) if "(Landlock " in line else 0
    return landlock, "system calls" in line.split("missing")[0]


LANDLOCK, FILTER = what_is_here()
COMPLETE = unittest.skipUnless(LANDLOCK and FILTER, "this kernel or build has no full sandbox")


@COMPLETE
class Work(unittest.TestCase):
    def test_a_whole_life(self):
        """Logins on every transport, a message, a message kept and handed out, HUP, TERM, a restart on the same files."""
        with Managed("basic-conf/sandbox=require", "basic-conf/core-dumps[B]=false") as server:
            for thread in server.threads():
                self.assertEqual(server.status("Seccomp", thread), ["2"])
            server.account("alice@localhost", "pw")  # another process writes to the store meanwhile
            server.account("bob@localhost", "pw")
            alice = Tcp(server, direct_tls=True)
            self.assertIsNone(alice.log_in("alice", "pw"))
            alice.send("<presence/>")
            alice.send("<message to='bob@localhost' type='chat'><body>kept</body></message>")
            for visitor in (Tcp(server), Bosh(server), WebSocket(server)):
                self.assertIsNone(visitor.log_in())
                visitor.send("<message to='%s' type='chat'><body>hello</body></message>" % alice.jid)
                alice.expect(lambda e: e.tag.endswith("}message"), "the message")
            server.reload()
            server.logged("certificates read again")
            self.assertIsNone(Tcp(server, direct_tls=True).log_in("alice", "pw"))
            server.restart()
            bob = Tcp(server)
            self.assertIsNone(bob.log_in("bob", "pw"))
            bob.send("<presence/>")
            bob.expect(lambda e: e.tag.endswith("}message"), "the message that was kept")
            with sqlite3.connect(server.dir + "/data/switchboard.db") as db:
                self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def test_logs_are_rotated(self):
        with Managed("basic-conf/log-file=logs/server.log", arrange=lambda d: os.mkdir(d + "/logs")) as server:
            os.rename(server.dir + "/logs/server.log", server.dir + "/logs/server.log.1")
            server.reload()
            self.assertIsNone(Tcp(server).log_in())
            self.assertEqual(server.end(), 0)
            with open(server.dir + "/logs/server.log") as text:
                self.assertIn("stopped", text.read())


@COMPLETE
class Certificates(unittest.TestCase):
    """Links are followed to where they led at the start, as certbot's renewals need it; no further."""

    def make(self, directory, name):
        os.makedirs(directory, exist_ok=True)
        key, crt, pem = (os.path.join(directory, name + end) for end in (".key", ".crt", ".pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                        "/CN=" + name, "-addext", "subjectAltName=DNS:localhost", "-days", "30", "-keyout", key, "-out", crt],
                       check=True, capture_output=True)
        with open(pem, "w") as out:
            out.write(open(crt).read() + open(key).read())
        return pem

    def setUp(self):
        self.elsewhere = tempfile.mkdtemp(prefix="switchboard-test-")
        self.addCleanup(shutil.rmtree, self.elsewhere)

    def shown(self, server):
        return Tcp(server, direct_tls=True).socket.getpeercert(binary_form=True)

    def point(self, server, pem):
        """The link is replaced, as certbot does."""
        os.unlink(server.certificate)
        os.symlink(pem, server.certificate)

    def test_a_renewal_behind_a_link(self):
        def arrange(directory):
            os.mkdir(directory + "/certs")
            os.symlink(self.make(directory + "/archive", "first"), directory + "/certs/localhost.pem")
        with Managed(arrange=arrange) as server:
            first = self.shown(server)
            self.point(server, self.make(server.dir + "/archive", "second"))
            server.reload()
            second = self.shown(server)
            self.assertNotEqual(second, first)
            # a directory nobody spoke of at the start: the old certificate stays, and the log says what to do
            self.point(server, self.make(self.elsewhere, "third"))
            server.reload()
            self.assertEqual(self.shown(server), second)
            self.assertIn("basic-conf/sandbox-read", server.logged("Permission denied"))

    def test_a_directory_that_is_named(self):
        with Managed("basic-conf/sandbox-read[s]=%s" % self.elsewhere) as server:
            before = self.shown(server)
            self.point(server, self.make(self.elsewhere, "third"))
            server.reload()
            self.assertNotEqual(self.shown(server), before)


class Option(unittest.TestCase):
    def test_off(self):
        with Managed("basic-conf/sandbox=off") as server:
            self.assertEqual(server.status("Seccomp"), ["0"])
            server.logged("sandbox: off")

    def test_auto_says_what_is_in_force(self):
        with Managed() as server:
            server.logged("sandbox: ")
            self.assertEqual(server.status("Seccomp"), ["2" if FILTER else "0"])

    @unittest.skipUnless(FILTER, "the build has no filter, and says that first")
    def test_required_and_not_there(self):
        """strace answers for a kernel without Landlock."""
        inject = ["strace", "-f", "-qq", "-e", "trace=landlock_create_ruleset", "-e",
                  "inject=landlock_create_ruleset:error=ENOSYS", "-o", "/dev/null"]
        with Managed("basic-conf/sandbox=require", wait=False, command=lambda words: inject + words) as server:
            self.assertEqual(server.process.wait(30), 1)
            self.assertIn("basic-conf/sandbox=require", server.log())
            self.assertIn("no Landlock", server.log())


if __name__ == "__main__":
    unittest.main()
