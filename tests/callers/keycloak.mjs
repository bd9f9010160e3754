// An issuer that is not ours: Keycloak, as many companies run it.
//
// In: the environment STILE_AUDIENCE (default https://stile.example.com), and STILE_CALLERS with the
// installed `keycloak` in it. Out, each on one line of JSON: first {"issuer", "client_id", "token"},
// the token from a real client-credentials request of a realm that was made through the admin API.
// Then, for every line on standard input: `rotate keeping` makes a new key sign and leaves the old
// one published, `rotate` also takes the old ones away (both answer {"kid"}); any other line asks for
// a token and answers {"token"}. Ends when standard input closes, at the latest after 10 minutes.
//
// Plain http on a free loopback port, its data in memory, its secrets made anew each time.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

setTimeout(() => end(70), 600_000).unref();

const audience = process.env.STILE_AUDIENCE ?? 'https://stile.example.com';
const [admin, secret] = [word(), word()];
const clientId = 'nightly-report';
const port = await freePort();
const address = `http://127.0.0.1:${port}`;
const issuer = `${address}/realms/ci`;

// A group of its own: the script starts a Java process that must end with us, too.
const server = spawn(
  join(process.env.STILE_CALLERS, 'keycloak/bin/kc.sh'),
  ['start-dev', '--db=dev-mem', `--http-port=${port}`, '--http-host=127.0.0.1'],
  {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      ...process.env,
      JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m',
      KC_BOOTSTRAP_ADMIN_USERNAME: 'kit',
      KC_BOOTSTRAP_ADMIN_PASSWORD: admin,
    },
  },
);
server.on('exit', () => end(69));
process.on('exit', () => endServer()); // also after an error that nobody caught
process.on('SIGTERM', () => end(0));

await untilItAnswers();
await api('POST', '/admin/realms', { realm: 'ci', enabled: true, accessTokenLifespan: 600 });
await api('POST', '/admin/realms/ci/clients', {
  clientId,
  secret,
  serviceAccountsEnabled: true,
  standardFlowEnabled: false,
  fullScopeAllowed: false, // or its tokens name `account` as an audience, too
  protocolMappers: [{
    name: 'for stile',
    protocol: 'openid-connect',
    protocolMapper: 'oidc-audience-mapper',
    config: { 'included.custom.audience': audience, 'access.token.claim': 'true' },
  }],
});

say({ issuer, client_id: clientId, token: await minted() });
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  if (line.startsWith('rotate')) say({ kid: await rotated(line.trim() === 'rotate') });
  else say({ token: await minted() });
}
end(0);

async function rotated(alone) {
  const type = 'org.keycloak.keys.KeyProvider';
  const before = await api('GET', `/admin/realms/ci/components?type=${type}`);
  const name = `rsa-${word()}`;
  await api('POST', '/admin/realms/ci/components', {
    name,
    providerId: 'rsa-generated',
    providerType: type,
    config: {
      priority: [String(1000 + before.length)],
      enabled: ['true'],
      active: ['true'],
      algorithm: ['RS256'],
    },
  });
  if (alone) {
    for (const old of before.filter((one) => one.providerId === 'rsa-generated')) {
      await api('DELETE', `/admin/realms/ci/components/${old.id}`);
    }
  }
  const { active } = await api('GET', '/admin/realms/ci/keys');
  return active.RS256;
}

async function minted() {
  const said = await form(`${issuer}/protocol/openid-connect/token`, {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret,
  });
  return said.access_token;
}

async function api(method, path, body) {
  const { access_token: token } = await form(
    `${address}/realms/master/protocol/openid-connect/token`,
    { grant_type: 'password', client_id: 'admin-cli', username: 'kit', password: admin },
  );
  const answer = await fetch(`${address}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return method === 'GET' ? answer.json() : undefined;
}

async function form(url, fields) {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${JSON.stringify(said)}`);
  return said;
}

async function untilItAnswers() {
  for (let tries = 0; tries < 1500; tries += 1) {
    const answer = await fetch(`${address}/realms/master`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((later) => setTimeout(later, 200));
  }
  throw new Error('Keycloak does not answer after five minutes');
}

function freePort() {
  return new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address();
      probe.close(() => found(free));
    });
  });
}

function word() {
  return randomBytes(12).toString('hex');
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function endServer() {
  try {
    process.kill(-server.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function end(code) {
  process.exit(code); // and `exit` ends the server
}
