"""Faults of what is read from disk (reliability.md F10 to F12): a start says in one line what is wrong with its file; a reload with a bad
certificate keeps the old one, a good one serves new connections and leaves old ones alone. Reloads of broken
configurations are in test_commands.py."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Tcp  # noqa: E402
from faults import Breakable, Client, metric, start_refused, until  # noqa: E402
from server import Server  # noqa: E402


class Files(unittest.TestCase):
    """F10 at start."""

    def test_a_file_that_cannot_be_read_is_named_in_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "init.properties")

            def large():
                with open(path, "w") as file:
                    file.write("#")
                os.truncate(path, 1 << 30)

            rows = [(lambda: None, "No such file"), (lambda: os.mkdir(path), "Is a directory"),
                    (lambda: os.mkfifo(path), "no ordinary file"), (large, "larger than 4 MiB")]
            for make, reason in rows:
                make()
                errors = [line for line in start_refused(path).splitlines() if "error" in line]
                self.assertEqual(len(errors), 1, errors)
                self.assertIn(path, errors[0])
                self.assertIn(reason, errors[0])
                if os.path.isdir(path):
                    os.rmdir(path)
                elif os.path.exists(path):
                    os.remove(path)


class Certificates(unittest.TestCase):
    """F11, F12"""

    def make(self, folder, name, *options):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost", *(options or ("-days", "100")),
                        "-keyout", "%s/%s.key" % (folder, name), "-out", "%s/%s.crt" % (folder, name)],
                       check=True, capture_output=True)
        return [open("%s/%s.%s" % (folder, name, end)).read() for end in ("crt", "key")]

    def test_bad_ones_are_refused_and_the_next_good_one_serves(self):
        with Server("basic-conf/log-level=info") as server:
            server.account("alice@localhost", "pw")
            alice = Client(server)
            alice.starttls()
            alice.enter("alice")
            served = lambda: Tcp(server, direct_tls=True).socket.getpeercert(binary_form=True)  # noqa: E731
            old = served()
            one, two = (self.make(server.dir, name) for name in ("one", "two"))
            failures = 0

            def write(text):
                with open(server.certificate, "w") as file:
                    file.write(text)

            def reload(name):
                before = metric(server, name)
                server.process.process.send_signal(signal.SIGHUP)
                until(lambda: metric(server, name) == before + 1, name)

            for bad in (one[0] + two[1], one[0], one[1], one[0] + one[1][:len(one[1]) // 2], "", "no certificate\n" * 1000):
                write(bad)
                reload("config_reload_failures")
                failures += 1
                self.assertEqual(served(), old, "the old one serves on")
                until(lambda: server.log().count("certificates not replaced, the old ones stay: %s" % server.certificate) == failures,
                      "said with the file's name")
            os.remove(server.certificate)
            os.mkdir(server.certificate)
            reload("config_reload_failures")
            os.rmdir(server.certificate)
            for good in (one, two):
                write("".join(good))
                reload("config_reloads")
                self.assertNotEqual(served(), old, "new handshakes use the new one")
                old = served()
            alice.ping()  # through all of it

    def test_one_that_expires_soon_or_has_is_warned_of(self):
        with Server("basic-conf/log-level=info") as server:
            for options, text in ((("-days", "2"), "the certificate expires within"),
                                  (("-days", "-1"), "the certificate has expired")):
                try:
                    pair = self.make(server.dir, "soon", *options)
                except subprocess.CalledProcessError:
                    continue  # this openssl makes no expired ones
                with open(server.certificate, "w") as file:
                    file.write("".join(pair))
                server.process.process.send_signal(signal.SIGHUP)
                until(lambda: text in server.log(), text)
            self.assertIn("the certificate expires within", server.log())

    def test_one_that_grows_old_is_warned_of_in_time(self):
        """Once at each stage, while the server runs; a new one starts afresh. All the stages: unit runtime/io/tls."""
        day = 86400
        with Breakable("basic-conf/log-level=info", "basic-conf/certificate-check[I]=1") as server:
            for life, start, stages in ((100, 0, ((6, "expires within 7 days"), (-1, "has expired"))),
                                        (300, 200, ((29, "expires within 30 days"),))):
                server.set(wall_offset_s=0)
                with open(server.certificate, "w") as file:
                    file.write("".join(self.make(server.dir, "aging", "-days", str(life))))
                server.set(wall_offset_s=start * day)
                before = metric(server, "config_reloads")
                server.process.process.send_signal(signal.SIGHUP)
                until(lambda: metric(server, "config_reloads") == before + 1, "read")
                said = server.log().count("localhost.pem: the certificate")
                for left, text in stages:
                    server.set(wall_offset_s=int((life - left) * day))
                    said += 1
                    until(lambda: server.log().count("localhost.pem: the certificate") == said, text)
                    self.assertIn(text, [line for line in server.log().splitlines() if "localhost.pem: the certificate" in line][-1])


if __name__ == "__main__":
    unittest.main()
