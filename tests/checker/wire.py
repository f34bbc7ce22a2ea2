"""Asynchronous lines to the server: TCP, WebSocket and BOSH behind one face. What an element means is the caller's business.

    line = Tcp(port, domain); await line.dial(); await line.log_in(user, password)
    line.handler = function(element, n)     called at once for each element; n: number of the BOSH answer it came in, else None
    line.put(text, ident)                   sends; BOSH reports through line.on_acked(h, sent, idents) and line.on_told(n)
    await line.over.wait(); line.clean      the stream ended (clean: properly)

`flowing` cleared: the line is not read (BOSH: no request is made) until it is set again."""
import asyncio
import base64
import collections
import os
import struct
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import BIND, FRAMING, HTTPBIND, SASL, STREAM  # noqa: E402
from proxy import reset  # noqa: E402

PATIENCE = 15
XBOSH = "urn:xmpp:xbosh"


background = set()  # the loop itself does not keep them


def task(work):
    """Runs it in the background; what goes wrong in it is the driver's fault and ends the run."""
    def done(finished):
        background.discard(finished)
        if not finished.cancelled() and finished.exception():
            finished.get_loop().call_exception_handler({"message": "in the background", "exception": finished.exception()})

    made = asyncio.get_running_loop().create_task(work)
    background.add(made)
    made.add_done_callback(done)
    return made


class Gone(Exception):
    """The line is over."""


class Refused(Exception):
    """The login failed: condition."""


