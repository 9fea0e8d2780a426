"""fetch-connector.sh: a jar and a zip fetched over HTTP from loopback, and an archive that is not what it should be."""

import hashlib
import http.server
import threading
import unittest
import zipfile

from support import Case, need, text

need("busybox", "curl")

SCRIPT = text("realtime_system/files/fetch-connector.sh")


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

        class Files(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=served)

            def log_message(self, *arguments):
                """The script says what it does."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.target = self.directory() / "connectors" / "mqtt"
        self.path = self.alpine_path("curl")

    def fetch(self, name, checksum=None, code=0):
        checksum = checksum or hashlib.sha256((self.served / name).read_bytes()).hexdigest()
        env = {"URL": f"{self.url}/{name}", "SHA256": checksum, "DIRECTORY": str(self.target)}
        said = self.run_script(SCRIPT, env, self.path, code=code)
        return said, sorted(path.name for path in self.target.iterdir())

    def test_jar(self):
        self.assertEqual(self.fetch("connector.jar")[1], ["connector.jar"])

    def test_zip_leaves_its_jars_and_may_be_fetched_again(self):
        for _ in range(2):
            self.assertEqual(self.fetch("connector.zip")[1], ["connector.jar", "library.jar"])
        self.assertEqual((self.target / "connector.jar").read_bytes(), b"PK a jar" * 1000)

    def test_other_checksum(self):
        said, files = self.fetch("connector.zip", "0" * 64, code=1)
        self.assertRegex(said, r"cannot use \S+connector.zip: its checksum is [0-9a-f]{64}")
        self.assertEqual(files, [])


if __name__ == "__main__":
    unittest.main()
