"""Connections of the simulated people: TCP and WebSocket here, BOSH in bosh.py, behind one face, on bare asyncio protocols,
because thousands of them share one Python process. What an element means is the caller's business.

    line = Tcp(port, domain); await line.log_in(user, password)     ANONYMOUS without a user
    line.attach(handler)             handler(element) is called for each element nobody waits for with expect()
    line.say(text, ident)            sends a stanza; line.on_confirmed(ident) once the server is known to have it
    await line.over.wait()           it ended; line.why says how

With line.managed the stream is managed (XEP-0198, without resumption). BOSH confirms by its acknowledgements (XEP-0124 9), an
unmanaged WebSocket by a ping (XEP-0199) behind the message."""
import asyncio
import base64
import collections
import os
import struct
import xml.etree.ElementTree as ET

PATIENCE = 30
CLIENT = "{jabber:client}"
STREAM = "{http://etherx.jabber.org/streams}"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SM = "urn:xmpp:sm:3"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
IQ, MESSAGE, PRESENCE = CLIENT + "iq", CLIENT + "message", CLIENT + "presence"
background = set()  # the loop itself does not keep tasks


class Gone(Exception):
    """The line is over, or an answer did not come."""


def task(work):
    made = asyncio.get_running_loop().create_task(work)
    background.add(made)
    made.add_done_callback(background.discard)
    made.add_done_callback(failed)
    return made


def failed(finished):
    """What goes wrong in the background is the generator's fault and ends the run."""
    if not finished.cancelled() and finished.exception():
        finished.get_loop().call_exception_handler({"message": "in the background", "exception": finished.exception()})


class Line:
    managed = False

    def __init__(self, port, domain, cookie=None):
        self.port, self.domain, self.cookie = port, domain, cookie
        self.over, self.why, self.want, self.jid = asyncio.Event(), "", None, None
        self.early, self.on_confirmed = [], lambda _: None
        self.handler = self.early.append  # until attach(): what comes in one piece with the answer to bind
        self.enabled, self.got, self.sent = False, 0, 0
        self.unacked = collections.deque()  # (count or ping, ident)

    def end(self, why):
        if self.over.is_set():
            return
        self.why = why
        self.over.set()
        if self.want and not self.want[1].done():
            self.want[1].set_exception(Gone(why))

    def attach(self, handler):
        self.handler = handler
        for element in self.early:
            handler(element)
        self.early.clear()

    async def expect(self, *tags):
        if self.over.is_set():
            raise Gone(self.why)
        answer = asyncio.get_running_loop().create_future()
        self.want = tags, answer
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise Gone("no answer within %d s" % PATIENCE) from None

    def take(self, element):
        if self.enabled and element.tag in (IQ, MESSAGE, PRESENCE):
            self.got += 1
        if element.tag == "{%s}r" % SM:
            self.put("<a xmlns='%s' h='%d'/>" % (SM, self.got))
        elif element.tag == "{%s}a" % SM:
            self.confirm(int(element.get("h")))
        elif self.want and element.tag in self.want[0] and not self.want[1].done():
            answer = self.want[1]
            self.want = None
            answer.set_result(element)
        else:
            self.handler(element)

    def confirm(self, count):
        while self.unacked and self.unacked[0][0] <= count:
            self.on_confirmed(self.unacked.popleft()[1])

    def say(self, text, ident=None):
        self.sent += 1
        self.put(text)
        if ident and self.enabled:
            self.unacked.append((self.sent, ident))
            self.put("<r xmlns='%s'/>" % SM)
        elif ident:
            self.unacked.append((self.sent, ident))
            self.put("<iq xmlns='jabber:client' type='get' id='ping-%d' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>"
                     % (self.sent, self.domain))

    async def log_in(self, user=None, password=""):
        await self.dial()
        self.open()
        await self.expect(STREAM + "features")
        if user:
            text = base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()
            self.put("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL, text))
        else:
            self.put("<auth xmlns='%s' mechanism='ANONYMOUS'/>" % SASL)
        answer = await self.expect("{%s}success" % SASL, "{%s}failure" % SASL)
        if answer.tag.endswith("failure"):
            self.cut()
            raise Gone("login refused: " + answer[0].tag)
        self.open()
        await self.expect(STREAM + "features")
        self.put("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='%s'/></iq>" % BIND)
        self.jid = (await self.expect(IQ)).findtext("{%s}bind/{%s}jid" % (BIND, BIND))
        if self.managed:
            self.put("<enable xmlns='%s'/>" % SM)
            await self.expect("{%s}enabled" % SM)
            self.enabled, self.sent = True, 0


class Socket(Line, asyncio.Protocol):
    transport = None

    async def dial(self):
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.port)
        except OSError as error:
            self.end(str(error))
            raise Gone(str(error)) from None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        self.end(str(exc or "end of file"))

    def cut(self):
        """The line breaks without a word."""
        self.end("cut by its own client")
        if self.transport:
            self.transport.abort()

    async def close(self):
        """Leaves properly."""
        self.finish()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.over.wait()
        except TimeoutError:
            self.end("no end of stream came")
        self.transport.abort()


