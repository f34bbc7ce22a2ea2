"""Stock clients, each on the same errands: login, roster, subscription, chat, carbons on two resources, resumption after a cut
line, blocking, vCard, private storage, an ad-hoc command. errands.js has them for the JavaScript clients and libstrophe;
slixmpp does them with plugins of its own."""
import asyncio
import os
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from server import BINARY, Server  # noqa: E402
from slix import LIMIT, Peer  # noqa: E402
from slixmpp.exceptions import IqError  # noqa: E402

NAMES = ("roster", "subscription", "chat", "carbons", "resumption", "blocking", "card", "privateStorage", "command")
NODE = "http://jabber.org/protocol/admin#get-online-users-num"


def office():
    return Server("--admins=alice@localhost", "--ssl-def-cert-domain=localhost")  # @xmpp/tls sends no server name


class WithJavaScript(unittest.TestCase):
    def run_errands(self, script, services, *arguments, cannot=(), environment=None):
        done = subprocess.run(["node", os.path.join(HERE, script), *arguments], capture_output=True, text=True, timeout=250,
                              env=dict(os.environ, **(environment or {})))
        lines = done.stdout.splitlines()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        expected = ["%s %s %s" % (service, "cannot" if name in cannot else "ok", name) for service in services for name in NAMES]
        self.assertEqual(lines, expected + ["done"])

    def people(self, server):
        return server.account("alice@localhost", "secret").account("bob@localhost", "secret")

    def test_xmpp_js(self):
        with office() as server:
            self.people(server)
            services = ["xmpp://localhost:%d" % server.c2s, "xmpps://localhost:%d" % server.tls,
                        "ws://localhost:%d/xmpp-websocket" % server.http, "wss://localhost:%d/xmpp-websocket" % server.https]
            self.run_errands("errands_xmpp.mjs", services, *services, environment={"NODE_EXTRA_CA_CERTS": server.certificate})

    def test_strophe_js_in_chromium(self):
        with office() as server:
            self.people(server)
            base, socket = "http://localhost:%d" % server.http, "ws://localhost:%d/xmpp-websocket" % server.http
            self.run_errands("errands_strophe.mjs", [base + "/http-bind", socket], base, socket,
                             os.path.join(ROOT, "web", "dist", "strophe.umd.min.js"))

    def test_libstrophe(self):
        with office() as server:
            self.people(server)
            pipe = os.path.join(os.path.dirname(BINARY), "tests", "strophe_pipe")
            self.run_errands("errands_libstrophe.mjs", ["libstrophe"], pipe, str(server.c2s), server.certificate,
                             cannot=("resumption",))  # Debian's libstrophe has no stream management


class Slixmpp(unittest.IsolatedAsyncioTestCase):
    PLUGINS = ("xep_0049", "xep_0050", "xep_0054", "xep_0191", "xep_0198", "xep_0280")

    async def asyncSetUp(self):
        self.server = office()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.server.account("alice@localhost", "secret").account("bob@localhost", "secret")
        people = [Peer(self.server, jid, "secret", *self.PLUGINS)
                  for jid in ("alice@localhost/desk", "alice@localhost/tablet", "bob@localhost/phone")]
        for one in people:
            await one.come()
        self.alice, self.tablet, self.bob = people
        self.people = people

    async def asyncTearDown(self):
        for one in self.people:
            await one.go()

    async def soon(self, future):
        return await asyncio.wait_for(future, LIMIT)

    async def test_contacts(self):
        self.alice.update_roster("bob@localhost", name="Bob", groups=["Work"])
        approved = self.alice.wait("presence_subscribed")
        self.alice.send_presence_subscription("bob@localhost", ptype="subscribe")
        await self.soon(approved)  # slixmpp approves by itself
        roster = await self.soon(self.tablet.get_roster())
        self.assertEqual(roster["roster"]["items"]["bob@localhost"]["name"], "Bob")

    async def test_carbons(self):
        for one in (self.alice, self.tablet):
            await self.soon(one["xep_0280"].enable())
        received, sent = self.tablet.wait("carbon_received"), self.tablet.wait("carbon_sent")
        self.bob.send_message("alice@localhost/desk", "for both", mtype="chat")
        self.assertEqual((await self.soon(received))["carbon_received"]["body"], "for both")
        self.assertEqual((await self.alice.message())["body"], "for both")
        self.alice.send_message("bob@localhost", "from one", mtype="chat")
        self.assertEqual((await self.soon(sent))["carbon_sent"]["body"], "from one")
        self.assertEqual((await self.bob.message())["body"], "from one")

    async def test_blocking(self):
        await self.soon(self.alice["xep_0191"].block("bob@localhost"))
        blocked = await self.soon(self.alice["xep_0191"].get_blocked())
        self.assertEqual({str(jid) for jid in blocked["blocklist"]["items"]}, {"bob@localhost"})
        refused = self.bob.wait("message_error")
        self.bob.send_message("alice@localhost", "hello?", mtype="chat")
        self.assertEqual((await self.soon(refused))["error"]["condition"], "service-unavailable")
        await self.soon(self.alice["xep_0191"].unblock("bob@localhost"))
        self.bob.send_message("alice@localhost/desk", "again", mtype="chat")
        self.assertEqual((await self.alice.message())["body"], "again")

    async def test_card(self):
        card = self.alice["xep_0054"].make_vcard()
        card["FN"] = "Alice Liddell"
        await self.soon(self.alice["xep_0054"].publish_vcard(card))
        seen = await self.soon(self.bob["xep_0054"].get_vcard("alice@localhost", cached=False))
        self.assertEqual(seen["vcard_temp"]["FN"], "Alice Liddell")

    async def test_private_storage(self):
        request = self.alice.make_iq_set()
        query = ET.SubElement(request.xml, "{jabber:iq:private}query")
        ET.SubElement(query, "{urn:example:notes}notes").text = "remember"
        await self.soon(request.send())
        request = self.tablet.make_iq_get()
        query = ET.SubElement(request.xml, "{jabber:iq:private}query")
        ET.SubElement(query, "{urn:example:notes}notes")
        kept = await self.soon(request.send())
        self.assertEqual(kept.xml.findtext(".//{urn:example:notes}notes"), "remember")

    async def test_ad_hoc_command(self):
        listed = await self.soon(self.alice["xep_0050"].get_commands("localhost"))
        self.assertIn(NODE, {item[1] for item in listed["disco_items"]["items"]})
        answer = await self.soon(self.alice["xep_0050"].send_command("localhost", NODE))
        self.assertIn(answer["command"]["status"], ("executing", "completed"))
        if answer["command"]["status"] == "executing":
            form = answer["command"]["form"]
            form["type"] = "submit"
            answer = await self.soon(self.alice["xep_0050"].send_command(
                "localhost", NODE, action="complete", sessionid=answer["command"]["sessionid"], payload=[form]))
        self.assertEqual(answer["command"]["status"], "completed")
        with self.assertRaises(IqError) as refused:
            await self.soon(self.bob["xep_0050"].send_command("localhost", NODE))
        self.assertEqual(refused.exception.condition, "forbidden")


if __name__ == "__main__":
    unittest.main()
