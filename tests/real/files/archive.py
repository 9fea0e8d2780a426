"""The composed init containers that fetch connectors: a jar and a zip, and an archive that is not what it should be."""

import hashlib
import http.server
import threading
import zipfile

from composed import Composed
from support import Case, need, prove, said

need("busybox", "curl")

CONNECTORS = """\
        kafkaConfig:
          connectors:
            mqtt: {url: https://files.example.com/connector.zip, sha256: "SHA256"}
            snowflake: {url: https://files.example.com/connector.jar, sha256: "SHA256"}
""".replace("SHA256", "0" * 64)


class Archive(Case):
    def setUp(self):
        self.served = self.directory()
        jar = self.served / "connector.jar"
        jar.write_bytes(b"PK a jar")
        with zipfile.ZipFile(self.served / "connector.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("connector-1.0/README.md", "read me")
            archive.writestr("connector-1.0/lib/connector.jar", b"PK a jar" * 1000)
            archive.writestr("connector-1.0/lib/library.jar", b"PK another")
        served = str(self.served)
        self.failing = 0
        test = self

        class Files(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=served)

            def do_GET(self):
                if test.failing:
                    test.failing -= 1
                    self.send_error(503)
                else:
                    super().do_GET()

            def log_message(self, *arguments):
                """The script says what it does."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.target = self.directory() / "connectors" / "mqtt"
        self.path = self.alpine_path("curl")

    def fetch(self, name, archive, checksum=None, code=0):
        container = COMPOSED.container("Deployment", "kafka-platform", f"fetch-{name}")
        env = container.env()
        self.assertEqual(env["DIRECTORY"], f"/connectors/{name}")
        checksum = checksum or hashlib.sha256((self.served / archive).read_bytes()).hexdigest()
        here = {"URL": f"{self.url}/{archive}", "SHA256": checksum, "DIRECTORY": str(self.target)}
        self.assertEqual(set(env), set(here))
        self.target.parent.mkdir(exist_ok=True)
        said = self.run_script(container.script(), here, self.path, code=code, writable=[self.target.parent])
        return said, sorted(path.name for path in self.target.iterdir())

    def test_a_jar_is_put_in_its_folder(self):
        self.assertEqual(self.fetch("snowflake", "connector.jar")[1], ["connector.jar"])

    def test_a_zip_leaves_its_jars_and_may_be_fetched_again(self):
        for _ in range(2):
            self.assertEqual(self.fetch("mqtt", "connector.zip")[1], ["connector.jar", "library.jar"])
        self.assertEqual((self.target / "connector.jar").read_bytes(), b"PK a jar" * 1000)

    def test_another_checksum_leaves_nothing(self):
        said, files = self.fetch("mqtt", "connector.zip", "0" * 64, code=1)
        self.assertRegex(said.splitlines()[-1], r"cannot use \S+connector.zip: its checksum is [0-9a-f]{64}")
        self.assertEqual(files, [])

    def test_a_server_that_fails_is_asked_again(self):
        self.failing = 1
        self.assertEqual(self.fetch("snowflake", "connector.jar")[1], ["connector.jar"])
        self.assertEqual(self.failing, 0)


if __name__ == "__main__":
    COMPOSED = Composed({"        kafkaConfig:\n": CONNECTORS})
    prove(f"BusyBox {said('busybox')}, curl {said('curl', '--version')}")
