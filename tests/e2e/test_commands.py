"""The command line: accounts, --check-config, the dump, signals."""
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import ENDED, STREAM, Tcp, unverified  # noqa: E402
from server import BINARY, ROOT, Server  # noqa: E402

USERS_LINES = """message-router/components/msg-receivers/id-names[s]=bosh,cl-comp,eventbus,s2s,sess-man
--bosh-ports=5280,5281
bosh/connections/5281/socket=ssl
bosh/connections/5281/type=accept
sess-man/plugins[s]=session-close,session-open,default-handler,urn:ietf:params:xml:ns:xmpp-sasl,urn:ietf:params:xml:ns:xmpp-bind,urn:ietf:params:xml:ns:xmpp-session,jabber:iq:roster,jabber:iq:privacy,jabber:iq:version,http://jabber.org/protocol/stats,starttls,vcard-temp,http://jabber.org/protocol/commands,jabber:iq:private,urn:xmpp:ping,amp,disco,domain-filter,zlib,message-carbons,vcard-xep-0292,urn:xmpp:time
"""


def check(text):
    with tempfile.NamedTemporaryFile("w", suffix=".properties") as conf:
        conf.write(text)
        conf.flush()
        done = subprocess.run([BINARY, "--property-file", conf.name, "--check-config"], capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).replace(conf.name, "F")


class CheckConfig(unittest.TestCase):
    def test_the_users_lines_work_verbatim(self):
        code, text = check(USERS_LINES)
        self.assertEqual(code, 0, text)
        for later in ("cl-comp", "eventbus", "s2s"):
            lines = [line for line in text.splitlines() if later in line]
            self.assertEqual(len(lines), 1, "one warning line for %s:\n%s" % (later, text))
        self.assertNotIn("plugin", text)  # all of theirs are built
        self.assertNotIn("error:", text)

    def test_every_mistake_at_once(self):
        code, text = check("sess-man/desk/capacity[I]=many\n"
                           "sess-man/desk/seat-policy=best\n"
                           "sess-man/desk/capasity[I]=3\n"
                           "--user-db=oracle\n"
                           "--bosh-ports=5280,5281bosh\n")
        self.assertEqual(code, 1)
        for line, words in ((1, "capacity"), (2, "least-chats"), (3, "sess-man/desk/capacity"), (4, "sqlite"), (5, "5281bosh")):
            self.assertTrue(any(t.startswith("F:%d:" % line) and words in t for t in text.splitlines()), (line, words, text))

    def test_one_line_each_in_the_order_of_the_file(self):
        code, text = check("bosh/connections/5280/ifc[s]=eth0\n"
                           "--ws2s-ports=5222\n"
                           "\n"
                           "--virt-hosts=a..b\n"
                           "bosh/max-wait[I]=0\n"
                           "amp/store-limit=5\n"
                           "--user-db=oracle\n")
        self.assertEqual(code, 1)
        for number, line in zip((1, 2, 4, 4, 5, 6, 7), text.splitlines()):
            self.assertRegex(line, "^F:%d: (error|warning): " % number, text)
        self.assertEqual(len(text.splitlines()), 7, text)

    def test_what_is_named_is_looked_at_and_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("one", "two"):
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "100",
                                "-keyout", folder + "/" + name + ".key", "-out", folder + "/" + name + ".crt"],
                               check=True, capture_output=True)
            with open(folder + "/localhost.pem", "w") as out:
                out.write(open(folder + "/one.crt").read() + open(folder + "/two.key").read())
            before = sorted(os.listdir(folder))
            code, text = check("--ssl-certs-location=%s\n--user-db-uri=sqlite:%s/data/db\n"
                               "bosh/pages-dir=%s/pages\nc2s/connections/5222/ifc[s]=192.0.2.1\n"
                               "basic-conf/config-dump-file=%s/dump\n" % ((folder,) * 4))
            self.assertEqual(code, 1)
            self.assertRegex(text, "F:1: error: .*/localhost.pem: the private key belongs to none of its certificates")
            self.assertRegex(text, "F:3: warning: no pages are served: .*No such file")
            self.assertRegex(text, "F:4: error: port 5222: ifc 192.0.2.1 is no address of this machine")
            self.assertEqual(len(text.splitlines()), 3, text)
            self.assertEqual(sorted(os.listdir(folder)), before, "something was made")

    def test_sample_has_no_mistake(self):
        done = subprocess.run([BINARY, "--property-file", os.path.join(ROOT, "conf", "init.properties"), "--check-config"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("warning", done.stderr)


class CommandLine(unittest.TestCase):
    def run_with(self, *words):
        return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=20)

    def test_a_mistyped_option_swallows_nothing(self):
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as conf:
            conf.write("bosh/max-wait[I]=no\n")
            conf.flush()
            done = self.run_with("--check-confg", "--property-file", conf.name)
            self.assertEqual(done.returncode, 2)
            self.assertIn("command line: error: unknown option --check-confg; did you mean --check-config?", done.stderr)
            done = self.run_with("--nonsense", "--propertyfile", "--check-config", "--property-file", conf.name)
            self.assertEqual(done.returncode, 2)
            for words in ("unknown option --nonsense;", "unknown option --propertyfile; did you mean --property-file?",
                          conf.name + ":1: error: 'no' is no number"):
                self.assertIn(words, done.stderr)

    def test_both_ways_of_giving_a_value(self):
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as conf:
            conf.write("bosh/max-pause[I]=no\n")
            conf.flush()
            for words in (("--property-file", conf.name), ("--property-file=" + conf.name,)):
                done = self.run_with(*words, "--check-config", "--user-db", "oracle", "--virt-hosts=a..b")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(conf.name + ":1: error: 'no' is no number", done.stderr)
                self.assertIn("command line: error: --user-db=oracle is not built", done.stderr)
                self.assertIn("command line: error: 'a..b' is no domain name", done.stderr)

    def test_misuse(self):
        for words, text in ((("--property-file",), "--property-file needs a value"),
                            (("--property-file", "--check-config"), "--property-file needs a value"),
                            (("--property-file=", "--check-config"), "--property-file needs a value"),
                            (("--check-config=yes",), "--check-config takes no value"),
                            (("--propertyfile=x",), "unknown option --propertyfile; did you mean --property-file?"),
                            (("--virt-hosts", "--check-config"), "--virt-hosts needs a value"),
                            (("--vesion",), "unknown option --vesion; did you mean --version?"),
                            (("--property-file", "/dev/null", "acount", "list"), "unknown command 'acount'"),
                            (("--print-reference", "option"), "no reference page 'option'")):
            done = self.run_with(*words)
            self.assertEqual(done.returncode, 2, (words, done.stderr))
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stdout, "")


