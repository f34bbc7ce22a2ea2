"""BOSH sessions (XEP-0124, XEP-0206) of simulated pages; the face is that of lines.Line.

A session may outlive its page: hide() tears the page's connections, whatever was on the way, and restore() goes on from the next
page under the same sid, asking again, under the same rids, for what had no answer."""
import asyncio
import collections
import random
import xml.etree.ElementTree as ET

from lines import PATIENCE, Line, cookie_in, task

HTTPBIND = "http://jabber.org/protocol/httpbind"


class Http(asyncio.Protocol):
    """One keep-alive connection of a page, one request at a time."""
    def __init__(self, page):
        self.page, self.rid, self.buffer, self.transport = page, None, b"", None

    def connection_made(self, transport):
        self.transport = transport
        self.page.free(self)

    def connection_lost(self, exc):
        self.page.lost(self)

    def post(self, rid, payload, cookie):
        self.rid = rid
        self.transport.write(b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\nContent-Type: text/xml; charset=utf-8\r\n%s"
                             b"Content-Length: %d\r\n\r\n%s"
                             % (b"Cookie: %s\r\n" % cookie.encode() if cookie else b"", len(payload), payload))

    def data_received(self, data):
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        head = head.decode("latin-1")
        length = next(int(line[15:]) for line in head.split("\r\n") if line[:15].lower() == "content-length:")
        if len(rest) < length:
            return
        self.buffer, rid, self.rid = rest[length:], self.rid, None
        if self.page:
            self.page.answered(self, rid, head, rest[:length])


class Page:
    """The connections of one page; when it is left they are gone, whatever was on the way."""
    def __init__(self, session):
        self.session, self.idle, self.all, self.queue, self.opening = session, [], set(), collections.deque(), 0

    def post(self, rid):
        self.queue.append(rid)
        if self.idle:
            self.free(self.idle.pop())
        elif self.opening < len(self.queue):
            self.opening += 1
            task(self.connect())

    async def connect(self):
        try:
            await asyncio.get_running_loop().create_connection(lambda: Http(self), "127.0.0.1", self.session.port)
        except OSError as error:
            if self.session:
                self.session.end(str(error))

    def free(self, http):
        if http not in self.all:
            self.opening -= 1
            self.all.add(http)
        if not self.session:
            http.transport.abort()
        elif self.queue:
            rid = self.queue.popleft()
            http.post(rid, self.session.pending[rid], self.session.cookie)
        else:
            self.idle.append(http)

    def answered(self, http, rid, head, text):
        if self.session:
            session = self.session
            self.free(http)
            session.answered(rid, head, text)

    def lost(self, http):
        self.all.discard(http)
        if http in self.idle:
            self.idle.remove(http)
        if self.session and http.rid is not None and not self.session.over.is_set():
            self.post(http.rid)  # again, under the same rid

    def leave(self):
        self.session = None
        self.queue.clear()
        for http in self.all:
            http.transport.abort()


class Bosh(Line):
    """A session with up to two requests open; it may outlive its page: hide(), then restore() on the next one."""
    WAIT = 60
    requests = 0  # of all sessions

    def __init__(self, port, domain, cookie=None):
        super().__init__(port, domain, cookie)
        self.rid = self.done = random.randrange(1 << 30)  # rid: last one made; done: all answers up to it are processed
        self.sid, self.out, self.answers, self.pending = None, [], {}, {}
        self.restart = self.ending = self.ended = False
        self.page = Page(self)

    async def dial(self):
        pass

    def open(self):
        self.restart = self.sid is not None
        self.issue()

    def put(self, text):
        self.out.append((text, None))
        self.kick()

    def say(self, text, ident=None):
        self.out.append((text, ident))
        self.kick()

    def kick(self):
        busy = self.rid - self.done
        if self.sid and self.page and not self.ended and not self.over.is_set() and busy < 2 and (self.out or self.ending or not busy):
            self.issue()

    def attributes(self, rid):
        words = {"rid": rid}
        if not self.sid:
            return dict(words, to=self.domain, wait=self.WAIT, hold=1, ver="1.6", ack=1,
                        **{"xmlns:xmpp": "urn:xmpp:xbosh", "xmpp:version": "1.0"})
        words["sid"] = self.sid
        if self.done < rid - 1:
            words["ack"] = self.done
        if self.restart:
            words.update({"to": self.domain, "xmlns:xmpp": "urn:xmpp:xbosh", "xmpp:restart": "true"})
        if self.ending:
            words["type"] = "terminate"
        return words

    def issue(self):
        self.rid += 1
        Bosh.requests += 1
        words = "".join(" %s='%s'" % pair for pair in self.attributes(self.rid).items())
        payload = "".join(text for text, _ in self.out)
        self.unacked.extend((self.rid, ident) for _, ident in self.out if ident)
        self.out.clear()
        self.restart, self.ended = False, self.ending
        self.pending[self.rid] = ("<body xmlns='%s'%s>%s</body>" % (HTTPBIND, words, payload)).encode()
        self.page.post(self.rid)

    def answered(self, rid, head, text):
        if self.over.is_set():
            return
        if " 200 " not in head.split("\r\n")[0]:
            self.end(head.split("\r\n")[0])
            return
        self.cookie = cookie_in(head) or self.cookie
        self.answers[rid] = text
        while self.done + 1 in self.answers and not self.over.is_set():
            rid = self.done + 1
            self.pending.pop(rid, None)
            self.done = rid
            self.process(rid, ET.fromstring(self.answers.pop(rid)))
        self.kick()

    def process(self, rid, body):
        self.sid = body.get("sid") or self.sid
        if not body.get("condition"):
            self.confirm(int(body.get("ack", rid)))
        for element in body:
            self.take(element)
        if body.get("type") == "terminate":
            self.end(body.get("condition") or "closed")

    def hide(self):
        """The page is left, its requests are torn."""
        if self.page:
            self.page.leave()
        self.page = None

    def restore(self):
        """The next page goes on: what had no answer is asked for again, under the same rid."""
        if self.over.is_set():
            return
        self.page = Page(self)
        for rid in sorted(self.pending):
            self.page.post(rid)
        self.kick()

    def end(self, why):
        super().end(why)
        self.hide()

    def cut(self):
        self.end("cut by its own client")

    async def close(self):
        self.ending = True
        self.kick()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.over.wait()
        except TimeoutError:
            self.end("no answer to terminate")
