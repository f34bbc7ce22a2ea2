#!/usr/bin/env python3
"""Plays scripted conversations (*.xs) against a real server. Usage: runner.py FILE…

    # text                         comment
    setting KEY=VALUE              a line of init.properties (before the first client); {build}: where the program was built
    account JID PASSWORD
    transports tcp websocket bosh  play the file once for each; $transport stands for it
    connect NAME TRANSPORT [JID PASSWORD [RESOURCE]]      log in and bind; anonymous without a JID
    stranger NAME TRANSPORT                               a stream without login; its features are the first that comes
    refused NAME TRANSPORT JID PASSWORD CONDITION         the login fails with this SASL condition
    NAME> XML                      send
    NAME< XML                      wait for a stanza like this (elements, attributes and text given must be there;
                                   what else the stanza has does not matter)
    NAME<< XML                     the same, and it must have come after the one matched last
    NAME- XML                      no stanza like this has come, up to the answer of a ping sent now
    manage NAME                    switch stream management on (TCP, WebSocket); asked, the client acknowledges
    silence NAME                   from now on it does not
    resume NAME TRANSPORT JID PASSWORD [CONDITION [H]]    log in again and go on with the session whose line was cut; or it is
                                   refused. Stanzas are not sent again: {NAME.h} is what the server has; H: a refusal says it
    end NAME [CONDITION]           the stream ends, with this stream error
    close NAME · kill NAME         end the stream properly · cut the line
    command WORD…                  the program's command (account delete JID), on the server's files; it succeeds
    await METRIC VALUE             the server's counter has reached this value (what TCP cannot acknowledge is known so)
    logged TEXT                    the server's log has a line with this; {x} as in stanzas, ~ stands for anything
    restart [kill]                 stop (or kill -9) the server and start it again
A line that begins with white space continues the one before. In XML, {NAME} is the client's full JID, {NAME.bare} its bare
one, {NAME.local} its localpart; in expected XML {?x} stands for any value and remembers it as {x}; text "~abc" means: contains abc.
"""
import os
import re
import signal
import sys
import time
import urllib.request
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import CLIENT, ENDED, STREAM, TIMEOUT, TRANSPORTS  # noqa: E402
from server import Server  # noqa: E402

import queue  # noqa: E402


class Mismatch(AssertionError):
    pass


def parse(text):
    return ET.fromstring("<x xmlns='%s' xmlns:stream='%s'>%s</x>" % (CLIENT, STREAM, text))[0]


class Names(dict):
    """What {x} stands for."""

    def fill(self, text, expected=False):
        def value(match):
            name = match.group(1)
            if name.startswith("?"):
                assert expected, "{%s} is for expected stanzas" % name
                return match.group(0)
            assert name in self, "nobody is called {%s}" % name
            return self[name]
        return re.sub(r"\{(\??[\w.-]+)\}", value, text)

    def same(self, wanted, got, found):
        got = got or ""
        catch = re.fullmatch(r"\{\?([\w.-]+)\}", wanted)
        if catch:
            found[catch.group(1)] = got
            return bool(got)
        return wanted[1:] in got if wanted.startswith("~") else wanted == got

    def like(self, wanted, got, found):
        if wanted.tag != got.tag:
            return False
        if any(not self.same(v, got.get(k), found) for k, v in wanted.attrib.items()):
            return False
        if (wanted.text or "").strip() and not self.same(wanted.text.strip(), got.text, found):
            return False
        rest = list(got)
        for child in wanted:
            hit = next((c for c in rest if self.like(child, c, found)), None)
            if hit is None:
                return False
            rest.remove(hit)
        return True


