"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, ended with the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from gait_plugins.core.galleries.address import ServerAddress, place_of

ACCOUNT, PASSWORD = "keeper", "open:se@same/7"
# The server ends when whoever started it does, however that ends: the shell waits on its pipe.
_GUARD = '"$@" </dev/null & read never; kill -QUIT $!; wait $!'
_SETTINGS = {
    "listen_addresses": "",  # the socket alone: no port is taken
    "fsync": "off",  # processes are killed here, and never the machine
    "shared_buffers": "16MB",
    "max_connections": "40",
    "logging_collector": "off",
    "lc_messages": "C",
}


def programs() -> Path | None:
    """The folder of the server's programs, the newest where there are several; None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    listed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(listed, key=lambda path: int(path.parent.name), default=None)


class PostgresServer:
    """A server with one database, ``gait``; every account needs its password.

    Args:
        bin: folder of the server's programs.
    """

    def __init__(self, bin: Path) -> None:
        self.bin = bin
        # Short, for the name of a socket may have 107 letters; and not below a folder of another user.
        self.folder = Path(tempfile.mkdtemp(prefix="gaitpg-"))
        self.data = self.folder / "data"
        # The server refuses to run as root.
        self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = 0
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        words = ("-D", self.data, "-U", ACCOUNT, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8")
        self._run("initdb", *words, "--locale=C", "--no-sync", "--data-checksums")
        self.start()
        self.execute("CREATE DATABASE gait", database="postgres")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        server = [self.bin / "postgres", "-D", self.data, "-k", self.folder, *settings]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _GUARD, "sh", *map(str, server)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as,
            )
        for _ in range(300):
            if self._run("pg_isready", "-h", self.folder, "-d", "postgres", check=False) == 0:
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-3000:])

    def stop(self) -> None:
        """End it at once, as a crash does: nothing is written any more."""
        if self._process is not None:
            self._process.communicate(timeout=60)  # closes the pipe that the guard waits on
            self._process = None

    def close(self) -> None:
        """End it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def text(
        self, schema: str, account: str = ACCOUNT, password: str = PASSWORD, database: str = "gait"
    ) -> str:
        """The address of a gallery as a user may write it, with the password in it."""
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{account}{secret}@/{database}?host={self.folder}&schema={schema}"

    def place(self) -> ServerAddress:
        """The address of a gallery that is not there yet; another one each time."""
        self._schemas += 1
        found = place_of(self.text(f"gallery_{self._schemas}"))
        assert isinstance(found, ServerAddress)
        return found

    def execute(self, text: str, *values: object, database: str = "gait") -> list[tuple[object, ...]]:
        """What a statement gives, as the account that may do everything."""
        import psycopg

        link = psycopg.connect(
            host=str(self.folder), user=ACCOUNT, password=PASSWORD, dbname=database, autocommit=True
        )
        with link:
            found = link.execute(text.encode(), values or None)
            rows: list[tuple[object, ...]] = found.fetchall() if found.description else []
        link.close()
        return rows

    def holds(self, piece: bytes) -> bool:
        """Whether a file of the tables has these bytes in it; what lies in memory is written first."""
        self.execute("CHECKPOINT")
        [(number,)] = self.execute("SELECT oid::text FROM pg_database WHERE datname = 'gait'")
        files = [path for path in (self.data / "base" / str(number)).iterdir() if path.is_file()]
        return any(piece in path.read_bytes() for path in files)

    def _run(self, program: str, *words: object, check: bool = True) -> int:
        done = subprocess.run(
            [str(self.bin / program), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **self._as,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.returncode