class Accounts(unittest.TestCase):
    def test_down_and_up(self):
        with Server() as server:
            server.account("alice@localhost", "one")  # server up
            self.assertIsNone(Tcp(server).log_in("alice", "one"))
            again = server.command("account", "add", "alice@localhost", text="two\n")
            self.assertEqual(again.returncode, 1)
            self.assertIn("passwd", again.stderr)
            self.assertEqual(server.command("account", "passwd", "alice@localhost", text="two\n").returncode, 0)
            self.assertEqual(Tcp(server).log_in("alice", "one"), "not-authorized")
            self.assertIsNone(Tcp(server).log_in("alice", "two"))
            server.stop()
            self.assertEqual(server.command("account", "add", "bob@localhost", text="pw\n").returncode, 0)
            self.assertEqual(server.command("account", "list").stdout.split(), ["alice@localhost", "bob@localhost"])
            self.assertEqual(server.command("account", "delete", "alice@localhost").returncode, 0)
            self.assertNotEqual(server.command("account", "delete", "alice@localhost").returncode, 0)
            self.assertNotEqual(server.command("account", "add", "x@elsewhere", text="pw\n").returncode, 0)
            server.start()
            self.assertIsNone(Tcp(server).log_in("bob", "pw"))

    def test_only_keys_are_stored(self):
        with Server() as server:
            server.account("alice@localhost", "Tr0ub4dor&3")
            server.stop()
            for folder, _, names in os.walk(os.path.join(server.dir, "data")):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        self.assertNotIn(b"Tr0ub4dor&3", file.read())
            self.assertNotIn("Tr0ub4dor", server.log())

    def test_no_write_at_login(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            path = os.path.join(server.dir, "data", "switchboard.db")
            with sqlite3.connect(path) as db:
                before = db.execute("PRAGMA data_version").fetchone()
                for _ in range(20):
                    alice = Tcp(server)
                    self.assertIsNone(alice.log_in("alice", "pw"))
                    alice.send("<presence/>")
                    alice.close()
                self.assertEqual(db.execute("PRAGMA data_version").fetchone(), before, "somebody wrote")


class Signals(unittest.TestCase):
    def test_term_tells_clients_and_exits_0(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            alice = Tcp(server)
            alice.log_in("alice", "pw")
            self.assertEqual(server.stop(), 0)
            self.assertEqual(alice.expect_end(), "system-shutdown")

    def test_dump(self):
        with Server("acme/own-key[S]=kept", "--acme-option=also kept") as server:
            with open(os.path.join(server.dir, "dump.properties")) as file:
                text = file.read()
            self.assertIn("sess-man/desk/capacity[I]=5", text)
            self.assertIn("acme/own-key", text)
            self.assertIn("acme-option", text)

    def test_hup_reloads_certificates_and_keeps_connections(self):
        with Server() as server:
            server.account("alice@localhost", "pw")
            alice = Tcp(server, direct_tls=True)
            self.assertIsNone(alice.log_in("alice", "pw"))
            old = Tcp(server, direct_tls=True).socket.getpeercert(binary_form=True)
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-subj", "/CN=new", "-addext", "subjectAltName=DNS:localhost", "-days", "30",
                            "-keyout", server.dir + "/key", "-out", server.dir + "/crt"], check=True, capture_output=True)
            with open(server.certificate, "w") as out:
                out.write(open(server.dir + "/crt").read() + open(server.dir + "/key").read())
            server.process.process.send_signal(signal.SIGHUP)
            for _ in range(1000):
                new = Tcp(server, direct_tls=True).socket.getpeercert(binary_form=True)
                if new != old:
                    break
            self.assertNotEqual(new, old)
            alice.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
            self.assertEqual(alice.expect(lambda e: e.get("id") == "p").get("type"), "result")

    def metric(self, server, name):
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % server.http) as answer:
            return int(re.search(r"^switchboard_%s(?:\{\})? (\d+)$" % name, answer.read().decode(), re.M).group(1))

    def hang_up(self, server, name, count):
        """Sends HUP and waits until the metric says that it was handled."""
        server.process.process.send_signal(signal.SIGHUP)
        for _ in range(5000):
            if self.metric(server, name) >= count:
                break
        self.assertEqual(self.metric(server, name), count, server.log()[-2000:])

    def wait_for_log(self, server, text):
        for _ in range(5000):
            if text in server.log():
                return
            self.metric(server, "config_reloads")  # a round trip: no sleep
        self.fail("no '%s' in:\n%s" % (text, server.log()[-4000:]))

    def test_hup_with_a_broken_file_changes_nothing(self):
        with Server("basic-conf/log-level=error") as server:
            server.account("alice@localhost", "pw")
            alice = Tcp(server)
            self.assertIsNone(alice.log_in("alice", "pw"))
            with open(server.conf) as file:
                good = file.read()
            number = len(good.splitlines()) + 1

            def write(text):
                with open(server.conf, "w") as file:
                    file.write(text)

            def make(kind):
                os.remove(server.conf)
                kind(server.conf)

            def big(path):
                write("#")
                os.truncate(path, 1 << 30)

            rows = [
                (lambda: write(good + "bosh/max-wait[I]=never\nbasic-conf/log-level=debug\n"), "%d: error: 'never' is no number" % number),
                (lambda: write(good + "sess-man/desk/seats[s]=a@\nbasic-conf/log-level=debug\n"), "%d: error: 'a@' is no address" % number),
                (lambda: write(good + "sess-man/limits/user/depth[I]=9999\n"), "%d: error: 9999 is out of range" % number),
                (lambda: make(big), " error: cannot be read: it is larger than 4 MiB"),
                (lambda: make(os.mkfifo), " error: cannot be read: it is no ordinary file"),
                (lambda: os.remove(server.conf), " error: cannot be read: No such file"),
                (lambda: os.mkdir(server.conf), " error: cannot be read: Is a directory"),
            ]
            for at, (break_it, text) in enumerate(rows, 1):
                break_it()
                self.hang_up(server, "config_reload_failures", at)
                self.wait_for_log(server, "error main: %s:%s" % (server.conf, text))
            self.assertEqual(self.metric(server, "config_reloads"), 0)
            alice.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
            self.assertEqual(alice.expect(lambda e: e.get("id") == "p").get("type"), "result")
            self.assertIsNone(Tcp(server).log_in("alice", "pw"))
            self.assertNotRegex(server.log(), "(?m)^\\S+ (debug|info) main:", "the level of a broken file was taken over")
            os.rmdir(server.conf)
            write(good + "basic-conf/log-level=info\n")
            self.hang_up(server, "config_reloads", 1)
            self.wait_for_log(server, "info main: log level read again")

    def test_hup_with_a_broken_certificate_keeps_the_old_one(self):
        with Server() as server:
            old = Tcp(server, direct_tls=True).socket.getpeercert(binary_form=True)
            with open(server.certificate, "r+") as file:
                file.truncate(100)
            self.hang_up(server, "config_reload_failures", 1)
            self.assertIn("certificates not replaced, the old ones stay: %s: " % server.certificate, server.log())
            self.assertEqual(Tcp(server, direct_tls=True).socket.getpeercert(binary_form=True), old)

    def test_a_start_says_all_mistakes_and_makes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/conf", "w") as conf:
                conf.write("--user-db-uri=sqlite:%s/conf/db\n--ssl-certs-location=%s/conf\nbosh/max-wait[I]=no\n" % (folder, folder))
            done = subprocess.run([BINARY, "--property-file", folder + "/conf"], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            lines = [line for line in done.stderr.splitlines() if ": error: " in line]
            self.assertEqual([line.split(":")[1] for line in lines], ["1", "2", "3"], done.stderr)
            self.assertEqual(os.listdir(folder), ["conf"])

    def test_port_in_use(self):
        with Server() as server:
            with open(server.conf) as file, open(server.conf + ".other", "w") as out:
                out.write(file.read().replace("/data/", "/other/"))  # a store of its own
            done = subprocess.run([BINARY, "--property-file", server.conf + ".other"], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn("in use", done.stderr)
            self.assertNotIn("ready", done.stdout)


if __name__ == "__main__":
    unittest.main()
