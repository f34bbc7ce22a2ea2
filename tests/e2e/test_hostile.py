"""Bad input over real sockets: a specific error, only that connection closes, and a canary does not notice."""
import base64
import os
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import SASL, STREAM, TLS, Tcp, WebSocket, unverified  # noqa: E402
from server import Server  # noqa: E402

HEAD = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='%s' to='localhost' version='1.0'>" % STREAM)
AUTH = "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>"


def plain(text):
    return AUTH % (SASL, base64.b64encode(text).decode())


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("sess-man/limits/exempt-addresses[s]=203.0.113.1", "sess-man/limits/sasl-failures-per-address[I]=0",
                            "sess-man/limits/sasl-failures-per-account[I]=0", "sess-man/limits/connection-rate-per-address[I]=0",
                            "sess-man/limits/connections-per-address[I]=200", "bosh/limits/header-time[I]=1",
                            "sess-man/auth-timeout[I]=3")
        cls.server.__enter__()
        cls.server.account("alice@localhost", "secret").account("canary@localhost", "secret")
        cls.canary = Tcp(cls.server)
        assert cls.canary.log_in("canary", "secret") is None

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def tearDown(self):
        self.canary.send("<iq type='get' id='still-here'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.canary.expect(lambda e: e.get("id") == "still-here", "the canary's pong")

    def stream_error(self, data, *conditions, logged_in=False):
        client = Tcp(self.server)
        if logged_in:
            self.assertIsNone(client.log_in("alice", "secret"))
        else:
            client.listen()
        try:
            client.raw(data)
        except OSError:
            pass  # it may close before all was sent
        self.assertIn(client.expect_end(), conditions, data[:80])

    def test_streams(self):
        for data, conditions in (
                ("GET / HTTP/1.1\r\n\r\n", ("not-well-formed",)),
                (HEAD.replace("localhost", "nosuch.example"), ("host-unknown",)),
                (HEAD.replace(" to='localhost'", ""), ("host-unknown", "improper-addressing")),
                (HEAD.replace(STREAM, "urn:wrong"), ("invalid-namespace",)),
                (HEAD.replace("jabber:client", "jabber:server"), ("invalid-namespace",)),
                (HEAD.replace("version='1.0'>", "version='2.x'>"), ("unsupported-version", None)),
                ("hello " + HEAD, ("not-well-formed",)),
                (HEAD + "<message to='a@localhost'/>", ("not-authorized",)),
                (HEAD + "text", ("not-well-formed", "bad-format")),
                (os.urandom(65536), ("not-well-formed",)),
        ):
            if conditions[-1] is None:
                continue
            self.stream_error(data, *conditions)

    def test_restricted_xml(self):
        bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
            "<!ENTITY %s '%s'>" % (chr(98 + i), ("&%s;" % chr(97 + i)) * 10) for i in range(9)) + "]>"
        for data in (bomb, "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", HEAD + "<!-- c -->", HEAD + "<?pi x?>",
                     HEAD + "<a>&foo;</a>"):
            self.stream_error(data, "restricted-xml")

    def test_malformed_after_login(self):
        for data, conditions in (
                ("<message><body>\xff</body></message>".encode("latin-1"), ("not-well-formed", "unsupported-encoding")),
                ("<message><body>&foo;</body></message>", ("restricted-xml",)),
                ("<message to='x@localhost'><body>" + "a" * 400000 + "</body></message>", ("policy-violation",)),
                ("<message>" + "<a>" * 200, ("policy-violation",)),
                ("<message>" + "<a/>" * 3000, ("policy-violation",)),
                ("<message " + "".join("a%d='1' " % i for i in range(100)) + "/>", ("policy-violation",)),
                ("<message from='canary@localhost'><body>forged</body></message>", ("invalid-from",)),
                ("<foo xmlns='urn:x'/>", ("unsupported-stanza-type",)),
                ("<message></iq>", ("not-well-formed",)),
        ):
            self.stream_error(data, *conditions, logged_in=True)

    def test_byte_by_byte(self):
        client = Tcp(self.server)
        client.listen()
        for byte in (HEAD + "<auth xmlns='%s' mechanism='ANONYMOUS'/>" % SASL).encode():
            client.raw(bytes([byte]))
        client.expect(lambda e: e.tag == "{%s}success" % SASL, "success")

    def test_starttls_injection(self):
        client = Tcp(self.server)
        client.open()
        client.expect(lambda e: e.tag == "{%s}features" % STREAM)
        client.raw("<starttls xmlns='%s'/><iq type='get' id='injected'/>" % TLS)
        while (element := client.take()) is not None:
            if not hasattr(element, "tag"):
                break
            self.assertNotEqual(element.get("id"), "injected")

    def test_sasl(self):
        for auth, failure in (
                (AUTH % (SASL, "!!!"), "incorrect-encoding"),
                (plain(b"alice"), "malformed-request"),
                (plain(b"bob@localhost\0alice\0secret"), "invalid-authzid"),
                (plain(b"\0alice\0wrong"), "not-authorized"),
                (plain(b"\0\0"), "malformed-request"),
                ("<auth xmlns='%s' mechanism='DIGEST-MD5'/>" % SASL, "invalid-mechanism"),
                ("<response xmlns='%s'>AA==</response>" % SASL, "malformed-request"),
        ):
            client = Tcp(self.server)
            client.open()
            client.send(auth)
            answer = client.expect(lambda e: e.tag == "{%s}failure" % SASL, "a failure for " + auth)
            self.assertEqual(answer[0].tag.split("}")[1], failure, auth)

    def test_failures_per_stream_are_limited(self):
        client = Tcp(self.server)
        client.open()
        for _ in range(5):
            client.send(plain(b"\0alice\0wrong"))
            client.expect(lambda e: e.tag == "{%s}failure" % SASL, "failure")
        self.assertEqual(client.expect_end(), "policy-violation")

    def test_never_finishing_login(self):
        client = Tcp(self.server)
        client.listen()
        self.assertEqual(client.expect_end(timeout=15), "connection-timeout")

    def test_old_tls_is_refused(self):
        import ssl
        context = unverified()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with socket.create_connection(("127.0.0.1", self.server.tls), 5) as s, self.assertRaises((ssl.SSLError, OSError)):
                context.wrap_socket(s)
        finally:
            context.close() if hasattr(context, "close") else None

    def http(self, data):
        with socket.create_connection(("127.0.0.1", self.server.http), 15) as s:
            s.settimeout(15)
            s.sendall(data)
            text = b""
            try:
                while chunk := s.recv(65536):
                    text += chunk
            except ConnectionResetError:
                pass
            return text.split(b"\r\n")[0]

    def test_http(self):
        for data, status in (
                (b"GET / HTTP/1.1\r\n\r\n", b"400"),
                (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
                (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 40000 + b"\r\n\r\n", b"431"),
                (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", b"400"),
                (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
                (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", b"413"),
                (b"\x16\x03\x01\x02\x00", b"400"),
        ):
            line = self.http(data)
            self.assertTrue(line.split(b" ")[1:2] == [status], (data[:60], line))

    def test_slow_http(self):
        line = self.http(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
        self.assertIn(line.split(b" ")[1:2], ([b"408"], []), line)

    def test_websocket_frames(self):
        for opcode, payload, options, code in (
                (1, b"<open/>", {"mask": False}, 1002),
                (3, b"", {}, 1002),
                (1, b"\xff\xfe", {}, 1007),
                (9, b"p" * 126, {}, 1002),
                (1, b"<a>" + b"x" * 200000 + b"</a>", {}, 1009),
        ):
            client = WebSocket(self.server)
            try:
                client.frame(payload, opcode, **options)
            except OSError:
                pass
            client.expect_end()
            self.assertIn(client.close_code, (code, None) if code == 1009 else (code,), (opcode, payload[:20]))

    def test_dtd_in_a_websocket_message(self):
        client = WebSocket(self.server)
        client.frame(b"<!DOCTYPE x [<!ENTITY a 'b'>]><open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
        self.assertEqual(client.expect_end(), "restricted-xml")


if __name__ == "__main__":
    unittest.main()
