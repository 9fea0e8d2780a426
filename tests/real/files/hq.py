"""The composed agent-key Job, and what keeps processors, against stand-ins for Lenses HQ and for the Kubernetes API server.

HQ's stand-in answers as its API reference says (6.3, with the paths by which Lenses' own command line stops and starts), and
refuses what is not in there; the API server's as the real one does to curl over TLS, pretty-printed.
"""

import base64
import json
import re
import subprocess

from composed import Composed, field, seed
from support import Case, find, need, prove, said, until

need("busybox", "curl", "openssl")

AGENT_KEY = seed().container("Job", "lenses-agent-key")
PROCESSORS = seed().container("StatefulSet", "lenses-sql-processors")
SCHEMAS = seed().one("ConfigMap", "topic-schemas")["data"]
PASSWORD = 'pass"word \\ $HOME `x`'
KEY = "agent_key_abc_DEF123"
SECRETS = {"lenses-hq-admin": {"username": "admin", "password": PASSWORD}}
# Of the seed's system: one processor with other SQL and no others, and none at all.
BEFORE = field("sqlProcessors")
EDITED = """        sqlProcessors:
          - name: heart-rate
            sql: 'INSERT INTO heart_rate_device_topic SELECT STREAM "a\\b" FROM device_data'
"""
NONE = "        sqlProcessors: []\n"
FIELDS = {"metadata.labels['batch.kubernetes.io/job-name']": "agent-key-job-1"}


