"""The composed set-up Job against a stand-in for Metabase's set-up API."""

import json

from composed import AnySecret, seed
from support import Case, need, prove, said

need("busybox", "curl")

JOB = seed().container("Job", "metabase-setup")
SERVER = seed().container("Deployment", "metabase-dashboard")
TOKEN = "0b8a7ee5-0000-4000-8000-token"
PASSWORD = 'pass"word \\ 1'


class Metabase(Case):
    def setUp(self):
        self.starting = 2
        self.administrator = None
        # What is stored, and what it finds in its environment.
        self.stored = {}
        self.given = SERVER.env(AnySecret())
        self.weak = False
        self.races = 0
        port, self.seen = self.stand_in(self.metabase)
        secrets = {"metabase-admin": {"email": "admin@example.org", "password": PASSWORD}}
        self.env = JOB.env(secrets) | {"METABASE_URL": f"http://127.0.0.1:{port}"}
        self.path = self.alpine_path("curl")

    def setting(self, name):
        """What counts of a setting that is true or false: its environment, what is stored, the default, in this order."""
        given = self.given.get("MB_" + name.upper().replace("-", "_"), "")
        return given.lower() == "true" if given else self.stored.get(name, True)

    def metabase(self, method, path, headers, body):
        if path == "/api/health":
            self.starting -= 1
            return (503, {"status": "initializing"}) if self.starting >= 0 else (200, {"status": "ok"})
        if path == "/api/session/properties":
            done = self.administrator is not None
            properties = {"engines": {"h2": {"details-fields": [{"name": "db"}]}}, "setup-token": None if done else TOKEN}
            return 200, properties | {"anon-tracking-enabled": self.setting("anon-tracking-enabled"), "has-user-setup": done}
        if (method, path) == ("POST", "/api/setup"):
            if self.races:
                # Somebody else was first.
                self.administrator = "somebody"
            if self.administrator:
                return 403, '"The /api/setup route can only be used to create the first user, however a user currently exists."'
            if self.weak:
                # What was sent is in the answer, as Metabase's specific errors have it.
                user = json.loads(body)["user"]
                said = {"password": [f"password is too common., received: {user['password']!r}"], "received": user["password"]}
                return 400, {"errors": {"user": {"password": "password is too common."}}, "specific-errors": {"user": said}}
            wanted = json.loads(body)
            if wanted.pop("token") != TOKEN:
                return 400, {"errors": {"token": "Token does not match the setup token."}}
            self.administrator = wanted
            # Whatever was sent.
            self.stored["anon-tracking-enabled"] = True
            return 200, {"id": "session"}
        return 404, ""

    def run_job(self, code=0):
        said = self.run_script(JOB.script(), self.env, self.path, code=code)
        for secret in (PASSWORD, json.dumps(PASSWORD)[1:-1], repr(PASSWORD)[1:-1], TOKEN):
            self.assertNotIn(secret, said)
        return said

    def test_first_administrator(self):
        said = self.run_job()
        self.assertIn("waiting for Metabase", said)
        self.assertIn("administrator admin@example.org is set up", said)
        user = {"email": "admin@example.org", "password": PASSWORD, "first_name": "Platform", "last_name": "Administrator"}
        self.assertEqual(self.administrator, {"user": user, "prefs": {"site_name": "Health Streaming", "site_locale": "en"}})
        self.assertIn("nothing to do", self.run_job())

    def test_nothing_is_told_to_its_maker(self):
        def told():
            _, properties = self.metabase("GET", "/api/session/properties", {}, "")
            # The other one is shown to administrators alone.
            return properties["anon-tracking-enabled"], self.setting("check-for-updates")

        # Not before the set-up, and not after it, although it stores that it may.
        self.assertEqual(told(), (False, False))
        self.run_job()
        self.assertEqual((told(), self.stored), ((False, False), {"anon-tracking-enabled": True}))
        # What stands in its environment is what keeps it from that.
        for name in ("MB_ANON_TRACKING_ENABLED", "MB_CHECK_FOR_UPDATES"):
            del self.given[name]
        self.assertEqual(told(), (True, True))

    def test_somebody_else_is_first(self):
        self.races = 1
        self.assertIn("nothing to do", self.run_job())

    def test_weak_password_is_told(self):
        self.weak = True
        said = self.run_job(code=1)
        self.assertIn("set up Metabase's administrator (it answers 400)", said)
        self.assertIn("its password is too common or too short for Metabase, or its address is none", said)


if __name__ == "__main__":
    prove(f"stand-in for Metabase, BusyBox {said('busybox')}, curl {said('curl', '--version')}")
