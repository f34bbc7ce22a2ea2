"""What people do and how the server is set up. `mixed` and `disk` are the schedules of ./test and of the long runs; the others
aim at one promise each, so that a server which breaks it is caught in seconds (mutants)."""
import dataclasses

ALL = ("kill", "freeze", "slow-disk", "disk-full", "disk-error", "redis", "line-cut", "line-reset", "line-stall", "line-slow",
       "line-bytes", "line-half")
LINES = tuple(kind for kind in ALL if kind.startswith("line-"))
OPTIONS = (
    "basic-conf/log-level=info",
    "sess-man/plugins-conf/scram-iterations[I]=4096",
    "sess-man/limits/sessions-per-account[I]=100",
    "amp/store-limit[I]=0", "amp/store-limit-total[I]=0",
    "c2s/processors/urn:xmpp:sm:3/resumption-timeout[I]=6",
    "c2s/processors/urn:xmpp:sm:3/ack-request-delay[I]=300",
    "bosh/max-inactivity[I]=6", "bosh/max-wait[I]=5",
    "sess-man/desk/hold[I]=5", "sess-man/desk/notify-grace[I]=1", "sess-man/desk/terminate-grace[I]=1",
    "sess-man/desk/capacity[I]=1000", "sess-man/desk/robot-deadline[I]=8", "sess-man/desk/waiting-max[I]=100000",
    "sess-man/limits/visitor/stanza-rate[I]=0", "sess-man/limits/user/stanza-rate[I]=0",
)
OPS = {"send": 60, "burst": 4, "ask": 8, "mute": 2, "deaf": 2, "kill": 3, "vanish": 2, "leave": 3}


@dataclasses.dataclass
class Profile:
    # of ten people: how many are what
    user: int = 5
    visitor: int = 4
    staff: int = 1                  # seats and robots, half and half, at least one each
    transports: tuple = ("tcp", "tcp", "bosh", "bosh", "ws")
    managed: float = 0.8            # share of TCP and WebSocket clients with stream management
    cookie_seats: bool = False
    ops: dict = dataclasses.field(default_factory=lambda: dict(OPS))
    rate: float = 3.0               # acts a second of one person
    burst: int = 20
    absence: float = 6.0            # seconds at most
    fillers: tuple = (0, 0, 0, 100, 1000)
    hasty: float = 0.05             # share of fresh logins that end before anything is read
    absent: int = 0                 # of ten users: how many come at the end only
    faults: tuple = ALL
    options: tuple = OPTIONS
    visitors_keep: float = 0.8      # share of visitors on BOSH and WebSocket with a cookie
    disk_ms: int = 0                # each fsync takes so much longer, always


PROFILES = {
    "mixed": Profile(cookie_seats=True),
}

CLIENTS = dict(staff=0, visitor=0, user=10, managed=1.0, transports=("tcp", "ws"))

PROFILES.update({
    # Senders to people who are away, a slow disk, kills: what was acknowledged must be on the disk.
    "ack": Profile(**CLIENTS, absent=5, disk_ms=100, rate=10, faults=("kill",),
                   ops={"send": 10, "burst": 1, "ask": 3}),
    # The disk fills up and fails under messages for people who are away. Senders stay, or the errors they get would go with
    # their sessions: an error is in memory until its sender has it (docs/decisions/0005-durable-acknowledgements.md).
    "disk": Profile(**dict(CLIENTS, transports=("tcp", "ws", "bosh")), absent=5, hasty=0, rate=5,
                    faults=("kill", "slow-disk", "disk-full", "disk-error"), ops={"send": 10, "burst": 1, "ask": 3}),
    # People who come, take what was kept for them and are gone before they have acknowledged it.
    "kept": Profile(**CLIENTS, rate=5, absence=2.0, hasty=0.5, faults=(),
                    ops={"send": 10, "burst": 2, "mute": 2, "vanish": 3, "leave": 3}),
    # People who read and do not acknowledge, with room for little: their mailboxes overflow.
    "full": Profile(**CLIENTS, rate=5, burst=200, hasty=0, fillers=(0,), faults=(), ops={"send": 2, "burst": 4, "mute": 4},
                    options=OPTIONS + ("sess-man/limits/user/unacknowledged[I]=120",)),
    # Pages that are closed while the server answers them.
    "page": Profile(staff=0, visitor=0, user=10, transports=("bosh",), rate=5, absence=1.0, faults=(),
                    ops={"send": 10, "burst": 1, "vanish": 2}),
    # Lines that break all the time, and sessions that go on.
    "resume": Profile(**CLIENTS, rate=5, faults=(), ops={"send": 10, "burst": 1, "kill": 3}),
})
