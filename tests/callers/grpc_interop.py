#!/usr/bin/env python3
"""gRPC's interoperability tests by grpcio, configured as its users do.

In: the environment STILE_ADDRESS (https://127.0.0.1:PORT), STILE_TOKEN, STILE_CA_FILE (optional), and the
names of the cases to run; without names all of them. Out: one line of JSON, {case: "ok" or what was
otherwise}. Ends by itself within 60 s.

The cases and what they demand are the gRPC project's (interop-test-descriptions); those about its own
credentials and compression probes are left out.
"""

import json
import os
import signal
import sys

import grpc

from grpc_messages import NOBODY, SERVICE, message

SIZES = (31415, 9, 2653, 58979)
SENT = (27182, 8, 1828, 45904)
LARGEST = 64 << 20
PATIENCE = 20


def main():
    signal.alarm(60)
    channel = connect()
    asked = sys.argv[1:] or [name for name in CASES if name != "refused"]
    said = {}
    for name in asked:
        try:
            CASES[name](channel)
            said[name] = "ok"
        except (AssertionError, grpc.RpcError) as fault:
            said[name] = f"{type(fault).__name__}: {fault}"
    channel.close()
    print(json.dumps(said))


def connect():
    scheme, _, authority = os.environ["STILE_ADDRESS"].partition("://")
    options = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]
    if scheme == "http":
        return grpc.insecure_channel(authority, options=options)
    with open(os.environ["STILE_CA_FILE"], "rb") as file:
        trusted = grpc.ssl_channel_credentials(file.read())
    return grpc.secure_channel(authority, trusted, options=options)


def calling(channel, kind, method, answer, service=SERVICE):
    """A method of the stub that a generated client would have, with the token in its metadata."""
    call = getattr(channel, kind)(f"/{service}/{method}", lambda sent: sent.SerializeToString(),
                                  message(answer).FromString)
    token = [("authorization", f"Bearer {os.environ.get('STILE_TOKEN', '')}")]

    def begin(request, metadata=(), timeout=PATIENCE, whole=False):
        begun = call.with_call if whole else call
        return begun(request, metadata=[*token, *metadata], timeout=timeout)
    return begin


def payload(size):
    return message("Payload")(body=bytes(size))


def asking(size=None, sent=None, interval_us=0, **more):
    request = message("StreamingOutputCallRequest")(**more)
    if size is not None:
        request.response_parameters.add(size=size, interval_us=interval_us)
    if sent is not None:
        request.payload.CopyFrom(payload(sent))
    return request


def empty_unary(channel):
    answer = calling(channel, "unary_unary", "EmptyCall", "Empty")(message("Empty")())
    expect(answer, message("Empty")())


def large_unary(channel):
    request = message("SimpleRequest")(response_size=314159, payload=payload(271828))
    answer = calling(channel, "unary_unary", "UnaryCall", "SimpleResponse")(request)
    expect(answer.payload.body, bytes(314159))


def client_streaming(channel):
    pieces = (message("StreamingInputCallRequest")(payload=payload(size)) for size in SENT)
    call = calling(channel, "stream_unary", "StreamingInputCall", "StreamingInputCallResponse")
    expect(call(pieces).aggregated_payload_size, sum(SENT))


def server_streaming(channel):
    request = asking()
    for size in SIZES:
        request.response_parameters.add(size=size)
    call = calling(channel, "unary_stream", "StreamingOutputCall", "StreamingOutputCallResponse")
    expect([len(answer.payload.body) for answer in call(request)], list(SIZES))


def duplex(channel):
    return calling(channel, "stream_stream", "FullDuplexCall", "StreamingOutputCallResponse")


class Pieces:
    """What a stream sends, one when it is told to."""

    def __init__(self):
        from queue import SimpleQueue
        self.queue = SimpleQueue()

    def __iter__(self):
        return iter(self.queue.get, None)


def ping_pong(channel):
    pieces = Pieces()
    answers = duplex(channel)(iter(pieces))
    for size, sent in zip(SIZES, SENT):
        pieces.queue.put(asking(size, sent))
        expect(len(next(answers).payload.body), size)
    pieces.queue.put(None)
    expect(list(answers), [])
    expect(answers.code(), grpc.StatusCode.OK)


