"""The composed alerts on Kafka, Connect, PostgreSQL and RabbitMQ in several pods: when Prometheus itself raises each, what it
says then, and that it raises none while all is well."""

import copy
import json
import re
import subprocess

import rules
from composed import CHECKOUT
from support import Case, find, need, prove, said

need("promtool")

HERE, ELSEWHERE = "streaming", "another"
# PrometheusRule → the variant of an Application with it, and what its exporters show while all is well: a metric with its
# labels besides those of the pods, and the value in each pod.
PODS = ("0", "1", "2")
BACKUP = "barman_cloud_cloudnative_pg_io_last"
KAFKA = {
    "kafka_server_kafkaserver_brokerstate": "3x90",
    "kafka_controller_kafkacontroller_activecontrollercount": ("1x90", "0x90", "0x90"),
    "kafka_server_replicamanager_underreplicatedpartitions": "0x90",
    "kafka_server_replicamanager_underminisrpartitioncount": "0x90",
    "kafka_controller_kafkacontroller_offlinepartitionscount": "0x90",
}
TASK = '{connector="sink", task="0"}'
CONNECT = {
    "kafka_connect_connect_worker_metrics_connector_count": ("1x90", "0x90", None),
    'kafka_connect_connector_metrics_status_info{connector="sink", status="running"}': ("1x90", None, None),
    'kafka_connect_connect_worker_metrics_connector_failed_task_count{connector="sink"}': ("0x90", None, None),
    f"kafka_connect_task_error_metrics_total_record_failures{TASK}": ("7x90", None, None),
    f"kafka_connect_task_error_metrics_deadletterqueue_produce_requests{TASK}": ("7x90", None, None),
    f"kafka_connect_task_error_metrics_deadletterqueue_produce_failures{TASK}": ("0x90", None, None),
}
POSTGRES = {
    'cnpg_collector_up{cluster="lenses-backend-postgres"}': "1x90",
    "cnpg_pg_replication_in_recovery": ("0x90", "1x90", "1x90"),
    "cnpg_pg_replication_is_wal_receiver_up": ("0x90", "1x90", "1x90"),
    "cnpg_pg_replication_lag": ("0x90", "0x90", "299x90"),
}
BACKED_UP = POSTGRES | {
    # Shown by the primary alone. It failed once, and goes on.
    "cnpg_pg_stat_archiver_last_archived_time": ("1000+60x90", None, None),
    "cnpg_pg_stat_archiver_last_failed_time": ("900x90", None, None),
    f"{BACKUP}_available_backup_timestamp": "5000x90",
    f"{BACKUP}_failed_backup_timestamp": "4000x90",
}
MQTT = {
    "rabbitmq_identity_info": "1x90",
    "rabbitmq_alarms_memory_used_watermark": "0x90",
    "rabbitmq_alarms_free_disk_space_watermark": "0x90",
    "rabbitmq_queue_messages_bytes": "100000000x90",
    'rabbitmq_global_messages_received_confirm_total{protocol="mqtt311"}': "0+600x90",
    'rabbitmq_global_messages_confirmed_total{protocol="mqtt311"}': "0+600x90",
}
RULES = {
    "kafka-platform": ("replicated-kafka", KAFKA),
    "kafka-connect": ("replicated-kafka", CONNECT),
    "lenses-backend-postgres": ("restored-database", BACKED_UP),
    "health-mqtt-broker": ("replicated-broker", MQTT),
}


def gone(shown):
    """What is shown by nobody from minute 10 on."""
    cut = lambda values: values and re.sub("x90$", "x10 stale", values)  # noqa: E731
    return {metric: cut(values) if isinstance(values, str) else tuple(map(cut, values)) for metric, values in shown.items()}


SKIPPED, LETTERS, FAILED = (name for name in CONNECT if "task_error" in name)
FAILED_TASKS = next(name for name in CONNECT if "failed_task_count" in name)
CONFIRMED = 'rabbitmq_global_messages_confirmed_total{protocol="mqtt311"}'

