"""The composed dashboard: a dashboard model that Grafana's sidecar can load, whose questions Prometheus can parse."""

import json
import os
import pathlib
import re
import subprocess

from composed import moved, seed
from support import Case, find, need, prove, said

need("promtool")

# What is measured in an environment with monitoring: Prometheus itself, kube-state-metrics and the pod that asks Connect.
# The kubelets, which know what pods use, are the host's, and a virtual cluster without its nodes does not show them.
MEASURED = re.compile(r"\b(up|ALERTS|kube_\w+|kafka_connect_\w+)\b(?=\{)")
WORD_BEFORE_SELECTOR = re.compile(r"\b(\w+)\{")
# Grafana's own types, in a program of tools/, and what its documentation says that kube-state-metrics measures.
STRICT = os.environ.get("DASHBOARD", "")
DOCUMENTED = pathlib.Path(os.environ.get("PUBLISHED", "none")) / "kube-state-metrics"


class Dashboard(Case):
    def setUp(self):
        manifest = seed().one("ConfigMap", "health-streaming-dashboard")
        # What Grafana's sidecar is told to look for.
        sidecar = seed().releases["kube-prometheus-stack"]["values"]["grafana"]["sidecar"]["dashboards"]
        self.assertEqual(manifest["metadata"]["labels"][sidecar["label"]], sidecar["labelValue"])
        (self.text,) = manifest["data"].values()
        self.model = json.loads(self.text)
        self.queries = [target["expr"] for panel in self.model["panels"] for target in panel["targets"]]

    def test_it_is_the_bare_model(self):
        self.assertEqual(self.model["title"], "Health Streaming Pipeline")
        self.assertNotIn("dashboard", self.model)
        self.assertNotIn("id", self.model)
        self.assertGreater(len(self.model["panels"]), 8)

    def test_variables(self):
        variables = {variable["name"]: variable for variable in self.model["templating"]["list"]}
        self.assertEqual(variables["datasource"]["query"], "prometheus")
        self.assertEqual(variables["namespace"]["current"]["value"], "health-streaming")
        used = set(re.findall(r"\$\{?([a-z_]+)", self.text))
        self.assertEqual(used, set(variables))

    def test_panels_do_not_overlap(self):
        identifiers = [panel["id"] for panel in self.model["panels"]]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        taken = set()
        for panel in self.model["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(taken & cells, panel["title"])
            taken |= cells

    def test_every_question_is_about_this_namespace_and_what_is_measured(self):
        for query in self.queries:
            metrics = WORD_BEFORE_SELECTOR.findall(query)
            self.assertTrue(metrics, query)
            self.assertEqual(metrics, MEASURED.findall(query), query)
            self.assertEqual(query.count('namespace="$namespace"'), len(metrics), query)

    def test_grafanas_published_types_take_it_and_nothing_else(self):
        if not STRICT:
            self.skipTest("run by `make proof`, which knows where the program is")
        self.assertEqual(self.read_strictly(self.text), "")
        for right, wrong in (('"gridPos"', '"gridpos"'), ('"expr"', '"exprr"'), ('"reduceOptions"', '"reduceOption"')):
            self.assertRegex(self.read_strictly(moved(self.text, {right: wrong})), "unexpected field|required field", wrong)

    def read_strictly(self, text):
        read = subprocess.run([STRICT], input=text, capture_output=True, text=True, timeout=60)
        self.assertEqual(read.returncode == 0, not read.stderr)
        return read.stderr

    def test_every_metric_is_one_that_is_documented(self):
        if not DOCUMENTED.is_dir():
            self.skipTest("run by `make proof`, which knows where the documentation is")
        pages = "".join(page.read_text() for page in DOCUMENTED.glob("*.md"))
        documented = set(re.findall(r"^\| (kube_\w+) ", pages, re.MULTILINE))
        self.assertGreater(len(documented), 150)
        used = {metric for query in self.queries for metric in MEASURED.findall(query)}
        # Prometheus makes `up` itself for whatever it asks, and `ALERTS` of its rules.
        self.assertEqual(used - documented - self.counted(), {"up", "ALERTS"})

    def counted(self):
        """What the program shows that serves Connect's counts."""
        program = seed().container("Deployment", "kafka-connect-metrics", "serve").spec["command"][-1]
        return set(re.findall(r'"(kafka_connect_\w+)"', program))

    def test_what_connect_counts_and_the_alerts_on_it_are_shown(self):
        rules = seed().one("PrometheusRule", "kafka-connect-metrics")["spec"]["groups"][0]["rules"]
        asked = {metric for rule in rules for metric in MEASURED.findall(rule["expr"])}
        self.assertEqual(asked - {"up"}, self.counted() - {"kafka_connect_tasks"})
        shown = {metric for query in self.queries for metric in MEASURED.findall(query)}
        self.assertLessEqual(asked | {"ALERTS"}, shown)
        # Every alert is about the namespace that the dashboard shows.
        for rule in rules:
            self.assertEqual(rule["expr"].count('namespace="health-streaming"'), len(MEASURED.findall(rule["expr"])))

    def test_service_monitors_ask_a_port_that_is_there(self):
        hq = int(re.search(r"prometheusAddress: :(\d+)", seed().file("lenses-hq-config", "config.yaml"))[1])
        connect = int(seed().container("Deployment", "kafka-connect-metrics", "serve").env()["PORT"])
        for name, service, pod, container, listens in (
            ("lenses-metrics", "lenses-hq-service", "lenses-hq", None, hq),
            ("kafka-connect-metrics", "kafka-connect-metrics", "kafka-connect-metrics", "serve", connect),
        ):
            with self.subTest(name):
                monitor = seed().one("ServiceMonitor", name)["spec"]
                (selected,) = monitor["selector"]["matchLabels"].items()
                served = seed().one("Service", service)
                self.assertIn(selected, served["metadata"]["labels"].items())
                ports = {port["name"]: port["targetPort"] for port in served["spec"]["ports"]}
                named = {port["name"]: port["containerPort"] for port in seed().container("Deployment", pod, container).spec["ports"]}
                (endpoint,) = monitor["endpoints"]
                self.assertEqual(named[ports[endpoint["port"]]], listens)

    def test_prometheus_parses_every_question(self):
        rules = self.directory() / "rules.json"
        expressions = [query.replace("$namespace", "health-streaming") for query in self.queries]
        group = {"name": "dashboard", "rules": [{"record": f"q{n}", "expr": query} for n, query in enumerate(expressions)]}
        rules.write_text(json.dumps({"groups": [group]}))
        checked = subprocess.run([find("promtool"), "check", "rules", rules], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn(f"{len(expressions)} rules found", checked.stdout)


if __name__ == "__main__":
    prove(f"promtool {said('promtool', '--version')}")
