"""The composed alerts on what Connect leaves out: when Prometheus itself raises each, and when it does not."""

import copy
import json
import subprocess

from composed import seed
from support import Case, find, need, prove, said

need("promtool")

RULES = seed().one("PrometheusRule", "kafka-connect-metrics")["spec"]
HERE, ELSEWHERE = "health-streaming", "another"
SKIPPED, LETTERS, UNKNOWN = "KafkaConnectRecordsSkipped", "KafkaConnectDeadLetters", "KafkaConnectNotMeasured"


def series(metric, values, connector="c", namespace=HERE, pod="one", task="0"):
    """A metric of one task, with a value each minute: `_` is none, `stale` says that the pod did not answer."""
    labels = f'connector="{connector}",task="{task}",namespace="{namespace}",pod="{pod}",service="kafka-connect-metrics"'
    return {"series": f"kafka_connect_task_{metric}_total{{{labels}}}", "values": values}


def up(values, service="kafka-connect-metrics", namespace=HERE, pod="one"):
    return {"series": f'up{{service="{service}",namespace="{namespace}",pod="{pod}"}}', "values": values}


UP = up("1x60")


class Alerts(Case):
    def promtool(self, *arguments):
        done = subprocess.run([find("promtool"), *arguments], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def judge(self, rules, given, wanted):
        """What Prometheus's own test of rules says: `wanted` is minute → (alert, connector) of each that is raised then."""
        directory = self.directory()
        (directory / "rules.json").write_text(json.dumps(rules))
        checks = []
        for minute, raised in wanted.items():
            for alert in (SKIPPED, LETTERS, UNKNOWN):
                about = [{"service": "kafka-connect-metrics"} if name == UNKNOWN else {"connector": of} for name, of in raised if name == alert]
                labels = [{"severity": "warning", "namespace": HERE} | of for of in about]
                checks.append({"alertname": alert, "eval_time": f"{minute}m", "exp_alerts": [{"exp_labels": of} for of in labels]})
        test = {"interval": "1m", "input_series": given, "alert_rule_test": checks}
        file = directory / "test.json"
        file.write_text(json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": [test]}))
        return self.promtool("test", "rules", file)

    def expect(self, given, wanted):
        rules = copy.deepcopy(RULES)
        for rule in rules["groups"][0]["rules"]:
            # What they say has a test of its own.
            del rule["annotations"]
        code, told = self.judge(rules, given, wanted)
        self.assertEqual(code, 0, told)

    def test_prometheus_takes_them(self):
        file = self.directory() / "rules.json"
        file.write_text(json.dumps(RULES))
        code, told = self.promtool("check", "rules", file)
        self.assertEqual(code, 0, told)
        self.assertIn("3 rules found", told)

    def test_nothing_is_raised_while_nothing_is_left_out(self):
        names = ("skipped_records", "dead_letters", "dead_letter_failures")
        self.expect([UP, *(series(name, "0x60") for name in names)], dict.fromkeys((0, 1, 20, 40), []))
        # What was left out long ago, and nothing since.
        self.expect([UP, *(series(name, "7x60") for name in names)], dict.fromkeys((15, 40), []))
        # A platform without connectors.
        self.expect([UP], {20: []})

    def test_a_record_that_is_left_out_raises_one_for_its_connector(self):
        given = [UP, series("skipped_records", "0x10 1x40"), series("skipped_records", "0x60", connector="d"), series("skipped_records", "0x10 9x40", namespace=ELSEWHERE)]
        self.expect(given, {10: [], 12: [(SKIPPED, "c")], 19: [(SKIPPED, "c")], 22: []})

    def test_a_count_that_begins_above_zero_raises_one(self):
        self.expect([UP, series("skipped_records", "_x10 3x40")], {9: [], 10: [(SKIPPED, "c")], 19: [(SKIPPED, "c")], 23: []})
        # A second task of a connector that is known.
        self.expect([UP, series("skipped_records", "0x60"), series("skipped_records", "_x10 3x40", task="1")], {11: [(SKIPPED, "c")], 23: []})

    def test_a_connect_that_starts_again_begins_at_zero(self):
        self.expect([UP, series("skipped_records", "5x20 stale _x2 0x40")], dict.fromkeys((22, 25, 30, 40), []))
        # It leaves out less than before, and more.
        for again in (3, 8):
            self.expect([UP, series("skipped_records", f"5x20 stale _x2 {again}x40")], {20: [], 25: [(SKIPPED, "c")], 40: []})

    def test_another_pod_that_asks_goes_on_counting(self):
        def pods(after):
            return [up("1x20 stale"), up("_x21 1x40", pod="two"), series("skipped_records", "5x20 stale"), series("skipped_records", f"_x21 {after}x40", pod="two")]

        self.expect(pods(5), dict.fromkeys((21, 23, 30, 45), []))
        self.expect(pods(6), {20: [], 23: [(SKIPPED, "c")], 45: []})

    def test_a_dead_letter_is_told_as_one(self):
        letters = [UP, series("skipped_records", "0x10 2x40"), series("dead_letters", "0x10 2x40")]
        self.expect([*letters, series("dead_letter_failures", "0x60")], {10: [], 12: [(LETTERS, "c")], 22: []})
        # One that could not be written is left out after all.
        self.expect([*letters, series("dead_letter_failures", "0x10 1x40")], {12: [(LETTERS, "c"), (SKIPPED, "c")], 22: []})
        # So long as both counts are of the same run of Connect, which then starts again.
        given = [UP, *(series(name, "0x10 2x3 stale _x2 0x40") for name in ("skipped_records", "dead_letters"))]
        self.expect(given, {12: [(LETTERS, "c")], 17: [(LETTERS, "c")], 30: []})
        # Of two connectors each has its own.
        given = [UP, series("skipped_records", "0x10 1x40", connector="source"), series("skipped_records", "0x10 1x40"), series("dead_letters", "0x10 1x40")]
        self.expect(given, {12: [(SKIPPED, "source"), (LETTERS, "c")]})

    def test_a_connect_that_nobody_can_ask_is_told_after_a_while(self):
        self.expect([up("1x10 0x40")], {12: [], 24: [], 27: [(UNKNOWN, "")]})
        self.expect([up("0x3 1x40")], {20: []})
        # Nobody asks, although Prometheus runs, and others are asked.
        others = [up("1x60", service="lenses-hq-service"), up("1x60", namespace=ELSEWHERE)]
        self.expect(others, {10: [], 16: [(UNKNOWN, "")]})
        # A pod that goes while its successor answers.
        self.expect([up("0x40", pod="old"), UP], {30: []})

    def test_each_says_whom_it_is_about(self):
        rules = RULES["groups"][0]["rules"]
        self.assertEqual([rule["alert"] for rule in rules], [SKIPPED, LETTERS, UNKNOWN])
        given = [series("skipped_records", "0x5 1x60", connector="source"), series("dead_letters", "0x5 1x60", connector="sink")]
        _, told = self.judge(RULES, given, {15: []})
        for summary in (
            "Connector source in health-streaming has skipped records.",
            "Connector sink in health-streaming has sent records to its dead letter topic.",
            "Kafka Connect in health-streaming has no metrics of skipped records.",
        ):
            self.assertIn(f'summary="{summary}"', told)
        self.assertNotIn("no value", told)


if __name__ == "__main__":
    prove(f"promtool {said('promtool', '--version')}")
