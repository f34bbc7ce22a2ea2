"""Steps and outcomes of rows that need more than one connection, a login mechanism spelled out, or an eye on the answers
in between. Mixed into play.Attempt."""
import http.client
import os
import re
import socket
import ssl
import sys
import threading
import time
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import BIND, SASL, SM, STREAM, Tcp  # noqa: E402
import rows as language  # noqa: E402
import scram  # noqa: E402

PASSWORD = "s3cr3t-Pw"
PATIENCE = float(os.environ.get("HOSTILE_PATIENCE", "1"))
MANY = {"HOLD": 64, "BURST": 200}


class Steps:
    """Needs of Attempt: server, transport, row, random, client, socket, elements, closed, answers, put, gather, text."""

    def prepare(self):
        self.before, self.previd, self.transcript, self.trap, self.trapped = [], "", None, None, []
        self.held = []
        self.counted = {v: self.runner.gauge(v) for terms in self.row.alternatives(self.transport) for k, v in terms
                        if k == "HIT"}

    # -- looking at what came in between ----------------------------------------------------------------------------

    def step_got(self, text, seconds="10"):
        """Waits for the text among the answers; without it the row has failed."""
        end, wanted = time.monotonic() + float(seconds) * PATIENCE, text.replace("$ID", self.id).encode()
        while wanted not in self.text():
            assert time.monotonic() < end, "no %r in %r" % (text, self.text()[-600:])
            self.gather(0.02)

    def step_none(self, text):
        """The text has not come."""
        assert text.encode() not in self.text(), "%r in %r" % (text, self.text()[-600:])

    def step_forget(self):
        """What came so far is not looked at again."""
        self.gather(0)
        self.elements, self.answers = [], b""
        if self.client:
            self.client.raw_text = b""

    def step_gone(self):
        """Waits for the end of this connection."""
        end = time.monotonic() + 10 * PATIENCE
        while not self.closed:
            assert time.monotonic() < end, "still open: %r" % self.text()[-600:]
            self.gather(0.02)

    # -- more connections -------------------------------------------------------------------------------------------

    def step_new(self, address=""):
        """Another connection, from the address if one is given; the one before stays as it is (OLD looks at it)."""
        self.gather(0)
        self.before.append((self.client, self.socket, getattr(self, "reader", None)))
        self.client = self.socket = None
        self.elements, self.closed, self.bound, self.broken = [], False, False, threading.Event()
        if address:
            self.row.keys["from"] = address
        self.connect()

    def old(self):
        return b"".join(getattr(client, "raw_text", b"") for client, *_ in self.before)

    def step_hold(self, count):
        """So many further connections, open until the end of the attempt; each is answered before the next is made, for
        the workers accept in no order."""
        self.put(language.header({}).encode())
        self.step_got("features")
        self.step_forget()
        for _ in range(min(int(count), MANY["HOLD"])):
            s = self.plain_socket()
            s.sendall(language.header({}).encode())
            assert s.recv(100)
            self.held.append(s)

    def step_burst(self, count, least):
        """So many connections one after the other; at least so many are refused before a byte comes, and not the first."""
        refused = []
        for _ in range(min(int(count), MANY["BURST"])):
            with self.plain_socket() as s:
                try:
                    s.sendall(language.header({}).encode())
                    refused.append(not s.recv(100))
                except OSError:
                    refused.append(True)
        assert not refused[0] and sum(refused) >= int(least), "refused: %s" % refused

    def plain_socket(self):
        s = socket.create_connection(("127.0.0.1", self.server.c2s), 5, source_address=(self.row.get("from", "127.0.0.1"), 0))
        s.settimeout(10)
        return s

    def step_crowd(self, user, count):
        """So many sessions of the user."""
        for _ in range(min(int(count), MANY["HOLD"])):
            client = Tcp(self.server)
            self.held.append(client.socket)
            assert client.log_in(user, PASSWORD) is None

    def step_tell(self, count="1"):
        """Another user's messages to the session of this attempt."""
        for i in range(int(count)):
            self.runner.canaries.tell(self.jid or self.client.jid, "%s-%d" % (self.id, i))

    # -- stream management ------------------------------------------------------------------------------------------

    def step_sleeper(self, user):
        """A session of the user whose line is lost; $PREVID is its id."""
        client = Tcp(self.server)
        assert client.log_in(user, PASSWORD) is None
        client.enable()
        self.previd = client.managed
        client.kill()

    def step_enable(self):
        self.put(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        self.step_got("enabled")
        self.previd = re.search(rb"<(?:\w+:)?enabled[^>]* id=['\"](\w+)", self.text())[1].decode()

    def step_race(self, user, count):
        """So many connections resume $PREVID at the same instant: in the end one has it."""
        clients, start = [], threading.Barrier(int(count))
        for _ in range(int(count)):
            client = Tcp(self.server)
            client.open()
            client.expect(lambda e: e.tag == "{%s}features" % STREAM)
            assert client.authenticate(user, PASSWORD) is None
            client.open()
            client.expect(lambda e: e.tag == "{%s}features" % STREAM)
            clients.append(client)

        def resume(client):
            start.wait()
            client.send("<resume xmlns='%s' previd='%s' h='0'/>" % (SM, self.previd))

        threads = [threading.Thread(target=resume, args=(c,)) for c in clients]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        winners = []
        for client in clients:
            try:
                answer = client.expect(lambda e: e.tag.startswith("{%s}" % SM), "an answer to resume", 10 * PATIENCE)
                if answer.tag == "{%s}resumed" % SM:
                    winners.append(client)
            except AssertionError:
                pass  # displaced before it was answered
        alive = [c for c in winners if self.answers_ping(c)]
        for client in clients:
            client.leave()
        assert len(alive) == 1, "%d of %d were resumed, %d are alive" % (len(winners), len(clients), len(alive))

    @staticmethod
    def answers_ping(client):
        """True or the end: the server decides, nothing is timed."""
        try:
            client.send("<iq type='get' id='race'><ping xmlns='urn:xmpp:ping'/></iq>")
            client.expect(lambda e: e.get("id") == "race", "pong", 10 * PATIENCE)
        except (AssertionError, OSError):
            return False
        return True

    # -- BOSH spelled out --------------------------------------------------------------------------------------------

    jid = None

    def ask(self, attributes, payload=b""):
        """One BOSH request on a connection of its own; its answer."""
        with socket.create_connection(("127.0.0.1", self.server.http), 5) as s:
            s.settimeout(30)
            s.sendall(language.body(self, attributes, payload))
            answer = http.client.HTTPResponse(s)
            answer.begin()
            return answer.read().decode()

    def next(self, attributes=b"", payload=b""):
        self.rid += 1
        return self.ask(b"rid='%d' sid='%s' %s" % (self.rid, self.sid.encode(), attributes), payload)

    def step_boshon(self, user="alice"):
        """$SESSION, logged in and bound; $RID(0) is the last request."""
        self.step_session()
        assert "success" in self.next(b"", language.plain(self, b"\0%s\0%s" % (user.encode(), PASSWORD.encode())))
        self.next(b"xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true' to='localhost'")
        bound = self.next(b"", b"<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='%s'/></iq>" % BIND.encode())
        self.jid = ET.fromstring(bound).findtext(".//{%s}jid" % BIND)
        assert self.jid, bound

    def step_polls(self, count):
        """Empty requests, each on a connection of its own, none waiting for its answer; then the answer to the last."""
        for _ in range(int(count)):
            self.rid += 1
            if self.socket:
                self.before.append((None, self.socket, self.reader))
            self.connect_raw(self.transport)
            self.put(language.body(self, b"rid='%d' sid='%s'" % (self.rid, self.sid.encode())))

    def bodies(self):
        """Bodies of the HTTP answers so far."""
        found, rest = [], self.answers
        while match := re.match(rb"HTTP/1\.1 \d\d\d[^\r]*\r\n(.*?\r\n)?\r\n", rest, re.S):
            length = int((re.search(rb"content-length: *(\d+)", match[0], re.I) or [0, 0])[1])
            found.append(rest[match.end():match.end() + length])
            rest = rest[match.end() + length:]
        return found

    def step_listen(self):
        """A port of ours: $TRAP is its number, UNTOUCHED that nobody connected to it."""
        self.trap = socket.create_server(("127.0.0.1", 0))
        self.held.append(self.trap)

    def untouched(self):
        self.trap.setblocking(False)
        try:
            self.trap.accept()[0].close()
            return False
        except BlockingIOError:
            return True

    # -- login, by the book ------------------------------------------------------------------------------------------

    def wait_sasl(self):
        names = ["{%s}%s" % (SASL, n) for n in ("challenge", "success", "failure")]
        while True:
            element = self.client.take(10 * PATIENCE)
            self.elements.append(element)
            if getattr(element, "tag", None) in names:
                return element

    def step_scram(self, user, mechanism="SCRAM-SHA-1", options=""):
        """A whole exchange with the right password; options: gs2=…, binding=real|other, nonce=…"""
        words = dict(o.split("=", 1) for o in options.split())
        raw = self.client.socket
        if words.get("binding") == "real":
            binding = scram.end_point(raw.getpeercert(True))
        else:
            binding = words.get("binding", "").encode()
        gs2 = words.get("gs2", "n").replace(";", "=")
        exchange = scram.Exchange(mechanism, user, PASSWORD, gs2 + ",,", binding)
        self.transcript = [(mechanism, exchange.first())]
        self.put(scram.auth(mechanism, exchange.first()).encode())
        answer = self.wait_sasl()
        if answer.tag.endswith("challenge"):
            final = exchange.final(answer.text)
            self.transcript.append(final)
            self.put(scram.response(final).encode())
            answer = self.wait_sasl()
            if answer.tag.endswith("success"):
                assert exchange.server_is_right(answer.text), "the server's signature is wrong"

    def step_replay(self):
        """The client's side of the last exchange once more, byte by byte the same."""
        mechanism, first = self.transcript[0]
        self.put(scram.auth(mechanism, first).encode())
        assert self.wait_sasl().tag.endswith("challenge")
        self.put(scram.response(self.transcript[1]).encode())

    def step_shape(self, unknown, known):
        """Challenges for both users look alike; those for the unknown one have the same salt each time."""
        seen = {}
        for user in (unknown, known, unknown, known):
            client = Tcp(self.server)
            client.open()
            client.expect(lambda e: e.tag == "{%s}features" % STREAM)
            exchange = scram.Exchange("SCRAM-SHA-256", user, PASSWORD, "n,,", b"")
            client.send(scram.auth("SCRAM-SHA-256", exchange.first()))
            words = scram.words(client.expect(lambda e: e.tag == "{%s}challenge" % SASL, "a challenge").text)
            client.leave()
            seen.setdefault(user, []).append((words["s"], words["i"], [(k, len(v)) for k, v in words.items()]))
        assert seen[unknown][0] == seen[unknown][1], "the salt of nobody changes: %s" % seen[unknown]
        assert seen[unknown][0][1:] == seen[known][0][1:], "it shows who exists: %s" % seen
        assert seen[unknown][0][0] != seen[known][0][0]

    # -- TLS ---------------------------------------------------------------------------------------------------------

    def step_clear(self):
        """TLS ends in the middle (close_notify); what follows is sent in clear on the same socket."""
        cut = self.client.socket
        tls, cut.is_tls = cut.inner, False
        reader = self.client.reader
        with cut.lock:
            try:
                tls.setblocking(True)
                tls.settimeout(2)
                cut.inner = tls.unwrap()
            except (OSError, ssl.SSLError):
                cut.inner = socket.socket(fileno=tls.detach())
        reader.join(2)
        self.clear_reader = threading.Thread(target=self.wait_end, args=(cut.inner,), daemon=True)
        self.clear_reader.start()

    def wait_end(self, s):
        try:
            s.settimeout(10)
            while s.recv(4096):
                pass
        except OSError:
            pass
        self.closed = True

    # -- outcomes ----------------------------------------------------------------------------------------------------

    def more_holds(self, kind, value):
        if kind == "OLD":
            return value.encode() in self.old()
        if kind == "ONCE":
            return self.victim_text().count(value.replace("$ID", self.id).encode()) == 1
        if kind == "SAME":
            return len(self.bodies()) == int(value) and len(set(self.bodies())) == 1
        if kind == "FAILED":
            return not self.closed and any(e.tag == "{%s}failed" % SM and e[0].tag.endswith("}" + value)
                                           for e in self.elements)
        if kind == "UNTOUCHED":
            return self.untouched()
        if kind == "HIT":
            return self.runner.gauge(value) > self.counted[value]
        raise AssertionError("no such outcome: %s" % kind)

    def close_more(self):
        for s in self.held:
            try:
                s.shutdown(socket.SHUT_RDWR)  # a reader's socket is not closed while it reads
            except OSError:
                pass
            s.close()
        for client, s, reader in self.before:
            for owner_socket in (s, getattr(client, "socket", None)):
                if owner_socket:
                    try:
                        owner_socket.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            for thread in (reader, getattr(client, "reader", None)):
                if thread:
                    thread.join(2)
            for owner_socket in (s, getattr(client, "socket", None)):
                if owner_socket:
                    owner_socket.close()
