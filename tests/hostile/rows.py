"""The data files: blocks of rows, and the small language of what a row sends.

A file starts with `option KEY=VALUE` lines (for init.properties of its server), then come rows:

    H098 nego  PLAIN with another's authorisation identity
      on      tcp tls                        where it is played, see play.TRANSPORTS
      send    $S $PLAIN(bob@localhost\\0alice\\0pw)     one line a variant; each is an attempt of its own
      expect  SF:invalid-authzid // CLOSE    alternatives, the first one preferred; `expect/ws …` for one transport
      note    why our answer is what it is

Other keys: `modes whole` (instead of whole, byte, random), `times 200` (so many connections that do not wait for an
answer), `within 8` (seconds, instead of 5), `alone` (no other row at the same time), `from 127.0.0.9` (source address),
`unit edge/sm: h_wraps` (played by that unit test, which must exist), `apart REASON` (the row does not apply to this server),
`later REASON` (not played yet). An option of a file stands in place of the same one of the runner.

`send` is text with \\x00 \\r \\n \\t \\0 \\\\ \\s (a space) escapes; spaces at its ends do not count. $NAME and $NAME(a,b) are
macros: those in VALUES below give bytes, all others are steps of the attempt (step_* in play.py and steps.py).
"""
import base64
import hashlib
import json
import os
import random
import re
import ssl
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
STREAM = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
HTTPBIND = "http://jabber.org/protocol/httpbind"
LISTS = ("send", "note")
ARITY = {"R": 2, "F": 2, "H": 1, "HELLO": 1, "AUTH": 1, "ON": 1, "BODY": 2}


class Row:
    def __init__(self, name, layer, title):
        self.id, self.layer, self.title = name, layer, title
        self.keys = {"send": [], "note": []}
        self.expect = {}

    def get(self, key, default=None):
        return self.keys.get(key, default)

    @property
    def played(self):
        return not {"apart", "later", "unit"} & self.keys.keys()

    def alternatives(self, transport):
        return self.expect.get(transport, self.expect.get("", []))


def alternatives(text):
    """`SE:a//b // CLOSE TO:x` is [[(SE, a)], [(SE, b)], [(CLOSE, ''), (TO, x)]]"""
    found, kind = [], None
    for part in text.split("//"):
        terms = []
        for word in part.split():
            if ":" not in word and word == word.lower():
                word = "%s:%s" % (kind, word)
            kind, _, value = word.partition(":")
            terms.append((kind, unescape(value).decode()))
        found.append(terms)
    return found


def read(path):
    """The options and rows of one file."""
    options, rows = [], []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            where = "%s:%d" % (path, number)
            if line.startswith("option "):
                options.append(line[7:].strip())
            elif not line.startswith(" "):
                rows.append(Row(*line.split(None, 2)))
            else:
                key, _, value = line.strip().partition(" ")
                put(rows[-1], key, value.strip(), where)
    for row in rows:
        assert not row.played or (row.get("on") and row.expect), "%s %s: no `on` or no `expect`" % (path, row.id)
        row.keys["send"] = [parse(text) for text in row.keys["send"]] if row.played else []
    return options, rows


def put(row, key, value, where):
    if key in LISTS:
        row.keys[key].append(value)
    elif key.startswith("expect"):
        row.expect[key[7:]] = alternatives(value)
    else:
        assert key in ("on", "modes", "times", "within", "alone", "from", "unit", "apart", "later"), "%s: %s?" % (where, key)
        assert key != "unit" or unit_exists(value), "%s: no unit test %s" % (where, value)
        row.keys[key] = value


def unit_exists(name):
    """`actors/edge/sm: h_wraps` names a function of tests/unit/actors/edge/sm.c"""
    path, _, test = name.partition(": ")
    try:
        with open(os.path.join(HERE, "..", "unit", path + ".c"), encoding="utf-8") as text:
            return "\nstatic void %s(void **state" % test in text.read()
    except OSError:
        return False


# -- the language ----------------------------------------------------------------------------------------------------

ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "s": b" "}


def escape(text, at):
    """The bytes of the escape at the backslash, and where it ends."""
    c = text[at + 1]
    if c == "x":
        return bytes([int(text[at + 2:at + 4], 16)]), at + 4
    return ESCAPES.get(c, c.encode()), at + 2


def unescape(text):
    return evaluate(parse(text, macros=False), None)


def parse(text, macros=True):
    nodes, end = parse_part(text, 0, "", macros)
    assert end == len(text), text
    return nodes


