"""The messages of gRPC's interoperability tests, made at run time: no generated code, no compiler.

Field numbers are those of `grpc.testing` in the gRPC project; fields that no case here uses are left out.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "grpc.testing.TestService"
NOBODY = "grpc.testing.UnimplementedService"

INT32, BYTES, STRING = 5, 12, 9
MESSAGES = {
    "Empty": {},
    "Payload": {"body": (2, BYTES)},
    "EchoStatus": {"code": (1, INT32), "message": (2, STRING)},
    "SimpleRequest": {"response_size": (2, INT32), "payload": (3, "Payload"),
                      "response_status": (7, "EchoStatus")},
    "SimpleResponse": {"payload": (1, "Payload")},
    "ResponseParameters": {"size": (1, INT32), "interval_us": (2, INT32)},
    "StreamingOutputCallRequest": {"response_parameters": (2, ["ResponseParameters"]),
                                   "payload": (3, "Payload"), "response_status": (7, "EchoStatus")},
    "StreamingOutputCallResponse": {"payload": (1, "Payload")},
    "StreamingInputCallRequest": {"payload": (1, "Payload")},
    "StreamingInputCallResponse": {"aggregated_payload_size": (1, INT32)},
}


def _file():
    file = descriptor_pb2.FileDescriptorProto(name="interop.proto", package="grpc.testing",
                                              syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            many = isinstance(kind, list)
            entry = message.field.add(name=field, number=number, label=3 if many else 1)
            kind = kind[0] if many else kind
            if isinstance(kind, str):
                entry.type, entry.type_name = 11, f".grpc.testing.{kind}"
            else:
                entry.type = kind
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())


def message(name):
    """The class of a message."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"grpc.testing.{name}"))
