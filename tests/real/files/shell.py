"""Every composed script before anything runs it: ShellCheck, the shell of its image, and the bounds of its waiting."""

import re
import subprocess

from archive import CONNECTORS
from composed import Composed, Container, field
from support import ROOT, Case, find, need, prove, said

need("shellcheck", "busybox", "dash")

BUSYBOX, DASH = [find("busybox"), "ash"], [find("dash")]
# What /bin/sh is in each image; in one whose base is not known, whichever it may be.
SHELLS = {
    "curlimages/curl": [BUSYBOX],
    "library/eclipse-mosquitto": [BUSYBOX],
    "library/postgres": [DASH],
    "lensesio/fast-data-dev": [DASH, BUSYBOX],
    "strimzi/kafka": [DASH, BUSYBOX],
}


# A claim that asks neither for processors nor for mappings has what was there before removed.
NONE = {
    field("sqlProcessors"): "        sqlProcessors: []\n",
    """          mappings:
            - mqttTopic: health/device_data
              kafkaTopic: device_data
              keyField: deviceId
""": "          mappings: []\n",
}

REPLICATED = [Composed(application=f"examples/variants/replicated-{engine}.yaml") for engine in ("broker", "kafka")]


def scripts():
    """(what runs it, container, text, the Job's own bounds) of every container that gives a shell its text."""
    found = []
    composed = [Composed({"        kafkaConfig:\n": CONNECTORS}), Composed(NONE), *REPLICATED]
    for manifest in [manifest for of_one in composed for manifest in of_one.manifests]:
        pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
        for spec in [*pod.get("containers", []), *pod.get("initContainers", [])]:
            if spec.get("command", [""])[0] == "sh":
                found.append((manifest, f"{manifest['metadata']['labels']['app']}/{spec['name']}", Container(pod, spec)))
    return found


class Shell(Case):
    def test_there_are_scripts_and_each_file_is_one_or_part_of_one(self):
        texts = [container.script() for _, _, container in scripts()]
        self.assertGreaterEqual(len(texts), 10)
        for path in ROOT.glob("**/files/*.sh"):
            self.assertTrue(any(path.read_text().strip() in text for text in texts), path)

    def test_shellcheck_finds_nothing(self):
        for _, name, container in scripts():
            with self.subTest(name):
                # A later part may say anew what a function does: then what it did before is reached by nobody.
                found = subprocess.run([find("shellcheck"), "-s", "sh", "-e", "SC2317", "-"], input=container.script(), text=True, capture_output=True)
                self.assertEqual(found.returncode, 0, found.stdout)

    def test_the_shell_of_its_image_can_read_each(self):
        for _, name, container in scripts():
            repository = container.image.partition("/")[2].rpartition(":")[0]
            for shell in SHELLS[repository]:
                with self.subTest(name, shell=shell):
                    parsed = subprocess.run([*shell, "-n"], input=container.script(), text=True, capture_output=True)
                    self.assertEqual(parsed.returncode, 0, parsed.stderr)

    def test_each_stops_at_the_first_error_and_at_what_is_not_set(self):
        for _, name, container in scripts():
            with self.subTest(name):
                commands = [line for line in container.script().splitlines() if line and not line.startswith("#")]
                self.assertEqual(commands[0], "set -eu")

    def test_whoever_waits_is_stopped_some_time(self):
        for manifest, name, container in scripts():
            with self.subTest(name):
                if manifest["kind"] == "StatefulSet":
                    # It begins anew where it waited for too long, and says for what.
                    self.assertIn('fail "go on: waited', container.script())
                    self.assertEqual(container.spec["terminationMessagePolicy"], "FallbackToLogsOnError")
                elif manifest["kind"] == "Deployment" and container.spec in manifest["spec"]["template"]["spec"]["containers"]:
                    # It asks again and again for as long as its pod is there, and no question takes for ever.
                    self.assertRegex(container.script(), r'(?m)^  timeout "\$\{TIMEOUT_SECONDS:-\d+\}" ')
                elif re.search(r"\bsleep\b", container.script()):
                    self.assertEqual(manifest["kind"], "Job")
                    self.assertGreater(manifest["spec"]["activeDeadlineSeconds"], 0)
                    self.assertIn("backoffLimit", manifest["spec"])

    def test_no_request_can_hang(self):
        for _, name, container in scripts():
            for call in re.findall(r"(?:^|\| )curl (?:.*\\\n)*.*", container.script(), re.MULTILINE):
                with self.subTest(name):
                    self.assertRegex(call, "--max-time|--speed-time")

    def test_kubernetes_leaves_the_text_alone(self):
        # In a container's command, $$ becomes $ and $(NAME) the value of NAME where the container has such a variable.
        for _, name, container in scripts():
            with self.subTest(name):
                self.assertEqual(container.script(), container.spec["command"][2])
                self.assertNotIn("$$", container.spec["command"][2])


if __name__ == "__main__":
    prove(f"ShellCheck {said('shellcheck', '--version')}, dash and BusyBox {said('busybox')}")
