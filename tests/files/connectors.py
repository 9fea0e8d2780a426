"""The composed connector Jobs against a stand-in for Kafka Connect and the Schema Registry.

It answers what the real one does only in the middle of a rebalance, or when a task fails for a while.
"""

import json

from composed import seed
from support import Case, need, prove, said

need("busybox", "curl")

MQTT = seed().container("Job", "mqtt-source-connector")
SNOWFLAKE = seed().container("Job", "snowflake-sink-connector")
SECRETS = {"mqtt-credentials": {"username": "-", "password": "-"}, "snowflake-kafka-credentials": {"private_key": "-"}}


class Connectors(Case):
    def setUp(self):
        self.plugins_after = 1
        self.rebalances = 0
        self.refusals = 0
        self.failures = 0
        self.state = "RUNNING"
        self.config = None
        self.tasks = []
        self.restarts = []
        self.compatibility = {}
        port, self.seen = self.stand_in(self.connect)
        url = f"http://127.0.0.1:{port}"
        self.urls = {"CONNECT_URL": f"http://127.0.0.1:{port}", "SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{port}"}
        self.use(MQTT)
        self.path = self.alpine_path("curl")

    def use(self, job):
        self.job = job
        self.env = job.env(SECRETS)
        self.env |= {name: url for name, url in self.urls.items() if name in self.env}
        self.name, self.plugin = self.env["CONNECTOR_NAME"], self.env["CONNECTOR_CLASS"]

    def connect(self, method, path, headers, body):
        if path.startswith("/config/"):
            self.compatibility[path.removeprefix("/config/")] = json.loads(body)["compatibility"]
            return 200, body
        if path == "/connector-plugins":
            self.plugins_after -= 1
            listed = ["org.apache.kafka.connect.file.FileStreamSourceConnector"] + ([self.plugin] if self.plugins_after < 0 else [])
            return 200, [{"class": name, "type": "source", "version": "1"} for name in listed]
        if (method, path) == ("PUT", f"/connectors/{self.name}/config"):
            if self.rebalances:
                self.rebalances -= 1
                return 409, {"error_code": 409, "message": "Cannot complete request momentarily due to stale configuration"}
            if self.refusals:
                self.refusals -= 1
                return 400, {"error_code": 400, "message": "Connector configuration is invalid: Invalid value ${dir:x:y}"}
            existed, self.config = self.config is not None, json.loads(body)
            return 200 if existed else 201, {"name": self.name}
        if method == "POST" and path.startswith(f"/connectors/{self.name}/restart"):
            self.restarts.append(path.partition("?")[2])
            return 202, {}
        if path == f"/connectors/{self.name}/status":
            if not self.tasks:
                # Between the connector and its first task.
                self.tasks = [0]
                return 200, {"name": self.name, "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": []}
            task = {"id": 0, "state": self.state, "worker_id": "w"}
            if self.failures:
                self.failures -= 1
                trace = 'org.apache.kafka.connect.errors.ConnectException: "tcp://broker" refuses\n\tat a.b.C(D.java:1)\n'
                task |= {"state": "FAILED", "trace": trace}
            connector = {"state": "PAUSED" if self.state == "PAUSED" else "RUNNING", "worker_id": "w"}
            return 200, {"name": self.name, "connector": connector, "tasks": [task], "type": "source"}
        return 404, {"error_code": 404, "message": "not found"}

    def run_job(self, code=0):
        return self.run_script(self.job.script(), self.env, self.path, code=code)

    def test_both_connectors_are_put_and_409_is_tried_again(self):
        for job, compatibility in ((MQTT, {"device_data-value": "NONE"}), (SNOWFLAKE, {})):
            self.use(job)
            self.rebalances, self.plugins_after, self.tasks, self.compatibility = 2, 1, [], {}
            said = self.run_job()
            self.assertIn(f"to list plug-in {self.plugin}", said)
            self.assertEqual(said.count("409 Cannot complete request momentarily"), 2)
            self.assertIn("running with its tasks", said.splitlines()[-1])
            self.assertEqual(self.config, json.loads(self.env["CONNECTOR_CONFIG"]))
            self.assertEqual(self.config["connector.class"], self.plugin)
            self.assertEqual((self.restarts, self.compatibility), ([], compatibility))
            self.config = None

    def test_any_text_in_a_setting_arrives_as_it_is(self):
        wanted = json.loads(self.env["CONNECTOR_CONFIG"]) | {"quoted": 'a "b" \\ c\td'}
        self.env |= {"CONNECTOR_CONFIG": json.dumps(wanted), "SUBJECTS": "device_data-value device_data-key"}
        self.run_job()
        self.assertEqual(self.config, wanted)
        self.assertEqual(self.compatibility, {"device_data-value": "NONE", "device_data-key": "NONE"})

    def test_existing_connector_is_restarted(self):
        self.run_job()
        self.run_job()
        self.assertEqual(self.restarts, ["includeTasks=true"])

    def test_failed_task_is_restarted_until_it_runs(self):
        self.failures = 2
        said = self.run_job()
        self.assertIn('ConnectException: \\"tcp://broker\\" refuses; starting what failed again', said)
        self.assertNotIn("D.java", said)
        self.assertEqual(self.restarts, ["includeTasks=true&onlyFailed=true"] * 2)

    def test_task_that_keeps_failing(self):
        self.failures = 10000
        self.env["GIVE_UP_SECONDS"] = "1"
        self.assertIn("cannot run connector mqtt-source-connector: org.apache.kafka", self.run_job(code=1))

    def test_refused_configuration_is_tried_again(self):
        self.refusals = 2
        self.assertIn("Invalid value ${dir:x:y}", self.run_job())
        self.assertEqual(self.config, json.loads(self.env["CONNECTOR_CONFIG"]))

    def test_configuration_that_stays_refused(self):
        self.refusals = 10000
        self.env["GIVE_UP_SECONDS"] = "1"
        self.assertIn("cannot put connector mqtt-source-connector (Connect answers 400)", self.run_job(code=1))

    def test_paused_by_a_person(self):
        self.state = "PAUSED"
        self.assertIn("somebody has paused it", self.run_job())

    def test_nothing_answers_yet(self):
        self.env |= {name: "http://127.0.0.1:1" for name in self.urls}
        process = self.start(self.job.script(), self.env, self.path)
        self.assertIn("(now: 000)", process.stdout.readline())
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    prove(f"stand-in for Kafka Connect, BusyBox {said('busybox')}, curl {said('curl', '--version')}")