def parse_part(text, at, stops, macros=True):
    """Nodes up to one of the stops outside of parentheses: bytes, or (name, list of arguments)."""
    nodes, plain, depth = [], bytearray(), 0
    while at < len(text) and not (depth == 0 and text[at] in stops):
        name = re.compile(r"\$([A-Z][A-Z0-9]*)").match(text, at) if macros else None
        if text[at] == "\\":
            got, at = escape(text, at)
            plain += got
        elif name:
            nodes += [bytes(plain)] if plain else []
            plain.clear()
            arguments, at = parse_arguments(text, name.end(), ARITY.get(name[1], 1))
            nodes.append((name[1], arguments))
        else:
            depth += (text[at] == "(") - (text[at] == ")") if stops else 0
            plain += text[at].encode()
            at += 1
    return nodes + ([bytes(plain)] if plain else []), at


def parse_arguments(text, at, most):
    arguments = []
    if text[at:at + 1] != "(":
        return arguments, at
    while True:
        nodes, at = parse_part(text, at + 1, ",)" if len(arguments) + 1 < most else ")")
        arguments.append(nodes)
        if text[at] == ")":
            return arguments, at + 1


def evaluate(nodes, attempt):
    """The bytes of nodes that have no steps among them."""
    return b"".join(n if isinstance(n, bytes) else VALUES[n[0]](attempt, *[evaluate(a, attempt) for a in n[1]])
                    for n in nodes)


def frame(attempt, kind, payload=b""):
    """$F(1,text): one frame. Options after the opcode: nofin, nomask, rsv1, len=N (a length that is not the payload's,
    64 bits), short (64-bit length for few bytes)."""
    opcode, *options = kind.decode().split()
    first = (0 if "nofin" in options else 0x80) | (0x40 if "rsv1" in options else 0) | int(opcode, 16)
    wrong = [int(o[4:]) for o in options if o.startswith("len=")]
    n, flag = len(payload), 0 if "nomask" in options else 0x80
    if wrong or "short" in options:
        head = bytes([first, flag | 127]) + struct.pack(">Q", wrong[0] if wrong else n)
    elif n < 126:
        head = bytes([first, flag | n])
    else:
        head = bytes([first, flag | 126]) + struct.pack(">H", n) if n < 65536 else \
            bytes([first, flag | 127]) + struct.pack(">Q", n)
    if flag:
        key = bytes(attempt.random.randrange(256) for _ in range(4))
        return head + key + bytes(b ^ key[i & 3] for i, b in enumerate(payload))
    return head + payload


