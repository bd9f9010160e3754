#!/usr/bin/env python3
"""Checks the callers themselves: that they send what the real ones send.

In: a caller's name (python, grpc, node, curl, terraform, provider) and the folder of the tools (its
`venv` runs this program); optionally a certificate file, its key and its CA, for the same over TLS.
Out: one line per claim that holds; the first that does not ends the program with a traceback.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
from concurrent import futures

from recorder import StandIn

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "head.claims.signature"
JSON = {"content-type": "application/json"}
REFUSED = (401, {"content-type": "application/problem+json", "stile-decision": "019a"},
           b'{"title":"the token has expired","reason":"expired"}')


def main():
    caller, tools, *tls = sys.argv[1:]
    os.environ["STILE_CALLERS"] = tools
    tls = tls or (None, None, None)
    {"python": python, "grpc": grpc, "node": node, "curl": curl, "terraform": terraform,
     "provider": provider}[caller](tls)


def python(tls):
    for compression in ("gzip", "none"):
        for credential in ("authorization", "lightstep-access-token"):
            with stand_in(tls, (200, {"content-type": "application/x-protobuf"}, b"")) as upstream:
                said = run(upstream, tls, "python_otlp.py", "--compression", compression,
                           "--credential", credential)
            assert said["exported"] and said["statuses"] == [200], said
            [sent] = upstream.requests
            assert (sent.method, sent.target) == ("POST", "/v1/traces"), sent
            expects_credential(sent, credential)
            assert sent.value("content-type") == "application/x-protobuf"
            assert sent.value("content-encoding") == (None if compression == "none" else "gzip")
            assert b"python-caller" in sent.plain_body()
    holds("python exports protobuf, plain and gzip, with either credential header")

    with stand_in(tls, REFUSED) as upstream:
        said = run(upstream, tls, "python_otlp.py", "--path", "/traces/otlp/v0.9")
    assert not said["exported"] and said["statuses"] == [401] and said["errors"], said
    assert upstream.requests[0].target == "/traces/otlp/v0.9"
    holds("python takes a whole path and does not repeat a refused export")


def grpc(tls):
    import grpc as lib

    seen = []

    class Answering(lib.GenericRpcHandler):
        def service(self, call):
            def answer(request, _):
                seen.append((call.method, dict(call.invocation_metadata), request))
                return b""
            return lib.unary_unary_rpc_method_handler(answer)

    server = lib.server(futures.ThreadPoolExecutor(2), handlers=[Answering()])
    certificate, key, _ = tls
    if certificate:
        pair = (pathlib.Path(key).read_bytes(), pathlib.Path(certificate).read_bytes())
        port = server.add_secure_port("127.0.0.1:0", lib.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    said = run(address, tls, "python_otlp.py", "--protocol", "grpc")
    server.stop(None)
    assert said["exported"], said
    [(method, metadata, request)] = seen
    assert method == "/opentelemetry.proto.collector.trace.v1.TraceService/Export", method
    assert metadata["authorization"] == f"Bearer {TOKEN}", metadata
    assert b"python-caller" in request
    holds("python exports over gRPC with the credential in the metadata")


def node(tls):
    kinds = {"json": "application/json", "proto": "application/x-protobuf"}
    for exporter, media_type in kinds.items():
        for compression in ("gzip", "none"):
            with stand_in(tls, (200, {"content-type": media_type}, b"")) as upstream:
                said = run(upstream, tls, "node_otlp.mjs", "--exporter", exporter,
                           "--compression", compression)
            assert said["exported"], said
            [sent] = upstream.requests
            assert (sent.method, sent.target) == ("POST", "/v1/traces"), sent
            expects_credential(sent, "authorization")
            assert sent.value("content-type") == media_type, sent.headers
            assert sent.value("content-encoding") == (None if compression == "none" else "gzip")
            if compression == "gzip":
                assert sent.value("transfer-encoding") == "chunked", sent.headers
            assert b"node-caller" in sent.plain_body()
    holds("node exports JSON and protobuf, gzip bodies chunked")

    with stand_in(tls, REFUSED) as upstream:
        said = run(upstream, tls, "node_otlp.mjs", "--credential", "lightstep-access-token")
    assert not said["exported"] and said["status"] == 401 and len(upstream.requests) == 1, said
    expects_credential(upstream.requests[0], "lightstep-access-token")
    holds("node does not repeat a refused export")


def curl(tls):
    with stand_in(tls, (200, JSON, b'{"data":[]}\n')) as upstream:
        said = run(upstream, tls, "curl_job.sh", "GET", "/public/v0.2/acme/projects?x=%2F")
    assert (said["exit"], said["status"], said["body"]) == (0, 200, '{"data":[]}'), said
    [sent] = upstream.requests
    assert sent.target == "/public/v0.2/acme/projects?x=%2F"
    expects_credential(sent, "authorization")
    holds("curl sends the token and prints the body")

    with stand_in(tls, REFUSED) as upstream:
        said = run(upstream, tls, "curl_job.sh", "POST", "/x", str(HERE / "package.json"), code=22)
    assert said["exit"] == 22 and said["headers"]["stile-decision"] == ["019a"], said
    assert json.loads(said["body"])["reason"] == "expired" and "401" in said["said"], said
    assert upstream.requests[0].body == (HERE / "package.json").read_bytes()
    holds("a refused curl fails the job and still shows why")


def terraform(tls):
    made = (200, JSON, b'{"data":{"id":"d/1"}}')
    gone = (404, JSON, b"{}")
    with stand_in(tls, made, made, made, made, (204, {}, b""), gone, made, made) as upstream:
        said = run(upstream, tls, "terraform_like.py", "apply")
    outcomes = [step["outcome"] for step in said["steps"]]
    assert outcomes == ["ok"] * 5 + ["gone"] + ["ok"] * 2, said
    targets = [sent.target.removeprefix("/public/v0.2/acme/projects/") for sent in upstream.requests]
    assert targets == [
        "a%20b/query_translation", "a%20b/metric_dashboards",
        *["a%2520b/metric_dashboards/d%2F1"] * 4,
        "a%20b/streams", "a%20b/streams/d%2F1",
    ], targets
    for sent in upstream.requests:
        assert sent.value("authorization") == f"bearer {TOKEN}"
        assert sent.value("x-lightstep-org") == "acme"
        assert sent.value("accept") == sent.value("content-type") == "application/vnd.api+json"
    [put] = [sent for sent in upstream.requests if sent.method == "PUT"]
    assert json.loads(put.body)["data"]["id"] == "d/1"
    holds("terraform escapes once and twice, sends its headers, takes 404 for gone")

    for status, attempts in ((401, 1), (403, 1), (404, 1), (429, 5), (503, 5)):
        with stand_in(tls, (status, {"retry-after": "1"}, b"{}")) as upstream:
            said = run(upstream, tls, "terraform_like.py", "--wait-scale", "0.001",
                       "request", "GET", "/x")
        assert said["steps"][0]["statuses"] == [status] * attempts, said
    holds("terraform repeats 429 and 5xx four times, 401, 403 and 404 never")


def provider(_):
    peer = subprocess.Popen(["node", HERE / "oidc_provider.mjs"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    first = json.loads(peer.stdout.readline())
    header, claims = parts(first["token"])
    assert (header["typ"], header["alg"], header["kid"]) == ("at+jwt", "RS256", "peer-1"), header
    assert claims["iss"] == first["issuer"], claims
    assert claims["aud"] == "https://stile.example.com", claims
    assert claims["client_id"] == first["client_id"] and claims["groups"] == ["reporting"], claims
    peer.stdin.write("https://elsewhere.example.com\n")
    peer.stdin.flush()
    _, claims = parts(json.loads(peer.stdout.readline())["token"])
    assert claims["aud"] == "https://elsewhere.example.com", claims
    peer.stdin.close()
    assert peer.wait(10) == 0
    holds("the provider mints RFC 9068 tokens for the audience asked for")


def parts(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def expects_credential(sent, name):
    value = f"Bearer {TOKEN}" if name == "authorization" else TOKEN
    assert sent.value(name) == value, sent.headers


def stand_in(tls, *answers):
    certificate, key, _ = tls
    return StandIn(list(answers), (certificate, key) if certificate else None)


def run(upstream, tls, script, *arguments, code=0):
    program = {"py": sys.executable, "mjs": "node", "sh": "sh"}[script.rsplit(".", 1)[1]]
    address = upstream if isinstance(upstream, str) else upstream.address
    surroundings = os.environ | {"STILE_ADDRESS": address, "STILE_TOKEN": TOKEN,
                                 "STILE_CA_FILE": tls[2] or ""}
    ended = subprocess.run([program, HERE / script, *arguments], env=surroundings, text=True,
                           capture_output=True, timeout=90, check=False)
    assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
    return json.loads(ended.stdout)


def holds(claim):
    print(f"holds: {claim}", flush=True)


if __name__ == "__main__":
    main()
