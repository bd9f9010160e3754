#!/usr/bin/env python3
"""The server of gRPC's interoperability tests, by grpcio, on a free loopback port in clear text.

Out: first a line of JSON {"address": "http://127.0.0.1:PORT"}. Then for each line on its input the calls
so far, oldest first: {"calls": [{"method", "metadata": {name: [values]}, "deadline": seconds or null,
"end": "open", "ended" or "cancelled"}]}. Ends with its input, or by itself within five minutes.

A server of its makers' own library: what it takes for a call, a deadline and a cancellation is gRPC's word.
"""

import json
import signal
import sys
import time
from concurrent import futures

import grpc

from grpc_messages import SERVICE, message

ECHO_INITIAL, ECHO_TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
LARGEST = 64 << 20


def main():
    signal.alarm(300)
    service = Service()
    options = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]
    server = grpc.server(futures.ThreadPoolExecutor(32), handlers=[service], options=options)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    say({"address": f"http://127.0.0.1:{port}"})
    for _ in sys.stdin:
        say({"calls": service.calls})
    server.stop(None).wait()


def say(value):
    print(json.dumps(value), flush=True)


class Service(grpc.GenericRpcHandler):
    def __init__(self):
        self.calls = []

    def service(self, call):
        known = {
            "EmptyCall": (grpc.unary_unary_rpc_method_handler, self.empty, "Empty"),
            "UnaryCall": (grpc.unary_unary_rpc_method_handler, self.unary, "SimpleRequest"),
            "StreamingOutputCall": (grpc.unary_stream_rpc_method_handler, self.output,
                                    "StreamingOutputCallRequest"),
            "StreamingInputCall": (grpc.stream_unary_rpc_method_handler, self.input,
                                   "StreamingInputCallRequest"),
            "FullDuplexCall": (grpc.stream_stream_rpc_method_handler, self.duplex,
                               "StreamingOutputCallRequest"),
        }
        folder, _, name = call.method.rpartition("/")
        if folder != f"/{SERVICE}" or name not in known:
            return None  # which grpcio answers with UNIMPLEMENTED
        make, behave, takes = known[name]
        return make(self.noting(call, behave), message(takes).FromString,
                    lambda answer: answer.SerializeToString())

    def noting(self, call, behave):
        """What a method does, with each call of it written down."""
        def noted(request, context):
            metadata = {}
            for name, value in call.invocation_metadata:
                value = value if isinstance(value, str) else value.hex()
                metadata.setdefault(name, []).append(value)
            left = context.time_remaining()
            note = {"method": call.method, "metadata": metadata, "end": "open",
                    "deadline": left if left is not None and left < 1e6 else None}
            self.calls.append(note)

            def ended():
                note["end"] = "ended" if note.get("whole") else "cancelled"
            if not context.add_callback(ended):
                ended()  # before it began
            for name, put in ((ECHO_INITIAL, context.send_initial_metadata),
                              (ECHO_TRAILING, context.set_trailing_metadata)):
                values = [value for key, value in call.invocation_metadata if key == name]
                if values:
                    put([(name, value) for value in values])
            answer = behave(request, context)
            if isinstance(answer, grpc.StatusCode):
                note["whole"] = True
                context.abort(answer, context.details())
            if not hasattr(answer, "__next__"):
                note["whole"] = True
                return answer
            return self.streaming(answer, note, context)
        return noted

    @staticmethod
    def streaming(answers, note, context):
        """Passes answers on; one that is a status ends the call with it."""
        for answer in answers:
            if isinstance(answer, grpc.StatusCode):
                note["whole"] = True
                context.abort(answer, context.details())
            yield answer
        note["whole"] = True

    @staticmethod
    def empty(_, __):
        return message("Empty")()

    @staticmethod
    def unary(request, context):
        if request.HasField("response_status"):
            return status(request, context)
        return message("SimpleResponse")(payload=payload(request.response_size))

    @staticmethod
    def output(request, context):
        yield from pieces(request, context)

    @staticmethod
    def input(requests, _):
        size = sum(len(request.payload.body) for request in requests)
        return message("StreamingInputCallResponse")(aggregated_payload_size=size)

    @staticmethod
    def duplex(requests, context):
        for request in requests:
            if request.HasField("response_status"):
                yield status(request, context)
            yield from pieces(request, context)


def pieces(request, context):
    for wanted in request.response_parameters:
        # In small steps: whoever is cancelled stops.
        until = time.monotonic() + wanted.interval_us / 1e6
        while context.is_active() and time.monotonic() < until:
            time.sleep(0.01)
        yield message("StreamingOutputCallResponse")(payload=payload(wanted.size))


def payload(size):
    return message("Payload")(body=bytes(size))


def status(request, context):
    wanted = request.response_status
    context.set_details(wanted.message)
    return next(code for code in grpc.StatusCode if code.value[0] == wanted.code)


if __name__ == "__main__":
    sys.exit(main())
