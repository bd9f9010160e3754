// A program that sends its spans by OpenTelemetry's JavaScript SDK, configured as its users do.
//
// In: the environment STILE_ADDRESS, STILE_TOKEN, STILE_CA_FILE (optional); flags
// --exporter json|proto, --compression gzip|none, --credential authorization|lightstep-access-token,
// --path WHOLE_PATH, --spans N, --timeout-ms N. Out: one line of JSON: {"exported": bool, "error": text or null,
// "status": HTTP status of a refusal or null}. Bodies go out chunked. Ends by itself within 60 s.

import { parseArgs } from 'node:util';
import { load } from './modules.mjs';

setTimeout(() => process.exit(70), 60_000).unref();

const { values: asked } = parseArgs({
  options: {
    exporter: { type: 'string', default: 'json' },
    compression: { type: 'string', default: 'gzip' },
    credential: { type: 'string', default: 'authorization' },
    path: { type: 'string' },
    spans: { type: 'string', default: '3' },
    'timeout-ms': { type: 'string', default: '10000' },
  },
});

configure();
const spans = await finishedSpans(Number(asked.spans));
const result = await exported(spans);
console.log(JSON.stringify({
  exported: result.code === 0,
  status: result.error?.code ?? null,
  error: result.error ? `${result.error.message}`.slice(0, 500) : null,
}));
process.exit(0);

/** The exporter is set by its documented environment variables only. */
function configure() {
  const { STILE_ADDRESS, STILE_TOKEN = '', STILE_CA_FILE } = process.env;
  const address = STILE_ADDRESS.replace(/\/$/, '');
  const value = asked.credential === 'authorization' ? `Bearer%20${STILE_TOKEN}` : STILE_TOKEN;
  process.env.OTEL_EXPORTER_OTLP_COMPRESSION = asked.compression;
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = asked['timeout-ms'];
  if (STILE_TOKEN) process.env.OTEL_EXPORTER_OTLP_HEADERS = `${asked.credential}=${value}`;
  if (STILE_CA_FILE) process.env.OTEL_EXPORTER_OTLP_CERTIFICATE = STILE_CA_FILE;
  if (asked.path) process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = address + asked.path;
  else process.env.OTEL_EXPORTER_OTLP_ENDPOINT = address;
}

async function finishedSpans(count) {
  const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } =
    await load('@opentelemetry/sdk-trace-base');
  const { resourceFromAttributes } = await load('@opentelemetry/resources');
  const memory = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'node-caller' }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
  }).getTracer('stile.tests.callers');
  for (let number = 0; number < count; number += 1) tracer.startSpan(`work ${number}`).end();
  return memory.getFinishedSpans();
}

async function exported(batch) {
  const kind = asked.exporter === 'proto' ? 'proto' : 'http';
  const { OTLPTraceExporter } = await load(`@opentelemetry/exporter-trace-otlp-${kind}`);
  const exporter = new OTLPTraceExporter();
  return new Promise((resolve) => exporter.export(batch, resolve));
}