def hello(attempt, options=b""):
    """A ClientHello as OpenSSL writes it: $HELLO(max=TLSv1_1 alpn=smtp ciphers=… sni=…)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, sni = False, ssl.CERT_NONE, "localhost"
    for option in options.decode().split():
        key, _, value = option.partition("=")
        if key == "max":
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion[value]
            context.set_ciphers("ALL:@SECLEVEL=0")
        elif key == "alpn":
            context.set_alpn_protocols([value])
        elif key == "ciphers":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(value + ":@SECLEVEL=0")
        elif key == "sni":
            sni = value
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=sni).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def big_hello(_, kind):
    """$BIG(extensions): a ClientHello with 64 KiB of extensions; $BIG(suites): one with 1,000 suites, none of them known."""
    suites = struct.pack(">H", 2000) + b"\x5a\x5a" * 1000 if kind == b"suites" else struct.pack(">H", 2) + b"\x13\x01"
    extensions = b"".join(struct.pack(">HH", 0x7a00 + i, 1000) + bytes(1000) for i in range(65)) if kind == b"extensions" else b""
    hello = b"\x03\x03" + bytes(32) + b"\0" + suites + b"\x01\0" + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + struct.pack(">I", len(hello))[1:] + hello
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(part)) + part
                    for part in (message[i:i + 16384] for i in range(0, len(message), 16384)))


def header(attributes):
    text = {"to": "localhost", "version": "1.0", "xmlns": "jabber:client", "xmlns:stream": STREAM, **attributes}
    return "<?xml version='1.0'?><stream:stream" + "".join(" %s='%s'" % kv for kv in text.items() if kv[1] != "-") + ">"


def own_header(_, text=b""):
    """$H(to='' version='2.0'): $S with other attributes; `-` leaves one out."""
    given = dict(re.findall(r"([a-z:]+)='([^']*)'", text.decode()))
    return header(given).encode()


def plain(_, text):
    return b"<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL.encode(), base64.b64encode(text))


def post(_, body):
    return b"POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def body(attempt, attributes, payload=b""):
    """$BODY(rid='$RID(1)' sid='$SID',payload): a POST of one BOSH body."""
    return post(attempt, b"<body xmlns='%s' %s>%s</body>" % (HTTPBIND.encode(), attributes, payload))


def get(_, path=b"/", *more):
    return b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path


def upgrade(_, text=b""):
    """$UPGRADE(key='…' version='8' …): a WebSocket request with other values; `-` leaves one out."""
    values = {"key": base64.b64encode(b"k" * 16).decode(), "version": "13", "protocol": "xmpp", "origin": "-"}
    values.update(re.findall(r"([a-z]+)='([^']*)'", text.decode()))
    names = {"key": "Sec-WebSocket-Key", "version": "Sec-WebSocket-Version", "protocol": "Sec-WebSocket-Protocol",
             "origin": "Origin"}
    lines = ["GET /xmpp-websocket HTTP/%s" % values.pop("http", "1.1"), "Host: localhost", "Upgrade: websocket",
             "Connection: Upgrade"] + ["%s: %s" % (names[k], v) for k, v in values.items() if v != "-"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


VALUES = {
    "S": lambda a: header({}).encode(),
    "H": own_header,
    "R": lambda a, n, x: x * int(n),
    "B64": lambda a, x: base64.b64encode(x),
    "SASL": lambda a: SASL.encode(),
    "PLAIN": plain,
    "RANDOM": lambda a, n: bytes(a.random.randrange(256) for _ in range(int(n))),
    "COUNT": lambda a, n, *x: b"".join(b"%s%d%s" % (x[0], i, x[1]) for i in range(int(n))),
    "UTF16": lambda a, x: x.decode().encode("utf-16-le"),
    "UTF16BE": lambda a, x: x.decode().encode("utf-16-be"),
    "HELLO": hello,
    "F": frame,
    "W": lambda a, x: frame(a, b"1", x),
    "POST": post,
    "BODY": body,
    "GET": get,
    "UPGRADE": upgrade,
    "ID": lambda a: a.id.encode(),
    "SID": lambda a: a.sid.encode(),
    "RID": lambda a, n=b"0": b"%d" % (a.rid + int(n)),
    "VICTIM": lambda a: a.victim_jid().encode(),
    "NONCE": lambda a: a.nonce,
    "SHA1": lambda a, x: hashlib.sha1(x).hexdigest().encode(),
    "PREVID": lambda a: a.previd.encode(),
    "TRAP": lambda a: b"%d" % a.trap.getsockname()[1],
    "BIG": big_hello,
}
ARITY.update(COUNT=3, GET=1, BURST=2, CROWD=2, RACE=2, SCRAM=3, SHAPE=2, BIG=1, SLOW=2)


# -- the page --------------------------------------------------------------------------------------------------------

def all_files():
    return sorted(os.path.join(HERE, f) for f in os.listdir(HERE) if f.endswith(".rows"))


def cell(text):
    return text.replace("|", "\\|")


def state(row):
    if "apart" in row.keys:
        return "does not apply: " + row.get("apart")
    if "later" in row.keys:
        return "not played yet: " + row.get("later")
    if "unit" in row.keys:
        return "passes as unit test `%s`" % row.get("unit")
    return "passes"


def expectation(row):
    each = []
    for transport, alts in row.expect.items():
        text = " // ".join(" ".join(k + (":" + v if v else "") for k, v in terms) for terms in alts)
        each.append("%s`%s`" % (transport + " " if transport else "", json.dumps(text, ensure_ascii=True)[1:-1]))
    return "; ".join(each)


def page():
    rows = sorted((row for path in all_files() for row in read(path)[1]), key=lambda r: r.id)
    counts = [sum(state(r).startswith(s) for r in rows) for s in ("passes", "does not", "not played")]
    out = ["# Hostile input", "",
           "Made by `tests/hostile/run --page` from `tests/hostile/*.rows`; the tests `hostile/*` play what passes.", "",
           "%d rows: %d pass, %d do not apply, %d are not played yet." % (len(rows), *counts), "",
           "`SE` stream error, `ST` stanza error, `SF` login failure, `H` HTTP status, `B` BOSH condition, `WS` WebSocket "
           "close code, `CLOSE` end without a word, `OK` the stream goes on, `GOT`/`NOT` text in the answer or not, "
           "`TO`/`NOTTO`/`ONCE` text that reaches the victim, not, once; `OLD` text on an earlier connection; `FAILED` stream management "
           "refuses; `SAME` so many equal answers; `HIT` a metric that counts it; `UNTOUCHED` no connection to a port of ours; `//` "
           "between alternatives, the first one preferred.", "",
           "| id | layer | input | expected | on | state |", "|---|---|---|---|---|---|"]
    for row in rows:
        notes = " (" + " ".join(row.get("note")) + ")" if row.get("note") else ""
        out.append("| %s | %s | %s | %s | %s | %s |" % (row.id, row.layer, cell(row.title), cell(expectation(row)),
                                                       row.get("on", ""), cell(state(row) + notes)))
    return "\n".join(out) + "\n"
