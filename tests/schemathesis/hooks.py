"""Signs in to the server under test: INTERFLOW_SERVER, which has no accounts yet."""

import os

import requests
import schemathesis

SERVER = os.environ["INTERFLOW_SERVER"]
METRICS_TOKEN = os.environ["INTERFLOW_METRICS_TOKEN"]
PASSWORD = "correct horse battery staple"
# The first account owns the installation, and may ask for its health.
TESTER = {"email": "tester@example.org", "password": PASSWORD}
# Whose sign-ins are ended, so that the tester's goes on.
LEAVER = {"email": "leaver@example.org", "password": PASSWORD}
LEAVES = ["logout", "listSessions", "endSession"]


def post(path, body):
    answer = requests.post(f"{SERVER}/api/auth/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()["token"]


TOKEN = post("register", {**TESTER, "name": "Tester"})
post("register", {**LEAVER, "name": "Leaver"})


class Bearer:
    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth().apply_to(operation_id=LEAVES)
class Leaving(Bearer):
    """Asked again after a 401."""

    def get(self, case, context):
        return post("login", LEAVER)


@schemathesis.auth().apply_to(operation_id="getMetrics")
class Monitoring(Bearer):
    def get(self, case, context):
        return METRICS_TOKEN


@schemathesis.auth().skip_for(operation_id=[*LEAVES, "getMetrics"])
class SignedIn(Bearer):
    def get(self, case, context):
        return TOKEN
