"""No descriptors left, and everything else accept() may answer, on the real server."""
import os
import resource
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Bosh, Tcp  # noqa: E402
from faults import until  # noqa: E402
from server import SANITIZED, Redis  # noqa: E402
from service import Managed  # noqa: E402

LIMIT = 96


def limited():
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


def cpu_seconds(server):
    with open("/proc/%d/stat" % server.pid) as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def content(path):
    with open(path) as text:
        return text.read()


def ping(client):
    client.send("<iq xmlns='jabber:client' type='get' id='still'><ping xmlns='urn:xmpp:ping'/></iq>")
    return client.expect(lambda e: e.get("id") == "still", "the answer").get("type")


class NoDescriptors(unittest.TestCase):
    """F51, F52."""

    def serve(self, *lines):
        return Managed("basic-conf/workers[I]=1", *lines, preexec=limited)

    def fill(self, server):
        """Connections until one is closed instead of taken; returns those that are open."""
        crowd = []
        while len(crowd) < 2 * LIMIT:
            s = socket.create_connection(("127.0.0.1", server.c2s), 5)
            s.sendall(b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost'"
                      b" version='1.0'>")
            s.settimeout(20)
            try:
                answer = s.recv(10)
            except ConnectionResetError:
                answer = b""
            if not answer:
                s.close()
                return crowd
            crowd.append(s)
        raise AssertionError("the limit of %d was never reached" % LIMIT)

    def test_who_is_in_stays_in(self):
        with self.serve() as server:
            server.account("alice@localhost", "pw")
            server.account("bob@localhost", "pw")
            alice = Tcp(server)
            self.assertIsNone(alice.log_in("alice", "pw"))
            visitor = Bosh(server)
            self.assertIsNone(visitor.log_in())
            crowd = self.fill(server)
            server.logged("out of file descriptors")
            self.assertEqual(ping(alice), "result")
            alice.send("<message to='bob@localhost' type='chat' id='kept'><body>kept</body></message>")  # to the store
            self.assertEqual(ping(alice), "result")
            # operations that need a descriptor fail alone
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("RELOADING=1")
            server.wait_for("READY=1")
            server.logged("certificates not replaced")
            self.assertEqual(ping(alice), "result")
            for s in crowd:
                s.close()
            bob = self.log_in_again(server)
            bob.send("<presence/>")
            bob.expect(lambda e: e.get("id") == "kept", "the message that was kept")
            server.reload()
            server.logged("certificates read again")
            self.assertIsNone(Tcp(server, direct_tls=True).log_in("alice", "pw"))

    def outside(self, server):
        """A client that is connected and has not logged in yet."""
        client = Tcp(server)
        client.open()
        client.expect(lambda e: e.tag.endswith("features"))
        return client

    def test_a_log_that_cannot_be_opened_again_is_the_old_one(self):
        with self.serve("basic-conf/log-file={dir}/server.log") as server:
            path, moved = os.path.join(server.dir, "server.log"), os.path.join(server.dir, "moved.log")
            server.account("bob@localhost", "pw")
            alice = Tcp(server)
            self.assertIsNone(alice.log_in())
            crowd = self.fill(server)
            os.rename(path, moved)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("RELOADING=1")
            server.wait_for("READY=1")
            server.logged("cannot open the log %s: Too many open files" % path)  # on the standard error
            until(lambda: "what was in force stays" in content(moved), "a line in the old one")
            self.assertFalse(os.path.exists(path))
            self.assertEqual(ping(alice), "result")
            for s in crowd:
                s.close()
            self.log_in_again(server)
            server.reload()
            until(lambda: "log level read again" in content(path), "a line in the new one")

    def test_a_cache_that_cannot_be_connected_to_refuses_for_now(self):
        with Redis() as redis, self.serve("sess-man/desk/seats[s]=bob@localhost", "sess-man/desk/seat-auth=cookie",
                                          "sess-man/limits/sasl-failures-per-stream[I]=0",
                                          "sess-man/desk/cookie-cache-uri=redis://127.0.0.1:%d/0" % redis.port) as server:
            redis.set("cookie:bob", "pw")
            first = self.outside(server)
            crowd = self.fill(server)
            self.assertEqual(first.authenticate("bob", "pw"), "temporary-auth-failure")
            for s in crowd:
                s.close()
            until(lambda: first.authenticate("bob", "pw") is None, "the same connection logs in")

    def test_accounts_that_cannot_be_read_refuse_for_now(self):
        """The thread that checks passwords opens its own way to the store when it is first asked."""
        with self.serve("sess-man/auth-threads[I]=1") as server:
            server.account("bob@localhost", "pw")
            first = self.outside(server)
            crowd = self.fill(server)
            self.assertEqual(first.authenticate("bob", "pw"), "temporary-auth-failure")
            server.logged("accounts cannot be read")
            for s in crowd:
                s.close()
            until(lambda: first.authenticate("bob", "pw") is None, "the same connection logs in")

    def log_in_again(self, server):
        """The crowd's ends reach the server one after the other; until then it may refuse."""
        for _ in range(100):
            bob = Tcp(server)
            try:
                self.assertIsNone(bob.log_in("bob", "pw"))
                return bob
            except (AssertionError, OSError):
                continue
        raise AssertionError("nobody can log in after the crowd has left")

    def test_each_of_those_outside_is_told_and_nobody_spins(self):
        with self.serve() as server:
            crowd = self.fill(server)
            waiting = [socket.create_connection(("127.0.0.1", server.c2s), 5) for _ in range(10)]
            before = cpu_seconds(server)
            for s in waiting:
                s.settimeout(20)
                try:
                    self.assertEqual(s.recv(1), b"")
                except ConnectionResetError:
                    pass
                s.close()
            # ten pauses of 100 ms: a loop that spins through them takes most of that second
            self.assertLess(cpu_seconds(server) - before, 0.5)
            for s in crowd:
                s.close()


class Accept(unittest.TestCase):
    """F53: strace answers for the kernel; then everything works again."""

    @unittest.skipIf(SANITIZED, "a sanitizer looks for leaks at the end, which strace disturbs")
    def test_errors_of_accept(self):
        for error in ("ECONNABORTED", "EPROTO", "EPERM", "ENOBUFS", "ENOMEM", "EMFILE", "ENFILE", "EINTR", "ENETDOWN", "EINVAL"):
            with self.subTest(error):
                inject = ["strace", "-f", "-qq", "-e", "trace=accept4", "-e", "inject=accept4:error=%s:when=1..20" % error,
                          "-o", "/dev/null"]
                with Managed("basic-conf/workers[I]=1", command=lambda words: inject + words) as server:
                    self.assertIsNone(Tcp(server).log_in())
                    with open("/proc/%d/task/%d/children" % (server.pid, server.pid)) as text:
                        os.kill(int(text.read().split()[0]), signal.SIGTERM)
                    self.assertEqual(server.process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
