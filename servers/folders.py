"""Where files are: a cache that stays, one folder per running server that goes, and the locks around both."""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.errors import ServerError
from servers.guardian import remove

LOCK = "guardian.lock"


def ordinary_user() -> list[int] | None:
    """User and group id for servers that refuse to run as root; None when this process is not root's."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return [entry.pw_uid, entry.pw_gid]
    raise ServerError("running as root, and neither the user postgres nor nobody exists to run PostgreSQL")


def cache() -> Path:
    """The folder of downloads and of data prepared once, one per user."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~").expanduser() / ".cache")
    for folder in (Path(home) / "auth_adapters-servers", _runs() / "cache"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise ServerError(f"no folder for the cache can be made in {home}: set XDG_CACHE_HOME to one that can be written")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; wait for it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepared(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made by `make` unless it was before; other sessions wait meanwhile.

    key: all that its contents depend on.
    """
    folder = _place(name, key)
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def is_prepared(name: str, key: str) -> bool:
    """Whether a folder of the cache is there."""
    return _place(name, key).exists()


def _place(name: str, key: str) -> Path:
    """Where a folder of the cache is to be."""
    return cache() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners and modes, sharing blocks where the file system can."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def new_run(name: str) -> tuple[Path, int]:
    """A fresh folder for one server, and its lock: an open file that the server's guardian is to inherit.

    Folders that a killed guardian left are swept on the way.
    """
    base = _runs()
    with locked(base / "folders.lock"):
        for folder in base.iterdir():
            if folder.is_dir() and folder.name != "cache":
                _sweep(folder)
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        lock = os.open(made / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    if user := ordinary_user():
        os.chown(made, *user)
    return made, lock


def _sweep(folder: Path) -> None:
    """Remove the folder of a server unless its guardian lives."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        remove(folder)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(folder)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def _runs() -> Path:
    """The folder that holds those of running servers, in the first temporary folder that ordinary users may enter."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108  (owner checked below)
        resolved = parent.resolve()
        open_to_all = all(one.stat().st_mode & 0o001 for one in (resolved, *resolved.parents))
        if not open_to_all and os.geteuid() == 0:
            continue
        base = resolved / f"auth_adapters-servers-{os.geteuid()}"
        base.mkdir(mode=0o711, exist_ok=True)
        if base.stat().st_uid == os.geteuid() and not base.is_symlink():
            return base
    raise ServerError("no temporary folder can be used: set TMPDIR to one that every user may enter")
