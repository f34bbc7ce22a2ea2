"""Small XMPP clients for scripted tests, one face for TCP, TLS, BOSH and WebSocket: send text, take elements.

They are deliberately naive: what a script says is what goes over the wire. Stock clients are tested in tests/e2e.
"""
import base64
import http.client
import os
import queue
import random
import re
import select
import socket
import ssl
import struct
import threading
import time
import xml.etree.ElementTree as ET
import zlib

STREAM = "http://etherx.jabber.org/streams"
CLIENT = "jabber:client"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
HTTPBIND = "http://jabber.org/protocol/httpbind"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SM = "urn:xmpp:sm:3"
COMPRESS = "http://jabber.org/protocol/compress"
STANZAS = ["{%s}%s" % (CLIENT, name) for name in ("message", "presence", "iq")]

ENDED = object()
TIMEOUT = 10


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(port):
    """What is sent leaves at once, else the second of two small sends waits for the other side's delayed acknowledgement."""
    connection = socket.create_connection(("127.0.0.1", port), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def cut(connection, reader):
    """Resets it. Its number is free for another socket only when nobody reads from it any more: a reader that is still in
    there would take the first bytes of what comes next under that number."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if reader:
        connection.shutdown(socket.SHUT_RD)
        reader.join(5)
    connection.close()


class Client:
    """`inbox` holds elements in the order in which they came; ENDED when the stream or socket is over."""

    def __init__(self, server, domain=None):
        self.server = server
        self.domain = domain or server.domain
        self.inbox = queue.Queue()
        self.jid = None

    def leave(self):
        """The stream is over: a good client closes its side at once."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    # -- for scripts ---------------------------------------------------------------------------------------------

    def take(self, timeout=None):
        timeout = timeout or TIMEOUT
        try:
            element = self.inbox.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("%s: nothing came within %s s" % (self.jid or "client", timeout)) from None
        return element

    def expect(self, test, what="element", timeout=None):
        """The first element that passes the test; earlier ones are skipped."""
        seen, timeout = [], timeout or TIMEOUT
        deadline = time.monotonic() + timeout
        while True:
            try:
                element = self.inbox.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError("%s: no %s within %s s; came:\n%s" % (self.jid or "client", what, timeout,
                                                                          "\n".join(seen))) from None
            if element is ENDED:
                raise AssertionError("%s: the stream ended before %s; came:\n%s" % (self.jid or "client", what,
                                                                                   "\n".join(seen)))
            if test(element):
                return element
            seen.append(ET.tostring(element, "unicode"))

    def expect_end(self, timeout=None):
        """Skips to the end of the stream; returns the stream error condition, or None."""
        condition = None
        while True:
            element = self.take(timeout)
            if element is ENDED:
                return condition
            if element.tag == "{%s}error" % STREAM:
                condition = element[0].tag.split("}")[1]

    def enable(self):
        """Stream management: from now on stanzas are counted; the id for resume() is kept in self.managed."""
        self.send("<enable xmlns='%s' resume='true'/>" % SM)
        self.expect(lambda e: e.tag == "{%s}enabled" % SM, "enabled")

    def answer(self, element):
        """Called for each element that came; counts, and acknowledges what it is asked for."""
        if element.tag == "{%s}enabled" % SM:
            self.managed = element.get("id")
        elif self.managed and element.tag in STANZAS:
            self.counted += 1
        elif element.tag == "{%s}r" % SM and self.acknowledges:
            self.send("<a xmlns='%s' h='%d'/>" % (SM, self.counted))

    def resume(self, before, user, password):
        """Logs in and goes on as `before`. Returns the condition of the refusal, or None."""
        self.open()
        self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        assert self.authenticate(user, password) is None
        self.open()
        self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features after login")
        self.counted = before.counted
        self.managed = before.managed
        self.send("<resume xmlns='%s' previd='%s' h='%d'/>" % (SM, before.managed, before.counted))
        answer = self.expect(lambda e: e.tag in ("{%s}resumed" % SM, "{%s}failed" % SM), "answer to resume")
        if answer.tag == "{%s}failed" % SM:
            self.h = answer.get("h") and int(answer.get("h"))
            return answer[0].tag.split("}")[1]
        self.jid = before.jid
        self.h = int(answer.get("h"))
        return None

    managed, counted, acknowledges, h = None, 0, True, 0

    def log_in(self, user=None, password=None, resource=None):
        """ANONYMOUS without a user, else PLAIN. Returns the failure condition, or None when bound."""
        self.open()
        self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        failure = self.authenticate(user, password)
        if failure:
            return failure
        self.open()
        self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features after login")
        wish = "<resource>%s</resource>" % resource if resource else ""
        self.send("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='%s'>%s</bind></iq>" % (BIND, wish))
        answer = self.expect(lambda e: e.get("id") == "bind", "bind answer")
        assert answer.get("type") == "result", ET.tostring(answer)
        self.jid = answer.findtext("{%s}bind/{%s}jid" % (BIND, BIND))
        return None

    def authenticate(self, user, password):
        if user is None:
            self.send("<auth xmlns='%s' mechanism='ANONYMOUS'/>" % SASL)
        else:
            text = base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()
            self.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL, text))
        answer = self.expect(lambda e: e.tag in ("{%s}success" % SASL, "{%s}failure" % SASL), "login answer")
        return None if answer.tag.endswith("success") else answer[0].tag.split("}")[1]


