"""Extensions by others, as somebody has them who was given docs/extending.md and an installed header: built outside the tree by the
documented command, configured, checked, counted, dumped."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Tcp  # noqa: E402
from server import BINARY, ROOT, SANITIZED, Server  # noqa: E402

BUILD = os.path.dirname(BINARY)
EXAMPLES = os.path.join(ROOT, "docs", "examples")


def documented(beginning):
    """The one command line of docs/extending.md that begins so."""
    with open(os.path.join(ROOT, "docs", "extending.md"), encoding="utf-8") as page:
        lines = [line.strip() for line in page if line.startswith("    " + beginning)]
    assert len(lines) == 1, lines
    return lines[0]


@unittest.skipIf(SANITIZED, "what is built here has no sanitizer in it")
class Extension(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="switchboard-extension-")
        install = documented("cmake --install").replace("build", BUILD, 1).split()
        subprocess.run([*install, "--prefix", cls.dir], check=True, capture_output=True)
        cls.environment = dict(os.environ, CPATH=os.path.join(cls.dir, "include"))
        for name in ("count", "echo"):
            shutil.copy(os.path.join(EXAMPLES, name, name + ".c"), cls.dir)
            cls.build(documented("cc ").replace("count", name), cls.dir)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    @classmethod
    def build(cls, command, where):
        done = subprocess.run(command.split(), cwd=where, env=cls.environment, capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr

    def check(self, *lines):
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as conf:
            conf.write("--user-db-uri=sqlite:%s/x.db\n--ssl-certs-location=%s/certs\nbasic-conf/config-dump-file=none\n" % (self.dir, self.dir))
            conf.write("\n".join(lines) + "\n")
            conf.flush()
            done = subprocess.run([BINARY, "--property-file", conf.name, "--check-config"], capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).replace(conf.name, "F").splitlines()

    def test_only_the_header_is_installed_and_it_is_plain_c(self):
        self.assertEqual(os.listdir(os.path.join(self.dir, "include")), ["switchboard.h"])
        source = os.path.join(self.dir, "alone.c")
        with open(source, "w") as text:
            text.write("#include <switchboard.h>\n")
        self.build("cc -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only " + source, self.dir)

    def test_what_was_built_outside_runs(self):
        with Server("sess-man/extensions[s]=%s/count.so" % self.dir,
                    "sess-man/plugins-conf/count/old-address=sales@localhost",
                    "sess-man/plugins-conf/count/new-address=bob@localhost",
                    "--comp-name-x=echo", "--comp-class-x=%s/echo.so" % self.dir,
                    "echo/longest[I]=0x20", "mycomp/foo[I]=7", "--our-thing=kept") as server:
            server.account("bob@localhost", "secret")
            bob = Tcp(server)
            self.assertIsNone(bob.log_in("bob", "secret"))
            bob.send("<presence/>")
            bob.send("<message to='sales@localhost' type='chat' id='1'><body>to sales</body></message>")
            bob.send("<message to='echo.localhost' type='chat' id='2'><body>to echo</body></message>")
            bodies = {}
            while len(bodies) < 2:
                element = bob.inbox.get(timeout=20)
                body = element.find("{jabber:client}body")
                if body is not None:
                    bodies[element.get("id")] = body.text
            self.assertEqual(bodies, {"1": "to sales", "2": "You said: to echo"})
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % server.http, timeout=20) as page:
                metrics = page.read().decode()
            self.assertIn("# HELP switchboard_ext_count_redirected Of these, sent to another address.\n"
                          "# TYPE switchboard_ext_count_redirected counter\nswitchboard_ext_count_redirected 1\n", metrics)
            self.assertIn("\nswitchboard_ext_count_messages 2\n", metrics)
            self.assertIn("\nswitchboard_ext_echo_messages 1\n", metrics)
            self.assertIn("# TYPE switchboard_ext_count_sessions gauge\nswitchboard_ext_count_sessions 1\n", metrics)
            with open(os.path.join(server.dir, "dump.properties")) as dump:
                lines = dump.read().splitlines()
            for line in ("mycomp/foo[I]=7", "--our-thing=kept", "echo/longest[I]=0x20", "--comp-name-x=echo",
                         "sess-man/extensions[s]=%s/count.so" % self.dir,
                         "sess-man/plugins-conf/count/old-address=sales@localhost"):
                self.assertIn(line, lines)
            bob.kill()

    def test_check_config_says_what_is_wrong_with_file_and_line(self):
        count = "sess-man/extensions[s]=%s/count.so" % self.dir
        code, lines = self.check(count, "sess-man/plugins-conf/count/old-address=a@b")
        self.assertEqual(code, 1)
        self.assertIn("F:4: error: sess-man/plugins-conf/count/new-address: old-address is set: give the address its messages go to "
                      "(sess-man/extensions)", lines)
        code, lines = self.check(count, "sess-man/plugins-conf/count/tell[B]=loudly", "sess-man/plugins-conf/count/tel[B]=on")
        self.assertEqual(code, 1)
        self.assertIn("F:5: error: 'loudly' is neither true nor false (sess-man/plugins-conf/count/tell)", lines)
        code, lines = self.check("--comp-name-1=e", "--comp-class-1=%s/count.so" % self.dir)
        self.assertEqual(code, 1)
        self.assertTrue(any(re.match(r"F:5: error: .*count\.so: it exports no switchboard_component", line) for line in lines), lines)
        code, lines = self.check("sess-man/extensions[s]=%s/count.c" % self.dir)
        self.assertEqual(code, 1)
        self.assertTrue(any(line.startswith("F:4: error: ") and "must end in .so" in line for line in lines), lines)
        code, lines = self.check(count, "sess-man/plugins-conf/count/tel[B]=on")
        self.assertEqual(code, 0, lines)
        self.assertIn("F:5: warning: sess-man/plugins-conf/count/tel is no setting of the extension count", lines)

    def test_a_server_whose_extension_fails_does_not_start(self):
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as conf:
            conf.write("--user-db-uri=sqlite:%s/x.db\nsess-man/extensions[s]=%s/missing.so\n" % (self.dir, self.dir))
            conf.flush()
            done = subprocess.run([BINARY, "--property-file", conf.name], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("ready", done.stdout)
        self.assertRegex(done.stderr, r":2: error: .*missing\.so: cannot open shared object file")

    def test_another_interface_is_refused(self):
        where = tempfile.mkdtemp(dir=self.dir)
        header = open(os.path.join(self.dir, "include", "switchboard.h")).read()
        with open(os.path.join(where, "switchboard.h"), "w") as out:
            out.write(header.replace("#define SB_ABI 1u", "#define SB_ABI 2u"))
        shutil.copy(os.path.join(self.dir, "count.c"), where)
        subprocess.run(documented("cc ").replace("-shared", "-shared -I.").split(), cwd=where, check=True)
        code, lines = self.check("sess-man/extensions[s]=%s/count.so" % where)
        self.assertEqual(code, 1)
        self.assertTrue(any("it was built for interface 2, this server has 1; build it with this server's switchboard.h" in line
                            for line in lines), lines)


if __name__ == "__main__":
    unittest.main()