class Line:
    acknowledges = False  # by itself, without stream management

    def __init__(self, port, domain):
        self.port, self.domain = port, domain
        self.over, self.flowing = asyncio.Event(), asyncio.Event()
        self.flowing.set()
        self.clean, self.why, self.fault = False, "", None
        self.early = asyncio.Queue()
        self.handler = lambda element, n: self.early.put_nowait(element)

    def end(self, clean=False, why=""):
        if not self.over.is_set():
            self.clean, self.why = clean, why
            self.over.set()
            self.flowing.set()
            self.early.put_nowait(None)

    def broken(self, error, text):
        """What the server wrote is no XML: nothing worse can be said of it."""
        self.fault = "not well-formed: %s: %r" % (error, text[-300:])
        self.end(why=self.fault)

    async def expect(self, *tags):
        """Before `handler` is set: the next element with one of the tags."""
        while True:
            try:
                element = await asyncio.wait_for(self.early.get(), PATIENCE)
            except asyncio.TimeoutError:
                raise Gone("no answer") from None
            if element is None:
                raise Gone(self.why)
            if element.tag in tags:
                return element

    async def log_in(self, user, password):
        """ANONYMOUS without a user, else PLAIN; then the stream is ready for a resource."""
        await self.open()
        await self.expect("{%s}features" % STREAM)
        if user is None:
            self.put("<auth xmlns='%s' mechanism='ANONYMOUS'/>" % SASL)
        else:
            text = base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()
            self.put("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL, text))
        answer = await self.expect("{%s}success" % SASL, "{%s}failure" % SASL)
        if answer.tag == "{%s}failure" % SASL:
            raise Refused(answer[0].tag.split("}")[1])
        await self.open()
        await self.expect("{%s}features" % STREAM)

    def bind(self, resource):
        wish = "<resource>%s</resource>" % resource if resource else ""
        self.put("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='%s'>%s</bind></iq>" % (BIND, wish))


class Socket(Line):
    """What TCP and WebSocket have in common: one connection, one reader."""

    async def connect(self):
        try:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as error:
            raise Gone(str(error)) from None

    def write(self, data):
        if not self.over.is_set():
            self.writer.write(data)

    async def read_all(self):
        try:
            await self.read()
            self.end(why="end of file")
        except (OSError, asyncio.IncompleteReadError) as error:
            self.end(why=str(error))
        self.writer.close()

    def kill(self, with_reset):
        self.end(why="killed by its own client")
        (reset if with_reset else lambda w: w.transport.abort())(self.writer)


class Tcp(Socket):
    parser = None

    async def dial(self):
        await self.connect()
        self.task = task(self.read_all())

    async def open(self):
        self.parser, self.depth, self.root = ET.XMLPullParser(("start", "end")), 0, None
        self.put("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='%s' to='%s' version='1.0'>"
                 % (STREAM, self.domain))

    def put(self, text, ident=None):
        self.write(text.encode())

    async def read(self):
        while not self.over.is_set():
            await self.flowing.wait()
            data = await self.reader.read(65536)
            await self.flowing.wait()  # what came while it was not to be read is not taken
            if not data or self.over.is_set():
                return
            try:
                self.feed(data)
            except ET.ParseError as error:
                self.broken(error, data)

    def feed(self, data):
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            if event == "start":
                self.root = element if self.depth == 0 else self.root
                self.depth += 1
                continue
            self.depth -= 1
            if self.depth == 1:
                self.root.remove(element)
                self.handler(element, None)
            elif self.depth == 0:
                self.end(clean=True)

    def close(self):
        self.put("</stream:stream>")


class WebSocket(Socket):
    def __init__(self, port, domain, cookie=None):
        super().__init__(port, domain)
        self.cookie = cookie

    async def dial(self):
        await self.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        self.write(("GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n%s\r\n"
                    % (key, "Cookie: %s\r\n" % self.cookie if self.cookie else "")).encode())
        try:
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            raise Gone(str(error)) from None
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Gone(repr(head))
        self.cookie = cookie_in(head.decode()) or self.cookie
        self.task = task(self.read_all())

    def frame(self, payload, opcode=1):
        n = len(payload)
        head = bytes([0x80 | opcode])
        head += bytes([0x80 | n]) if n < 126 else struct.pack(">BH", 0xfe, n) if n < 65536 else struct.pack(">BQ", 0xff, n)
        self.write(head + b"\0\0\0\0" + payload)  # a mask of zeros: nobody here needs it

    def put(self, text, ident=None):
        self.frame(text.encode())

    async def open(self):
        self.put("<open xmlns='%s' to='%s' version='1.0'/>" % (FRAMING, self.domain))

    async def read(self):
        while not self.over.is_set():
            await self.flowing.wait()
            first, n = await self.reader.readexactly(2)
            n &= 127
            if n >= 126:
                n = int.from_bytes(await self.reader.readexactly(2 if n == 126 else 8), "big")
            payload = await self.reader.readexactly(n)
            await self.flowing.wait()
            if self.over.is_set():
                return
            if first & 15 == 1:
                self.text(payload)
            elif first & 15 == 9:
                self.frame(payload, 10)
            elif first & 15 == 8:
                return

    def text(self, payload):
        try:
            element = ET.fromstring(payload)
        except ET.ParseError as error:
            self.broken(error, payload)
            return
        if element.tag == "{%s}close" % FRAMING:
            self.end(clean=True)
        elif element.tag != "{%s}open" % FRAMING:
            self.handler(element, None)

    def close(self):
        self.put("<close xmlns='%s'/>" % FRAMING)


def cookie_in(head):
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "set-cookie":
            return value.strip().split(";")[0]
    return None


class Bosh(Line):
    """Up to two requests at once. One that fails is made again, with its rid, until the session is known to be gone."""
    acknowledges = True
    WINDOW, WAIT, TRIES = 2, 3, 7

    def __init__(self, port, domain, rid, cookie=None, acks=True):
        super().__init__(port, domain)
        self.rid = self.first = self.done = rid  # rid: last one made; done: all answers up to it are processed
        self.acks, self.cookie, self.sid = acks, cookie, None
        self.out = []                        # (text, ident) for the next request
        self.unacked = collections.deque()   # (rid, ident)
        self.answers, self.tells = {}, {}    # by rid: body that waits for its turn; what our request acknowledged
        self.flying, self.change = set(), asyncio.Event()
        self.idle, self.busy = [], set()     # connections; writers of those with a request
        self.restart = self.ending = False
        self.acked = 0
        self.on_acked = lambda h, sent, idents: None
        self.on_told = lambda n: None

    def end(self, clean=False, why=""):
        super().end(clean, why)
        self.change.set()

    async def dial(self):
        pass

    def put(self, text, ident=None):
        self.out.append((text, ident))
        self.change.set()

    async def open(self):
        if self.sid is None:
            self.sid = ""
            self.issue()
            self.task = task(self.pump())
        else:
            self.restart = True
            self.change.set()

    def attributes(self, rid):
        words = {"rid": rid}
        if not self.sid:
            words.update({"to": self.domain, "wait": self.WAIT, "hold": 1, "ver": "1.6", "xmlns:xmpp": XBOSH,
                          "xmpp:version": "1.0"})
            if self.acks:
                words["ack"] = 1
            return words
        words["sid"] = self.sid
        if self.acks and self.done < rid - 1:
            words["ack"] = self.done
        if self.restart:
            words.update({"to": self.domain, "xmlns:xmpp": XBOSH, "xmpp:restart": "true"})
        if self.ending:
            words["type"] = "terminate"
        return words

    def issue(self):
        self.rid += 1
        words = "".join(" %s='%s'" % pair for pair in self.attributes(self.rid).items())
        payload = "".join(text for text, _ in self.out)
        self.tells[self.rid] = self.done if self.acks else self.rid - self.WINDOW
        self.unacked.extend((self.rid, ident) for _, ident in self.out if ident)
        self.out.clear()
        self.restart = False
        body = "<body xmlns='%s'%s>%s</body>" % (HTTPBIND, words, payload)
        flight = task(self.exchange(self.rid, body.encode()))
        self.flying.add(flight)
        flight.add_done_callback(self.flying.discard)

    async def pump(self):
        while not self.over.is_set():
            await self.flowing.wait()
            busy = self.rid - self.done  # by rid: a later answer may overtake an earlier one
            if self.sid and busy < self.WINDOW and (self.out or self.restart or self.ending or not busy):
                self.issue()
                if self.ending:
                    return
            else:
                await self.change.wait()
                self.change.clear()

    async def exchange(self, rid, body):
        for attempt in range(self.TRIES):
            connection = None
            try:
                connection = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
                self.busy.add(connection[1])
                self.answers[rid] = await asyncio.wait_for(self.request(connection, body), self.WAIT + 6)
                self.idle.append(connection)
                connection = None
                self.process()
                break
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
                if self.over.is_set():
                    break
                await asyncio.sleep(0.05 * 2 ** attempt)
            finally:
                if connection:
                    connection[1].transport.abort()
                    self.busy.discard(connection[1])
        else:
            self.end(why="no answer to rid %d" % rid)
        if self.over.is_set():
            self.hang_up()
        asyncio.get_running_loop().call_soon(self.change.set)  # when the task is not flying any more

    async def request(self, connection, body):
        reader, writer = connection
        writer.write(b"POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n%s"
                     b"Content-Length: %d\r\n\r\n%s" % (b"Cookie: %s\r\n" % self.cookie.encode() if self.cookie else b"",
                                                       len(body), body))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.cookie = cookie_in(head) or self.cookie
        length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
        text = await reader.readexactly(length)
        if " 200 " not in head.split("\r\n")[0]:
            self.end(why=head.split("\r\n")[0])
        return text

    def process(self):
        """Answers in the order of their requests."""
        while not self.over.is_set() and self.done + 1 in self.answers:
            rid = self.done + 1
            try:
                body = ET.fromstring(self.answers.pop(rid))
            except ET.ParseError as error:
                self.broken(error, b"")
                return
            self.take(rid, body)
            self.done = rid
            self.change.set()

    def take(self, rid, body):
        self.sid = body.get("sid") or self.sid
        over = body.get("type") == "terminate"
        condition = body.get("condition")
        if not (over and condition):
            self.on_told(self.tells.pop(rid, 0))
            self.settle(int(body.get("ack", rid)))  # XEP-0124 9.1: without it an answer acknowledges its own request
        for element in body:
            self.handler(element, rid)
        if over:
            self.end(clean=not condition, why=condition or "")

    def settle(self, rid):
        idents = []
        while self.unacked and self.unacked[0][0] <= rid:
            idents.append(self.unacked.popleft()[1])
        if idents:
            self.acked = max(self.acked, rid)
            self.on_acked(self.acked - self.first, self.rid - self.first, idents)

    def hang_up(self):
        for _, writer in self.idle:
            writer.transport.abort()
        self.idle.clear()

    def kill(self, with_reset):
        """Only its connections; the requests are made again."""
        self.hang_up()
        for writer in list(self.busy):
            (reset if with_reset else lambda w: w.transport.abort())(writer)

    def leave(self):
        """The page is gone without a word."""
        self.end(why="left")
        self.hang_up()
        for flight in list(self.flying):
            flight.cancel()

    def close(self):
        self.ending = True
        self.change.set()
