"""Debian packages and the cache: what the suite installs, unpacks or builds, and where it is kept."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from processes import SetupError

updated = False


def say(text):
    print(f"# {text}", flush=True)


def cache():
    """The folder that keeps what took long to get, from one run to the next."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(base, "dockpulse-live")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def command(args, **options):
    """Runs a command to its end and gives its output; a failure shows the end of what it printed."""
    try:
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", **options)
    except OSError as error:
        raise SetupError(f"cannot run {args[0]}: {error}") from error
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-12:])
        raise SetupError(f"{' '.join(map(str, args))}: exit status {done.returncode}\n{last}")
    return done.stdout


def apt_get(*args, **options):
    """apt-get, without questions; the lists of packages are brought up to date once a run."""
    global updated
    if not shutil.which("apt-get"):
        raise SetupError("apt-get is missing: the suite can install what it needs on Debian only")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    base = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]
    if not updated:
        command(base + ["update"], env=env)
        updated = True
    return command(base + list(args), env=env, **options)


def install(*names):
    """Installs Debian packages, which needs root."""
    if os.geteuid() != 0:
        raise SetupError(f"{' and '.join(names)} must be installed: run this as root, or install them")
    say(f"installing {' '.join(names)} ...")
    apt_get("install", "-y", "--no-install-recommends", *names)


def unpacked(name, path):
    """A file of a Debian package, from the cache: fetched and unpacked there, and not installed."""
    folder = cache() / name
    if not (folder / path).exists():
        say(f"fetching Debian's {name} ...")
        work = tempfile.mkdtemp(prefix="fetch-", dir=cache())
        try:
            apt_get("-o", "APT::Sandbox::User=root", "download", name, cwd=work)
            package = next(pathlib.Path(work).glob("*.deb"))
            command(["dpkg-deb", "-x", package, f"{work}/files"])
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(f"{work}/files", folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder / path
