"""The pages in headless Chromium: see browser.mjs."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from server import ROBOT, ROOT, Server  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


class Browser(unittest.TestCase):
    def test_pages(self):
        with Server("sess-man/desk/seats[s]=alice@localhost", "sess-man/desk/robots[s]=robot*@localhost",
                    "sess-man/desk/notify-grace[I]=3") as server:
            server.account("alice@localhost", "secret").account("robot1@localhost", "secret")
            password = os.path.join(server.dir, "robot-password")
            with open(password, "w") as out:
                out.write("secret\n")
            robot = [ROBOT, "--jid", "robot1@localhost", "--password-file", password, "--host", "127.0.0.1",
                     "--port", str(server.c2s), "--ca-file", server.certificate, "--faq", os.path.join(ROOT, "robot", "faq.txt")]
            done = subprocess.run(["node", os.path.join(HERE, "browser.mjs"), "http://localhost:%d" % server.http, "secret",
                                   json.dumps(robot), os.environ.get("SCREENSHOTS", "")],
                                  capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("done", done.stdout)


if __name__ == "__main__":
    unittest.main()
