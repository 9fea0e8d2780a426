"""What keeps connectors, against a stand-in for Kafka Connect and the Schema Registry.

It answers what the real one does only in the middle of a rebalance, or when a task fails for a while. Each run of a script
is one attempt, as in its pod: `run_pod` starts it again as the kubelet does, without its pauses.
"""

import json
import time

from composed import Composed, field, seed
from support import Case, need, prove, said, until

need("busybox", "curl")

MQTT = seed().container("StatefulSet", "mqtt-source-connector")
SYSTEM = seed().container("StatefulSet", "kafka-connect")
# Neither Snowflake nor mappings.
APPLICATION = "examples/variants/no-snowflake.yaml"
NONE = Composed({field("connectorConfig", APPLICATION): "        connectorConfig: {mappings: []}\n"}, APPLICATION)
SECRETS = {"mqtt-credentials": {"username": "-", "password": "-"}, "snowflake-kafka-credentials": {"private_key": "-"}}
TRACE = (
    "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.\n\tat a.b.C(D.java:1)\n"
    'Caused by: java.net.SocketTimeoutException: "tcp://broker" refuses\n\tat e.f.G(H.java:2)\n\t... 10 more\n'
)


class Connectors(Case):
    def setUp(self):
        self.plugins_after = 1
        self.rebalances = 0
        self.refusals = 0
        self.is_up = self.registry_is_up = True
        # Name → configuration, state of its task, and how often a restart does not help it.
        self.connectors, self.states, self.failures = {}, {}, 0
        self.restarts, self.deleted = [], []
        self.compatibility = {}
        port, self.seen = self.stand_in(self.connect)
        url = f"http://127.0.0.1:{port}"
        self.urls = {"CONNECT_URL": url, "SCHEMA_REGISTRY_URL": url}
        self.use(MQTT)
        self.path = self.alpine_path("curl")

    def use(self, container):
        self.job = container
        self.place = self.directory()
        self.env = container.env(SECRETS)
        self.env |= {name: url for name, url in self.urls.items() if name in self.env}
        self.env["READY_FILE"] = str(self.place / "ready")
        self.name, self.plugin = self.env.get("CONNECTOR_NAME"), self.env.get("CONNECTOR_CLASS")

    def connect(self, method, path, headers, body):
        if path == "/subjects" or path.startswith("/config/"):
            if not self.registry_is_up:
                return 503, ""
            if path != "/subjects":
                self.compatibility[path.removeprefix("/config/")] = json.loads(body)["compatibility"]
            return 200, body or []
        if not self.is_up:
            return 503, ""
        if path == "/connector-plugins":
            self.plugins_after -= 1
            listed = ["org.apache.kafka.connect.file.FileStreamSourceConnector"] + ([self.plugin] if self.plugins_after < 0 else [])
            return 200, [{"class": name, "type": "source", "version": "1"} for name in listed]
        if (method, path) == ("GET", "/connectors"):
            return 200, sorted(self.connectors)
        name, _, rest = path.removeprefix("/connectors/").partition("/")
        if not path.startswith("/connectors/") or (method, rest) != ("PUT", "config") and name not in self.connectors:
            return 404, {"error_code": 404, "message": "not found"}
        if (method, rest) == ("DELETE", ""):
            del self.connectors[name]
            self.deleted.append(name)
            return 204, ""
        if (method, rest) == ("PUT", "config"):
            return self.put(name, json.loads(body))
        if method == "POST" and rest.startswith("restart"):
            self.restarts.append(rest.partition("?")[2])
            if self.failures:
                self.failures -= 1
            elif self.states[name] == "FAILED":
                self.states[name] = "RUNNING"
            return 202, {}
        if (method, rest) == ("GET", "status"):
            return 200, self.status(name)
        return 405, {"error_code": 405, "message": f"{method} {path}"}

    def put(self, name, config):
        if self.rebalances:
            self.rebalances -= 1
            return 409, {"error_code": 409, "message": "Cannot complete request momentarily due to stale configuration"}
        if self.refusals:
            self.refusals -= 1
            return 400, {"error_code": 400, "message": "Connector configuration is invalid: Invalid value ${dir:x:y}"}
        existed = name in self.connectors
        self.connectors[name] = config
        # Between the connector and its first task.
        self.states.setdefault(name, None)
        return 200 if existed else 201, {"name": name}

    def status(self, name):
        state = self.states[name]
        if state is None:
            self.states[name] = "RUNNING"
            return {"name": name, "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": [], "type": "source"}
        task = {"id": 0, "state": state, "worker_id": "w"} | ({"trace": TRACE} if state == "FAILED" else {})
        connector = {"state": "PAUSED" if state == "PAUSED" else "RUNNING", "worker_id": "w"}
        return {"name": name, "connector": connector, "tasks": [task], "type": "source"}

    def run_once(self, env=(), code=1):
        """One run that ends, with what it says at its end."""
        return self.run_script(self.job.script(), self.env | dict(env), self.path, code=code, writable=[self.place])

    def begin(self):
        """A run that goes on."""
        return self.start(self.job.script(), self.env, self.path, [self.place])

    def is_ready(self):
        return (self.place / "ready").exists()

    def run_pod(self, seconds=30):
        """Starts the script again each time it ends, until all is well; what it said at each end."""
        ends = []
        process = self.begin()
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            self.assertLess(time.monotonic(), deadline, ends)
            if process.poll() is not None:
                ends.append(process.stdout.read().splitlines()[-1])
                process = self.begin()
            time.sleep(0.02)
        return process, ends

    def test_both_connectors_are_put_and_409_is_tried_again(self):
        for container, compatibility in ((MQTT, {"device_data-value": "NONE"}), (SYSTEM, {})):
            self.use(container)
            self.rebalances, self.plugins_after, self.compatibility = 2, 1, {}
            process, ends = self.run_pod()
            self.assertEqual(ends, [])
            process.terminate()
            said = process.communicate(timeout=30)[0]
            self.assertEqual(process.returncode, 0, "it does not end when it is told to")
            self.assertIn(f"to list plug-in {self.plugin}", said)
            self.assertEqual(said.count("409 Cannot complete request momentarily"), 2)
            self.assertIn("running with its tasks", said.splitlines()[-1])
            self.assertEqual(self.connectors[self.name], json.loads(self.env["CONNECTOR_CONFIG"]))
            self.assertEqual(self.connectors[self.name]["connector.class"], self.plugin)
            self.assertEqual((self.restarts, self.compatibility), ([], compatibility))

    def test_any_text_in_a_setting_arrives_as_it_is(self):
        wanted = json.loads(self.env["CONNECTOR_CONFIG"]) | {"quoted": 'a "b" \\ c\td'}
        self.env |= {"CONNECTOR_CONFIG": json.dumps(wanted), "SUBJECTS": "device_data-value device_data-key"}
        self.run_pod()
        self.assertEqual(self.connectors[self.name], wanted)
        self.assertEqual(self.compatibility, {"device_data-value": "NONE", "device_data-key": "NONE"})

    def test_a_new_pod_restarts_what_runs_and_a_new_run_in_it_what_has_failed(self):
        self.connectors[self.name], self.states[self.name] = {}, "RUNNING"
        process, _ = self.run_pod()
        process.terminate()
        process.wait()
        self.assertEqual(self.restarts, ["includeTasks=true"])
        self.run_pod()
        self.assertEqual(self.restarts, ["includeTasks=true", "includeTasks=true&onlyFailed=true"])

    def test_a_task_that_fails_later_ends_the_run_with_its_cause_and_the_next_run_restarts_it(self):
        process, _ = self.run_pod()
        self.states[self.name] = "FAILED"
        said, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(
            said.splitlines()[-1],
            'cannot run connector mqtt-source-connector: java.net.SocketTimeoutException: \\"tcp://broker\\" refuses',
        )
        self.assertEqual(self.restarts, [])
        _, ends = self.run_pod()
        self.assertEqual(ends, [])
        self.assertEqual(self.restarts, ["includeTasks=true&onlyFailed=true"])

    def test_a_task_that_keeps_failing_is_restarted_once_in_each_run(self):
        self.connectors[self.name], self.states[self.name], self.failures = {}, "FAILED", 3
        _, ends = self.run_pod()
        self.assertEqual(len(ends), 3)
        self.assertTrue(all("SocketTimeoutException" in end for end in ends), ends)
        self.assertEqual(len(self.restarts), 4)

    def test_a_connector_that_somebody_deleted_is_put_again(self):
        process, _ = self.run_pod()
        self.connectors.clear()
        until(lambda: self.name in self.connectors, 30)
        until(self.is_ready, 30)
        self.assertIsNone(process.poll())

    def test_what_is_ours_and_not_asked_for_is_removed_and_nothing_else(self):
        for container, unwanted in ((MQTT, "mqtt-source-bytes-connector"), (NONE.container("StatefulSet", "kafka-connect"), "snowflake-sink-connector")):
            self.use(container)
            self.connectors |= {unwanted: {}, "somebodys": {}, f"{unwanted}-2": {}}
            self.states |= {unwanted: "RUNNING", "somebodys": "RUNNING"}
            process, ends = self.run_pod()
            self.assertEqual((ends, self.deleted), ([], [unwanted]))
            self.assertIn("somebodys", self.connectors)
            # Whoever kept it until now may put it back once more.
            self.connectors[unwanted] = {}
            until(lambda: unwanted not in self.connectors, 30)
            process.terminate()
            self.deleted.clear()

    def test_a_claim_without_mappings_removes_both_and_ends(self):
        self.use(NONE.container("Job", "mqtt-source-connector"))
        self.connectors = {"mqtt-source-connector": {}, "mqtt-source-bytes-connector": {}, "somebodys": {}}
        said = self.run_once(code=0)
        self.assertEqual(sorted(self.connectors), ["somebodys"])
        self.assertEqual(said.count("removed, because the claim does not ask for it"), 2)
        # Where there is no system with Kafka.
        said = self.run_once({"CONNECT_URL": "http://kafka-service.invalid:8083"}, code=0)
        self.assertIn("nothing to remove", said.splitlines()[-1])

    def test_connect_and_the_registry_that_stop_answering_are_told(self):
        for container, named in ((SYSTEM, "is_up"), (SYSTEM, "registry_is_up"), (MQTT, "is_up"), (MQTT, "registry_is_up")):
            self.use(container)
            process, _ = self.run_pod()
            setattr(self, named, False)
            until(lambda: not self.is_ready(), 30)
            self.assertIsNone(process.poll(), "it waits before it gives up")
            setattr(self, named, True)
            until(self.is_ready, 30)
            process.terminate()
            setattr(self, named, False)
            what = "Kafka Connect" if named == "is_up" else "the Schema Registry"
            self.assertRegex(self.run_once({"GIVE_UP_SECONDS": "1"}).splitlines()[-1], f"^cannot go on: waited 1 s for {what} at http")
            setattr(self, named, True)

    def test_refused_configuration_is_told_and_tried_again(self):
        self.refusals = 2
        _, ends = self.run_pod()
        self.assertEqual(len(ends), 2)
        self.assertIn("cannot put connector mqtt-source-connector (Connect answers 400): Connector configuration is invalid: Invalid value", ends[0])

    def test_paused_by_a_person(self):
        self.connectors[self.name], self.states[self.name] = {}, "PAUSED"
        said = self.run_once().splitlines()[-1]
        self.assertIn("it is paused; to resume it", said)
        self.assertIn(f"curl -X PUT {self.urls['CONNECT_URL']}/connectors/{self.name}/resume", said)

    def test_nothing_answers_yet(self):
        self.env |= {name: "http://127.0.0.1:1" for name in self.urls}
        process = self.begin()
        self.assertIn("(now: 000)", process.stdout.readline())
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    prove(f"stand-in for Kafka Connect, BusyBox {said('busybox')}, curl {said('curl', '--version')}")
