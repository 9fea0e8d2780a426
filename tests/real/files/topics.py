"""The composed topics Job against stand-ins for kafka-topics and kafka-configs, which keep topics in a file and record calls.

The stand-ins describe topics in the form of Kafka's own tool (kafka-topics --describe).
"""

import json
import os
import stat
import sys

from composed import seed
from support import Case, prove, said

JOB = seed().container("Job", "kafka-topics")
STAND_IN = '''#!%(python)s
import json, os, sys
state = json.load(open("%(state)s"))
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
state["calls"].append([name, *arguments])
if state["down"]:
    state["down"] -= 1
    json.dump(state, open("%(state)s", "w"))
    print("Error while executing topic command : Timed out waiting for a node assignment.")
    sys.exit("WARN Connection to node -1 could not be established.")
def option(flag, default=None):
    return arguments[arguments.index(flag) + 1] if flag in arguments else default
assert option("--bootstrap-server") == "kafka-service:9092"
topics = state["topics"]
if name == "kafka-configs":
    assert option("--entity-type") == "topics" and "--alter" in arguments
    key, value = option("--add-config").split("=")
    topics[option("--entity-name")]["configs"][key] = value
elif "--describe" in arguments:
    for topic, is_now in topics.items():
        configs = ",".join(f"{key}={value}" for key, value in is_now["configs"].items())
        print(f"Topic: {topic}\\tTopicId: AAAA\\tPartitionCount: {is_now['partitions']}\\tReplicationFactor: 1\\tConfigs: {configs}")
        for partition in range(is_now["partitions"]):
            print(f"\\tTopic: {topic}\\tPartition: {partition}\\tLeader: 101\\tReplicas: 101\\tIsr: 101")
elif "--create" in arguments:
    assert option("--replication-factor") == "1" and option("--topic") not in topics
    configs = dict([option("--config").split("=")]) if "--config" in arguments else {}
    topics[option("--topic")] = {"partitions": int(option("--partitions")), "configs": {"segment.bytes": "104857600"} | configs}
elif "--alter" in arguments:
    assert int(option("--partitions")) > topics[option("--topic")]["partitions"]
    topics[option("--topic")]["partitions"] = int(option("--partitions"))
else:
    sys.exit("unexpected call")
json.dump(state, open("%(state)s", "w"))
'''


class Topics(Case):
    def setUp(self):
        directory = self.directory()
        self.state = directory / "state"
        self.writable = [directory]
        for name in ("kafka-topics", "kafka-configs"):
            program = directory / name
            program.write_text(STAND_IN % {"python": sys.executable, "state": self.state})
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.path = os.pathsep.join([str(directory), os.environ["PATH"]])
        self.kafka()

    def kafka(self, topics=None, down=0):
        self.state.write_text(json.dumps({"topics": topics or {}, "calls": [], "down": down}))

    def now(self):
        state = json.loads(self.state.read_text())
        topics = {name: (topic["partitions"], topic["configs"].get("retention.ms")) for name, topic in state["topics"].items()}
        return topics, state["calls"]

    def create(self, topics, code=0):
        return self.run_script(JOB.script(), JOB.env() | {"TOPICS": topics}, self.path, code=code, writable=self.writable)

    def test_missing_topics_are_created_and_the_second_run_changes_nothing(self):
        self.kafka(down=2)
        asked = "device_data 3 604800000\nheart_rate_device_topic 1 -\n\ntemperature_device_topic 2\n"
        said = self.create(asked)
        self.assertEqual(said.count("waiting for Kafka at kafka-service:9092 (Error while executing topic command"), 2)
        self.assertNotIn("WARN", said)
        expected = {
            "device_data": (3, "604800000"),
            "heart_rate_device_topic": (1, None),
            "temperature_device_topic": (2, None),
        }
        topics, calls = self.now()
        self.assertEqual(topics, expected)
        self.create(asked)
        topics, later = self.now()
        self.assertEqual(topics, expected)
        self.assertEqual([call[3] for call in later[len(calls) :]], ["--describe"])

    def test_existing_topics_are_raised_and_never_lowered(self):
        self.kafka(
            {
                "device_data": {"partitions": 1, "configs": {"segment.bytes": "1", "retention.ms": "6048"}},
                "device_data_2": {"partitions": 5, "configs": {"retention.ms": "1000"}},
                "other": {"partitions": 7, "configs": {}},
            }
        )
        said = self.create("device_data 3 60480\ndevice_data_2 2 -\n")
        topics, calls = self.now()
        self.assertEqual(topics, {"device_data": (3, "60480"), "device_data_2": (5, "1000"), "other": (7, None)})
        self.assertIn("topic device_data: raised from 1 to 3 partitions", said)
        self.assertIn("topic device_data_2: keeps its 5 partitions", said)
        self.assertFalse(any("--delete" in call for call in calls))

    def test_endless_retention(self):
        self.create("device_data 1 -1")
        self.assertEqual(self.now()[0], {"device_data": (1, "-1")})

    def test_what_cannot_be_read_is_named(self):
        for line in ("device_data", "device_data three", "device/data 3 1", "device_data 3 1week", "device_data 3 1 more"):
            self.assertIn("cannot read a topic from", self.create(line, code=1), line)
        self.assertEqual(self.now()[0], {})


if __name__ == "__main__":
    prove(f"stand-ins for Kafka's tools, dash and BusyBox {said('busybox')}")
