"""The process: its standard files, its user, what it may do, what it leaves behind when it dies."""
import grp
import os
import pwd
import resource
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Tcp  # noqa: E402
from service import Managed  # noqa: E402

ROOT_ONLY = unittest.skipUnless(os.getuid() == 0, "only root can become somebody else")
QUIET = "basic-conf/core-dumps[B]=false"


def talk(server):
    """A login and a message to oneself."""
    client = Tcp(server)
    assert client.log_in() is None
    client.send("<message to='%s' type='chat'><body>hello</body></message>" % client.jid)
    client.expect(lambda e: e.tag.endswith("}message"), "the message")
    client.close()


class StandardFiles(unittest.TestCase):
    def test_closed_at_the_start(self):
        """F55: no socket becomes number 2 and gets the log."""
        def close():
            for fd in range(3):
                os.close(fd)
        with Managed(preexec=close) as server:
            talk(server)
            for fd in range(3):
                self.assertEqual(os.readlink("/proc/%d/fd/%d" % (server.pid, fd)), "/dev/null")

    def test_nobody_reads_the_log(self):
        """F54: a line to a pipe without a reader is an error of one write, not the end of the process."""
        reader, writer = os.pipe()
        with Managed(stderr=writer) as server:
            os.close(writer)
            talk(server)
            os.close(reader)
            talk(server)
            server.reload()
            talk(server)
            self.assertEqual(server.end(), 0)

    def test_a_peer_that_is_gone(self):
        """F54: writing to sockets whose other side was reset."""
        with Managed() as server:
            clients = [Tcp(server) for _ in range(20)]
            for client in clients:
                self.assertIsNone(client.log_in())
                client.send("<presence/>")
            for client in clients:
                client.send("<message to='%s' type='chat'><body>x</body></message>" % clients[0].jid * 50)
            for client in clients:
                client.kill()
            talk(server)
            self.assertEqual(server.status("SigIgn")[0][-4], "1")  # bit 12: SIGPIPE


class Privileges(unittest.TestCase):
    def test_nothing_is_left(self):
        with Managed(QUIET) as server:
            for thread in server.threads():
                self.assertEqual(server.status("NoNewPrivs", thread), ["1"])
            with open("/proc/%d/limits" % server.pid) as text:
                core = next(line.split() for line in text if line.startswith("Max core file size"))
            self.assertEqual(core[4:6], ["0", "0"])
            self.assertEqual(os.stat("/proc/%d/fd" % server.pid).st_uid, 0, "not dumpable: it belongs to root")
            self.assertEqual(server.status("Umask"), ["0077"])

    def test_files_are_for_the_server_alone(self):
        with Managed() as server:
            talk(server)
            for folder, _, names in os.walk(server.dir):
                for name in names:
                    if name not in ("notify", "init.properties"):  # the test's own
                        mode = os.stat(os.path.join(folder, name)).st_mode
                        self.assertEqual(mode & 0o077, 0, "%s: %o" % (name, mode))

    @ROOT_ONLY
    def test_root_becomes_the_user(self):
        nobody = pwd.getpwnam("nobody")
        with Managed("--user=nobody", QUIET, wait=False) as server:
            server.process.wait(20)  # the directory is root's
            self.assertIn("Permission denied", server.log())
        with Managed("--user=nobody", QUIET, arrange=lambda d: os.chown(d, nobody.pw_uid, nobody.pw_gid)) as server:
            for thread in server.threads():
                self.assertEqual(server.status("Uid", thread), [str(nobody.pw_uid)] * 4)
                self.assertEqual(server.status("Gid", thread), [str(nobody.pw_gid)] * 4)
                for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                    self.assertEqual(int(server.status(kind, thread)[0], 16), 0)
            self.assertNotIn("0", server.status("Groups"))
            self.assertEqual(os.stat("/proc/%d/fd" % server.pid).st_uid, 0, "not dumpable")
            talk(server)
            for name in ("data/switchboard.db", "certs/localhost.pem", "dump.properties"):
                self.assertEqual(os.stat(os.path.join(server.dir, name)).st_uid, nobody.pw_uid, name)
            server.reload()
            server.logged("certificates read again")
            # an account made by root is one the server can use
            server.account("alice@localhost", "pw")
            self.assertIsNone(Tcp(server).log_in("alice", "pw"))
            self.assertEqual(server.end(), 0)

    @ROOT_ONLY
    def test_a_port_below_1024_and_another_group(self):
        port = next(p for p in range(900, 1024) if not in_use(p))
        group = grp.getgrnam("daemon")
        nobody = pwd.getpwnam("nobody")
        with Managed("--user=nobody", "--group=daemon", "--ws2s-ports=%d" % port, "ws2s/connections/%d/ifc[s]=127.0.0.1" % port,
                     arrange=lambda d: os.chown(d, nobody.pw_uid, group.gr_gid)) as server:
            socket.create_connection(("127.0.0.1", port), 5).close()
            self.assertEqual(server.status("Gid"), [str(group.gr_gid)] * 4)
            self.assertEqual(int(server.status("CapPrm")[0], 16), 0)

    @ROOT_ONLY
    def test_only_root_changes_users(self):
        daemon = pwd.getpwnam("daemon")

        def other():
            os.setgroups([])
            os.setresgid(daemon.pw_gid, daemon.pw_gid, daemon.pw_gid)
            os.setresuid(daemon.pw_uid, daemon.pw_uid, daemon.pw_uid)
        for user, words in (("nobody", "only root"), ("no-such-user-here", "no user"), ("root", "gains nothing")):
            with Managed("--user=%s" % user, wait=False, preexec=other, arrange=lambda d: os.chmod(d, 0o755)) as server:
                self.assertEqual(server.process.wait(20), 1)
                self.assertIn(words, server.log())


def in_use(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


class CoreFiles(unittest.TestCase):
    def test_a_crash_leaves_none(self):
        def unlimited():
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        with Managed(QUIET, preexec=unlimited) as server:
            self.assertEqual(resource.prlimit(server.pid, resource.RLIMIT_CORE), (0, 0))
            server.process.send_signal(signal.SIGQUIT)
            status = os.waitpid(server.pid, 0)[1]
            server.process.returncode = -os.WTERMSIG(status)
            self.assertTrue(os.WIFSIGNALED(status))
            self.assertFalse(os.WCOREDUMP(status), "it left a core file")


if __name__ == "__main__":
    unittest.main()
