"""PrometheusRules that are composed: the metrics that they ask for, and what an exporter shows of them."""

import re

from composed import Composed

SELECTOR = re.compile(r"\b(\w+)\{([^}]*)\}")


def composed(application, name, edits=()):
    """The manifest of a PrometheusRule."""
    return Composed(edits, f"examples/variants/{application}.yaml").one("PrometheusRule", name)


def alerts(manifest):
    return [rule for group in manifest["spec"]["groups"] for rule in group["rules"]]


def asked(manifest):
    """Metric → the labels by which the rules select it or group its values, besides those that Prometheus adds."""
    found = {}
    for rule in alerts(manifest):
        grouped = {name.strip() for names in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"]) for name in names.split(",")}
        for metric, matchers in SELECTOR.findall(rule["expr"]):
            labels = set(re.findall(r"(\w+)[=!]", matchers)) | grouped
            found.setdefault(metric, set()).update(labels - {"namespace", "pod"})
    return found


def shown(page):
    """Metric → the labels and the value of each of its series on an exporter's page."""
    found = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            series, value = re.fullmatch(r"(.*?)\s+(\S+)", line).groups()
            metric, _, labels = series.partition("{")
            found.setdefault(metric, []).append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)), float(value)))
    return found


def unshown(manifest, page, only=""):
    """What the rules ask for and an exporter's page lacks, of the metrics whose names begin so."""
    there = shown(page)
    lacking = []
    for metric, labels in asked(manifest).items():
        if metric.startswith(only):
            series = there.get(metric, [])
            if not any(labels <= set(has) for has, _ in series):
                lacking.append((metric, sorted(labels), series[:2]))
    return lacking
