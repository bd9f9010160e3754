#!/usr/bin/env python3
"""A caller that speaks as Lightstep's Terraform provider does (1.98), which cannot be installed here.

What it imitates, because each point decides whether `terraform apply` works through stile:
- `Authorization: bearer …` in lower case, `X-Lightstep-Org`, `application/vnd.api+json` as
  Content-Type and Accept also on GET, Go's `Accept-Encoding: gzip`;
- PUT with `data.id` in the body, POST without;
- project and id escaped once for streams, twice for dashboards and inferred service rules;
- any status but 200 is an error (DELETE also takes 204), and 404 means "gone": the resource
  is dropped from the state, which is why a deny must never be 404;
- 429 and 5xx are tried four times more, waiting 1, 2, 4, 8 s or as `Retry-After` says;
  401 and 403 are never tried again.

In: the environment STILE_ADDRESS, STILE_TOKEN, STILE_CA_FILE (optional); a command: `apply` (plan,
create, read, update, delete) or `request METHOD PATH [BODY]`. Out: one line of JSON:
{"steps": [{"step", "method", "path", "statuses": [per attempt], "outcome": "ok"|"gone"|"error",
"answer": body or null}]}. Ends by itself within 60 s.
"""

import argparse
import gzip
import http.client
import json
import os
import signal
import ssl
import sys
import time
from urllib.parse import quote, urlsplit

RETRIES = 4
LONGEST_WAIT_S = 30


def main():
    signal.alarm(60)
    asked = arguments()
    caller = Caller(asked)
    if asked.command == "apply":
        apply(caller, asked)
    else:
        caller.step("request", asked.method, asked.path, asked.body)
    print(json.dumps({"steps": caller.steps}))


def arguments():
    parser = argparse.ArgumentParser(description="Speaks as Lightstep's Terraform provider")
    parser.add_argument("--org", default="acme")
    parser.add_argument("--wait-scale", type=float, default=1.0,
                        help="multiplies every wait between attempts; tests use 0.01")
    commands = parser.add_subparsers(dest="command", required=True)
    whole = commands.add_parser("apply")
    whole.add_argument("--project", default="a b")
    whole.add_argument("--label", default="team=payments")
    single = commands.add_parser("request")
    single.add_argument("method")
    single.add_argument("path")
    single.add_argument("body", nargs="?")
    return parser.parse_args()


def apply(caller, asked):
    """One run over a dashboard and a stream, as plan, apply and destroy make it."""
    once = f"/public/v0.2/{asked.org}/projects/{quote(asked.project, safe='')}"
    twice = f"/public/v0.2/{asked.org}/projects/{quote(quote(asked.project, safe=''), safe='')}"
    key, _, value = asked.label.partition("=")
    attributes = {"name": "checkout", "groups": [], "charts": [],
                  "labels": [{"label_key": key, "label_value": value}]}

    caller.step("plan", "POST", f"{once}/query_translation",
                {"data": {"queries": [{"query-name": "a", "query": "metric m"}]}})
    made = caller.step("create", "POST", f"{once}/metric_dashboards",
                       {"data": {"type": "dashboard", "attributes": attributes}})
    identity = id_of(made) or "unknown"
    address = f"{twice}/metric_dashboards/{quote(identity, safe='')}"
    caller.step("read", "GET", address)
    changed = attributes | {"name": "checkout 2"}
    caller.step("update", "PUT", address,
                {"data": {"type": "dashboard", "id": identity, "attributes": changed}})
    caller.step("delete", "DELETE", address)
    caller.step("refresh", "GET", address)

    stream = {"data": {"type": "stream", "attributes": {"name": "s", "query": 'service IN ("s")'}}}
    made = caller.step("create stream", "POST", f"{once}/streams", stream)
    caller.step("read stream", "GET", f"{once}/streams/{quote(id_of(made) or 'unknown', safe='')}")


def id_of(answer):
    found = answer.get("data") if isinstance(answer, dict) else None
    return found.get("id") if isinstance(found, dict) else None


class Caller:
    def __init__(self, asked):
        self.steps = []
        self._org = asked.org
        self._wait_scale = asked.wait_scale
        self._token = os.environ.get("STILE_TOKEN", "")
        self._address = urlsplit(os.environ["STILE_ADDRESS"])
        self._connection = None

    def step(self, name, method, path, body=None):
        """Sends one request with its retries; notes and returns the decoded answer."""
        content = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
        statuses, answer = self._attempts(method, path, content)
        self.steps.append({
            "step": name, "method": method, "path": path, "statuses": statuses,
            "outcome": outcome(method, statuses[-1]), "answer": answer,
        })
        return answer

    def _attempts(self, method, path, content):
        statuses = []
        for attempt in range(RETRIES + 1):
            status, headers, raw = self._once(method, path, content)
            statuses.append(status)
            if not (status == 429 or status >= 500 or status == 0) or attempt == RETRIES:
                return statuses, decoded(headers, raw)
            wait = float(headers.get("retry-after", 2 ** attempt))
            time.sleep(min(wait, LONGEST_WAIT_S) * self._wait_scale)
        raise AssertionError("the loop returns")

    def _once(self, method, path, content):
        """One attempt on the kept connection; status 0 where no answer came."""
        try:
            connection = self._connection or self._connected()
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self._headers(content):
                connection.putheader(name, value)
            connection.endheaders(content)
            answer = connection.getresponse()
            raw = answer.read()
            self._connection = None if answer.will_close else connection
            return answer.status, {n.lower(): v for n, v in answer.getheaders()}, raw
        except (OSError, http.client.HTTPException):
            self._connection = None
            return 0, {}, b""

    def _headers(self, content):
        yield "Host", self._address.netloc
        yield "User-Agent", "terraform-provider-lightstep/1.98.1 (terraform 1.9.5)"
        if content is not None:
            yield "Content-Length", str(len(content))
        yield "Accept", "application/vnd.api+json"
        if self._token:
            yield "Authorization", f"bearer {self._token}"
        yield "Content-Type", "application/vnd.api+json"
        yield "X-Lightstep-Org", self._org
        yield "Accept-Encoding", "gzip"

    def _connected(self):
        host, port = self._address.hostname, self._address.port
        if self._address.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=30)
        terms = ssl.create_default_context(cafile=os.environ.get("STILE_CA_FILE") or None)
        return http.client.HTTPSConnection(host, port, timeout=30, context=terms)


def outcome(method, status):
    if status == 404:
        return "gone"
    return "ok" if status == 200 or (method == "DELETE" and status == 204) else "error"


def decoded(headers, raw):
    try:
        return json.loads(gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw)
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main())
