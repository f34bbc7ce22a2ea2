"""One attempt: one variant of one row over one transport with one way of cutting the bytes; what came of it; and the
judgement of that against the row's alternatives."""
import http.client
import os
import queue
import random
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import BIND, CLIENT, ENDED, SASL, STREAM, TLS, Bosh, Tcp, WebSocket, unverified  # noqa: E402
import rows as language  # noqa: E402
from steps import PASSWORD, PATIENCE, Steps  # noqa: E402

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAMS = "urn:ietf:params:xml:ns:xmpp-streams"
CLOSING = (400, 408, 413, 414, 431, 501, 505)  # after these the connection must end
SMALL = 20000    # beyond it `byte` sends the first and last 500 bytes one by one, the middle whole


class Cut:
    """A socket whose sendall cuts its bytes while `mode` says so."""

    def __init__(self, inner, chance):
        self.inner, self.random, self.mode, self.lock = inner, chance, "whole", threading.Lock()
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_tls = isinstance(inner, ssl.SSLSocket)
        if self.is_tls:
            inner.setblocking(False)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def pieces(self, data):
        if self.mode == "byte":
            if len(data) <= SMALL:
                return [data[i:i + 1] for i in range(len(data))]
            return ([data[i:i + 1] for i in range(500)] + [data[500:-500]] +
                    [data[i:i + 1] for i in range(len(data) - 500, len(data))])
        if self.mode == "random":
            out, at = [], 0
            most = max(4, len(data) // 8)
            while at < len(data):
                n = self.random.randint(1, most)
                out.append(data[at:at + n])
                at += n
            return out
        return [data]

    def sendall(self, data):
        for piece in self.pieces(data):
            while self.is_tls and piece:
                piece = piece[self.guarded(lambda: self.inner.send(piece)):]
            if piece:
                self.inner.sendall(piece)

    def recv(self, most):
        return self.guarded(lambda: self.inner.recv(most)) if self.is_tls else self.inner.recv(most)

    def guarded(self, act):
        """A TLS socket is no place for two threads at once: each tries under the lock and waits outside of it."""
        while True:
            with self.lock:
                try:
                    return act()
                except ssl.SSLWantReadError:
                    wait = ([self.inner], [])
                except ssl.SSLWantWriteError:
                    wait = ([], [self.inner])
                except ssl.SSLZeroReturnError:
                    raise OSError("closed") from None  # the peer has ended it in the proper way
            if self.inner.fileno() < 0:
                raise OSError("closed")
            select.select(*wait, [], 0.2)


class Stream(Tcp):
    """A TCP client that reads to the end of the socket and keeps everything."""
    fault = None
    raw_text = b""

    def _read(self):
        parser = depth = None
        while True:
            try:
                data = self.socket.recv(65536)
            except (OSError, ValueError):
                data = b""
            if not data:
                self.inbox.put(ENDED)
                return
            self.raw_text += data
            for part in re.split(rb"(?=<\?xml)", data):
                if part.startswith(b"<?xml") or parser is None:
                    parser, depth = ET.XMLPullParser(("start", "end")), 0
                try:
                    parser.feed(part)
                    for event, element in parser.read_events():
                        depth += 1 if event == "start" else -1
                        if event == "end" and depth == 1:
                            self.inbox.put(element)
                            if element.tag == self.stop_after:
                                self.stop_after = None
                                return
                except ET.ParseError as error:
                    self.fault = "our answer is not well-formed: %s: %r" % (error, self.raw_text[-300:])


class Attempt(Steps):
    def __init__(self, runner, row, transport, nodes, mode, seed):
        self.runner, self.row, self.transport, self.nodes, self.mode = runner, row, transport, nodes, mode
        self.server = runner.server
        self.random = random.Random(seed)
        self.id = "m%08x" % self.random.getrandbits(32)
        self.elements, self.closed, self.bound = [], False, False
        self.victim, self.sid, self.rid, self.nonce = None, "", 0, b""
        self.ws_code, self.condition, self.answers = None, None, b""
        self.client = self.socket = None
        self.broken, self.answering = threading.Event(), threading.Lock()
        self.posts = []
        self.prepare()

    # -- connecting ----------------------------------------------------------------------------------------------

    def connect(self):
        t = self.transport
        if t in ("tcp", "starttls", "tls"):
            self.client = Stream(self.server, direct_tls=t == "tls")
            if t == "starttls":
                self.client.starttls()
                self.client.raw_text = b""
            self.client.socket = Cut(self.client.socket, self.random)
            self.client.listen()
        elif t in ("ws", "frames"):
            self.client = WebSocket(self.server)
            self.client.socket = Cut(self.client.socket, self.random)
        elif t == "bosh":
            self.client = Bosh(self.server)
        else:
            self.connect_raw(t)

    def connect_raw(self, t):
        """A bare socket: what comes back is kept as bytes."""
        port = {"http": self.server.http, "rawhttps": self.server.https, "https": self.server.https,
                "rawtls": self.server.tls, "rawtcp": self.server.c2s, "rawws": self.server.ws}[t]
        origin = (self.row.get("from"), 0) if self.row.get("from") else None
        inner = socket.create_connection(("127.0.0.1", port), 5, source_address=origin)
        inner.settimeout(30)
        if t == "https":
            inner = unverified().wrap_socket(inner, server_hostname="localhost")
        self.socket = Cut(inner, self.random)
        self.reader = threading.Thread(target=self.read_raw, args=(self.socket, self.broken), daemon=True)
        self.reader.start()

    def read_raw(self, cut, broken):
        while True:
            try:
                data = cut.recv(65536)
            except OSError:
                data = b""
            if not data:
                broken.set()
                return
            with self.answering:
                self.answers += data

    # -- sending -------------------------------------------------------------------------------------------------

    def put(self, data):
        if not data:
            return
        try:
            if self.transport == "bosh":
                self.put_bosh(data)
            elif self.transport == "ws":
                with_mode(self.client.socket, self.mode, lambda s: self.client.frame(named(data)))
            else:
                with_mode(self.socket or self.client.socket, self.mode, lambda s: s.sendall(data))
        except OSError:
            pass  # it may be closed before all was sent

    def put_bosh(self, payload):
        for thread in self.posts:  # as a page does: or the open poll and two more would pass the window
            thread.join(3)
        # Only now: the poll must not wait for a number that is taken and not sent.
        head, tail = self.client.body("\1").encode().split(b"\1")
        request = language.post(self, head + named(payload) + tail)
        sent = threading.Event()
        thread = threading.Thread(target=self.post_bosh, args=(request, sent), daemon=True)
        thread.start()
        self.posts.append(thread)
        sent.wait(10)

    def post_bosh(self, request, sent):
        try:
            with socket.create_connection(("127.0.0.1", self.server.http), 5) as s:
                s.settimeout(30)
                with_mode(Cut(s, self.random), self.mode, lambda cut: cut.sendall(request))
                sent.set()
                answer = http.client.HTTPResponse(s)
                answer.begin()
                self.answers += b"HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n" % answer.status
                text = answer.read()
            if answer.status == 200:
                self.client.answered(request.decode("latin-1"), text.decode())
            else:
                self.client.over = True
                self.client.inbox.put(ENDED)
        except (OSError, http.client.HTTPException):
            sent.set()

    def play(self):
        """Sends all of it; the outcome is in self, judged by `judge`."""
        self.connect()
        waiting = bytearray()
        for node in self.nodes:
            if isinstance(node, bytes):
                waiting += node
            elif node[0] in language.VALUES:
                waiting += language.evaluate([node], self)
            else:
                self.put(bytes(waiting))
                waiting.clear()
                step = getattr(self, "step_" + node[0].lower())
                step(*[language.evaluate(a, self).decode() for a in node[1]])
        self.put(bytes(waiting))

    # -- steps -----------------------------------------------------------------------------------------------------

    def login(self, user):
        failure = self.client.log_in(user, user and PASSWORD)
        assert failure is None, "login: %s" % failure
        self.bound = True

    def step_on(self, user="alice"):
        self.login(user)
        self.client.send("<presence/>")

    def step_anon(self):
        self.login(None)
        self.client.send("<presence/>")

    def step_auth(self, user="alice"):
        self.client.open()
        self.client.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        assert self.client.authenticate(user, PASSWORD) is None
        self.client.open()
        self.client.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")

    def step_open(self):
        self.client.open()
        self.client.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")

    def step_session(self, attributes=""):
        """A BOSH session made on a connection of its own; its rid and sid are $RID(0) and $SID."""
        self.rid = self.random.randrange(1, 1 << 30)
        with socket.create_connection(("127.0.0.1", self.server.http), 5) as s:
            s.sendall(language.body(self, b"rid='%d' to='localhost' wait='2' hold='1' ver='1.6' xmlns:xmpp='urn:xmpp:xbosh' "
                                          b"xmpp:version='1.0' %s" % (self.rid, attributes.encode())))
            answer = http.client.HTTPResponse(s)
            answer.begin()
            text = answer.read().decode()
        self.sid = ET.fromstring(text).get("sid")

    def step_n(self):
        """Bytes so far are one element: on a WebSocket one message, on BOSH one request."""

    def step_tls(self):
        """The client side of a handshake, whatever the server thinks."""
        self.client.socket = Cut(unverified().wrap_socket(self.client.socket.inner, server_hostname="localhost"), self.random)
        self.client.reader = None
        self.client.listen()

    def step_proceed(self):
        self.client.stop_after = "{%s}proceed" % TLS
        self.client.expect(lambda e: e.tag == "{%s}proceed" % TLS, "proceed")
        self.client.reader.join()

    def step_challenge(self):
        """Waits for a SASL challenge; $NONCE is its nonce."""
        import base64
        answer = self.client.expect(lambda e: e.tag == "{%s}challenge" % SASL, "a challenge")
        words = base64.b64decode(answer.text or "")
        self.nonce = (re.search(rb"r=([^,]*)", words) or [b"", b""])[1]

    def step_wait(self, ms):
        """Only where the row itself is about time."""
        time.sleep(int(ms) / 1000)

    def step_until(self, text):
        """Waits until the answers hold the text (or the end)."""
        limit = time.monotonic() + 5 * PATIENCE
        while time.monotonic() < limit and text.encode() not in self.text() and not self.closed:
            self.gather(0.02)

    def step_fin(self):
        (self.socket or self.client.socket).shutdown(socket.SHUT_WR)

    def step_rst(self):
        s = self.socket or self.client.socket
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.shutdown(socket.SHUT_RD)  # tells the reader, not the server
        (self if self.socket else self.client).reader.join(2)
        s.close()

    def step_oob(self, byte):
        (self.socket or self.client.socket).send(byte.encode(), socket.MSG_OOB)

    def step_slow(self, ms, count="60"):
        """A byte every so often, never ending."""
        for _ in range(int(count)):
            if self.closed or self.broken.is_set():
                return
            time.sleep(int(ms) / 1000)
            self.put(b"a")
            self.gather(0)

    # -- what came -------------------------------------------------------------------------------------------------

    def victim_jid(self):
        if not self.victim:
            self.victim = Stream(self.server)
            self.victim.socket = Cut(self.victim.socket, self.random)
            assert self.victim.log_in("bob", PASSWORD) is None
            self.victim.send("<presence/>")
            self.victim.expect(lambda e: e.get("from") == self.victim.jid, "its own presence", 10 * PATIENCE)
        return self.victim.jid

    def gather(self, timeout):
        if not self.client:
            if not self.closed:
                self.closed = self.broken.wait(timeout)
            return
        while True:
            try:
                element = self.client.inbox.get(timeout=timeout)
            except queue.Empty:
                return
            if element is ENDED:
                self.closed = True
                self.ws_code = getattr(self.client, "close_code", None)
                self.condition = getattr(self.client, "condition", None)
            else:
                self.elements.append(element)
            timeout = 0

    def text(self):
        if self.client:
            return b"".join(ET.tostring(e) for e in list(self.elements)) + getattr(self.client, "raw_text", b"")
        return self.answers

    def victim_text(self):
        """All the victim got, up to a message that was sent after the attempt was answered."""
        if not hasattr(self, "victim_got"):
            fence = "fence-" + self.id[::-1]
            self.runner.canaries.tell(self.victim.jid, fence)
            self.victim.expect(lambda e: e.findtext("{%s}body" % CLIENT) == fence, "the fence", 5 * PATIENCE)
            self.victim_got = self.victim.raw_text
        return self.victim_got

    def probe(self):
        """The stream is usable: a ping is answered."""
        self.put(b"<iq xmlns='jabber:client' type='get' id='probe-%s'><ping xmlns='urn:xmpp:ping'/></iq>" % self.id.encode())

    def probed(self):
        return any(e.get("id") == "probe-" + self.id for e in self.elements)

    def statuses(self):
        found, rest = [], self.answers
        while match := re.match(rb"HTTP/1\.1 (\d\d\d)[^\r]*\r\n(.*?\r\n)?\r\n", rest, re.S):
            length = re.search(rb"content-length: *(\d+)", match[0], re.I)
            found.append(int(match[1]))
            rest = rest[match.end() + (int(length[1]) if length else 0):]
        return found

    def close(self):
        self.gather(0)
        self.close_more()
        for owner in (self, self.client, self.victim):
            s = getattr(owner, "socket", None)
            if not s:
                continue
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            if getattr(owner, "reader", None):
                owner.reader.join(2)  # or it would read from whoever gets this descriptor next
            s.close()
        if self.transport == "bosh" and self.client:
            if not self.client.over and self.client.sid:
                self.client.close()
            for thread in self.posts:
                thread.join(5)

    # -- judgement -------------------------------------------------------------------------------------------------

    def conditions(self, tag, ns):
        return [c.tag.split("}")[1] for e in self.elements if e.tag == tag for c in e if c.tag.startswith("{%s}" % ns)]

    def holds(self, kind, value):
        alive = not self.closed and (not self.bound or self.probed())
        if kind == "SE":
            found = self.conditions("{%s}error" % STREAM, STREAMS)
            return self.closed and len(found) == 1 and found[0] == value
        if kind == "ST":
            return alive and any(e.get("type") == "error" and e.find(".//{%s}%s" % (STANZAS, value)) is not None
                                 for e in self.elements)
        if kind == "SF":
            return value in self.conditions("{%s}failure" % SASL, SASL)
        if kind == "TF":
            return self.closed and any(e.tag == "{%s}failure" % TLS for e in self.elements)
        if kind == "B":
            return (self.closed and self.condition == value) if self.client else \
                b"condition='%s'" % value.encode() in self.answers.replace(b'"', b"'")
        if kind == "H":
            return int(value) in self.statuses() and (int(value) not in CLOSING or self.closed or self.transport == "bosh")
        if kind == "WS":
            code = self.ws_code if self.client else None
            return self.closed and code == int(value)
        if kind == "CLOSE":
            return self.closed and not self.conditions("{%s}error" % STREAM, STREAMS)
        if kind == "ALERT":
            return self.closed and (not self.answers or self.answers[0] == 0x15)
        if kind == "OK":
            return alive
        if kind == "QUIET":
            return alive and not any(e.get("type") == "error" for e in self.elements)
        if kind == "GOT":
            return value.replace("$ID", self.id).encode() in self.text()
        if kind == "NOT":
            return value.encode() not in self.text()
        if kind == "TO":
            return value.replace("$ID", self.id).encode() in self.victim_text()
        if kind == "NOTTO":
            return value.replace("$ID", self.id).encode() not in self.victim_text()
        return self.more_holds(kind, value)

    def judge(self):
        """Waits until an alternative holds; returns what went wrong, or None."""
        choices = self.row.alternatives(self.transport)
        if self.bound and any(k in ("ST", "OK", "QUIET") for k, _ in choices[0]):
            self.probe()
        end = time.monotonic() + float(self.row.get("within", "5")) * PATIENCE
        while True:
            self.gather(0.02)
            for terms in choices:
                if all(self.holds(k, v) for k, v in terms):
                    return getattr(self.client, "fault", None)
            if time.monotonic() > end:
                wrong = ["%s:%s" % (k, v) for k, v in choices[0] if not self.holds(k, v)]
                to_victim = " the victim got %r" % self.victim_text()[-700:] if self.victim else ""
                return "not %s; came: %s%s%s%s%s" % (" ".join(wrong), self.text()[-500:] if self.client or self.answers else "nothing",
                                           ", closed" if self.closed else ", open",
                                           ", code %s" % self.ws_code if self.ws_code else "",
                                           ", condition %s" % self.condition if self.condition else "", to_victim)


def with_mode(cut, mode, act):
    cut.mode = mode
    try:
        act(cut)
    finally:
        cut.mode = "whole"


def named(payload):
    """A first tag without a namespace gets jabber:client, as inside a TCP stream."""
    match = re.match(rb"<(message|presence|iq|[a-z]+)(?=[\s/>])", payload)
    if not match or b"xmlns=" in payload.split(b">")[0]:
        return payload
    return payload[:match.end()] + b" xmlns='jabber:client'" + payload[match.end():]


class Canaries:
    """Two sessions on TCP, one on BOSH, one on a WebSocket, which must not notice anything."""

    def __init__(self, server):
        self.server, self.lock, self.count = server, threading.Lock(), 0
        self.first, self.second, self.bosh, self.ws = Stream(server), Stream(server), Bosh(server), WebSocket(server)
        for client, name in ((self.first, "c1"), (self.second, "c2"), (self.bosh, "c3"), (self.ws, "c4")):
            assert client.log_in(name, PASSWORD) is None, name

    def tell(self, jid, text):
        with self.lock:
            # chat: what comes after the session's end is kept, not returned (RFC 6121 8.5.3.2.1)
            self.first.send("<message to='%s' type='chat'><body>%s</body></message>" % (jid, text))

    def check(self):
        """Each answers within a second."""
        with self.lock:
            self.count += 1
            mark = "canary-%d" % self.count
            self.first.send("<message to='%s'><body>%s</body></message>" % (self.second.jid, mark))
            for client in (self.bosh, self.ws):
                client.send("<iq type='get' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % mark)
            self.second.expect(lambda e: e.findtext("{%s}body" % CLIENT) == mark, "the other canary's message", PATIENCE)
            for client in (self.bosh, self.ws):
                client.expect(lambda e: e.get("id") == mark, "a canary's pong", PATIENCE)
