"""put-connector.sh against a stand-in for Kafka Connect and the Schema Registry."""

import json
import unittest

from support import HTTP, Case, need, text

need("busybox", "curl")

SCRIPT = text(HTTP, "files/put-connector.sh")
CLASS = "io.lenses.streamreactor.connect.mqtt.source.MqttSourceConnector"
CONFIG = {
    "connector.class": CLASS,
    "connect.mqtt.kcql": "INSERT INTO device_data SELECT * FROM `health/device_data` WITHKEY(deviceId)",
    "connect.mqtt.password": "${dir:/mnt/secrets/mqtt:password}",
    "quoted": 'a "b" \\ c',
}


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
        self.env = {
            "CONNECT_URL": url,
            "SCHEMA_REGISTRY_URL": url,
            "CONNECTOR_NAME": "mqtt-source",
            "CONNECTOR_CLASS": CLASS,
            "CONNECTOR_CONFIG": json.dumps(CONFIG),
        }
        self.path = self.alpine_path("curl")

    def connect(self, method, path, headers, body):
        if path.startswith("/config/"):
            self.compatibility[path.removeprefix("/config/")] = json.loads(body)["compatibility"]
            return 200, body
        if path == "/connector-plugins":
            self.plugins_after -= 1
            listed = ["org.apache.kafka.connect.file.FileStreamSourceConnector"] + ([CLASS] if self.plugins_after < 0 else [])
            return 200, [{"class": name, "type": "source", "version": "1"} for name in listed]
        if (method, path) == ("PUT", "/connectors/mqtt-source/config"):
            if self.rebalances:
                self.rebalances -= 1
                return 409, {"error_code": 409, "message": "Cannot complete request momentarily due to stale configuration"}
            if self.refusals:
                self.refusals -= 1
                return 400, {"error_code": 400, "message": "Connector configuration is invalid: Invalid value ${dir:x:y}"}
            existed, self.config = self.config is not None, json.loads(body)
            return 200 if existed else 201, {"name": "mqtt-source"}
        if method == "POST" and path.startswith("/connectors/mqtt-source/restart"):
            self.restarts.append(path.partition("?")[2])
            return 202, {}
        if path == "/connectors/mqtt-source/status":
            if not self.tasks:
                # Between the connector and its first task.
                self.tasks = [0]
                return 200, {"name": "mqtt-source", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": []}
            task = {"id": 0, "state": self.state, "worker_id": "w"}
            if self.failures:
                self.failures -= 1
                trace = 'org.apache.kafka.connect.errors.ConnectException: "tcp://broker" refuses\n\tat a.b.C(D.java:1)\n'
                task |= {"state": "FAILED", "trace": trace}
            connector = {"state": "PAUSED" if self.state == "PAUSED" else "RUNNING", "worker_id": "w"}
            return 200, {"name": "mqtt-source", "connector": connector, "tasks": [task], "type": "source"}
        return 404, {"error_code": 404, "message": "not found"}

    def run_job(self, code=0):
        return self.run_script(SCRIPT, self.env, self.path, code=code)

    def test_new_connector(self):
        self.rebalances = 2
        self.env["SUBJECTS"] = "device_data-value device_data-key"
        said = self.run_job()
        self.assertIn(f"to list plug-in {CLASS}", said)
        self.assertIn("409 Cannot complete request momentarily", said)
        self.assertIn("running with its tasks", said)
        self.assertEqual(self.config, CONFIG)
        self.assertEqual(self.restarts, [])
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
        self.assertIn("cannot run connector mqtt-source: org.apache.kafka", self.run_job(code=1))

    def test_refused_configuration_is_tried_again(self):
        self.refusals = 2
        self.assertIn("Invalid value ${dir:x:y}", self.run_job())
        self.assertEqual(self.config, CONFIG)

    def test_configuration_that_stays_refused(self):
        self.refusals = 10000
        self.env["GIVE_UP_SECONDS"] = "1"
        self.assertIn("cannot put connector mqtt-source (Connect answers 400)", self.run_job(code=1))

    def test_paused_by_a_person(self):
        self.state = "PAUSED"
        self.assertIn("somebody has paused it", self.run_job())

    def test_nothing_answers_yet(self):
        self.env["CONNECT_URL"] = "http://127.0.0.1:1"
        process = self.start(SCRIPT, self.env, self.path)
        self.assertIn("(now: 000)", process.stdout.readline())
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    unittest.main()
