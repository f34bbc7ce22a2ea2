"""Calls that do half of what they were asked (reliability.md F17): of a hundred that read or write, forty move fewer bytes, are interrupted or have to
be asked again, on every socket and file of the process (tests/support/fault_shim.c). No byte is lost or doubled anywhere."""
import hashlib
import os
import random
import re
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Bosh, WebSocket  # noqa: E402
from faults import PATIENCE, Breakable, Client, is_message, metric, text_of, until  # noqa: E402
from server import Redis  # noqa: E402

FLAKY = 40
EACH = 12
ROOM = ("sess-man/limits/user/byte-rate[I]=0", "sess-man/limits/user/stanza-rate[I]=0", "bosh/limits/empty-requests[I]=0", "amp/store-limit[L]=0",
        "amp/store-limit-total[L]=0", "sess-man/plugins-conf/scram-iterations[I]=4096", "sess-man/desk/seats[s]=seat@localhost",
        "sess-man/desk/seat-auth=cookie", "basic-conf/log-level=debug", "basic-conf/log-file={dir}/server.log")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) [\w-]+: .*")


def body(sender, number, rng):
    """Proves that it is whole: its own digest stands in front."""
    text = "%s %d %s" % (sender, number, "".join(rng.choices("abcdefghij &<é€\U0001f600", k=rng.choice((0, 5, 300, 3000, 20000)))))
    return "%s %s" % (hashlib.sha256(text.encode()).hexdigest(), text)


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


class Halves(unittest.TestCase):
    def enter(self, server):
        """One on each transport."""
        tls = Client(server)
        tls.starttls()
        clients = {"tcp": Client(server), "tls": tls, "bosh": Bosh(server), "ws": WebSocket(server)}
        for name, client in clients.items():
            self.assertIsNone(client.log_in(name, "pw"))
            client.send("<presence/>")
        return clients

    def whole(self, client, count):
        """The next `count` messages; each must be what its digest says."""
        texts = []
        while len(texts) < count:
            text = text_of(client.expect(is_message, "message %d of %d" % (len(texts), count), PATIENCE))
            self.assertEqual(hashlib.sha256(text[65:].encode()).hexdigest(), text[:64], "bytes were lost or doubled")
            texts.append(text)
        return texts

    def talk(self, server, clients, rng):
        """Everybody to everybody else and to somebody who is away, all mixed."""
        sent = {name: [] for name in [*clients, "away"]}
        orders = [(sender, to) for sender in clients for to in sent if to != sender] * EACH
        rng.shuffle(orders)
        for number, (sender, to) in enumerate(orders):
            text = body(sender, number, rng)
            sent[to].append(text)
            clients[sender].send("<message to='%s@localhost' type='chat' id='m%d'><body>%s</body></message>" % (to, number, escaped(text)))
        for name, client in clients.items():
            heard = self.whole(client, len(sent[name]))
            self.assertEqual(sorted(heard), sorted(sent[name]), "each once")
            for sender in clients if name != "bosh" else ():  # a page's two connections are read by two threads of this test
                mine = [text for text in sent[name] if text[65:].startswith(sender + " ")]
                self.assertEqual([text for text in heard if text in set(mine)], mine, "in order, from %s to %s" % (sender, name))
        until(lambda: metric(server, "offline_stored") >= len(sent["away"]), "what is for later is kept")
        return sent["away"]

    def test_no_byte_is_lost_or_doubled(self):
        seed = int(os.environ.get("FAULTS_SEED", random.randrange(1 << 31)))
        print("seed", seed, file=sys.stderr)
        rng = random.Random(seed)
        with Redis() as redis, Breakable(*ROOM, "sess-man/desk/cookie-cache-uri=redis://127.0.0.1:%d/0" % redis.port) as server:
            for name in ("tcp", "tls", "bosh", "ws", "away"):
                server.account(name + "@localhost", "pw")
            redis.set("cookie:seat", "c1")
            server.set(flaky=FLAKY)
            clients = self.enter(server)
            kept = self.talk(server, clients, rng)
            clients["seat"] = Client(server)
            self.assertIsNone(clients["seat"].log_in("seat", "c1"), "a cookie in Redis")
            for client in clients.values():
                client.kill()
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % server.http) as page:
                self.assertIn(b"switchboard_sessions_open", page.read())
            server.restart()  # its start reads and writes the same way
            self.assertEqual(sorted(self.whole(Client(server).enter("away"), len(kept))), sorted(kept))
            self.assertGreater(server.get("flaked"), 500)
            self.assertEqual(metric(server, "log_lost"), 0)
            self.assertEqual(metric(server, "stream_errors"), 0)
            with open(os.path.join(server.dir, "server.log"), encoding="utf-8") as log:
                for line in log.read().splitlines():
                    self.assertRegex(line, LINE)
            server.set(flaky=0)


if __name__ == "__main__":
    unittest.main()
