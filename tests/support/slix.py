"""slixmpp, a stock Python client, as tests use it: over STARTTLS with the server's own certificate verified."""
import asyncio

import slixmpp

LIMIT = 20  # s, for what must come; never reached where it does


class Peer(slixmpp.ClientXMPP):
    def __init__(self, server, jid, password, *plugins):
        super().__init__(jid, password)
        self.home = server
        self.ca_certs = server.certificate
        self.inbox = asyncio.Queue()
        self.changes = asyncio.Queue()
        for plugin in ("xep_0030", "xep_0199") + plugins:
            self.register_plugin(plugin)
        self.started = self.wait("session_start")
        self.add_event_handler("message", self.inbox.put_nowait)
        self.add_event_handler("changed_status", self.changes.put_nowait)

    def wait(self, event):
        done = asyncio.get_event_loop().create_future()
        self.add_event_handler(event, lambda data: done.done() or done.set_result(data), disposable=True)
        return done

    async def come(self):
        self.connect(("127.0.0.1", self.home.c2s), force_starttls=True)
        await asyncio.wait_for(self.started, LIMIT)
        self.send_presence()
        await asyncio.wait_for(self.get_roster(), LIMIT)

    async def message(self):
        return await asyncio.wait_for(self.inbox.get(), LIMIT)

    async def go(self):
        gone = self.wait("disconnected")
        self.disconnect(wait=1)
        await asyncio.wait_for(gone, LIMIT)