class Tcp(Client):
    """Plain TCP, STARTTLS (`starttls()` before log_in) or direct TLS."""

    def __init__(self, server, direct_tls=False):
        super().__init__(server)
        self.socket = connect(server.tls if direct_tls else server.c2s)
        self.socket.settimeout(None)
        if direct_tls:
            self.socket = unverified().wrap_socket(self.socket, server_hostname=server.domain)
        self.paused = threading.Event()
        self.parser = None
        self.reader = None
        self.turn = threading.Lock()

    def raw(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        if isinstance(self.socket, ssl.SSLSocket):
            while data:
                data = data[self.of_tls(lambda: self.socket.send(data), select.POLLOUT):]
        else:
            self.socket.sendall(data)

    def of_tls(self, call, event):
        """OpenSSL bears no two threads in one connection, not even a reader and a writer."""
        wait = select.poll()
        wait.register(self.socket, event)
        while True:
            with self.turn:
                self.socket.setblocking(False)
                try:
                    return call()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
            wait.poll()

    def receive(self):
        if isinstance(self.socket, ssl.SSLSocket):
            return self.of_tls(lambda: self.socket.recv(65536), select.POLLIN)
        return self.socket.recv(65536)

    def send(self, text):
        self.raw(text)

    def open(self, to=None):
        self.parser = None
        self.raw("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='%s' to='%s' version='1.0'>"
                 % (STREAM, to or self.domain))
        self.listen()

    def listen(self):
        if not self.reader:
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()

    def starttls(self):
        self.open()
        self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        self.stop_after = "{%s}proceed" % TLS
        self.send("<starttls xmlns='%s'/>" % TLS)
        self.expect(lambda e: e.tag == "{%s}proceed" % TLS, "proceed")
        self.reader.join()
        self.reader = None
        self.socket = unverified().wrap_socket(self.socket, server_hostname=self.server.domain)

    stop_after = None

    def _read(self):
        parser, depth, root, held = ET.XMLPullParser(("start", "end")), 0, None, b""
        while True:
            try:
                data = self.receive()
            except OSError:
                data = b""
            if not data:
                self.inbox.put(ENDED)
                return
            # Half a tag waits here for its rest: expat may keep a tag that came in two halves to itself until more comes,
            # and the "<?xml" of a restart must not come in two.
            cut = (held + data).rfind(b">") + 1
            data, held = (held + data)[:cut], (held + data)[cut:]
            while data:
                # a stream restart starts a new document
                at = data.find(b"<?xml", 1 if depth == 0 else 0)
                part, data = (data[:at], data[at:]) if at > 0 else (data, b"")
                if part.startswith(b"<?xml") and depth:
                    parser, depth, root = ET.XMLPullParser(("start", "end")), 0, None
                parser.feed(part)
                for event, element in parser.read_events():
                    if event == "start":
                        if depth == 0:
                            root = element
                        depth += 1
                        continue
                    depth -= 1
                    if depth == 1:
                        root.remove(element)
                        self.answer(element)
                        self.inbox.put(element)
                        if element.tag == self.stop_after:
                            self.stop_after = None
                            return
                    elif depth == 0:
                        self.inbox.put(ENDED)
                        self.leave()
                        return

    def close(self):
        """Ends the stream properly."""
        try:
            self.raw("</stream:stream>")
        except OSError:
            return
        self.expect_end()
        self.socket.close()

    def kill(self):
        """The line is cut: a reset, no stream end."""
        cut(self.socket, self.reader)


class Compressed(Tcp):
    """TCP with stream compression (XEP-0138) between login and bind."""
    logged_in, packer, unpacker = False, None, None

    def raw(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        super().raw(self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH) if self.packer else data)

    def receive(self):
        data = self.socket.recv(65536)
        while self.unpacker and data:
            plain = self.unpacker.decompress(data)
            if plain:
                return plain
            data = self.socket.recv(65536)
        return data

    def authenticate(self, user, password):
        failure = super().authenticate(user, password)
        self.logged_in = failure is None
        return failure

    def open(self, to=None):
        super().open(to)
        if not self.logged_in or self.packer:
            return
        self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        self.stop_after = "{%s}compressed" % COMPRESS
        self.send("<compress xmlns='%s'><method>zlib</method></compress>" % COMPRESS)
        self.expect(lambda e: e.tag == "{%s}compressed" % COMPRESS, "compressed")
        self.reader.join()
        self.reader = None
        self.packer, self.unpacker = zlib.compressobj(), zlib.decompressobj()
        super().open(to)


class WebSocket(Client):
    def __init__(self, server, path="/xmpp-websocket", port=None, cookie=None, domain=None):
        super().__init__(server, domain)
        self.socket = connect(port or server.http)
        key = base64.b64encode(os.urandom(16)).decode()
        request = ("GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n" % (path, key))
        if cookie:
            request += "Cookie: %s\r\n" % cookie
        self.socket.sendall((request + "\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.socket.recv(1)
            assert got, "no handshake answer: %r" % head
            head += got
        self.head = head.decode()
        assert " 101 " in self.head.split("\r\n")[0], self.head
        self.socket.settimeout(None)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def frame(self, payload, opcode=1, fin=True, mask=True):
        n = len(payload)
        head = bytes([(0x80 if fin else 0) | opcode])
        flag = 0x80 if mask else 0
        head += bytes([flag | n]) if n < 126 else bytes([flag | 126]) + struct.pack(">H", n) if n < 65536 else \
            bytes([flag | 127]) + struct.pack(">Q", n)
        if mask:
            key = os.urandom(4)
            payload = bytes(b ^ key[i % 4] for i, b in enumerate(payload))
            head += key
        self.socket.sendall(head + payload)

    def send(self, text):
        if text.startswith("<") and " xmlns=" not in text.split(">")[0]:
            name = text[1:].split(" ")[0].split(">")[0].split("/")[0]
            text = text.replace("<" + name, "<%s xmlns='jabber:client'" % name, 1)
        self.frame(text.encode())

    def open(self, to=None):
        self.send("<open xmlns='%s' to='%s' version='1.0'/>" % (FRAMING, to or self.domain))

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            try:
                got = self.socket.recv(n - len(data))
            except OSError:
                got = b""
            if not got:
                return None
            data += got
        return data

    def _read(self):
        while True:
            head = self._exactly(2)
            if not head:
                break
            n = head[1] & 127
            if n >= 126:
                more = self._exactly(2 if n == 126 else 8)
                if not more:
                    break
                n = int.from_bytes(more, "big")
            payload = self._exactly(n) if n else b""
            if payload is None:
                break
            opcode = head[0] & 15
            if opcode == 1:
                self.last_text = payload.decode()
                element = ET.fromstring(payload)
                if element.tag not in ("{%s}open" % FRAMING, "{%s}close" % FRAMING):
                    self.answer(element)
                    self.inbox.put(element)
            elif opcode == 8:
                self.close_code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
                break
        self.inbox.put(ENDED)
        self.leave()

    close_code = None

    def close(self):
        self.send('<close xmlns="%s" />' % FRAMING)
        self.expect_end()
        self.socket.close()

    def kill(self):
        cut(self.socket, self.reader)


class Bosh(Client):
    """Keeps one request open in a thread of its own, like a page does; sends on a second connection."""

    def __init__(self, server, cookie=None, wait=1, domain=None):
        super().__init__(server, domain)
        self.rid = random.randrange(1, 1 << 31)
        self.lock = threading.Lock()
        self.sid = None
        self.cookie = cookie
        self.wait = wait
        self.restart = False
        self.over = False
        self.early = {}  # answers that overtook earlier ones: two connections keep no order between them

    def request(self, body, connection=None):
        own = connection or http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=30)
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        own.request("POST", "/http-bind", body.encode(), headers)
        answer = own.getresponse()
        text = answer.read().decode()
        self.status = answer.status
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.keep_cookie(value.split(";")[0])
        if not connection:
            own.close()
        return text

    def keep_cookie(self, pair):
        """As a browser: one of each name."""
        name = pair.split("=")[0] + "="
        others = [c for c in (self.cookie or "").split("; ") if c and not c.startswith(name)]
        self.cookie = "; ".join(others + [pair])

    def body(self, payload="", **attributes):
        with self.lock:
            self.rid += 1
            rid = self.rid
        words = "".join(" %s='%s'" % (k.replace("_", ":"), v) for k, v in attributes.items())
        return "<body xmlns='%s' rid='%d'%s%s>%s</body>" % (HTTPBIND, rid, " sid='%s'" % self.sid if self.sid else "",
                                                           words, payload)

    def answered(self, request, text):
        """Takes the answers in the order of the requests, as XEP-0124 4.4.2 asks of clients."""
        with self.lock:
            self.early[int(re.search(r" rid='(\d+)'", request).group(1))] = text
            while self.handled + 1 in self.early:
                self.handled += 1
                self.receive(self.early.pop(self.handled))

    def receive(self, text):
        body = ET.fromstring(text)
        for element in body:
            self.inbox.put(element)
        if body.get("type") == "terminate" and not self.over:
            self.over = True  # why is in the first one: what is asked after it finds no session
            self.condition = body.get("condition")
            self.inbox.put(ENDED)
        return body

    condition = None

    def open(self, to=None):
        if not self.sid:
            text = self.request(self.body(to=to or self.domain, wait=str(self.wait), hold="1", ver="1.6",
                                          xmlns_xmpp="urn:xmpp:xbosh", xmpp_version="1.0", xml_lang="en"))
            created = self.receive(text)
            self.handled = self.rid
            self.created = created
            self.sid = created.get("sid")
            if self.sid:
                threading.Thread(target=self._poll, daemon=True).start()
        else:
            self.post(self.body(to=self.domain, xmlns_xmpp="urn:xmpp:xbosh", xmpp_restart="true"))

    def post(self, body):
        if not self.over:
            try:
                self.answered(body, self.request(body))
            except OSError:
                self.inbox.put(ENDED)

    def send(self, text):
        name = text[1:].split(" ")[0].split(">")[0].split("/")[0]
        if " xmlns=" not in text.split(">")[0]:
            text = text.replace("<" + name, "<%s xmlns='jabber:client'" % name, 1)
        self.post(self.body(text))

    def _poll(self):
        self.polling = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=60)
        while not self.over:
            try:
                body = self.body()
                self.answered(body, self.request(body, self.polling))
            except (OSError, http.client.HTTPException, AttributeError):
                break
        self.polling.close()

    def close(self):
        self.post(self.body("<presence xmlns='jabber:client' type='unavailable'/>", type="terminate"))
        self.over = True

    def kill(self):
        """The page is gone: its sockets close, no terminate."""
        self.over = True
        try:
            self.polling.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass


TRANSPORTS = {"tcp": Tcp, "websocket": WebSocket, "bosh": Bosh, "compressed": Compressed, "tls": lambda s: Tcp(s, direct_tls=True)}
