"""dashboard.json: a dashboard model that Grafana's sidecar can load, whose questions Prometheus can parse."""

import json
import re
import subprocess
import unittest

from support import Case, find, need, text

need("promtool")

# What is measured in an environment with monitoring: Prometheus itself and kube-state-metrics. The kubelets, which know
# what pods use, are the host's, and a virtual cluster without its nodes does not show them.
MEASURED = re.compile(r"\b(up|kube_\w+)\b(?=\{)")
WORD_BEFORE_SELECTOR = re.compile(r"\b(\w+)\{")


class Dashboard(Case):
    def setUp(self):
        self.text = text("realtime_system/files/dashboard.json")
        self.model = json.loads(self.text.replace("@@namespace@@", "health-streaming"))
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

    def test_prometheus_parses_every_question(self):
        rules = self.directory() / "rules.json"
        expressions = [
            query.replace("$namespace", "health-streaming") for query in self.queries
        ]
        group = {"name": "dashboard", "rules": [{"record": f"q{n}", "expr": query} for n, query in enumerate(expressions)]}
        rules.write_text(json.dumps({"groups": [group]}))
        checked = subprocess.run([find("promtool"), "check", "rules", rules], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn(f"{len(expressions)} rules found", checked.stdout)


if __name__ == "__main__":
    unittest.main()
