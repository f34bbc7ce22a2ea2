"""BOSH on the wire (XEP-0124, XEP-0206): what a script sees that does not use a library."""
import http.client
import os
import re
import socket
import sys
import threading
import unittest
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import HTTPBIND, SASL, Bosh, WebSocket  # noqa: E402
from server import Server  # noqa: E402

XBOSH = "urn:xmpp:xbosh"


class Raw:
    """Hand-made requests on connections of their own, so that the test decides the order of everything."""

    def __init__(self, server, rid=1000, **attributes):
        self.server = server
        self.rid = rid
        self.created = self.post(self.body(None, to="localhost", wait="3", hold="1", ver="1.6", **attributes))
        self.sid = self.created.get("sid")

    def body(self, rid, payload="", **attributes):
        if rid is None:
            rid = self.rid
        words = "".join(" %s='%s'" % (k.replace("__", ":"), v) for k, v in attributes.items())
        sid = " sid='%s'" % self.sid if getattr(self, "sid", None) else ""
        return "<body xmlns='%s' xmlns:xmpp='%s' rid='%d'%s%s>%s</body>" % (HTTPBIND, XBOSH, rid, sid, words, payload)

    def post_text(self, body, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=20)
        connection.request("POST", "/http-bind", body.encode(), dict({"Content-Type": "text/xml"}, **(headers or {})))
        answer = connection.getresponse()
        self.status = answer.status
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        text = answer.read().decode()
        connection.close()
        return text

    def post(self, body):
        return ET.fromstring(self.post_text(body))

    def next(self, payload="", **attributes):
        self.rid += 1
        return self.post(self.body(self.rid, payload, **attributes))

    def later(self, rid, payload="", **attributes):
        """A request in a thread; join() and look at .text."""
        thread = threading.Thread(target=lambda: setattr(thread, "text", self.post_text(self.body(rid, payload, **attributes))))
        thread.start()
        return thread

    def log_in(self):
        answer = self.next("<auth xmlns='%s' mechanism='ANONYMOUS'/>" % SASL)
        if not len(answer):
            answer = self.next()
        assert answer[0].tag == "{%s}success" % SASL, ET.tostring(answer)
        answer = self.next(xmpp__restart="true", to="localhost")
        if not len(answer):
            self.next()
        answer = self.next("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        if not len(answer):
            answer = self.next()
        self.jid = answer[0][0][0].text
        return self


class BoshWire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("bosh/max-inactivity[I]=2")
        cls.server.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def ended(self, answer, condition):
        self.assertEqual((answer.get("type"), answer.get("condition")), ("terminate", condition), ET.tostring(answer))

    def test_session_creation(self):
        raw = Raw(self.server)
        created = raw.created
        self.assertEqual(raw.status, 200)
        self.assertEqual(created.get("ver"), "1.6")
        self.assertEqual((created.get("wait"), created.get("hold")), ("3", "1"))
        self.assertGreaterEqual(int(created.get("requests")), 2)
        for name in ("sid", "inactivity", "polling", "maxpause", "from"):
            self.assertTrue(created.get(name), name)
        self.assertGreaterEqual(len(created.get("sid")), 22, "at least 128 bits")
        answer = created if len(created) else raw.next()
        self.assertEqual(answer[0].tag, "{http://etherx.jabber.org/streams}features")
        text = ET.tostring(answer[0], "unicode")
        self.assertIn("ANONYMOUS", text)
        for word in ("starttls", "compression"):
            self.assertNotIn(word, text)

    def test_refusals_are_200_with_a_condition(self):
        for attributes, condition in (({"to": "nosuch.example"}, "host-unknown"), ({}, "improper-addressing")):
            raw = Raw.__new__(Raw)
            raw.server, raw.sid, raw.rid = self.server, None, 7
            self.ended(raw.post(raw.body(7, **attributes)), condition)
            self.assertEqual(raw.status, 200)
        raw.sid = "00" + "0" * 32
        self.ended(raw.post(raw.body(8)), "item-not-found")
        self.assertEqual(raw.status, 200)
        self.ended(raw.post("<body xmlns='%s' rid='1'" % HTTPBIND), "bad-request")
        self.assertEqual(raw.status, 200)

    def test_repeated_rid_is_replayed(self):
        raw = Raw(self.server).log_in()
        ping = "<iq xmlns='jabber:client' type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>"
        raw.rid += 1
        first = raw.post_text(raw.body(raw.rid, ping))
        self.assertIn("p1", first)
        self.assertEqual(raw.post_text(raw.body(raw.rid, ping)), first)

    def test_rids_out_of_order_are_put_in_order(self):
        raw = Raw(self.server).log_in()
        second = raw.later(raw.rid + 2, "<iq xmlns='jabber:client' type='get' id='q2'><ping xmlns='urn:xmpp:ping'/></iq>")
        first = raw.later(raw.rid + 1, "<iq xmlns='jabber:client' type='get' id='q1'><ping xmlns='urn:xmpp:ping'/></iq>")
        raw.rid += 2
        first.join(20)
        second.join(20)
        text = first.text + second.text
        if "q2" not in text:  # the second pushed out the first and took its answer along: its own waits for the next
            raw.rid += 1
            text += raw.post_text(raw.body(raw.rid))
        self.assertLess(text.index("q1"), text.index("q2"))

    def test_a_new_request_frees_the_held_one(self):
        raw = Raw(self.server).log_in()
        held = raw.later(raw.rid + 1)
        raw.rid += 1
        answer = raw.next("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        held.join(20)
        self.assertIn("id=", held.text + ET.tostring(answer, "unicode"))

    def test_rid_far_away_ends_the_session(self):
        raw = Raw(self.server).log_in()
        self.ended(raw.post(raw.body(raw.rid + 50)), "item-not-found")
        self.ended(raw.next(), "item-not-found")

    def test_terminate_answers_the_held_request_too(self):
        raw = Raw(self.server).log_in()
        held = raw.later(raw.rid + 1)
        raw.rid += 1
        answer = raw.next(type="terminate")
        held.join(20)
        self.assertEqual(answer.get("type"), "terminate")
        self.assertIn("terminate", held.text)
        self.ended(raw.next(), "item-not-found")

    def test_pause_answers_at_once_and_outlives_inactivity(self):
        raw = Raw(self.server).log_in()
        self.assertIsNone(raw.next(pause="10").get("type"))
        threading.Event().wait(3)  # longer than the inactivity of 2 s: the point of a pause
        answer = raw.next("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertIsNone(answer.get("type"))

    def test_inactivity_ends_the_session(self):
        raw = Raw(self.server).log_in()
        threading.Event().wait(4)  # the server's own deadline of 2 s has to pass
        self.ended(raw.next(), "item-not-found")

    def test_cors(self):
        raw = Raw.__new__(Raw)
        raw.server = self.server
        for method, body in (("OPTIONS", b""), ("POST", b"<body xmlns='http://jabber.org/protocol/httpbind' rid='1'/>"),
                             ("POST", b"nonsense")):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=20)
            connection.request(method, "/http-bind", body, {"Origin": "https://shop.example", "Content-Type": "text/xml",
                                                            "Access-Control-Request-Method": "POST"})
            answer = connection.getresponse()
            answer.read()
            self.assertIn(answer.getheader("Access-Control-Allow-Origin"), ("*", "https://shop.example"), method)
            connection.close()

    def test_not_bosh_at_all(self):
        for method, path, status in (("GET", "/nothing-here", 404), ("DELETE", "/http-bind", 405)):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=20)
            connection.request(method, path)
            self.assertEqual(connection.getresponse().status, status, method + path)
            connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        with socket.create_connection(("127.0.0.1", self.server.http), 10) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                      b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            text = b""
            while chunk := s.recv(65536):
                text += chunk
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+)", text), [b"200", b"404", b"200"])

    def test_visitor_cookie_keeps_the_bare_jid(self):
        first = Bosh(self.server)
        self.assertIsNone(first.log_in())
        self.assertTrue(first.cookie, "a cookie came")
        second = Bosh(self.server, cookie=first.cookie)
        self.assertIsNone(second.log_in())
        self.assertEqual(first.jid.split("/")[0], second.jid.split("/")[0])
        self.assertNotEqual(first.jid, second.jid)
        forged = Bosh(self.server, cookie=first.cookie[:-2] + ("aa" if not first.cookie.endswith("aa") else "bb"))
        self.assertIsNone(forged.log_in())
        self.assertNotEqual(first.jid.split("/")[0], forged.jid.split("/")[0])

    def test_each_tenant_has_a_cookie_of_its_own(self):
        """One browser, one chat host, two tenants: at A, at B, at A again."""
        with Server("bosh/max-inactivity[I]=2", domain="a.example,b.example") as server:
            cookie = None
            names = []
            for domain in ("a.example", "b.example", "a.example", "b.example"):
                page = Bosh(server, cookie=cookie, domain=domain)
                self.assertIsNone(page.log_in())
                page.close()
                cookie = page.cookie
                names.append(page.jid.split("/")[0])
            self.assertEqual(names[0], names[2])
            self.assertEqual(names[1], names[3])
            self.assertNotEqual(names[0].split("@")[0], names[1].split("@")[0])
            self.assertEqual(len(cookie.split("; ")), 2)
            for i, domain in enumerate(("a.example", "b.example")):
                line = WebSocket(server, cookie="x=y; " + cookie, domain=domain)
                self.assertIsNone(line.log_in())
                self.assertEqual(line.jid.split("/")[0], names[i], "the same over a WebSocket")
                line.close()


if __name__ == "__main__":
    unittest.main()
