"""The scripts before anything runs them: ShellCheck, the shells of their images, and what Kubernetes does to a command."""

import re
import subprocess
import unittest

from support import HQ, HTTP, ROOT, Case, find, need, text

need("shellcheck", "busybox", "dash")

SCRIPTS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("**/files/*.sh"))
COMPOSED = {
    "agent-key": [HTTP, HQ, "realtime_system/files/agent-key.sh"],
    "sql-processors": [HTTP, HQ, "realtime_system/files/sql-processors.sh"],
    "metabase-setup": [HTTP, "realtime_system/files/metabase-setup.sh"],
    "put-connector": [HTTP, "files/put-connector.sh"],
}


class Shell(Case):
    def check(self, name, script):
        with self.subTest(name):
            found = subprocess.run([find("shellcheck"), "-"], input=script, text=True, capture_output=True)
            self.assertEqual(found.returncode, 0, found.stdout)
            for shell in (["busybox", "ash"], ["dash"]):
                parsed = subprocess.run([find(shell[0]), *shell[1:], "-n"], input=script, text=True, capture_output=True)
                self.assertEqual(parsed.returncode, 0, parsed.stderr)

    def test_there_are_scripts(self):
        self.assertGreaterEqual(len(SCRIPTS), 8, SCRIPTS)

    def test_each_script(self):
        for script in SCRIPTS:
            self.check(script, text(script))

    def test_scripts_as_they_are_put_together(self):
        for name, parts in COMPOSED.items():
            self.check(name, text(*parts))

    def test_kubernetes_leaves_the_text_alone(self):
        # In a container's command, $$ becomes $ and $(NAME) the value of NAME where the container has such a variable.
        for script in SCRIPTS:
            with self.subTest(script):
                self.assertNotIn("$$", text(script))
                self.assertEqual(re.findall(r"\$\([A-Za-z_][A-Za-z0-9_]*\)", text(script)), [])


if __name__ == "__main__":
    unittest.main()
