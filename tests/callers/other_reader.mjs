// Reads connections as Node does: llhttp, strict, as it is built in.
//
// In: on standard input, one connection a line, its bytes in base64. Out: for each one line of JSON, the
// requests that were read whole: [[method, target, body in base64], ...]. Ends with its input, or after
// two minutes.
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

setTimeout(() => process.exit(70), 120_000).unref();

let read = [];
const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    if (request.complete) {
      read.push([request.method, request.url, Buffer.concat(pieces).toString('base64')]);
    }
    response.end();
  });
  request.on('error', () => {});
});
server.on('clientError', (fault, socket) => socket.destroy());
server.on('upgrade', (request, socket) => socket.destroy());
server.on('connect', (request, socket) => socket.destroy());
server.on('checkContinue', (request, response) => server.emit('request', request, response));
server.on('checkExpectation', (request, response) => server.emit('request', request, response));
server.keepAliveTimeout = 0;
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.address();

for await (const line of createInterface({ input: process.stdin })) {
  read = [];
  await new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.on('close', done);
    socket.on('end', () => socket.destroy());
    socket.resume();
    socket.setTimeout(300, () => socket.destroy());
    socket.end(Buffer.from(line, 'base64'));
  });
  console.log(JSON.stringify(read));
}
server.close();
