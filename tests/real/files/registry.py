"""A stand-in for Schema Registry, which is in no registry of packages: it keeps schemas, and their ids, in memory.

It is stricter than the real one where it cannot judge as it does: a subject takes a second schema only where its compatibility
is NONE, and nothing that the platform does not ask is answered.
"""

import json
import re
import urllib.parse


class Registry:
    def __init__(self):
        self.schemas, self.subjects, self.compatibility = [], {}, {}

    def answer(self, method, path, headers, body):
        """As `Case.stand_in` wants it."""
        path = path.partition("?")[0]
        if (method, path) == ("GET", "/subjects"):
            return 200, list(self.subjects)
        if found := re.fullmatch(r"/config/([^/]+)", path):
            if method == "PUT":
                self.compatibility[found[1]] = json.loads(body)["compatibility"]
                return 200, body
        elif found := re.fullmatch(r"/subjects/([^/]+)/versions(?:/(\d+))?", path):
            subject = urllib.parse.unquote(found[1])
            if method == "POST" and not found[2]:
                return self.register(subject, json.loads(body)["schema"])
            if method == "GET" and subject in self.subjects:
                return self.versions(subject, found[2] and int(found[2]))
        elif found := re.fullmatch(r"/schemas/ids/(\d+)", path):
            if method == "GET" and int(found[1]) <= len(self.schemas):
                return 200, {"schema": self.schemas[int(found[1]) - 1]}
        return 404, {"error_code": 40401, "message": f"{method} {path} is nothing that this stand-in knows"}

    def versions(self, subject, version):
        known = self.subjects[subject]
        if version is None:
            return 200, list(range(1, len(known) + 1))
        schema = known[version - 1]
        return 200, {"subject": subject, "version": version, "id": self.schemas.index(schema) + 1, "schema": schema}

    def register(self, subject, schema):
        # What is no JSON is no schema.
        json.loads(schema)
        known = self.subjects.setdefault(subject, [])
        if schema not in self.schemas:
            self.schemas.append(schema)
        if schema not in known:
            if known and self.compatibility.get(subject) != "NONE":
                return 409, {"error_code": 409, "message": f"{subject} has another schema, and its compatibility is not NONE"}
            known.append(schema)
        return 200, {"id": self.schemas.index(schema) + 1}
