"""The composed agent-key and processors Jobs against stand-ins for Lenses HQ and for the Kubernetes API server.

HQ's stand-in answers as its API reference says; the API server's as the real one does to curl over TLS, pretty-printed.
"""

import base64
import json
import subprocess

from composed import seed
from support import Case, find, need, prove, said

need("busybox", "curl", "openssl")

AGENT_KEY = seed().container("Job", "lenses-agent-key")
PROCESSORS = seed().container("Job", "lenses-sql-processors")
PASSWORD = 'pass"word \\ $HOME `x`'
KEY = "agent_key_abc_DEF123"
SECRETS = {"lenses-hq-admin": {"username": "admin", "password": PASSWORD}}
FIELDS = {"metadata.labels['batch.kubernetes.io/job-name']": "agent-key-job-1"}


class StandInHq(Case):
    def setUp(self):
        self.environments = {}
        self.processors = []
        self.formats = []
        self.sessions = 0
        self.busy = 1
        self.refuse_sql = 0
        self.agent_after = 2
        port, self.seen = self.stand_in(self.hq)
        self.hq_url = {"HQ_URL": f"http://127.0.0.1:{port}"}
        self.path = self.alpine_path("curl")

    def hq(self, method, path, headers, body):
        if self.busy:
            self.busy -= 1
            return 503, ""
        if (method, path) == ("POST", "/api/v1/login"):
            if json.loads(body) != {"username": "admin", "password": PASSWORD}:
                return 401, {"title": "unauthorised"}
            self.sessions += 1
            cookie = f"session_id=s{self.sessions}; Path=/; HttpOnly; Secure; SameSite=Lax"
            return 200, {"redirect": None}, [("Set-Cookie", cookie)]
        if f"session_id=s{self.sessions}" not in (headers.get("Cookie") or ""):
            return 401, {"title": "unauthorised"}
        name = path.removeprefix("/api/v1/environments").strip("/")
        if method == "POST" and not name:
            wanted = json.loads(body)
            self.environments[wanted["name"]] = wanted["tier"]
            return 201, {"name": wanted["name"], "tier": wanted["tier"], "agent_key": KEY}
        if "/proxy/" in name:
            return self.agent(method, name.split("/proxy/")[1], body)
        if name in self.environments:
            connected = self.agent_after <= 0
            self.agent_after -= 1
            return 200, {"name": name, "status": {"agent_connected": connected}}
        return 404, {"title": "environment not found"}

    def agent(self, method, path, body):
        if path == "api/v1/metadata/topics":
            self.formats.append(json.loads(body))
            return 200, ""
        if path != "api/v2/streams":
            return 404, ""
        if method == "GET":
            return 200, json.dumps({"processors": self.processors}, indent=1)
        if self.refuse_sql:
            self.refuse_sql -= 1
            return 400, {"title": "no schema for topic device_data"}
        wanted = json.loads(body)
        self.add(wanted["name"], wanted["sql"])
        return 201, {"id": "x"}

    def add(self, name, sql):
        topics = [{"name": "heart_rate", "keyFormat": "STRING"}]
        application = {"name": name, "processorId": "p", "sql": sql, "inputTopics": topics}
        self.processors.append({"id": "lsql_x", "application": application, "metadata": {"tags": []}})


class AgentKey(StandInHq):
    def setUp(self):
        super().setUp()
        self.secrets = {}
        self.forbidden = set()
        self.unwritable = 0
        self.account = self.directory()
        command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=kubernetes"
        files = ["-keyout", self.account / "tls.key", "-out", self.account / "ca.crt", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([find("openssl"), *command.split(), *files], check=True, capture_output=True)
        (self.account / "token").write_text("pod-token")
        (self.account / "namespace").write_text("health-streaming")
        port, self.asked = self.stand_in(self.api_server, tls=(self.account / "ca.crt", self.account / "tls.key"))
        self.env = AGENT_KEY.env(SECRETS, FIELDS) | self.hq_url
        self.env |= {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT_HTTPS": str(port),
            "SERVICE_ACCOUNT_DIR": str(self.account),
        }

    def api_server(self, method, path, headers, body):
        if headers.get("Authorization") != "Bearer pod-token":
            return 401, {"kind": "Status"}
        path, _, query = path.partition("?")
        base = "/api/v1/namespaces/health-streaming/secrets"
        name = path.removeprefix(base).strip("/")
        if method in self.forbidden:
            return 403, {"kind": "Status"}
        if method == "POST" and path == base:
            name = json.loads(body)["metadata"]["name"]
            self.secrets[name] = {}
            return 201, self.shown(name)
        if name not in self.secrets:
            return 404, {"kind": "Status"}
        if method == "PATCH":
            if headers.get("Content-Type") != "application/merge-patch+json":
                return 415, {"kind": "Status"}
            if "dryRun=All" not in query:
                if self.unwritable:
                    self.unwritable -= 1
                    return 500, {"kind": "Status"}
                for key, value in json.loads(body).get("stringData", {}).items():
                    self.secrets[name][key] = value
        return 200, self.shown(name)

    def shown(self, name):
        data = {key: base64.b64encode(value.encode()).decode() for key, value in self.secrets[name].items()}
        managed = [{"manager": "curl", "fieldsV1": {"f:data": {"f:agent-key": {}}}}]
        secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name, "managedFields": managed}, "data": data}
        return json.dumps(secret, indent=2)

    def run_job(self, code=0):
        said = self.run_script(AGENT_KEY.script(), self.env, self.path, code=code)
        for secret in (PASSWORD, KEY, "pod-token"):
            self.assertNotIn(secret, said)
        return said

    def test_first_run_and_second(self):
        self.unwritable = 2
        said = self.run_job()
        self.assertIn("waiting for HQ", said)
        self.assertIn("waiting for the API server to store", said)
        self.assertEqual(self.environments, {"health-streaming": "development"})
        self.assertEqual(self.secrets, {"lenses-agent-key": {"agent-key": KEY}})
        self.assertIn("nothing to do", self.run_job())
        created = [path for method, path, _ in self.seen if method == "POST" and path == "/api/v1/environments"]
        self.assertEqual(len(created), 1)

    def test_empty_secret_is_filled(self):
        self.secrets["lenses-agent-key"] = {}
        self.run_job()
        self.assertEqual(self.secrets["lenses-agent-key"], {"agent-key": KEY})

    def test_key_of_an_earlier_hq_is_replaced(self):
        self.secrets["lenses-agent-key"] = {"agent-key": "agent_key_old"}
        self.run_job()
        self.assertEqual(self.secrets["lenses-agent-key"], {"agent-key": KEY})

    def test_lost_key_says_what_to_run(self):
        self.environments["health-streaming"] = "development"
        said = self.run_job(code=1)
        self.assertIn("cannot recover the agent key of environment health-streaming", said)
        self.assertIn(f"-X DELETE {self.env['HQ_URL']}/api/v1/environments/health-streaming", said)
        self.assertIn("kubectl -n health-streaming delete job agent-key-job-1", said)

    def test_no_key_is_made_that_could_not_be_stored(self):
        self.forbidden = {"PATCH"}
        said = self.run_job(code=1)
        self.assertIn("get and patch this one", said)
        self.assertEqual(self.environments, {})

    def test_wrong_password(self):
        self.env["HQ_PASSWORD"] = "other"
        self.assertIn("cannot log in to HQ", self.run_job(code=1))