# PrometheusRule, what differs from minute 10 on, the minute at which nothing is raised yet, the minute at which the alert
# is, its labels besides namespace and severity, and its summary.
CASES = {
    "KafkaBrokerAway": [
        ("kafka-platform", {"kafka_server_kafkaserver_brokerstate": ("3x90", "3x90", "3x10 stale")}, 15, 25, {}, "Not all of Kafka's pods in streaming serve."),
        # It starts, and does not come further.
        ("kafka-platform", {"kafka_server_kafkaserver_brokerstate": ("3x90", "3x90", "3x10 1x80")}, 15, 25, {}, "Not all of Kafka's pods"),
        ("kafka-platform", gone(KAFKA), 9, 25, {}, "Not all of Kafka's pods"),
    ],
    "KafkaWithoutController": [
        ("kafka-platform", {"kafka_controller_kafkacontroller_activecontrollercount": ("1x10 stale", "0x90", "0x90")}, 11, 15, {}, "Kafka in streaming has no active controller."),
    ],
    "KafkaPartitionsUnderReplicated": [
        ("kafka-platform", {"kafka_server_replicamanager_underreplicatedpartitions": ("0x10 2x80", "0x10 3x80", "0x90")}, 20, 30, {}, "5 partitions of Kafka in streaming have a copy that is not in sync."),
    ],
    "KafkaPartitionsUnderMinIsr": [
        ("kafka-platform", {"kafka_server_replicamanager_underminisrpartitioncount": ("0x10 2x80", "0x90", "0x90")}, 11, 15, {}, "2 partitions of Kafka in streaming take no records."),
    ],
    "KafkaPartitionsOffline": [
        # Each controller shows them all.
        ("kafka-platform", {"kafka_controller_kafkacontroller_offlinepartitionscount": "0x10 4x80"}, 11, 15, {}, "4 partitions of Kafka in streaming have no leader."),
    ],
    "KafkaConnectPodAway": [
        ("kafka-connect", {"kafka_connect_connect_worker_metrics_connector_count": ("1x90", "0x10 stale", None)}, 15, 25, {}, "Not all of Kafka Connect's pods in streaming serve."),
    ],
    "KafkaConnectorFailed": [
        ("kafka-connect", {FAILED_TASKS: ("0x10 1x80", None, None)}, 15, 25, {"connector": "sink"}, "Connector sink in streaming has failed, and Strimzi could not restart it."),
        ("kafka-connect", {'kafka_connect_connector_metrics_status_info{connector="sink", status="failed"}': ("_x10 1x80", None, None)}, 15, 25, {"connector": "sink"}, "Connector sink"),
    ],
    "KafkaConnectRecordsSkipped": [
        ("kafka-connect", {SKIPPED: ("7x10 8x80", None, None), LETTERS: ("0x90", None, None)}, 10, 12, {"connector": "sink"}, "Connector sink in streaming has skipped records."),
        ("kafka-connect", {FAILED: ("0x10 1x80", None, None)}, 10, 12, {"connector": "sink"}, "Connector sink in streaming has skipped records."),
        # Its task runs in another pod, and counts from zero.
        ("kafka-connect", {SKIPPED: ("7x10 stale", "_x11 0x2 1x80", None), LETTERS: ("0x10 stale", "_x11 0x90", None)}, 12, 15, {"connector": "sink"}, "Connector sink"),
    ],
    "KafkaConnectDeadLetters": [
        ("kafka-connect", {SKIPPED: ("7x10 8x80", None, None), LETTERS: ("7x10 8x80", None, None)}, 10, 12, {"connector": "sink"}, "Connector sink in streaming has sent records to its dead letter topic."),
    ],
    "PostgresInstanceAway": [
        ("lenses-backend-postgres", {'cnpg_collector_up{cluster="lenses-backend-postgres"}': ("1x90", "1x10 0x80", "1x90")}, 15, 25, {}, "Not all of PostgreSQL's pods in streaming serve."),
        ("lenses-backend-postgres", gone(BACKED_UP), 9, 25, {}, "Not all of PostgreSQL's pods"),
    ],
    "PostgresWithoutPrimary": [
        ("lenses-backend-postgres", {"cnpg_pg_replication_in_recovery": ("0x10 stale", "1x90", "1x90")}, 11, 15, {}, "PostgreSQL in streaming has no primary."),
    ],
    "PostgresStandbyBehind": [
        ("lenses-backend-postgres", {"cnpg_pg_replication_lag": ("0x90", "0x90", "0x10 301x80")}, 13, 20, {"pod": "2"}, "Standby 2 in streaming is 5m 1s behind the primary."),
    ],
    "PostgresStandbyDisconnected": [
        ("lenses-backend-postgres", {"cnpg_pg_replication_is_wal_receiver_up": ("0x90", "1x90", "1x10 0x80")}, 13, 20, {"pod": "2"}, "Standby 2 in streaming does not follow the primary."),
    ],
    "PostgresArchivingFails": [
        ("lenses-backend-postgres", {"cnpg_pg_stat_archiver_last_archived_time": ("1600x90", None, None), "cnpg_pg_stat_archiver_last_failed_time": ("900x10 1600+60x80", None, None)}, 20, 30, {}, "PostgreSQL in streaming cannot archive its log."),
    ],
    "PostgresBackupFailed": [
        ("lenses-backend-postgres", {f"{BACKUP}_failed_backup_timestamp": "4000x10 6000x80"}, 13, 20, {}, "The last backup of PostgreSQL in streaming failed."),
        # The first one fails.
        ("lenses-backend-postgres", {f"{BACKUP}_available_backup_timestamp": "0x90", f"{BACKUP}_failed_backup_timestamp": "0x10 6000x80"}, 13, 20, {}, "The last backup of PostgreSQL"),
    ],
    "MqttNodeAway": [
        ("health-mqtt-broker", {"rabbitmq_identity_info": ("1x90", "1x90", "1x10 stale")}, 15, 25, {}, "Not all of RabbitMQ's pods in streaming serve."),
        ("health-mqtt-broker", gone(MQTT), 9, 25, {}, "Not all of RabbitMQ's pods"),
    ],
    "MqttWithoutMajority": [
        ("health-mqtt-broker", {"rabbitmq_identity_info": ("1x90", "1x10 stale", "1x10 stale")}, 11, 15, {}, "The majority of RabbitMQ's pods in streaming is away."),
    ],
    "MqttMemoryAlarm": [
        ("health-mqtt-broker", {"rabbitmq_alarms_memory_used_watermark": ("0x90", "0x10 1x80", "0x90")}, 10, 13, {"pod": "1"}, "RabbitMQ's pod 1 in streaming has used its memory."),
    ],
    "MqttDiskAlarm": [
        ("health-mqtt-broker", {"rabbitmq_alarms_free_disk_space_watermark": ("0x90", "0x10 1x80", "0x90")}, 10, 13, {"pod": "1"}, "The volume of RabbitMQ's pod 1 in streaming is nearly full."),
    ],
    "MqttQueuesFill": [
        ("health-mqtt-broker", {"rabbitmq_queue_messages_bytes": ("0x10 536870913x80", "0x90", "0x90")}, 13, 20, {}, "Messages for clients that are away take 512MiB at RabbitMQ in streaming."),
    ],
    "MqttMessagesRefused": [
        # A tenth of 1800 a minute gets no answer.
        ("health-mqtt-broker", {CONFIRMED: ("0+600x90", "0+600x90", "0+600x10 6000+420x80")}, 9, 35, {}, "RabbitMQ in streaming refuses messages."),
        # As with MQTT 5, each refusal is an answer.
        ("health-mqtt-broker", {"rabbitmq_queue_messages_bytes": ("0x10 1073741824x80", "0x90", "0x90")}, 11, 15, {}, "RabbitMQ in streaming refuses messages."),
    ],
}
# What may come with an alert: it is raised for the same reason.
BESIDES = {
    "KafkaWithoutController": {"KafkaBrokerAway"},
    "PostgresWithoutPrimary": {"PostgresInstanceAway"},
    "MqttWithoutMajority": {"MqttNodeAway"},
    "MqttMessagesRefused": {"MqttQueuesFill"},
}