class Tcp(Socket):
    def open(self):
        self.parser, self.depth, self.root = ET.XMLPullParser(("start", "end")), 0, None
        self.put("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='%s' to='%s' version='1.0'>"
                 % (STREAM[1:-1], self.domain))

    def put(self, text):
        if not self.over.is_set():
            self.transport.write(text.encode())

    def finish(self):
        self.put("</stream:stream>")

    def data_received(self, data):
        if self.over.is_set():
            return
        parser = self.parser
        parser.feed(data)
        for event, element in parser.read_events():
            if event == "start":
                self.root = element if self.depth == 0 else self.root
                self.depth += 1
                continue
            self.depth -= 1
            if self.depth == 1:
                self.root.remove(element)
                self.take(element)
            elif self.depth == 0:
                self.end("closed")


def cookie_in(head):
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "set-cookie":
            return value.strip().split(";")[0]
    return None


class WebSocket(Socket):
    async def dial(self):
        self.buffer, self.shaken = b"", asyncio.get_running_loop().create_future()
        await super().dial()
        self.transport.write(
            ("GET /xmpp-websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n%s\r\n"
             % (self.domain, base64.b64encode(os.urandom(16)).decode(),
                "Cookie: %s\r\n" % self.cookie if self.cookie else "")).encode())
        try:
            async with asyncio.timeout(PATIENCE):
                head = await self.shaken
        except TimeoutError:
            raise Gone("no answer to the handshake") from None
        if " 101 " not in head.split("\r\n")[0]:
            raise Gone(head.split("\r\n")[0])
        self.cookie = cookie_in(head) or self.cookie

    def end(self, why):
        super().end(why)
        if not self.shaken.done():
            self.shaken.set_result("gone: " + why)

    def data_received(self, data):
        self.buffer += data
        if not self.shaken.done():
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self.buffer = rest
            self.shaken.set_result(head.decode("latin-1"))
        while not self.over.is_set() and (frame := self.whole_frame()):
            self.on_frame(*frame)

    def whole_frame(self):
        data = self.buffer
        if len(data) < 2:
            return None
        n, at = data[1] & 127, 2
        if n >= 126:
            at = 4 if n == 126 else 10
            n = int.from_bytes(data[2:at], "big")
        if len(data) < at + n:
            return None
        self.buffer = data[at + n:]
        return data[0] & 15, data[at:at + n]

    def on_frame(self, opcode, payload):
        if opcode == 9:
            self.frame(payload, 10)
        elif opcode == 8:
            self.end("closed")
        elif opcode == 1:
            element = ET.fromstring(payload)
            if element.tag == "{%s}close" % FRAMING:
                self.end("closed")
            elif element.tag != "{%s}open" % FRAMING:
                self.take(element)

    def frame(self, payload, opcode=1):
        n = len(payload)
        head = bytes([0x80 | n]) if n < 126 else struct.pack(">BH", 0xfe, n) if n < 65536 else struct.pack(">BQ", 0xff, n)
        if not self.over.is_set():
            self.transport.write(bytes([0x80 | opcode]) + head + b"\0\0\0\0" + payload)  # a mask of zeros: nobody here needs it

    def put(self, text):
        self.frame(text.encode())

    def open(self):
        self.put("<open xmlns='%s' to='%s' version='1.0'/>" % (FRAMING, self.domain))

    def finish(self):
        self.put("<close xmlns='%s'/>" % FRAMING)
