"""dockpulse's own image: a static program, what deploy/Dockerfile makes of it, how a compose file says to run it."""

import io
import os
import pathlib
import re
import shutil
import tarfile

import deployed
from packages import command, say
from processes import Failure


def static_binary():
    """dockpulse as deploy/Dockerfile builds it, but not optimized as a whole, which takes minutes."""
    say("building dockpulse as one static file ...")
    cargo = shutil.which("cargo") or os.path.expanduser("~/.cargo/bin/cargo")
    wanted = re.search(r"cargo rustc --release (.+)", (deployed.DEPLOY / "Dockerfile").read_text())[1]
    command([cargo, "rustc", "--profile", "proof", *wanted.split()], cwd=deployed.ROOT)
    return deployed.ROOT / "target/proof/dockpulse"


def is_static(binary):
    """Whether the program needs no interpreter: no library of the system."""
    head = pathlib.Path(binary).read_bytes()
    count, size = int.from_bytes(head[56:58], "little"), int.from_bytes(head[54:56], "little")
    start = int.from_bytes(head[32:40], "little")
    return all(int.from_bytes(head[start + n * size:start + n * size + 4], "little") != 3 for n in range(count))


def context(binary, certificates="/etc/ssl/certs/ca-certificates.crt"):
    """What to build the image from without any other: deploy/Dockerfile, its first stage replaced by what that makes."""
    stages = re.split(r"^(?=FROM )", (deployed.DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    if len(stages) != 3 or not stages[2].startswith("FROM scratch\n"):
        raise Failure("deploy/Dockerfile has not the two stages that are known here")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        put(tar, "Dockerfile", ("FROM scratch AS build\nCOPY image /image\n" + stages[2]).encode())
        put(tar, "image/dockpulse", pathlib.Path(binary).read_bytes(), 0o755)
        bundle = pathlib.Path(certificates)
        put(tar, f"image{certificates}", bundle.read_bytes() if bundle.exists() else b"\n")
        for folder in ("image/var/lib/dockpulse", "image/run/dockpulse"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return out.getvalue()


def put(tar, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def flags(service, sources, drop=()):
    """The flags of `docker run` that do what the service says, all of which has to be known here.

    Some of its volumes have other sources.
    """
    known = {
        "user": lambda v: ["--user", v],
        "group_add": lambda v: [part for group in v for part in ("--group-add", group)],
        "uts": lambda v: ["--uts", v],
        "read_only": lambda v: ["--read-only"] if v else [],
        "cap_drop": lambda v: [part for one in v for part in ("--cap-drop", one)],
        "security_opt": lambda v: [part for one in v for part in ("--security-opt", one)],
        "mem_limit": lambda v: ["--memory", str(v)],
        "pids_limit": lambda v: ["--pids-limit", str(v)],
        "tmpfs": lambda v: [part for one in v for part in ("--tmpfs", one)],
        "environment": lambda v: [part for name, text in v.items() for part in ("--env", f"{name}={text}")],
        "volumes": lambda v: [part for one in v for part in ("--volume", mount(one, sources))],
        "stop_grace_period": lambda v: ["--stop-timeout", v.rstrip("s")],
        "restart": lambda v: ["--restart", v],
    }
    elsewhere = {"build", "image", "command", "entrypoint", "networks", *drop}
    unknown = service.keys() - known.keys() - elsewhere
    if unknown:
        raise Failure(f"nobody turns {', '.join(sorted(unknown))} of the service into flags of docker run")
    return [flag for name in service if name in known and name not in drop for flag in known[name](service[name])]


def mount(volume, sources):
    mode = ":ro" if volume.get("read_only") else ""
    return f"{sources.get(volume['source'], volume['source'])}:{volume['target']}{mode}"
