#!/usr/bin/env python3
"""A program that sends its spans by OpenTelemetry's Python SDK, configured as its users do.

In: the environment STILE_ADDRESS (https://127.0.0.1:PORT), STILE_TOKEN, STILE_CA_FILE (optional),
and the flags below. The exporter itself is set by OTEL_EXPORTER_OTLP_… variables only, because that
is the surface people use: values are percent-decoded, paths appended, files read by the exporter.
Out: one line of JSON: {"exported": bool, "statuses": [HTTP status per attempt], "errors": [text]}.
Ends by itself within 60 s.
"""

import argparse
import json
import logging
import os
import signal
import sys


def main():
    signal.alarm(60)
    asked = arguments()
    configure(asked)
    errors = collect_errors()
    statuses = watch_attempts()
    exported = export(asked)
    print(json.dumps({"exported": exported, "statuses": statuses, "errors": errors}))


def arguments():
    parser = argparse.ArgumentParser(description="Sends spans through stile")
    parser.add_argument("--protocol", choices=["http", "grpc"], default="http")
    parser.add_argument("--compression", choices=["none", "gzip"], default="gzip")
    parser.add_argument("--credential", choices=["authorization", "lightstep-access-token"],
                        default="authorization")
    parser.add_argument("--path", help="whole path; without it the exporter appends /v1/traces")
    parser.add_argument("--spans", type=int, default=3)
    parser.add_argument("--attribute", action="append", default=[], metavar="KEY=VALUE",
                        help="put on every span, for instance to claim a foreign commit")
    parser.add_argument("--timeout-s", type=float, default=10)
    return parser.parse_args()


def configure(asked):
    token = os.environ.get("STILE_TOKEN", "")
    value = f"Bearer%20{token}" if asked.credential == "authorization" else token
    settings = {
        "OTEL_EXPORTER_OTLP_COMPRESSION": asked.compression,
        "OTEL_EXPORTER_OTLP_TIMEOUT": str(asked.timeout_s),
    }
    if token:
        settings["OTEL_EXPORTER_OTLP_HEADERS"] = f"{asked.credential}={value}"
    address = os.environ["STILE_ADDRESS"].rstrip("/")
    if asked.path:
        settings["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = address + asked.path
    else:
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
    if ca_file := os.environ.get("STILE_CA_FILE"):
        settings["OTEL_EXPORTER_OTLP_CERTIFICATE"] = ca_file
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests lets them win over it
            os.environ.pop(name, None)
    os.environ.update(settings)


def collect_errors():
    errors = []

    class Collect(logging.Handler):
        def emit(self, record):
            errors.append(record.getMessage()[:500])

    logging.getLogger().handlers = [Collect(logging.WARNING)]
    return errors


def watch_attempts():
    """Notes the status of each attempt below the exporter, whose own code stays as it is."""
    from requests.adapters import HTTPAdapter

    statuses, send = [], HTTPAdapter.send

    def noting(*args, **kwargs):
        answer = send(*args, **kwargs)
        statuses.append(answer.status_code)
        return answer

    HTTPAdapter.send = noting
    return statuses


def export(asked):
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    finished = InMemorySpanExporter()
    tracing = TracerProvider(resource=Resource.create({"service.name": "python-caller"}))
    tracing.add_span_processor(SimpleSpanProcessor(finished))
    tracer = tracing.get_tracer("stile.tests.callers")
    claimed = dict(pair.split("=", 1) for pair in asked.attribute)
    for number in range(asked.spans):
        with tracer.start_as_current_span(f"work {number}", attributes=claimed):
            pass
    exporter = exporter_for(asked.protocol)
    result = exporter.export(finished.get_finished_spans())
    exporter.shutdown()
    return result == SpanExportResult.SUCCESS


def exporter_for(protocol):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter()


if __name__ == "__main__":
    sys.exit(main())