class Alerts(Case):
    @classmethod
    def setUpClass(cls):
        cls.rules = {name: rules.composed(variant, name) for name, (variant, _) in RULES.items()}

    def series(self, name, changed=(), namespace=HERE):
        """What the exporters show, with other values for some metrics."""
        found = []
        for metric, values in {**RULES[name][1], **dict(changed)}.items():
            values = (values,) * len(PODS) if isinstance(values, str) else values
            bare, _, labels = metric.partition("{")
            labels = [labels.rstrip("}")] if labels else []
            for pod, value in zip(PODS, values):
                if value:
                    all_labels = ", ".join([*labels, f'namespace="{namespace}"', f'pod="{pod}"'])
                    found.append({"series": f"{bare}{{{all_labels}}}", "values": value})
        return found

    def judge(self, manifest, given, wanted):
        """What Prometheus's own test of rules says: `wanted` is minute → (alert, labels) of each that is raised then."""
        directory = self.directory()
        (directory / "rules.json").write_text(json.dumps(manifest["spec"]))
        severity = {rule["alert"]: rule["labels"]["severity"] for rule in rules.alerts(manifest)}
        checks = [
            {
                "alertname": alert, "eval_time": f"{minute}m",
                "exp_alerts": [{"exp_labels": {"severity": severity[alert], "namespace": HERE} | labels} for name, labels in raised if name == alert],
            }
            for minute, raised in wanted.items() for alert in severity
        ]
        test = {"interval": "1m", "input_series": given, "alert_rule_test": checks}
        (directory / "test.json").write_text(json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": [test]}))
        done = subprocess.run([find("promtool"), "test", "rules", directory / "test.json"], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def bare(self, name, without=()):
        """Rules without what they say, which has a test of its own."""
        manifest = copy.deepcopy(self.rules[name])
        for group in manifest["spec"]["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule["alert"] not in without]
        for rule in rules.alerts(manifest):
            del rule["annotations"]
        return manifest

    def test_prometheus_takes_them(self):
        for name, manifest in self.rules.items():
            with self.subTest(name):
                file = self.directory() / "rules.json"
                file.write_text(json.dumps(manifest["spec"]))
                done = subprocess.run([find("promtool"), "check", "rules", file], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"{len(rules.alerts(manifest))} rules found", done.stdout)

    def test_none_is_raised_while_all_is_well_whatever_is_elsewhere(self):
        for name in self.rules:
            with self.subTest(name):
                worse = self.series(name, dict.fromkeys(RULES[name][1], "0x10 9x80"), ELSEWHERE)
                # Counts that begin above zero are told for ten minutes.
                minutes = (0, 1, 11, 20, 45, 80) if RULES[name][1] is not CONNECT else (11, 20, 45, 80)
                code, told = self.judge(self.bare(name), self.series(name) + worse, dict.fromkeys(minutes, []))
                self.assertEqual(code, 0, told)

    def test_each_is_raised_for_its_reason_and_not_before(self):
        for alert, cases in CASES.items():
            for name, changed, quiet, loud, labels, _ in cases:
                with self.subTest(alert, changed=changed):
                    manifest = self.bare(name, BESIDES.get(alert, ()))
                    code, told = self.judge(manifest, self.series(name, changed), {quiet: [], loud: [(alert, labels)]})
                    self.assertEqual(code, 0, told)

    def test_each_says_where_it_is(self):
        for alert, cases in CASES.items():
            for name, changed, _, loud, _, summary in cases:
                with self.subTest(alert):
                    # What is raised against what is wanted is printed with its annotations.
                    _, told = self.judge(self.rules[name], self.series(name, changed), {loud: []})
                    self.assertIn(f'summary="{summary}', told)
                    self.assertNotIn("no value", told)

    def test_every_alert_has_its_cases(self):
        composed = {rule["alert"] for manifest in self.rules.values() for rule in rules.alerts(manifest)}
        self.assertEqual(composed, set(CASES))

    def test_a_pod_that_is_replaced_raises_nothing(self):
        """a pod that is away for five minutes, as in a restart, raises nothing"""
        for name, metric in (("kafka-platform", "kafka_server_kafkaserver_brokerstate"), ("health-mqtt-broker", "rabbitmq_identity_info")):
            value = "3" if name == "kafka-platform" else "1"
            away = (f"{value}x90", f"{value}x90", f"{value}x10 stale _x4 {value}x70")
            code, told = self.judge(self.bare(name), self.series(name, {metric: away}), dict.fromkeys((12, 15, 17, 25, 40), []))
            self.assertEqual(code, 0, told)

    def test_without_backups_nothing_is_asked_of_them(self):
        manifest = rules.composed("replicated-database", "lenses-backend-postgres")
        self.assertEqual([rule["alert"] for rule in rules.alerts(manifest)], [alert for alert in CASES if alert.startswith("Postgres")][:4])

    def test_each_leads_to_its_section(self):
        """each alert leads to a section of its name, and each section is that of an alert"""
        page = (CHECKOUT / "docs/alerts.md").read_text()
        sections = re.findall(r"^### (\w+)$", page, re.MULTILINE)
        links = {rule["alert"]: rule["annotations"]["runbook"] for manifest in self.rules.values() for rule in rules.alerts(manifest)}
        self.assertEqual(sorted(sections), sorted(links))
        for alert, link in links.items():
            self.assertEqual(link, f"docs/alerts.md#{alert.lower()}")


if __name__ == "__main__":
    prove(f"promtool {said('promtool', '--version')}")
