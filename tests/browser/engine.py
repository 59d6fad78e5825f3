#!/usr/bin/env python3
"""An engine on a unix socket whose containers have hostile names. Its numbers rise; it ends with its input."""
import http.server, json, os, re, socketserver, sys, threading, time

EVIL = "<img src=x onerror=\"document.title='owned'\">"
NAMES = [EVIL, "\"><script>document.title='owned'</script>", "a-very-long-name-" + "x" * 200, "web", "done"]
STARTED = "2026-01-02T03:04:05.000000001Z"


def container(n):
    runs = NAMES[n] != "done"
    return {
        "Id": f"{n:x}" * 64, "Names": ["/" + NAMES[n]], "Image": EVIL if n == 0 else "nginx:1.29", "ImageID": "sha256:" + "b" * 64,
        "Created": 1767323045, "State": "running" if runs else "exited", "Labels": {},
        "Status": "Up 2 hours (unhealthy)" if n == 1 else "Up 2 hours" if runs else "Exited (137) 2 hours ago",
    }


def details(n):
    runs = NAMES[n] != "done"
    state = {"Status": "running" if runs else "exited", "Running": runs, "ExitCode": 0 if runs else 137, "StartedAt": STARTED, "Pid": 4 * runs}
    return {"Id": f"{n:x}" * 64, "Name": "/" + NAMES[n], "Created": STARTED, "RestartCount": 1, "State": state, "Config": {"Image": EVIL, "Labels": {}},
            "HostConfig": {"NanoCpus": 2_000_000_000, "Memory": 1 << 28}}


def stats(n):
    t = time.time()
    cpu = int((t - 1.7e9) * 2.5e8 * (1 + n))
    return {
        "read": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t % 1 * 1e9):09}Z",
        "cpu_stats": {"cpu_usage": {"total_usage": cpu, "usage_in_usermode": cpu // 2, "usage_in_kernelmode": cpu // 2}, "online_cpus": 2},
        "memory_stats": {"usage": (1 << 27) * (n + 1) // 2, "limit": 1 << 28, "stats": {"inactive_file": 1 << 20}}, "pids_stats": {"current": 7},
        "networks": {"eth0": {"rx_bytes": int(t * 1e5), "tx_bytes": int(t * 5e4)}},
    }


class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = re.sub(r"^/v1\.\d+", "", self.path.split("?")[0])
        one = re.fullmatch(r"/containers/([0-9a-f])\1{63}/(json|stats)", path)
        if path == "/events":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.flush()
            return time.sleep(3600)
        if path == "/_ping":
            return self.answer(b"OK")
        if path == "/version":
            return self.answer({"Version": "28.0.0" + EVIL, "ApiVersion": "1.48", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"})
        if path == "/info":
            return self.answer({"Name": EVIL, "ID": "x", "OSType": "linux", "Architecture": "x86_64"})
        if path == "/containers/json":
            return self.answer([container(n) for n in range(len(NAMES))])
        if one:
            return self.answer((details if one[2] == "json" else stats)(int(one[1], 16)))
        self.answer({"message": "page not found"}, 404)

    do_HEAD = do_GET

    def answer(self, body, status=200):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.48")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


with Server(sys.argv[1], Engine) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
os.unlink(sys.argv[1])
