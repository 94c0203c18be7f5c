"""MySQL proper, which Debian has in sid alone: fetched with apt into the cache and unpacked there, never installed.

sid moves and nothing of it can be pinned. What is fetched is kept, and used as long as it runs. The programs run with
the libraries that were fetched with them, by the loader that was fetched with them.
"""

import os
import shutil
import subprocess
from pathlib import Path

from servers import folders
from servers.provision import MYSQL, OUTPUT, Tools, apt, present, run, unavailable

PACKAGES = ("mysql-server-core", "mysql-client-core")
KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
PROGRAMS = ("mysqld", "mysql")
_FOUND: list[Tools] = []


def mysql_tools() -> Tools:
    """MySQL's programs: of PATH, else of Debian sid.

    Raises:
        ServerUnavailableError: they cannot be had.

    """
    if not _FOUND:
        _FOUND.append(present(MYSQL) or fetched())
    return _FOUND[0]


def fetched(*, only_here: bool = False) -> Tools:
    """MySQL of Debian sid, fetched unless it is in the cache. only_here: do not fetch.

    Raises:
        ServerUnavailableError: it cannot be had.

    """
    for needed in ("apt-get", "dpkg-deb", "dpkg"):
        if shutil.which(needed) is None:
            raise unavailable(MYSQL, f"{needed} is not here: this is not Debian or Ubuntu")
    key = f"{_architecture()} {PACKAGES} 1"
    if only_here and not folders.is_prepared("mysql-sid", key):
        raise unavailable(MYSQL, "")
    try:
        root = folders.prepared("mysql-sid", key, _fetch)
        return _tools(root)
    except subprocess.CalledProcessError as error:
        raise unavailable(MYSQL, str(error.output)[-OUTPUT:]) from None


def _architecture() -> str:
    """Debian's name of this machine's processor."""
    return run(["dpkg", "--print-architecture"]).strip()


def _fetch(folder: Path) -> None:
    """Fetch the packages with all that they need, and unpack them. (Also from a mirror that lags behind: what it has
    is signed all the same.)
    """
    apt_folder, root = folder / "apt", folder / "root"
    for below in ("state/lists/partial", "cache/archives/partial", "etc", "log"):
        (apt_folder / below).mkdir(parents=True)
    root.mkdir()
    (apt_folder / "status").touch()
    keyring = next((path for name in KEYRINGS if (path := Path("/usr/share/keyrings") / name).exists()), None)
    if keyring is None:
        raise unavailable(MYSQL, "the package debian-archive-keyring is not here")
    sources = apt_folder / "sources.list"
    sources.write_text(f"deb [arch={_architecture()} signed-by={keyring}] {_mirror()} sid main\n", "utf-8")
    account = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    options = [
        "-q", "-o", f"Dir::State={apt_folder / 'state'}", "-o", f"Dir::State::status={apt_folder / 'status'}",
        "-o", f"Dir::Cache={apt_folder / 'cache'}", "-o", f"Dir::Log={apt_folder / 'log'}",
        "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-", "-o", "Dir::Etc::preferencesparts=-",
        "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3", "-o", "Acquire::Check-Valid-Until=false", *account,
    ]  # fmt: skip
    apt(["apt-get", *options, "update"])
    apt(["apt-get", *options, "-y", "--no-install-recommends", "--download-only", "install", *PACKAGES])
    for package in sorted((apt_folder / "cache/archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(apt_folder)
    _tools(root.parent)


def _mirror() -> str:
    """The address from which this machine's own apt takes Debian."""
    listed = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    if not (found := apt(listed).split()):
        if os.geteuid() == 0:
            apt(["apt-get", "update", "-q"])
            found = apt(listed).split()
        if not found:
            raise unavailable(MYSQL, "the lists of apt name no Debian mirror: run apt-get update")
    return found[0]


def _tools(folder: Path) -> Tools:
    """The programs of an unpacked folder, by its own loader."""
    root = folder / "root"
    loader = next((path for path in sorted(root.glob("**/ld-linux*.so*")) if path.is_file()), None)
    programs = {name: path for name in PROGRAMS for path in root.glob(f"usr/*bin/{name}") if path.is_file()}
    if loader is None or len(programs) < len(PROGRAMS):
        raise unavailable(MYSQL, "the packages of sid are not as they were expected")
    libraries = [loader.parent, *sorted({path.parent for path in root.glob("usr/lib/mysql/**/*.so*")})]
    prefix = (str(loader), "--library-path", ":".join(map(str, libraries)))
    try:
        said = run([*prefix, str(programs["mysqld"]), "--version"])
    except subprocess.SubprocessError as error:
        raise unavailable(MYSQL, f"MySQL of Debian sid does not run here: {error}") from None
    return Tools(programs=programs, version=said.partition(" ")[2].strip(), prefix=prefix)
