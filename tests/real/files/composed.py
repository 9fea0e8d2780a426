"""What the function makes of the seed's Application: files, scripts and settings, taken out of what `preview` shows.

Nothing here is copied by hand: a test that asks for what is not composed any more fails. What a machine other than a
cluster cannot give, service names, fixed ports and mounted paths, is replaced in one way only, by `moved`, which fails
when there is nothing to replace.
"""

import functools
import json
import os
import pathlib
import re
import subprocess

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
APPLICATION = "examples/health-realtime-pipeline/application.yaml"


def function():
    """The binary: what Cargo has just built for the test, or whatever was built last."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target"))
    return os.environ.get("FUNCTION", str(target / "debug/function-realtime-platform"))


def moved(text, places):
    """The text with each place replaced, old → new."""
    for old, new in places.items():
        if old not in text:
            raise AssertionError(f"{old!r} is not in what is composed any more:\n{text}")
        text = text.replace(old, new)
    return text


def field(name, application=APPLICATION):
    """The lines of a field in an Application, with all that is below it."""
    return re.search(rf"^( *){name}:.*\n(?:\1 .*\n|\n)*", (CHECKOUT / application).read_text(), re.MULTILINE)[0]


class Container:
    """One container: what is run, with which environment, from which image."""

    def __init__(self, pod, spec):
        self.pod, self.spec = pod, spec
        self.image = spec["image"]
        self.version = self.image.rpartition(":")[2].removeprefix("v")

    def env(self, secrets=None, fields=None):
        """The variables, with Secrets and the pod's own fields as the test has them."""
        values = {}
        for variable in self.spec.get("env", []):
            source = variable.get("valueFrom")
            if source is None:
                value = expanded(variable.get("value", ""), values)
            elif "secretKeyRef" in source:
                value = secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
            else:
                value = fields[source["fieldRef"]["fieldPath"]]
            values[variable["name"]] = value
        return values

    def script(self):
        """The text that the container gives its shell, after what Kubernetes does to a command."""
        shell, flag, text = self.spec["command"]
        if (shell.rpartition("/")[2], flag) != ("sh", "-c"):
            raise AssertionError(f"the command is {self.spec['command'][:2]}")
        return expanded(text, self.env(AnySecret(), AnySecret()))

    def port(self, probe):
        """The number behind a probe's port, which may be a name."""
        (check,) = (self.spec[probe][kind] for kind in ("tcpSocket", "httpGet") if kind in self.spec[probe])
        named = {port.get("name"): port["containerPort"] for port in self.spec.get("ports", [])}
        return named.get(check["port"], check["port"]), check.get("path")

    def mounts(self):
        """Mount path → the volume's source."""
        volumes = {volume["name"]: volume for volume in self.pod.get("volumes", [])}
        return {mount["mountPath"]: volumes[mount["name"]] for mount in self.spec.get("volumeMounts", [])}


class AnySecret(dict):
    """Any value for any name: for the names of variables alone."""

    def __missing__(self, key):
        return AnySecret()


def expanded(text, env):
    """What Kubernetes makes of $(NAME), where NAME is a variable of the container, and of $$."""
    return re.sub(
        r"\$(\$|\(([A-Za-z_.][A-Za-z0-9_.-]*)\))",
        lambda found: "$" if found[1] == "$" else str(env.get(found[2], found[0])),
        text,
    )


class Composed:
    """What an Application becomes, after edits of its text: old → new."""

    def __init__(self, edits=(), application=APPLICATION):
        text = moved((CHECKOUT / application).read_text(), dict(edits))
        shown = subprocess.run(
            [function(), "preview", "--output", "json", "-"], input=text, capture_output=True, text=True, cwd=CHECKOUT, timeout=60
        )
        if shown.returncode != 0:
            raise AssertionError(f"preview refuses the Application: {shown.stderr}")
        self.manifests, self.releases = [], {}
        for claim in json.loads(shown.stdout)["claims"]:
            for resource in claim["resources"]:
                composed = resource["composed"]
                if composed["kind"] == "Object":
                    self.manifests.append(composed["spec"]["forProvider"]["manifest"])
                elif composed["kind"] == "Release":
                    given = composed["spec"]["forProvider"]
                    self.releases[given["chart"]["name"]] = given
                else:
                    self.manifests.append(composed)

    def one(self, kind, name):
        """The manifest of that kind whose name is this, for a Job without the hash behind it, or else whose `app` label."""
        of_kind = [manifest["metadata"] | {"manifest": manifest} for manifest in self.manifests if manifest["kind"] == kind]
        named = [about for about in of_kind if name in (about["name"], re.sub("-[0-9a-f]{8}$", "", about["name"]))]
        labelled = [about for about in of_kind if about.get("labels", {}).get("app") == name]
        found = [about["manifest"] for about in named or labelled]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} of kind {kind} are called {name}")
        return found[0]

    def file(self, name, key):
        """One file of a ConfigMap."""
        return self.one("ConfigMap", name)["data"][key]

    def container(self, kind, name, container=None):
        """A container of a Deployment, Job or Knative Service: the named one, or the first that is no init container."""
        pod = self.one(kind, name)["spec"]["template"]["spec"]
        everyone = [*pod["containers"], *pod.get("initContainers", [])]
        return Container(pod, next(spec for spec in everyone if container in (None, spec["name"])))


@functools.cache
def seed():
    """What the seed's Application becomes as it stands."""
    return Composed()
