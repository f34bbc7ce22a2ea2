"""The client's side of SCRAM (RFC 5802, RFC 7677) and its channel bindings (RFC 5929), written out so that tests can get each
part wrong on purpose."""
import base64
import hashlib
import hmac
import os
import ssl
import subprocess

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


def b64(data):
    return base64.b64encode(data).decode()


def auth(mechanism, text):
    return "<auth xmlns='%s' mechanism='%s'>%s</auth>" % (SASL, mechanism, b64(text.encode()))


def response(text):
    return "<response xmlns='%s'>%s</response>" % (SASL, b64(text.encode()))


def words(text):
    """The attributes of a message of the server, which came as base64."""
    return dict(part.split("=", 1) for part in base64.b64decode(text or "").decode().split(","))


def end_point(certificate):
    """tls-server-end-point: the hash of the certificate by its own signature's hash, SHA-256 for MD5 and SHA-1."""
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=ssl.DER_cert_to_PEM_cert(certificate), text=True,
                          capture_output=True, check=True).stdout.lower()
    name = next((h for h in ("sha384", "sha512") if h in text.split("signature algorithm:")[1].split("\n")[0]), "sha256")
    return hashlib.new(name, certificate).digest()


class Exchange:
    """first() → challenge → final(challenge) → success → server_is_right(success). gs2 is the header with its commas."""

    def __init__(self, mechanism, user, password, gs2, binding):
        self.hash = "sha512" if "512" in mechanism else "sha256" if "256" in mechanism else "sha1"
        self.password, self.gs2, self.binding = password.encode(), gs2, binding
        self.bare = "n=%s,r=%s" % (user.replace("=", "=3D").replace(",", "=2C"), b64(os.urandom(15)))

    def mac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def first(self):
        return self.gs2 + self.bare

    def final(self, challenge):
        given, text = words(challenge), base64.b64decode(challenge).decode()
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, base64.b64decode(given["s"]), int(given["i"]))
        bare = "c=%s,r=%s" % (b64(self.gs2.encode() + self.binding), given["r"])
        message = ",".join((self.bare, text, bare)).encode()
        client_key = self.mac(salted, b"Client Key")
        signature = self.mac(hashlib.new(self.hash, client_key).digest(), message)
        self.expected = self.mac(self.mac(salted, b"Server Key"), message)
        return bare + ",p=" + b64(bytes(a ^ b for a, b in zip(client_key, signature)))

    def server_is_right(self, success):
        return base64.b64decode(words(success)["v"]) == self.expected