def empty_stream(channel):
    answers = duplex(channel)(iter(()))
    expect(list(answers), [])
    expect(answers.code(), grpc.StatusCode.OK)


def cancel_after_begin(channel):
    call = channel.stream_unary(f"/{SERVICE}/StreamingInputCall", lambda sent: sent.SerializeToString(),
                                message("StreamingInputCallResponse").FromString)
    token = [("authorization", f"Bearer {os.environ.get('STILE_TOKEN', '')}")]
    pieces = Pieces()
    begun = call.future(iter(pieces), metadata=token, timeout=PATIENCE)
    begun.cancel()
    pieces.queue.put(None)
    expect(begun.code(), grpc.StatusCode.CANCELLED)


def cancel_after_first_response(channel):
    pieces = Pieces()
    answers = duplex(channel)(iter(pieces))
    pieces.queue.put(asking(SIZES[0], SENT[0]))
    expect(len(next(answers).payload.body), SIZES[0])
    answers.cancel()
    pieces.queue.put(None)
    expect(answers.code(), grpc.StatusCode.CANCELLED)


def timeout_on_sleeping_server(channel):
    request = asking(31415, 27182, interval_us=5_000_000)
    answers = duplex(channel)(iter([request]), timeout=0.5)
    fails(lambda: next(answers), grpc.StatusCode.DEADLINE_EXCEEDED)


def custom_metadata(channel):
    sent = [("x-grpc-test-echo-initial", "test_initial_metadata_value"),
            ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")]
    unary = calling(channel, "unary_unary", "UnaryCall", "SimpleResponse")
    request = message("SimpleRequest")(response_size=314159, payload=payload(271828))
    _, call = unary(request, metadata=sent, whole=True)
    expect_metadata(call)
    pieces = iter([asking(314159, 271828)])
    call = duplex(channel)(pieces, metadata=sent)
    expect([len(answer.payload.body) for answer in call], [314159])
    expect_metadata(call)


def expect_metadata(call):
    initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
    expect(initial.get("x-grpc-test-echo-initial"), "test_initial_metadata_value")
    expect(trailing.get("x-grpc-test-echo-trailing-bin"), b"\xab\xab\xab")


def status_code_and_message(channel):
    status_of(channel, "test status message")


def special_status_message(channel):
    status_of(channel, "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")


def status_of(channel, text):
    wanted = message("EchoStatus")(code=2, message=text)
    unary = calling(channel, "unary_unary", "UnaryCall", "SimpleResponse")
    fault = fails(lambda: unary(message("SimpleRequest")(response_status=wanted)),
                  grpc.StatusCode.UNKNOWN)
    expect(fault.details(), text)
    answers = duplex(channel)(iter([asking(response_status=wanted)]))
    fault = fails(lambda: list(answers), grpc.StatusCode.UNKNOWN)
    expect(fault.details(), text)


def unimplemented_method(channel):
    call = calling(channel, "unary_unary", "UnimplementedCall", "Empty")
    fails(lambda: call(message("Empty")()), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(channel):
    call = calling(channel, "unary_unary", "UnimplementedCall", "Empty", NOBODY)
    fails(lambda: call(message("Empty")()), grpc.StatusCode.UNIMPLEMENTED)


def soak(channel):
    for _ in range(100):
        large_unary(channel)


def refused(channel):
    """Not gRPC's: what a call without a token, or with one that nothing allows, is told."""
    call = calling(channel, "unary_unary", "EmptyCall", "Empty")
    try:
        call(message("Empty")())
    except grpc.RpcError as fault:
        raise AssertionError(f"{fault.code().name}: {fault.details()}") from None


def expect(found, wanted):
    assert found == wanted, f"{found!r:.200} in the place of {wanted!r:.200}"


def fails(call, code):
    try:
        answer = call()
    except grpc.RpcError as fault:
        expect(fault.code(), code)
        return fault
    raise AssertionError(f"{answer!r:.200} in the place of {code}")


CASES = {case.__name__: case for case in (
    empty_unary, large_unary, client_streaming, server_streaming, ping_pong, empty_stream,
    cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server, custom_metadata,
    status_code_and_message, special_status_message, unimplemented_method, unimplemented_service, soak, refused)}

if __name__ == "__main__":
    sys.exit(main())
