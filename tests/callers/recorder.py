"""A stand-in for stile while the callers are checked by themselves.

Says what was on the wire, byte for byte, and answers what it was told to. HTTP/1.1 with or without
TLS, on a free loopback port. `StandIn.requests` holds what arrived; `answers` is a list of
(status, headers, body) used up one by one, the last one for good.

Never: judges. What a caller may do is stile's business; this only remembers.
"""

import gzip
import http.server
import ssl
import threading
from dataclasses import dataclass, field


@dataclass
class Arrival:
    method: str
    target: str
    headers: list  # (name as sent, value), in order
    body: bytes  # as sent, without chunk framing

    def value(self, name):
        found = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    def plain_body(self):
        return gzip.decompress(self.body) if self.value("content-encoding") == "gzip" else self.body


@dataclass
class StandIn:
    answers: list
    tls: tuple = None  # (certificate file, key file)
    requests: list = field(default_factory=list)

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._server.daemon_threads = True
        if self.tls:
            terms = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            terms.load_cert_chain(*self.tls)
            self._server.socket = terms.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        scheme = "https" if self.tls else "http"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def _answering(stand_in):
    class Answering(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self):
            stand_in.requests.append(
                Arrival(self.command, self.path, list(self.headers.items()), self._body())
            )
            answers = stand_in.answers
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if status == 204 else body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

        def _body(self):
            if self.headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            whole = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def log_message(self, *_):
            pass

    return Answering
