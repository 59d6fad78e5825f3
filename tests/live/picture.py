#!/usr/bin/env python3
"""The picture of docs/retraction.md: the same end of two containers, told by two agents, as one Prometheus shows it.

One engine, one collector, one Prometheus, and dockpulse twice. The second has no state directory and is killed (-9)
before the containers end, and started again when the new one runs: so it says of what was removed what an agent
without retraction says, nothing. Takes 7 minutes. What Prometheus answered is kept beside the picture; --redraw draws
it again.
"""

import argparse
import json
import pathlib
import secrets
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True

import agent  # noqa: E402
import collector  # noqa: E402
import engine  # noqa: E402
import interrupts  # noqa: E402
import processes  # noqa: E402
import prometheus  # noqa: E402

PICTURES = agent.ROOT / "docs/pictures"
BEFORE, AFTER, STEP = 60, 345, 5  # seconds
METRIC = "container_memory_working_set_bytes"
FILL = "dd if=/dev/zero of=/dev/shm/x bs=1M count={} 2>/dev/null; exec sleep 1000000"


def measure(binary):
    """What Prometheus answers for both containers and both agents: {container: {agent: [[seconds, MiB], …]}}."""
    with tempfile.TemporaryDirectory(prefix="dplive-") as folder:
        token = secrets.token_hex(2)
        docker = engine.find_engine(token, f"{folder}/engine")
        try:
            docker.load_image()
            store = prometheus.Prometheus(prometheus.prometheus_binary(), folder).start()
            middle = collector.Collector(collector.collector_binary(), folder, store.port).start()
            agents = {}
            for name in ("retracts", "silent"):
                pathlib.Path(folder, name).mkdir()
                config = agent.settings(docker, middle, interval="5s")
                agents[name] = agent.Agent(binary, f"{folder}/{name}", config,
                                           env={"OTEL_RESOURCE_ATTRIBUTES": f"agent={name}"}).start()
            return course(docker, store, agents)
        finally:
            with interrupts.shielded():
                processes.end_all()
                docker.end()
                engine.end_rest(folder)


def course(docker, store, agents):
    report = docker.run("report", "sh", "-c", FILL.format(20))
    web = docker.run("web", "sh", "-c", FILL.format(30))
    wanted = f'count({METRIC}{{container_id=~"{report.id}|{web.id}"}}) == 4'
    processes.wait_until("both agents have published both containers", lambda: store.query(wanted), within=30)
    time.sleep(BEFORE)
    agents["silent"].kill()
    at = time.time()
    docker.remove(report)
    docker.remove(web)
    docker.run("web", "sh", "-c", FILL.format(30))
    agents["silent"].start()
    time.sleep(AFTER)
    return {name: answers(store, docker.prefix + name, at) for name in ("report", "web")}


def answers(store, container, at):
    query = {"query": f'sum by (agent) ({METRIC}{{container_name="{container}"}})', "step": 1,
             "start": at - BEFORE, "end": at + AFTER - STEP}
    url = f"http://127.0.0.1:{store.port}/api/v1/query_range?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    points = {series["metric"]["agent"]: series["values"] for series in result}
    return {name: [[round(t - at), round(float(value) / 2**20, 1)] for t, value in values]
            for name, values in points.items()}


STYLE = """text{font:13px system-ui,sans-serif;fill:#333}
.small{font-size:12px;fill:#666}.code{font:12px ui-monospace,monospace}
circle{stroke:none}line{stroke:#d8d8d8}.end{stroke:#888;stroke-dasharray:3 3}
path{fill:none;stroke-width:2.5;stroke-linejoin:round}
.silent{stroke:#d9480f}circle.silent,text.silent{fill:#d9480f;stroke:none}
.retracts{stroke:#1971c2}circle.retracts,text.retracts{fill:#1971c2;stroke:none}
@media(prefers-color-scheme:dark){text{fill:#ddd}.small{fill:#aaa}line{stroke:#3a3a3a}.end{stroke:#999}
.silent{stroke:#ff922b}circle.silent,text.silent{fill:#ff922b}
.retracts{stroke:#4dabf7}circle.retracts,text.retracts{fill:#4dabf7}}"""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, PANEL = 820, 460, 64, 20, 76, 140
TITLES = {"report": "report is removed and does not come back",
          "web": "web is removed, and made anew at once with the same name (a deployment)"}


def draw(data):
    """The picture: a panel a container, a line an agent."""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
           "<title>Memory of two containers in Prometheus, with retraction and without</title>",
           f"<style>{STYLE}</style>",
           f'<text class="code" x="{LEFT}" y="20">sum by (agent) ({METRIC}{{container_name="…"}}), MiB</text>']
    for i, (name, lines) in enumerate(data.items()):
        out += panel(TITLES[name], lines, TOP + i * (PANEL + 76))
    return "\n".join(out + ["</svg>", ""])


def panel(title, lines, top):
    highest = 1.3 * max(value for points in lines.values() for _, value in points)
    across = lambda t: LEFT + (t + BEFORE) / (BEFORE + AFTER - STEP) * (WIDTH - LEFT - RIGHT)  # noqa: E731
    down = lambda value: top + PANEL * (1 - value / highest)  # noqa: E731
    out = [f'<text x="{LEFT}" y="{top - 14}">{title}</text>']
    for value in range(0, int(highest) + 1, 10 if highest < 40 else 20):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(value):.1f}" y2="{down(value):.1f}"/>'
                   f'<text class="small" x="{LEFT - 8}" y="{down(value) + 4:.1f}" text-anchor="end">{value}</text>')
    for minute in range(-1, AFTER // 60 + 1):
        label = f"{minute} min" if minute else "removed"
        out.append(f'<text class="small" x="{across(60 * minute):.1f}" y="{top + PANEL + 18}" '
                   f'text-anchor="middle">{label}</text>')
    out.append(f'<line class="end" x1="{across(0):.1f}" x2="{across(0):.1f}" y1="{top}" y2="{top + PANEL}"/>')
    for name in ("silent", "retracts"):
        points = lines[name]
        # Of points that are alike the first and the last.
        path, before = "", None
        for point, after in zip(points, points[1:] + [None]):
            t, value = point
            begins, ends = before is None or t - before[0] > 1, after is None or after[0] - t > 1
            if begins or ends or not before[1] == value == after[1]:
                path += f"{'M' if begins else 'L'}{across(t):.1f} {down(value):.1f}"
            if ends and t < AFTER - STEP:
                out.append(f'<circle class="{name}" cx="{across(t):.1f}" cy="{down(value):.1f}" r="4"/>')
            before = point
        out.append(f'<path class="{name}" d="{path}"/>')
    # Where the two differ: half way through the five minutes.
    at = {name: next((v for t, v in lines[name] if t >= 150), 0) for name in lines}
    words = {"silent": "an agent whose points just stop", "retracts": "dockpulse"}
    for name, value in at.items():
        text = words[name] + ("" if value else ": gone")
        out.append(f'<text class="{name}" x="{across(150):.1f}" y="{down(value) - 9:.1f}" '
                   f'text-anchor="middle">{text}</text>')
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", help="the program (default: target/release/dockpulse, built if missing)")
    parser.add_argument("--redraw", action="store_true", help="draw what was measured last")
    options = parser.parse_args()
    kept = PICTURES / "retraction.json"
    if not options.redraw:
        interrupts.install()
        kept.write_text(json.dumps(measure(agent.agent_binary(options.binary)), separators=(",", ":")) + "\n")
    (PICTURES / "retraction.svg").write_text(draw(json.loads(kept.read_text())))


if __name__ == "__main__":
    main()
