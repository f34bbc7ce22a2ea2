"""The history of a run: JSON lines, appended in the order in which things happened, each with a monotonic time `t`.

A send is written before its bytes go out, a receipt before it is acknowledged. Message id: "run|sender|seq"; body: the id,
"|", the first eight digits of a SHA-256, and filler after one more "|". Events (`e`), by who says them:

  run      seed, options                       the run begins
  chain    c, role, jid, acks, returns         a user: role user, seat, robot or visitor; acks: its transport acknowledges what it
                                               gets; returns: it can log in again under the same address
  open     c, s, how, promises                 session s begins; promises: the server acknowledges what comes in it
  resumed  c, s                                it goes on over another connection (XEP-0198)
  lost     c, s, acks                          its line broke; acks: it could acknowledge
  closed   c, s                                it ended properly
  send     c, s, id, to, sha, try              `to` is a chain, or "desk": any seat or robot
  acked    c, s, h, sent, ids                  the server acknowledged stanzas (XEP-0198) or requests (BOSH) up to h of `sent`
  soft     c, s, ids                           a later request was answered: handled, but nothing is promised
  recv     c, s, id, from, sha, sum, n         the n-th stanza, or one in the n-th answer; sum: what the body's hash should be
  told     c, s, n                             the server has this client's acknowledgement of everything up to n
  bounce   c, s, id, why                       an error for a message of c
  strange  c, s, text                          a body that nobody sent
  fault    kind, …                             the schedule acts; kind kill: the server is dead; up: it accepts again
  stored   id, where                           after the end: a row in the store
  stuck    c, why                              at the end: this user cannot log in, or its messages do not come
  rest     -                                   the end: everybody logged in, drained, logged out
"""
import hashlib
import json
import re
import time

ID = re.compile(r"[0-9a-f]+\|[\w.-]+\|\d+")
BODY = re.compile(r"([0-9a-f]+\|[\w.-]+\|\d+)\|([0-9a-f]{8})(?:\|([a-z]*))?")


def checksum(ident, filler=""):
    return hashlib.sha256((ident + "|" + filler).encode()).hexdigest()[:8]


def body(ident, filler=""):
    text = "%s|%s" % (ident, checksum(ident, filler))
    return text + "|" + filler if filler else text


def read_body(text):
    """(id, hash in it, hash it should have), or None for a text of somebody else."""
    match = BODY.fullmatch(text or "")
    return match and (match[1], match[2], checksum(match[1], match[3] or ""))


class History:
    """Appends; the driver outlives the server, so the file is complete whatever dies."""

    def __init__(self, path, watch=None):
        self.file = open(path, "w", buffering=1, encoding="utf-8")
        self.watch = watch

    def __call__(self, e, **more):
        event = {"t": round(time.monotonic(), 6), "e": e, **more}
        self.file.write(json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n")
        if self.watch:
            self.watch(event)

    def close(self):
        self.file.close()


def read(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