class Processors(StandInHq):
    def setUp(self):
        super().setUp()
        self.environments["health-streaming"] = "development"
        self.schemas = {}
        port, _ = self.stand_in(self.schema_registry)
        self.env = PROCESSORS.env(SECRETS) | self.hq_url | {"SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{port}"}
        asked = [json.loads(line) for line in self.env["PROCESSORS"].splitlines()]
        self.wanted = {processor["name"]: processor["sql"] for processor in asked}

    def schema_registry(self, method, path, headers, body):
        if method == "POST":
            self.schemas[path] = json.loads(json.loads(body)["schema"])
            return 200, {"id": 1}
        if path.removesuffix("/latest") in self.schemas:
            return 200, {"version": 1}
        return 404, {"error_code": 40401, "message": "Subject not found."}

    def run_job(self, code=0):
        said = self.run_script(PROCESSORS.script(), self.env, self.path, code=code)
        self.assertNotIn(PASSWORD, said)
        return said

    def now(self):
        return {processor["application"]["name"]: processor["application"]["sql"] for processor in self.processors}

    def test_the_four_processors(self):
        self.assertEqual(list(self.wanted), ["blood-pressure", "heart-rate", "oxygen-saturation", "temperature"])
        said = self.run_job()
        self.assertIn("waiting for the agent of environment health-streaming to connect", said)
        self.assertEqual(self.now(), self.wanted)
        (schema,) = self.schemas.values()
        self.assertEqual(list(self.schemas), ["/subjects/device_data-value/versions"])
        self.assertEqual(schema["fields"][0]["name"], "deviceId")
        self.assertEqual(self.formats, [{"topicName": "device_data", "keyType": "STRING", "valueType": "AVRO"}])

        said = self.run_job()
        self.assertEqual(said.count("already there"), 4)
        self.assertEqual(self.now(), self.wanted)

    def test_the_sql_reads_what_a_device_sends(self):
        fields = {field["name"] for field in json.loads(self.env["SOURCE_SCHEMA"])["fields"]}
        for name, sql in self.wanted.items():
            read = {word.rstrip(",").removeprefix("_value.") for word in sql.split() if word.startswith("_value.")}
            self.assertTrue(read and read <= fields, (name, read - fields))

    def test_other_sql_is_kept_and_told(self):
        self.add("heart-rate", "SELECT STREAM \"quoted\" \\ FROM x;\n")
        said = self.run_job()
        self.assertIn("processor heart-rate: kept with other SQL", said)
        self.assertEqual(len(self.processors), 4)
        self.assertIn("FROM x;", self.now()["heart-rate"])

    def test_refused_sql_is_tried_again_and_then_told(self):
        self.refuse_sql = 2
        self.assertIn("no schema for topic device_data", self.run_job())
        self.assertEqual(self.now(), self.wanted)
        self.processors.clear()
        self.refuse_sql = 1000
        self.env["GIVE_UP_SECONDS"] = "1"
        self.assertIn("cannot create processor blood-pressure (Lenses answers 400)", self.run_job(code=1))

    def test_a_session_that_ends_is_renewed(self):
        answer, self.expired = self.hq, False

        def expiring(method, path, headers, body):
            if "/proxy/" in path and not self.expired:
                self.expired = True
                self.sessions += 1
            return answer(method, path, headers, body)

        port, _ = self.stand_in(expiring)
        self.env["HQ_URL"] = f"http://127.0.0.1:{port}"
        self.run_job()
        self.assertEqual(self.now(), self.wanted)


if __name__ == "__main__":
    prove(f"stand-ins for Lenses HQ and the API server, BusyBox {said('busybox')}, curl {said('curl', '--version')}")
