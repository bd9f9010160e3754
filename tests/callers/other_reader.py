# Reads connections as Python's servers do that are built on h11.
#
# In: on standard input, one connection a line, its bytes in base64. Out: for each one line of JSON, the
# requests that were read whole: [[method, target, body in base64], ...]. Ends with its input.
import base64
import json
import sys

import h11


def requests_in(data):
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    connection.receive_data(b"")
    read, now, body = [], None, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                now, body = (event.method.decode(), event.target.decode("latin-1")), b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                read.append([*now, base64.b64encode(body).decode()])
                if connection.our_state is h11.SEND_RESPONSE:
                    connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                    connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
            else:  # need data, paused, closed
                return read
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return read


for line in sys.stdin:
    print(json.dumps(requests_in(base64.b64decode(line))), flush=True)
