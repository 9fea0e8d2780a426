"""analytics-proxy.conf on a real nginx, before a stand-in for Metabase."""

import http.client
import os
import subprocess
import unittest

from support import Case, find, free_port, need, text

need("nginx")

# What stands around conf.d in the container's own nginx.conf, with a place of its own to write to.
AROUND = """\
daemon off;
master_process {master};
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
        conf = text("realtime_system/files/analytics-proxy.conf")
        self.assertIn("listen 8080;", conf)
        self.assertIn("http://metabase-service:3000;", conf)
        conf = conf.replace("listen 8080;", f"listen 127.0.0.1:{self.port};")
        conf = conf.replace("http://metabase-service:3000;", f"http://127.0.0.1:{upstream};")
        (self.directory_ / "default.conf").write_text(conf)
        main = self.directory_ / "nginx.conf"
        main.write_text(AROUND.format(directory=self.directory_, master="off" if os.geteuid() == 0 else "on"))
        self.command = [find("nginx"), "-c", str(main), "-e", str(self.directory_ / "error.log")]

    def metabase(self, method, path, headers, body):
        self.headers = dict(headers)
        if path == "/slow":
            return 503, "down"
        return 200, f"{method} {path} {len(body)}"

    def get(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        self.addCleanup(connection.close)
        connection.request(method, path, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def serve(self):
        self.server(self.command, self.port, stderr=subprocess.DEVNULL)

    def test_configuration_is_valid(self):
        tested = subprocess.run([*self.command, "-t"], capture_output=True, text=True)
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

    def test_upgrade_is_passed_on(self):
        self.serve()
        self.get("/ws", Upgrade="websocket", Connection="Upgrade")
        self.assertEqual((self.headers["Upgrade"], self.headers["Connection"].lower()), ("websocket", "upgrade"))


if __name__ == "__main__":
    unittest.main()