class StandInHq(Case):
    def setUp(self):
        self.environments = {}
        # By their ids; what was done to them; the names whose SQL is refused, that do not start, and that are refused once.
        self.processors, self.actions, self.count = {}, [], 0
        self.refused, self.unable, self.late = set(), set(), set()
        self.formats = []
        self.sessions = 0
        self.busy = 1
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
        if (method, path) == ("POST", "api/v1/metadata/topics"):
            self.formats.append(json.loads(body))
            return 200, ""
        if (method, path) == ("GET", "api/v2/streams"):
            return 200, json.dumps({"processors": list(self.processors.values())}, indent=1)
        if (method, path) == ("POST", "api/v2/streams"):
            return self.create(json.loads(body))
        found = re.fullmatch(r"api/v1/streams/([^/]+)(?:/(start|stop))?", path)
        if not found or found[1] not in self.processors:
            return 404, {"title": "no such processor"}
        processor, status = self.processors[found[1]], self.processors[found[1]]["deployment"]["status"]
        if method == "PUT" and found[2]:
            if (found[2] == "start") == (status["level"] == "RUNNING"):
                return 400, {"title": f"cannot {found[2]} what is {status['level']}"}
            self.actions.append((found[2], processor["application"]["name"]))
            if found[2] == "stop" or processor["application"]["name"] not in self.unable:
                self.set_level(processor, "RUNNING" if found[2] == "start" else "NOT_RUNNING")
            return 200, ""
        if method == "DELETE" and not found[2]:
            if status["level"] == "RUNNING":
                return 400, {"title": "cannot delete what runs"}
            self.actions.append(("delete", processor["application"]["name"]))
            del self.processors[found[1]]
            return 200, ""
        return 405, ""

    def create(self, wanted):
        known = {"name": str, "sql": str, "processorId": str, "description": str, "deployment": dict, "tags": list}
        wrong = [name for name, value in wanted.items() if not isinstance(value, known.get(name, type(None)))]
        if wrong or not {"name", "sql", "deployment"} <= wanted.keys() or wanted["deployment"] != {"mode": "IN_PROC"}:
            return 400, {"title": f"not in the form of a processor: {wrong or wanted}"}
        if wanted["name"] in self.now():
            return 409, {"title": "a processor of this name exists"}
        if wanted["name"] in self.refused:
            return 400, {"title": f"no schema for a topic of {wanted['name']}"}
        if wanted["name"] in self.late:
            self.late.remove(wanted["name"])
            return 400, {"title": f"no such topic for {wanted['name']}"}
        self.actions.append(("create", wanted["name"]))
        return 201, {"id": self.add(wanted["name"], wanted["sql"], wanted.get("tags", []), wanted.get("processorId", "lsql.made.up"))}

    def add(self, name, sql, tags=(), offsets="lsql.made.up"):
        topics = [{"name": "heart_rate", "keyFormat": "STRING"}]
        self.count += 1
        status = {"level": "RUNNING", "replicas": [{"id": "0", "status": "RUNNING"}]}
        self.processors[f"lsql_{self.count}"] = {
            "id": f"lsql_{self.count}",
            "application": {"name": name, "processorId": offsets, "lrn": "lrn", "sql": sql, "inputTopics": topics, "otherSettings": {}},
            "metadata": {"tags": list(tags), "createdBy": "admin", "processorType": "x"},
            "deployment": {"details": {"replicas": 1}, "status": status},
            "coverage": "full",
        }
        return f"lsql_{self.count}"

    def set_level(self, processor, level, message=None):
        replica = {"id": "0", "status": "RUNNING" if level == "RUNNING" else "STOPPED"} | ({"msg": message} if message else {})
        processor["deployment"]["status"] = {"level": level, "replicas": [replica]}

    def now(self):
        return {processor["application"]["name"]: processor["application"]["sql"] for processor in self.processors.values()}

    def one(self, name):
        return next(processor for processor in self.processors.values() if processor["application"]["name"] == name)


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
        # Subject → its schemas.
        self.schemas, self.incompatible = {}, set()
        port, self.asked = self.stand_in(self.schema_registry)
        self.registry = f"http://127.0.0.1:{port}"
        self.use(PROCESSORS, SCHEMAS)

    def use(self, container, schemas):
        self.job, self.place = container, self.directory()
        self.env = container.env(SECRETS) | self.hq_url | {"READY_FILE": str(self.place / "ready")}
        if schemas:
            self.env |= {"SCHEMA_REGISTRY_URL": self.registry, "SCHEMA_DIRECTORY": str(self.place)}
            for topic, schema in schemas.items():
                (self.place / topic).write_text(schema)
        asked = [json.loads(line) for line in self.env.get("PROCESSORS", "").splitlines()]
        self.wanted = {processor["name"]: processor["sql"] for processor in asked}

    def schema_registry(self, method, path, headers, body):
        subject = path.removeprefix("/subjects/").partition("/")[0]
        if method == "GET":
            return (200, {"version": 1}) if self.schemas.get(subject) else (404, {"error_code": 40401, "message": "Subject not found."})
        wanted = json.loads(body)
        if (method, path) != ("POST", f"/subjects/{subject}/versions") or not wanted.keys() <= {"schema", "schemaType"}:
            return 405, {"message": f"{method} {path}"}
        if subject in self.incompatible:
            return 409, {"error_code": 409, "message": "Schema being registered is incompatible with an earlier schema"}
        self.schemas.setdefault(subject, []).append((wanted.get("schemaType", "AVRO"), json.loads(wanted["schema"])))
        return 200, {"id": 1}

    def begin(self):
        return self.start(self.job.script(), self.env, self.path, [self.place])

    def is_ready(self):
        return (self.place / "ready").exists()

    def until_ready(self):
        process = self.begin()
        until(lambda: self.is_ready() or process.poll() is not None, 60)
        self.assertIsNone(process.poll(), process.stdout.read() if process.poll() else "")
        return process

    def end(self, process):
        """What it said until it was told to end."""
        process.terminate()
        said = process.communicate(timeout=30)[0]
        self.assertEqual(process.returncode, 0, said)
        self.assertNotIn(PASSWORD, said)
        return said

    def run_once(self, code=1):
        said = self.run_script(self.job.script(), self.env, self.path, code=code, writable=[self.place])
        self.assertNotIn(PASSWORD, said)
        return said

    def test_the_four_processors(self):
        self.assertEqual(list(self.wanted), ["blood-pressure", "heart-rate", "oxygen-saturation", "temperature"])
        said = self.end(self.until_ready())
        self.assertIn("waiting for the agent of environment health-streaming to connect", said)
        self.assertEqual(self.now(), self.wanted)
        self.assertEqual(list(self.schemas), ["device_data-value"])
        ((kind, schema),) = self.schemas["device_data-value"]
        self.assertEqual((kind, schema["fields"][0]["name"]), ("AVRO", "deviceId"))
        self.assertEqual(self.formats, [{"topicName": "device_data", "keyType": "STRING", "valueType": "AVRO"}])

        done = list(self.actions)
        self.end(self.until_ready())
        self.assertEqual(self.actions, done, "what is as it should be is left alone")
        self.assertEqual(len(self.schemas["device_data-value"]), 1, "a topic that has a schema keeps it")

    def test_the_sql_reads_what_a_device_sends(self):
        fields = {field["name"] for field in json.loads(SCHEMAS["device_data"])["fields"]}
        for name, sql in self.wanted.items():
            read = {word.rstrip(",").removeprefix("_value.") for word in sql.split() if word.startswith("_value.")}
            self.assertTrue(read and read <= fields, (name, read - fields))

    def test_a_stopped_processor_is_started_while_it_looks(self):
        process = self.until_ready()
        for name in ("heart-rate", "temperature"):
            self.set_level(self.one(name), "NOT_RUNNING")
            until(lambda name=name: self.one(name)["deployment"]["status"]["level"] == "RUNNING", 30)
            until(self.is_ready, 30)
        self.assertEqual([name for action, name in self.actions if action == "start"], ["heart-rate", "temperature"])
        self.assertIn("processor heart-rate: is NOT_RUNNING; starting it (Lenses answers 200)", self.end(process))

    def test_one_that_does_not_start_is_told_with_what_lenses_says_and_tried_once_in_each_run(self):
        self.end(self.until_ready())
        self.unable.add("heart-rate")
        self.set_level(self.one("heart-rate"), "FAILED", "java.lang.IllegalStateException: no offsets")
        for run in (1, 2):
            self.assertEqual(
                self.run_once().splitlines()[-1],
                "cannot run processor heart-rate: Lenses reports FAILED: java.lang.IllegalStateException: no offsets",
            )
            self.assertEqual(self.actions.count(("start", "heart-rate")), run)

    def test_one_that_was_deleted_is_made_again_at_its_offsets(self):
        process = self.until_ready()
        before = self.one("heart-rate")
        del self.processors[before["id"]]
        until(lambda: "heart-rate" in self.now(), 30)
        self.assertEqual(self.one("heart-rate")["application"]["processorId"], before["application"]["processorId"])
        self.end(process)

    def test_other_sql_is_applied_and_goes_on_at_its_offsets(self):
        self.end(self.until_ready())
        self.actions.clear()
        edited = Composed({BEFORE: EDITED}).container("StatefulSet", "lenses-sql-processors")
        self.use(edited, SCHEMAS)
        offsets = self.one("heart-rate")["application"]["processorId"]
        self.assertIn("has other SQL and is replaced", self.end(self.until_ready()))
        self.assertEqual(self.now(), self.wanted)
        self.assertEqual(self.wanted["heart-rate"], 'INSERT INTO heart_rate_device_topic SELECT STREAM "a\\b" FROM device_data')
        self.assertEqual(self.one("heart-rate")["application"]["processorId"], offsets)
        replaced = [("stop", "heart-rate"), ("delete", "heart-rate"), ("create", "heart-rate")]
        self.assertEqual([action for action in self.actions if action[1] == "heart-rate"], replaced)
        # What left the claim goes, too.
        self.assertEqual(sorted(name for action, name in self.actions if action == "delete"), ["blood-pressure", "heart-rate", "oxygen-saturation", "temperature"])

    def test_lenses_may_write_the_sql_otherwise(self):
        self.end(self.until_ready())
        for processor in self.processors.values():
            processor["application"]["sql"] = " ".join(processor["application"]["sql"].split())
        self.actions.clear()
        self.end(self.until_ready())
        self.assertEqual(self.actions, [])

    def test_one_that_a_person_made_is_left_alone_unless_the_claim_names_it(self):
        self.add("somebodys", "SELECT STREAM 1", ["team-a"])
        self.add("temperature", self.wanted["temperature"])
        self.add("heart-rate", 'SELECT STREAM "quoted" \\ FROM x;\n', offsets="lsql.7")
        self.end(self.until_ready())
        self.assertEqual(self.now(), self.wanted | {"somebodys": "SELECT STREAM 1"})
        self.assertEqual([name for action, name in self.actions if action == "delete"], ["heart-rate"])
        self.assertEqual(self.one("heart-rate")["application"]["processorId"], "lsql.7")

    def test_one_that_waits_for_a_topic_does_not_keep_the_others_back(self):
        self.refused.add("blood-pressure")
        self.late.add("temperature")
        said = self.run_once()
        self.assertIn("cannot make processor blood-pressure (Lenses answers 400): ", said.splitlines()[-1])
        self.assertIn("no schema for a topic of blood-pressure", said.splitlines()[-1])
        self.assertEqual(sorted(self.now()), ["heart-rate", "oxygen-saturation", "temperature"])
        self.refused.clear()
        self.end(self.until_ready())
        self.assertEqual(self.now(), self.wanted)

    def test_a_schema_that_is_refused_does_not_keep_the_processors_back(self):
        self.incompatible.add("device_data-value")
        said = self.run_once().splitlines()[-1]
        self.assertIn("cannot register the schema of topic device_data (the Schema Registry answers 409): Schema being registered", said)
        self.assertEqual(self.now(), self.wanted)

    def test_a_claim_without_processors_removes_ours_and_ends(self):
        self.end(self.until_ready())
        self.add("somebodys", "SELECT STREAM 1")
        none = Composed({BEFORE: NONE}).container("Job", "lenses-sql-processors")
        self.use(none, {})
        said = self.run_once(code=0)
        self.assertEqual(said.count("removed, because the claim does not ask for it"), 4)
        self.assertEqual(list(self.now()), ["somebodys"])

    def test_a_session_that_ends_is_renewed(self):
        answer, self.expired = self.hq, False

        def expiring(method, path, headers, body):
            if "/proxy/" in path and not self.expired:
                self.expired = True
                self.sessions += 1
            return answer(method, path, headers, body)

        port, _ = self.stand_in(expiring)
        self.env["HQ_URL"] = f"http://127.0.0.1:{port}"
        self.end(self.until_ready())
        self.assertEqual(self.now(), self.wanted)


if __name__ == "__main__":
    prove(f"stand-ins for Lenses HQ and the API server, BusyBox {said('busybox')}, curl {said('curl', '--version')}")
