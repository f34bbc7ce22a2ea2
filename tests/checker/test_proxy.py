#!/usr/bin/python3
"""The proxy does to a line what it says, and nothing when it is not asked to."""
import asyncio
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proxy import Proxy  # noqa: E402

TIME = 20


class Echo(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.ends = asyncio.Queue()  # how each connection ended at the server
        self.server = await asyncio.start_server(self.echo, "127.0.0.1", 0)
        self.proxy = await Proxy.start(self.server.sockets[0].getsockname()[1])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.proxy.port)
        await self.says(b"hello")
        self.link, = self.proxy.links

    async def asyncTearDown(self):
        self.writer.close()
        await self.proxy.stop()
        self.server.close()

    async def echo(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
            writer.write(b"bye")
            self.ends.put_nowait("end")
        except ConnectionError:
            self.ends.put_nowait("reset")
        writer.close()

    async def says(self, data):
        self.writer.write(data)
        self.assertEqual(await asyncio.wait_for(self.reader.readexactly(len(data)), TIME), data)

    async def test_passes_bytes(self):
        await self.says(bytes(range(256)) * 5000)

    async def test_cut(self):
        self.link.spoil("cut", 0)
        self.assertEqual(await asyncio.wait_for(self.reader.read(), TIME), b"")
        self.assertEqual(await asyncio.wait_for(self.ends.get(), TIME), "end")

    async def test_reset(self):
        self.link.spoil("reset", 0)
        with self.assertRaises(ConnectionError):
            await asyncio.wait_for(self.reader.read(), TIME)
        self.assertEqual(await asyncio.wait_for(self.ends.get(), TIME), "reset")

    async def test_stall_holds_and_gives_all_later(self):
        self.link.stall(3600)
        self.writer.write(b"late")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.reader.readexactly(1), 0.2)
        self.link.open_gate.set()
        self.assertEqual(await asyncio.wait_for(self.reader.readexactly(4), TIME), b"late")

    async def test_slow_and_bytes_change_nothing(self):
        self.link.spoil("slow", 1)
        await self.says(b"slow")
        self.link.spoil("bytes", 0.01)  # it ends in the middle
        await self.says(bytes(range(256)) * 100)

    async def test_half(self):
        self.link.spoil("half", 0)
        self.assertEqual(await asyncio.wait_for(self.reader.read(), TIME), b"bye")


if __name__ == "__main__":
    unittest.main()
