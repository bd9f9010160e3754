// An issuer that is not ours: npm's certified oidc-provider, as a company's own OpenID provider.
//
// In: the environment STILE_AUDIENCE (default https://stile.example.com). Out, each on one line of
// JSON: first {"issuer", "client_id", "token"}, the token from a real client-credentials request;
// then {"token"} for every line on standard input that names an audience. Tokens are RFC 9068 JWTs,
// `typ: at+jwt`, RS256. The line `rotate` makes a new key sign and takes the old ones away, `rotate
// keeping` leaves them published; both answer {"kid"}. The line `down` lets every request wait for an
// answer that does not come until `up`; both answer {}. The line `logout URI SUBJECT SESSION` sends a
// logout token there and answers {"logout"}: `taken`, or what went wrong. Ends when standard input closes, at the
// latest after 10 minutes.
//
// The issuer is plain http on a free loopback port, which stile accepts for loopback only.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';

console.warn = console.info = console.error; // standard output is for our lines only

setTimeout(() => process.exit(70), 600_000).unref();

const { load } = await import('./modules.mjs');
const { Provider } = await load('oidc-provider');
const secret = randomBytes(24).toString('base64url');
const clientId = 'nightly-report';

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
let made = 0;
let keys = [newKey()];
let serving = provider(issuer).callback();
let waiting = null; // the requests that came while it is down
server.on('request', (request, response) => {
  if (waiting) waiting.push([request, response]);
  else serving(request, response);
});

const audience = process.env.STILE_AUDIENCE ?? 'https://stile.example.com';
say({ issuer, client_id: clientId, token: await minted(audience) });
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) say(await obey(line.trim()));
}
process.exit(0);

async function obey(line) {
  switch (line) {
    case 'rotate':
    case 'rotate keeping':
      keys = [newKey(), ...(line === 'rotate' ? [] : keys)];
      serving = provider(issuer).callback();
      return { kid: keys[0].kid };
    case 'down':
      waiting = [];
      return {};
    case 'up': {
      const late = waiting ?? [];
      waiting = null;
      for (const [request, response] of late) serving(request, response);
      return {};
    }
    default:
      if (line.startsWith('logout ')) return loggedOut(...line.split(' ').slice(1));
      return { token: await minted(line) };
  }
}

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  made += 1;
  const kid = `peer-${made}`;
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

function provider(url, more = {}) {
  return new Provider(url, {
    jwks: { keys },
    // Its own refuses addresses of this machine, where stile is in a test.
    fetch: (to, options) => globalThis.fetch(to, { ...options, dispatcher: undefined }),
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    clients: [{
      client_id: clientId,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      ...more,
    }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          audience: resource,
          scope: 'dashboards:read',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: () => ({ groups: ['reporting'] }),
  });
}

// A logout token of the provider's own making, sent as it sends one when a session ends there.
async function loggedOut(uri, subject, session) {
  const telling = provider(issuer, {
    backchannel_logout_uri: uri,
    backchannel_logout_session_required: true,
  });
  const client = await telling.Client.find(clientId);
  try {
    await client.backchannelLogout(subject, session);
    return { logout: 'taken' };
  } catch (error) {
    return { logout: String(error) };
  }
}

async function minted(resource) {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'dashboards:read' }),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(`the provider answered ${answer.status}: ${JSON.stringify(said)}`);
  return said.access_token;
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