class Inbox:
    """Everything a client received, in order; matched ones are taken out."""

    def __init__(self, client):
        self.client = client
        self.waiting = []  # (number, element)
        self.number = 0
        self.last = -1
        self.ended = False

    def pull(self, timeout):
        element = self.client.inbox.get(timeout=max(0.001, timeout))
        if element is ENDED:
            self.ended = True
        else:
            self.waiting.append((self.number, element))
            self.number += 1

    def find(self, names, text, after_last=False):
        wanted = parse(names.fill(text, expected=True))
        deadline = time.monotonic() + TIMEOUT
        while True:
            for entry in self.waiting:
                found = {}
                if (not after_last or entry[0] > self.last) and names.like(wanted, entry[1], found):
                    self.waiting.remove(entry)
                    self.last = entry[0]
                    names.update(found)
                    return
            if self.ended:
                raise Mismatch("the stream ended before it came; waiting were:\n" + self.show())
            try:
                self.pull(deadline - time.monotonic())
            except queue.Empty:
                raise Mismatch("it did not come within %d s; waiting are:\n%s" % (TIMEOUT, self.show())) from None

    def absent(self, names, text, mark):
        self.client.send("<iq type='get' id='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % (mark, self.client.server.domain))
        self.find(names, "<iq id='%s'/>" % mark)
        wanted = parse(names.fill(text, expected=True))
        for _, element in self.waiting:
            if names.like(wanted, element, {}):
                raise Mismatch("it came: " + ET.tostring(element, "unicode"))

    def end(self, condition):
        while not self.ended:
            try:
                self.pull(TIMEOUT)
            except queue.Empty:
                raise Mismatch("the stream did not end") from None
        errors = [e[0].tag.split("}")[1] for _, e in self.waiting if e.tag == "{%s}error" % STREAM]
        if condition and condition not in errors:
            raise Mismatch("it ended with %s" % (errors or "no error"))

    def show(self):
        return "\n".join("  " + ET.tostring(e, "unicode") for _, e in self.waiting) or "  (nothing)"


class Play:
    def __init__(self, server, transport):
        self.server = server
        self.transport = transport
        self.names = Names()
        self.inboxes = {}
        self.marks = 0

    def step(self, line):
        match = re.match(r"([\w-]+)(<<|<|>|-) (.*)", line, re.S)
        if match:
            name, sign, text = match.groups()
            inbox = self.inboxes[name]
            if sign == ">":
                inbox.client.send(self.names.fill(text))
            elif sign == "-":
                self.marks += 1
                inbox.absent(self.names, text, "mark-%d" % self.marks)
            else:
                inbox.find(self.names, text, sign == "<<")
            return
        word, *rest = line.split()
        getattr(self, "do_" + word.replace("-", "_"))(*rest)

    def new(self, transport):
        return TRANSPORTS[self.transport if transport == "$transport" else transport](self.server)

    def do_connect(self, name, transport, jid=None, password=None, resource=None):
        client = self.new(transport)
        client.domain = jid.split("@")[1] if jid else client.domain
        failure = client.log_in(jid.split("@")[0] if jid else None, password, resource)
        if failure:
            raise Mismatch("login refused: " + failure)
        bare = client.jid.split("/")[0]
        self.names.update({name: client.jid, name + ".bare": bare, name + ".local": bare.split("@")[0]})
        self.inboxes[name] = Inbox(client)

    def do_stranger(self, name, transport):
        client = self.new(transport)
        client.open()
        self.inboxes[name] = Inbox(client)

    def do_refused(self, _name, transport, jid, password, condition):
        failure = self.new(transport).log_in(jid.split("@")[0], password)
        if failure != condition:
            raise Mismatch("login: %s instead of %s" % (failure, condition))

    def do_manage(self, name):
        self.inboxes[name].client.enable()

    def do_silence(self, name):
        self.inboxes[name].client.acknowledges = False

    def do_resume(self, name, transport, jid, password, condition=None, h=None):
        client = self.new(transport)
        failure = client.resume(self.inboxes[name].client, jid.split("@")[0], password)
        if failure != condition:
            raise Mismatch("resume: %s instead of %s" % (failure, condition))
        if h is not None and client.h != int(h):
            raise Mismatch("resume: the server has %s, not %s" % (client.h, h))
        if not failure:
            self.inboxes[name] = Inbox(client)
            self.names[name + ".h"] = str(client.h)

    def do_end(self, name, condition=None):
        self.inboxes[name].end(condition)

    def do_close(self, name):
        self.inboxes[name].client.close()

    def do_kill(self, name):
        self.inboxes[name].client.kill()

    def do_command(self, *words):
        done = self.server.command(*words)
        if done.returncode:
            raise Mismatch("exit code %d: %s" % (done.returncode, done.stderr))

    def do_await(self, metric, value):
        deadline = time.monotonic() + TIMEOUT
        while True:
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.server.http, timeout=TIMEOUT) as page:
                text = page.read().decode()
            now = re.search(r"^switchboard_%s (\S+)$" % metric, text, re.M).group(1)
            if int(now) >= int(value):
                return
            if time.monotonic() > deadline:
                raise Mismatch("it is at %s" % now)
            time.sleep(0.01)  # the listener takes so many connections a second

    def do_logged(self, *words):
        pattern = ".*".join(re.escape(part) for part in self.names.fill(" ".join(words)).split("~"))
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, self.server.log()):
            if time.monotonic() > deadline:
                raise Mismatch("no such line in the log")
            time.sleep(0.01)  # the log has a writer of its own

    def do_restart(self, how=None):
        self.server.restart(signal.SIGKILL if how == "kill" else signal.SIGTERM)


def read(path):
    lines = []
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            lines[-1][1] += "\n" + line.strip()
        else:
            lines.append([number, line])
    return lines


def play(path):
    lines = read(path)
    settings = [text.split(" ", 1)[1] for _, text in lines if text.startswith("setting ")]
    accounts = [text.split()[1:] for _, text in lines if text.startswith("account ")]
    transports = next((text.split()[1:] for _, text in lines if text.startswith("transports ")), ["tcp"])
    steps = [entry for entry in lines if not re.match(r"(setting|account|transports) ", entry[1])]
    for transport in transports:
        with Server(*settings) as server:
            for jid, password in accounts:
                server.account(jid, password)
            now = Play(server, transport)
            for number, text in steps:
                try:
                    now.step(text)
                except Exception as problem:  # every failure names its line
                    raise AssertionError("%s:%d (%s): %s\n%s" % (path, number, transport, text, problem)) from problem
        print("ok %s (%s)" % (os.path.basename(path), transport))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        play(name)
