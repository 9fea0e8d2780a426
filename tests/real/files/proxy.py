"""The composed analytics proxy's configuration on a real nginx, without privileges, before a stand-in for Metabase."""

import http.client
import os
import pwd
import shutil
import socket
import subprocess
import threading

import websocket
from composed import moved, seed
from support import Case, find, free_port, need, prove, said

need("nginx")

CONTAINER = seed().container("Service", "health-analytics")
FILE = "health-analytics-config"

# What stands around conf.d in the container's own nginx.conf, with a place of its own to write to.
AROUND = """\
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/default.conf;
}}
"""


class Proxy(Case):
    def setUp(self):
        self.directory_ = self.directory()
        os.chmod(self.directory_, 0o755)
        self.port = free_port()
        upstream, self.seen = self.stand_in(self.metabase)
        self.headers = {}
        self.listen(upstream)

    def listen(self, upstream):
        """Writes the configuration for a backend on that port."""
        mounts = CONTAINER.mounts()
        self.assertEqual(mounts["/etc/nginx/conf.d"]["configMap"]["name"], FILE)
        (port,) = (port["containerPort"] for port in CONTAINER.spec["ports"])
        served = seed().one("Service", "metabase-service")
        address = f"http://{served['metadata']['name']}:{served['spec']['ports'][0]['port']};"
        places = {f"listen {port};": f"listen 127.0.0.1:{self.port};", address: f"http://127.0.0.1:{upstream};"}
        (self.directory_ / "default.conf").write_text(moved(seed().file(FILE, "default.conf"), places))
        main = self.directory_ / "nginx.conf"
        main.write_text(AROUND.format(directory=self.directory_))
        self.command = [find("nginx"), "-c", str(main), "-e", str(self.directory_ / "error.log")]
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        if os.geteuid() == 0:
            for path in (self.directory_, *self.directory_.iterdir()):
                shutil.chown(path, self.user.pw_uid, self.user.pw_gid)

    def unprivileged(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def metabase(self, method, path, headers, body):
        self.headers = dict(headers)
        if path == "/slow":
            return 503, "down"
        return 200, f"{method} {path} {len(body)}"

    def get(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request(method, path, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def serve(self):
        return self.server(self.command, self.port, stderr=subprocess.DEVNULL, **self.unprivileged())

    def test_configuration_is_valid(self):
        tested = subprocess.run([*self.command, "-t"], capture_output=True, text=True, **self.unprivileged())
        self.assertEqual(tested.returncode, 0, tested.stderr)
        self.assertNotIn("[warn]", tested.stderr)

    def test_health_is_its_own(self):
        self.serve()
        self.assertEqual(self.get("/healthz"), (200, "ok\n"))
        self.assertEqual(self.seen, [])

    def test_everything_else_is_metabase(self):
        self.serve()
        headers = {"Host": "analytics.health-streaming.local", "X_Forwarded_Proto": "https", "X_Forwarded_For": "192.0.2.7"}
        self.assertEqual(self.get("/dashboard/1?tab=2", **headers), (200, "GET /dashboard/1?tab=2 0"))
        self.assertEqual(self.headers["Host"], "analytics.health-streaming.local")
        self.assertEqual(self.headers["X-Forwarded-Proto"], "https")
        self.assertEqual(self.headers["X-Forwarded-For"], "192.0.2.7, 127.0.0.1")
        self.assertEqual(self.get("/slow")[0], 503)
        self.get("/")
        self.assertEqual(self.headers["X-Forwarded-Proto"], "http")

    def test_uploads_fit(self):
        self.serve()
        self.assertEqual(self.get("/api/upload", "POST", b"x" * 3_000_000), (200, "POST /api/upload 3000000"))

    def test_it_runs_without_privileges(self):
        process = self.serve()
        with open(f"/proc/{process.pid}/status") as status:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in status)
        self.assertEqual(set(fields["Uid"].split()), {str(self.user.pw_uid)})
        self.assertNotEqual(self.user.pw_uid, 0)
        self.assertEqual(int(fields["CapEff"], 16), 0)

    def test_websockets_are_passed_on(self):
        backend = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(backend.close)
        asked = []

        def echo():
            connection, _ = backend.accept()
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline().strip():
                    asked.append(line.decode())
                key = next(line.partition(": ")[2] for line in asked if line.lower().startswith("sec-websocket-key"))
                answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
                answer += [f"Sec-WebSocket-Accept: {websocket.accept(key)}", "", ""]
                connection.sendall("\r\n".join(answer).encode())
                for _ in range(2):
                    connection.sendall(websocket.frame(b"heard " + websocket.received(stream)))

        threading.Thread(target=echo, daemon=True).start()
        self.listen(backend.getsockname()[1])
        self.serve()
        client = websocket.Client(self.port, "/live?tab=2", host="analytics.health-streaming.local")
        self.addCleanup(client.close)
        self.assertEqual((client.status, client.accepted), (101, True))
        self.assertEqual(asked[0], "GET /live?tab=2 HTTP/1.1")
        self.assertIn("Host: analytics.health-streaming.local", asked)
        for message in (b"one", b"two"):
            client.send(message)
            self.assertEqual(client.receive(), b"heard " + message)


if __name__ == "__main__":
    prove(f"nginx {said('nginx', '-v')}", CONTAINER.version.partition("-")[0])
