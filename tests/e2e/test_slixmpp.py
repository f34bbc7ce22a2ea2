"""slixmpp, a stock Python client, as a seat and as an ordinary user: STARTTLS with a verified certificate, SCRAM."""
import asyncio
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from slixmpp.exceptions import IqError  # noqa: E402
from client import Bosh  # noqa: E402
from server import Server  # noqa: E402
from slix import LIMIT, Peer  # noqa: E402


class Slixmpp(unittest.IsolatedAsyncioTestCase):
    async def test_two_users_chat_and_subscribe(self):
        with Server() as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            alice, bob = Peer(server, "alice@localhost", "secret"), Peer(server, "bob@localhost/phone", "secret")
            await alice.come()
            await bob.come()
            alice.send_message("bob@localhost", "Schöne Grüße", mtype="chat")
            got = await bob.message()
            self.assertEqual((got["from"].bare, got["body"]), ("alice@localhost", "Schöne Grüße"))
            subscribed = alice.wait("presence_subscribed")
            alice.send_presence_subscription("bob@localhost", ptype="subscribe")
            await asyncio.wait_for(subscribed, LIMIT)  # slixmpp approves by itself
            info = await asyncio.wait_for(alice["xep_0030"].get_info("localhost"), LIMIT)
            self.assertIn("urn:xmpp:ping", info["disco_info"]["features"])
            self.assertGreater(await asyncio.wait_for(alice["xep_0199"].ping("localhost"), LIMIT), 0)
            await bob.go()
            await alice.go()

    async def test_an_administrator_runs_commands(self):
        admin = "http://jabber.org/protocol/admin#"
        with Server("--admins=root@localhost") as server:
            server.account("root@localhost", "secret").account("alice@localhost", "secret")
            root, alice = Peer(server, "root@localhost", "secret"), Peer(server, "alice@localhost/desk", "secret")
            for peer in (root, alice):
                peer.register_plugin("xep_0050")
                await peer.come()
            listed = await asyncio.wait_for(root["xep_0050"].get_commands("localhost"), LIMIT)
            nodes = {item[1] for item in listed["disco_items"]["items"]}
            self.assertIn(admin + "end-user-session", nodes)
            listed = await asyncio.wait_for(alice["xep_0050"].get_commands("localhost"), LIMIT)
            self.assertEqual(listed["disco_items"]["items"], set())

            done = await self.run_command(root, admin + "add-user", accountjid="new@localhost", password="geheim")
            self.assertEqual(done["command"]["status"], "completed")
            new = Peer(server, "new@localhost", "geheim")
            new.register_plugin("xep_0050")
            await new.come()
            done = await self.run_command(root, admin + "get-online-users-list", max_items="100")
            online = done["command"]["form"].get_values()["onlineuserjids"]
            self.assertEqual(set(online), {"root@localhost", "alice@localhost", "new@localhost"})
            gone, failed = alice.wait("disconnected"), alice.wait("stream_error")
            await self.run_command(root, admin + "end-user-session", accountjids=["alice@localhost"])
            self.assertEqual((await asyncio.wait_for(failed, LIMIT))["condition"], "not-authorized")
            await asyncio.wait_for(gone, LIMIT)
            with self.assertRaises(IqError) as refused:
                await self.run_command(new, admin + "end-user-session", accountjids=["root@localhost"])
            self.assertEqual(refused.exception.condition, "forbidden")
            await new.go()
            await root.go()

    async def run_command(self, peer, node, **values):
        """The two steps a client takes: ask for the form, send it back filled in."""
        first = await asyncio.wait_for(peer["xep_0050"].send_command("sess-man@localhost", node), LIMIT)
        self.assertEqual(first["command"]["status"], "executing")
        form = first["command"]["form"]
        form["type"] = "submit"
        form.set_values(values)
        return await asyncio.wait_for(peer["xep_0050"].send_command(
            "sess-man@localhost", node, action="complete", payload=form.xml, sessionid=first["command"]["sessionid"]), LIMIT)

    async def test_a_cut_line_is_resumed(self):
        with Server() as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            alice, bob = Peer(server, "alice@localhost/desk", "secret"), Peer(server, "bob@localhost/phone", "secret")
            alice.register_plugin("xep_0198")
            enabled = alice.wait("sm_enabled")
            await alice.come()
            await bob.come()
            await asyncio.wait_for(enabled, LIMIT)
            alice.send_message("bob@localhost/phone", "before", mtype="chat")
            self.assertEqual((await bob.message())["body"], "before")
            resumed, gone, starts = alice.wait("session_resumed"), alice.wait("disconnected"), []
            alice.add_event_handler("session_start", starts.append)
            alice.transport.abort()
            await asyncio.wait_for(gone, LIMIT)
            bob.send_message("alice@localhost/desk", "in the gap", mtype="chat")
            bob.send_message("alice@localhost", "in the gap too", mtype="chat")
            alice.connect(("127.0.0.1", server.c2s), force_starttls=True)
            await asyncio.wait_for(resumed, LIMIT)
            self.assertEqual((await alice.message())["body"], "in the gap")
            self.assertEqual((await alice.message())["body"], "in the gap too")
            alice.send_message("bob@localhost/phone", "after", mtype="chat")
            self.assertEqual((await bob.message())["body"], "after")
            await asyncio.wait_for(alice["xep_0199"].ping("localhost"), LIMIT)
            self.assertTrue(alice.inbox.empty() and bob.inbox.empty() and not starts)
            await bob.go()
            await alice.go()

    async def test_an_account_is_registered_changed_and_given_up(self):
        with Server("--virt-hosts=localhost:register",
                    "sess-man/plugins-conf/jabber\\:iq\\:register/change-interval[I]=0") as server:
            eve = Peer(server, "eve@localhost", "secret")
            eve.register_plugin("xep_0004")
            eve.register_plugin("xep_0066")
            eve.register_plugin("xep_0077")
            eve._always_send_everything = True  # this slixmpp keeps requests back until login, its own ones too
            registered = asyncio.get_event_loop().create_future()

            async def register(form):
                wish = eve.Iq()
                wish["type"] = "set"
                wish["register"]["username"], wish["register"]["password"] = "eve", "secret"
                registered.set_result((form, await wish.send()))

            eve.add_event_handler("register", register)
            await eve.come()
            form, done = await asyncio.wait_for(registered, LIMIT)
            self.assertIsNotNone(form.xml.find("{jabber:iq:register}query/{jabber:iq:register}username"))
            self.assertEqual(done["type"], "result")
            await asyncio.wait_for(eve["xep_0077"].change_password("fresh", jid="localhost"), LIMIT)
            again = Peer(server, "eve@localhost/other", "fresh")
            await again.come()
            gone, other = eve.wait("disconnected"), again.wait("disconnected")
            await asyncio.wait_for(eve["xep_0077"].cancel_registration(jid="localhost"), LIMIT)
            await asyncio.wait_for(gone, LIMIT)
            await asyncio.wait_for(other, LIMIT)
            late = Peer(server, "eve@localhost", "fresh")
            failed = late.wait("failed_auth")
            late.connect(("127.0.0.1", server.c2s), force_starttls=True)
            await asyncio.wait_for(failed, LIMIT)
            late.abort()

    async def test_a_phone_in_a_pocket_is_left_alone(self):
        with Server() as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            alice, bob = Peer(server, "alice@localhost/phone", "secret"), Peer(server, "bob@localhost/desk", "secret")
            alice.register_plugin("xep_0352")
            await alice.come()
            await bob.come()
            alice["xep_0352"].send_inactive()
            await asyncio.wait_for(alice["xep_0199"].ping("localhost"), LIMIT)
            shows = []
            alice.add_event_handler("presence", lambda p: shows.append(p["type"]) if p["from"] == bob.boundjid else None)
            for show in ("away", "dnd", "xa"):
                bob.send_presence(pto=alice.boundjid.full, pshow=show)
            bob.send_message(alice.boundjid.full, "are you there?", mtype="chat")
            self.assertEqual((await alice.message())["body"], "are you there?")
            self.assertEqual(shows, ["xa"])
            bob.send_presence(pto=alice.boundjid.full, pshow="chat")
            await asyncio.wait_for(bob["xep_0199"].ping("localhost"), LIMIT)
            self.assertEqual(shows, ["xa"])
            back = alice.wait("presence_chat")
            alice["xep_0352"].send_active()
            await asyncio.wait_for(back, LIMIT)
            await bob.go()
            await alice.go()

    async def test_wrong_password(self):
        with Server() as server:
            server.account("alice@localhost", "secret")
            alice = Peer(server, "alice@localhost", "wrong")
            failed = alice.wait("failed_auth")
            alice.connect(("127.0.0.1", server.c2s), force_starttls=True)
            await asyncio.wait_for(failed, LIMIT)
            alice.abort()

    async def test_a_seat_serves_a_visitor(self):
        with Server("sess-man/desk/seats[s]=alice@localhost") as server:
            server.account("alice@localhost", "secret")
            alice = Peer(server, "alice@localhost", "secret")
            await alice.come()
            visitor = Bosh(server)
            self.assertIsNone(await asyncio.to_thread(visitor.log_in))
            await asyncio.to_thread(visitor.send, "<message to='alice@localhost' type='chat'><body>Guten Tag</body></message>")
            got = await alice.message()
            self.assertEqual(got["body"], "Guten Tag")
            got.reply("Willkommen").send()
            answer = await asyncio.to_thread(visitor.expect, lambda e: e.findtext("{jabber:client}body") == "Willkommen")
            self.assertTrue(answer.get("from").startswith("alice@localhost"))
            await asyncio.to_thread(visitor.close)
            while True:
                note = await alice.message()
                if note.xml.find("{urn:switchboard:desk:1}event") is not None:
                    break
            self.assertEqual(note.xml.find("{urn:switchboard:desk:1}event").get("kind"), "visitor-disconnected")
            await alice.go()


if __name__ == "__main__":
    unittest.main()
