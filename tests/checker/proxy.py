"""A TCP proxy that spoils lines: cut, reset, stalled, slow, cut into bytes, half closed. Loopback only.

Between clients and server (or server and Redis); netem and packet filters are not there on every machine.

    proxy = await Proxy.start(target_port)      proxy.port
    for link in proxy.links: link.cut() …
"""
import asyncio
import socket
import struct

CHUNK = 65536
KINDS = ("cut", "reset", "stall", "slow", "bytes", "half")


def reset(writer):
    """The peer sees RST, not FIN."""
    s = writer.get_extra_info("socket")
    if s is not None and s.fileno() >= 0:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Link:
    """One connection through the proxy. A fault stays for its time; the bytes that wait then go on."""

    def __init__(self, client, server):
        self.client, self.server = client, server  # (reader, writer)
        self.open_gate = asyncio.Event()
        self.open_gate.set()
        self.delay, self.size, self.halved = 0.0, CHUNK, False

    async def pump(self, reader, writer):
        try:
            while True:
                data = await reader.read(self.size)
                await self.open_gate.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not data:
                    break
                if self.halved and writer is self.server[1]:
                    continue
                size = self.size
                for i in range(0, len(data), size):
                    writer.write(data[i:i + size])
                    await writer.drain()
                    if size == 1:
                        await asyncio.sleep(0)
            writer.write_eof()
        except (OSError, RuntimeError):  # asyncio's word for a line that was half closed meanwhile
            self.cut()

    async def run(self):
        await asyncio.gather(self.pump(self.client[0], self.server[1]), self.pump(self.server[0], self.client[1]))
        self.close()

    def close(self):
        for _, writer in (self.client, self.server):
            writer.close()

    # -- faults ----------------------------------------------------------------------------------------------------

    def cut(self):
        self.open_gate.set()
        self.close()

    def reset(self):
        self.open_gate.set()
        reset(self.client[1])
        reset(self.server[1])

    def stall(self, seconds):
        self.open_gate.clear()
        asyncio.get_running_loop().call_later(seconds, self.open_gate.set)

    def slow(self, seconds, delay=0.05):
        self.delay = delay
        asyncio.get_running_loop().call_later(seconds, setattr, self, "delay", 0.0)

    def bytes(self, seconds):
        self.size = 1
        asyncio.get_running_loop().call_later(seconds, setattr, self, "size", CHUNK)

    def half(self):
        """The server hears that the client is done; what it still says comes through."""
        if not self.halved and not self.server[1].is_closing():
            self.halved = True
            self.server[1].write_eof()

    def spoil(self, kind, seconds):
        try:
            getattr(self, kind)(*(() if kind in ("cut", "reset", "half") else (seconds,)))
        except OSError:
            pass  # it is over already


class Proxy:
    def __init__(self, target):
        self.target, self.links = target, set()

    @classmethod
    async def start(cls, target):
        self = cls(target)
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, limit=CHUNK)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def accept(self, reader, writer):
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            reset(writer)
            return
        link = Link((reader, writer), there)
        self.links.add(link)
        try:
            await link.run()
        finally:
            self.links.discard(link)
            link.close()

    async def stop(self):
        self.server.close()
        for link in list(self.links):
            link.cut()
