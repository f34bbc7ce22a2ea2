"""The server under test: a real process on loopback behind proxies, on a small disk of its own, beside a real Redis."""
import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from proxy import Proxy  # noqa: E402
from server import BINARY, Process, Redis, Server  # noqa: E402

DISK = "64m"
BUILT = os.path.dirname(BINARY)
while not os.path.exists(os.path.join(BUILT, "tests", "bench")) and BUILT != os.path.dirname(BUILT):
    BUILT = os.path.dirname(BUILT)  # a mutant lies deeper in the build folder
ACCOUNTS = os.path.join(BUILT, "tests", "bench", "accounts")
SHIM = os.environ.get("CHECKER_SHIM", os.path.join(BUILT, "tests", "checker", "libdisk_shim.so"))
PASSWORD = "bench"  # of the accounts that tests/bench/accounts makes
MARK = "SWITCHBOARD_CHECKER_NAMESPACE"


def isolate():
    """Runs this program again in a mount namespace: as root, or as root of a user namespace. Without either the small disk is
    left out, with the reason."""
    if MARK in os.environ:
        return
    ways = [["unshare", "-m"]] if os.geteuid() == 0 else []
    for way in ways + [["unshare", "-Urm"]]:
        done = subprocess.run(way + ["true"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            os.environ[MARK] = "yes"
            os.execvp(way[0], way + [sys.executable, "-B"] + sys.argv)
    os.environ[MARK] = "no mount namespace: " + done.stderr.strip()


class Small(Server):
    """The Server of the tests, started under the shim on a disk of its own."""

    def start(self):
        self.log_path = os.path.join(self.dir, "log")
        env = dict(os.environ, CHECKER_DISK=self.flags)
        if os.path.exists(SHIM):
            env["LD_PRELOAD"] = SHIM
        self.process = Process([BINARY, "--property-file", self.conf], "switchboard ready", log=self.log_path, env=env)


class Target:
    def __init__(self, folder, profile):
        self.folder, self.profile = folder, profile
        self.absent, self.proxies, self.redis = {}, {}, None
        self.flags = os.path.join(folder, "flags")
        self.data = os.path.join(folder, "data")
        for path in (self.flags, self.data):
            shutil.rmtree(path, ignore_errors=True)
            os.makedirs(path)
        self.server, self.busy = None, False  # busy: it is being killed or started by us
        self.disk = self.small_disk()

    # -- what this machine allows ---------------------------------------------------------------------------------------

    def small_disk(self):
        why = os.environ.get(MARK, "")
        if why == "yes":
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + DISK, "checker", self.data], capture_output=True,
                                  text=True, check=False)
            if done.returncode == 0:
                return True
            why = done.stderr.strip()
        self.absent["disk-full"] = why
        return False

    def possible(self, kinds):
        if not os.path.exists(SHIM):
            for kind in ("slow-disk", "disk-error"):
                self.absent[kind] = "%s is not built" % SHIM
        if not self.profile.cookie_seats:
            self.absent["redis"] = "no seat logs in with a cookie in this profile"
        self.absent = {k: why for k, why in self.absent.items() if k in kinds}
        return kinds - set(self.absent)

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self, names):
        options = list(self.profile.options)
        for role in ("seat", "robot"):
            options.append("sess-man/desk/%ss[s]=%s" % (role, ",".join("%s@localhost" % n for n in names[role]) or "none@localhost"))
        if self.profile.cookie_seats:
            self.redis = Redis()
            self.names = names["seat"]
            self.fill_redis()
            options += ["sess-man/desk/seat-auth=cookie", "sess-man/desk/cookie-cache-uri=redis://127.0.0.1:%d/0" % self.redis.port,
                        "sess-man/desk/cookie-key=cookie:%u"]
        self.disk_flag("slow", str(self.profile.disk_ms) if self.profile.disk_ms else None)
        server = Small(*options, keep=self.folder)
        server.flags = self.flags
        subprocess.run([ACCOUNTS, "sqlite:%s/switchboard.db" % self.data, "localhost", str(names["accounts"])], check=True,
                       stdout=subprocess.DEVNULL)
        self.server = await asyncio.to_thread(server.__enter__)
        for name, port in (("c2s", server.c2s), ("http", server.http)):
            self.proxies[name] = await Proxy.start(port)

    @property
    def pid(self):
        return self.server.process.pid

    def is_dead(self):
        return self.server.process.process.poll() is not None

    async def kill(self):
        self.busy = True
        await asyncio.to_thread(self.server.process.stop, signal.SIGKILL)

    async def start_again(self):
        await asyncio.to_thread(self.server.start)
        self.busy = False

    async def restart(self):
        """Properly; what it says at its end is looked at."""
        self.busy = True
        code = await asyncio.to_thread(self.server.process.stop)
        await self.start_again()
        return code

    async def stop_server(self):
        code = await asyncio.to_thread(self.server.process.stop)
        assert code == 0, "the server ended with %d" % code

    async def stop(self):
        if self.server and not self.is_dead():
            await self.stop_server()
        for proxy in self.proxies.values():
            await proxy.stop()
        if self.redis:
            self.redis.__exit__()
        if self.disk:
            subprocess.run(["umount", "-l", self.data], check=False)

    def log_tail(self):
        return self.server.log()[-1500:]

    def links(self):
        return [link for proxy in self.proxies.values() for link in proxy.links]

    # -- disk -----------------------------------------------------------------------------------------------------------

    def disk_flag(self, name, text):
        path = os.path.join(self.flags, name)
        if text is None:
            if name == "slow" and self.profile.disk_ms:
                self.disk_flag(name, str(self.profile.disk_ms))
            elif os.path.exists(path):
                os.unlink(path)
            return
        with open(path + ".new", "w") as out:
            out.write(text)
        os.rename(path + ".new", path)

    def fill_disk(self):
        with open(os.path.join(self.data, "ballast"), "wb", buffering=0) as out:
            try:
                while out.write(b"\0" * 65536) == 65536:
                    pass
                while out.write(b"\0"):
                    pass
            except OSError:
                pass  # full

    def empty_disk(self):
        if os.path.exists(os.path.join(self.data, "ballast")):
            os.unlink(os.path.join(self.data, "ballast"))

    def heal_disk(self, for_good=False):
        """for_good: no slower than it is by itself either."""
        self.empty_disk()
        self.disk_flag("eio", None)
        self.disk_flag("slow", "0" if for_good else None)

    def stored(self):
        """(table, id) of the messages that are in the store. The server is stopped."""
        db = sqlite3.connect("file:%s/switchboard.db?mode=ro" % self.data, uri=True)
        verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
        assert verdict == "ok", verdict
        found = re.compile(rb"<body>([0-9a-f]+\|[\w.-]+\|\d+)\|[0-9a-f]{8}")
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute('SELECT * FROM "%s"' % table):
                for cell in row:
                    data = cell.encode() if isinstance(cell, str) else cell if isinstance(cell, bytes) else b""
                    for match in found.finditer(data):
                        yield table, match[1].decode()
        db.close()

    # -- Redis ----------------------------------------------------------------------------------------------------------

    def fill_redis(self):
        for name in self.names:
            self.redis.set("cookie:" + name, PASSWORD)

    async def start_redis(self):
        await asyncio.to_thread(self.redis.start)
        await asyncio.to_thread(self.fill_redis)
