"""SASL EXTERNAL (XEP-0178): an authority of the operator's own, certificates with addresses in them, a real handshake."""
import base64
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import SASL, STREAM, Tcp, unverified  # noqa: E402
from server import Server  # noqa: E402


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Authority:
    """Makes certificates in a directory: ca.pem, and NAME.pem with key and certificate."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="switchboard-ca-")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=ours",
                "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def issue(self, name, *addresses, days="2"):
        """A certificate of this authority; with no addresses it has none."""
        names = ",".join("otherName:1.3.6.1.5.5.7.8.5;UTF8:" + a for a in addresses) or "DNS:nobody.example"
        with open(self.path("ext"), "w") as text:
            text.write("subjectAltName=%s\nextendedKeyUsage=clientAuth\n" % names)
        key, request, chain = self.path(name + ".key"), self.path(name + ".csr"), self.path(name + ".crt")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-CAcreateserial",
                "-days", days, "-extfile", self.path("ext"), "-out", chain)
        with open(self.path(name + ".pem"), "w") as out:
            for part in (key, chain):
                with open(part) as text:
                    out.write(text.read())
        return self.path(name + ".pem")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)


class Certified(Tcp):
    """Direct TLS with a certificate, or without one."""

    def __init__(self, server, pem=None, before=None):
        super().__init__(server)
        self.context = before.context if before else unverified()
        if pem:
            self.context.load_cert_chain(pem)
        self.socket.close()
        self.socket = self.context.wrap_socket(socket.create_connection(("127.0.0.1", server.tls), 5), server_hostname=server.domain,
                                               session=before.session if before else None)
        self.socket.settimeout(None)

    def offered(self):
        self.open()
        features = self.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        return [m.text for m in features.iter("{%s}mechanism" % SASL)]

    def external(self, wanted=None):
        """The condition of the failure, or None. wanted: "" sends an empty response."""
        text = "" if wanted is None else base64.b64encode(wanted.encode()).decode() or "="
        self.send("<auth xmlns='%s' mechanism='EXTERNAL'>%s</auth>" % (SASL, text))
        answer = self.expect(lambda e: e.tag.startswith("{%s}" % SASL), "answer")
        if answer.tag.endswith("challenge"):
            self.send("<response xmlns='%s'/>" % SASL)
            answer = self.expect(lambda e: e.tag.startswith("{%s}" % SASL), "answer")
        return None if answer.tag.endswith("success") else answer[0].tag.split("}")[1]


class Certificates(unittest.TestCase):
    def setUp(self):
        self.authority = self.enterContext(Authority())
        self.wanted = ["c2s/clientCertCA=" + self.authority.path("ca.pem"), "c2s/tls-want-client-auth-enabled[B]=true"]

    def expect_bound(self, client, jid):
        client.open()
        client.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
        client.send("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        text = client.expect(lambda e: e.get("id") == "b", "bind")[0][0].text
        self.assertTrue(text.startswith(jid + "/"), text)

    def test_an_address_in_the_certificate_logs_in(self):
        issue = self.authority.issue
        alice, both = issue("alice", "alice@localhost"), issue("both", "alice@localhost", "bob@localhost", "carol@elsewhere.example")
        with Server(*self.wanted) as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            rows = [(alice, None, "alice@localhost"), (alice, "", "alice@localhost"), (alice, "alice@localhost", "alice@localhost"),
                    (alice, "Alice@LOCALHOST", "alice@localhost"), (both, "bob@localhost", "bob@localhost")]
            for pem, wanted, jid in rows:
                client = Certified(server, pem)
                self.assertIn("EXTERNAL", client.offered())
                self.assertIsNone(client.external(wanted), (pem, wanted))
                self.expect_bound(client, jid)
                client.leave()

    def test_what_the_certificate_does_not_say_is_refused(self):
        issue = self.authority.issue
        alice, both = issue("alice", "alice@localhost"), issue("both", "alice@localhost", "bob@localhost")
        ghost = issue("ghost", "ghost@localhost")
        with Server(*self.wanted) as server:
            server.account("alice@localhost", "secret").account("bob@localhost", "secret")
            rows = [(alice, "bob@localhost", "invalid-authzid"), (alice, "localhost", "invalid-authzid"),
                    (alice, "alice@localhost/desk", "invalid-authzid"), (both, "", "invalid-authzid"),
                    (ghost, "", "not-authorized")]  # the last: no such account
            for pem, wanted, condition in rows:
                client = Certified(server, pem)
                client.offered()
                self.assertEqual(client.external(wanted), condition, (pem, wanted))
                client.leave()

    def test_who_is_not_believed_is_not_offered_it_and_may_go_on(self):
        issue = self.authority.issue
        with Authority() as other, Server(*self.wanted) as server:
            server.account("alice@localhost", "secret")
            rows = [None, other.issue("alice", "alice@localhost"), issue("late", "alice@localhost", days="0"),
                    issue("away", "alice@elsewhere.example"), issue("none"), issue("domain", "localhost")]
            for pem in rows:
                client = Certified(server, pem)
                self.assertNotIn("EXTERNAL", client.offered(), pem)
                self.assertEqual(client.external(""), "invalid-mechanism")
                self.assertIsNone(client.authenticate("alice", "secret"))
                client.leave()

    def test_a_resumed_session_of_tls_keeps_the_certificate(self):
        pem = self.authority.issue("alice", "alice@localhost")
        with Server(*self.wanted) as server:
            server.account("alice@localhost", "secret")
            first = Certified(server, pem)
            self.assertIn("EXTERNAL", first.offered())
            first.session = first.socket.session  # the ticket came in front of the features
            first.leave()
            again = Certified(server, before=first)
            self.assertTrue(again.socket.session_reused)
            self.assertIn("EXTERNAL", again.offered())
            self.assertIsNone(again.external())
            self.expect_bound(again, "alice@localhost")
            again.leave()

    def test_nobody_is_asked_without_being_told_to(self):
        pem = self.authority.issue("alice", "alice@localhost")
        for lines in ([], [self.wanted[0]], [self.wanted[0], "c2s/tls-want-client-auth-enabled[B]=false"]):
            with self.subTest(lines), Server(*lines) as server:
                server.account("alice@localhost", "secret")
                client = Certified(server, pem)
                self.assertNotIn("EXTERNAL", client.offered())
                client.leave()

    def test_a_certificate_can_be_required(self):
        pem = self.authority.issue("alice", "alice@localhost")
        with Authority() as other, Server(self.wanted[0], "c2s/clientCertRequired[B]=true") as server:
            server.account("alice@localhost", "secret")
            client = Certified(server, pem)
            client.offered()
            self.assertIsNone(client.external())
            client.leave()
            for bad in (None, other.issue("alice", "alice@localhost")):
                with self.assertRaises((ssl.SSLError, ConnectionError)):  # TLS 1.3: it shows at the first reading
                    client = Certified(server, bad)
                    client.raw(" ")
                    if client.socket.recv(1) == b"":
                        raise ConnectionError

    def test_a_domain_can_require_one(self):
        pem = self.authority.issue("alice", "alice@localhost")
        with Server(*self.wanted, domain="localhost:clientCertRequired") as server:
            server.domain = "localhost"
            server.account("alice@localhost", "secret")
            self.assertEqual(Certified(server).offered(), [])
            clear = Tcp(server)
            clear.open()
            features = clear.expect(lambda e: e.tag == "{%s}features" % STREAM, "features")
            self.assertIsNone(features.find("{%s}mechanisms" % SASL))
            self.assertEqual(clear.authenticate("alice", "secret"), "encryption-required")
            client = Certified(server, pem)
            self.assertIn("EXTERNAL", client.offered())
            self.assertIsNone(client.external())
            client.leave()


if __name__ == "__main__":
    unittest.main()
