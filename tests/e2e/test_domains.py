"""A domain added while the server runs gets its certificate at once: made, then an administrator's own. Inside the sandbox, with a
stock client; TLS is looked at with Python's own."""
import asyncio
import os
import socket
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import slixmpp  # noqa: E402
from server import Server  # noqa: E402

LIMIT = 20


def fingerprint(server, name):
    """Of the certificate a client gets that asks for this name on the direct TLS port."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.tls), LIMIT) as line:
        with context.wrap_socket(line, server_hostname=name) as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))


def make_pem(directory, name):
    """A chain and key as an administrator has them."""
    key, cert = os.path.join(directory, "own.key"), os.path.join(directory, "own.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                    "/CN=" + name, "-addext", "subjectAltName=DNS:" + name, "-keyout", key, "-out", cert], check=True, capture_output=True)
    with open(cert, encoding="ascii") as first, open(key, encoding="ascii") as second:
        return first.read(), second.read()


class Domains(unittest.IsolatedAsyncioTestCase):
    async def run_command(self, peer, node, **values):
        form = peer["xep_0004"].make_form(ftype="submit")
        for var, value in values.items():
            form.add_field(var=var, ftype="text-multi" if isinstance(value, list) else "text-single", value=value)
        return await asyncio.wait_for(peer["xep_0050"].send_command(
            "vhost-man@localhost", node, payload=form.xml), LIMIT)

    async def test_certificates_of_a_new_domain(self):
        with Server("--admins=root@localhost") as server:
            server.account("root@localhost", "secret")
            root = slixmpp.ClientXMPP("root@localhost", "secret")
            root.ca_certs = server.certificate
            root.register_plugin("xep_0004")
            root.register_plugin("xep_0050")
            started = asyncio.get_event_loop().create_future()
            root.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
            root.connect(("127.0.0.1", server.c2s), force_starttls=True)
            await asyncio.wait_for(started, LIMIT)

            stranger = fingerprint(server, "new.example")
            await self.run_command(root, "comp-repo-item-add", domain="new.example")
            made = fingerprint(server, "new.example")
            self.assertNotEqual(made, stranger)
            self.assertEqual(fingerprint(server, "other.example"), stranger)
            cert, key = make_pem(server.dir, "new.example")
            with self.assertRaises(slixmpp.exceptions.IqError) as refused:
                await self.run_command(root, "ssl-certificate-add", domain="new.example", certificate=cert.splitlines())
            self.assertEqual(refused.exception.condition, "not-acceptable")
            self.assertEqual(fingerprint(server, "new.example"), made)
            await self.run_command(root, "ssl-certificate-add", domain="new.example", certificate=(cert + key).splitlines())
            self.assertEqual(fingerprint(server, "new.example").strip(), cert.strip())
            root.disconnect(wait=1)
            server.restart()
            self.assertEqual(fingerprint(server, "new.example").strip(), cert.strip())


if __name__ == "__main__":
    unittest.main()
