"""@xmpp/client, a stock JavaScript client, over STARTTLS and WebSocket."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from server import Server  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


class XmppJs(unittest.TestCase):
    def test_chat_over_tcp_and_websocket(self):
        with Server() as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            environment = dict(os.environ, NODE_EXTRA_CA_CERTS=server.certificate)
            done = subprocess.run(["node", os.path.join(HERE, "xmpp_client.mjs"), str(server.c2s),
                                   "ws://localhost:%d/xmpp-websocket" % server.http],
                                  capture_output=True, text=True, timeout=60, env=environment)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("done", done.stdout)


if __name__ == "__main__":
    unittest.main()
