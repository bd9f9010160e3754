// A company's OpenID provider that people sign in with: npm's certified oidc-provider.
//
// In: the environment STILE_SITE, what stile is called by browsers. Out: first one line of JSON {"issuer",
// "client_id", "secret"}; then {} for each line on standard input:
//   groups NAME a,b    those are the groups of NAME from now on
//   refuse NAME        NAME cannot sign in
//   tell URL           logout tokens go there from now on, when a session ends here
// Ends when standard input closes, at the latest after 10 minutes.
//
// Whoever types a name is that person: what is under test is what follows. Plain http on a free loopback
// port, which stile accepts for loopback only.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';

console.warn = console.info = console.error; // standard output is for our lines only
setTimeout(() => process.exit(70), 600_000).unref();

const { load } = await import('./modules.mjs');
const { Provider } = await load('oidc-provider');
const site = process.env.STILE_SITE ?? 'https://stile.example.com';
const secret = randomBytes(24).toString('base64url');
const clientId = 'stile-console';

const groups = new Map();
const refused = new Set();
let told = null;

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'op-1', use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(24).toString('base64url')] },
  clients: [
    {
      client_id: clientId,
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${site}/.stile/callback`],
      post_logout_redirect_uris: [`${site}/.stile/logout?done`],
      response_types: ['code'],
      backchannel_logout_session_required: true,
      backchannel_logout_uri: 'https://stile.example.com/.stile/backchannel-logout',
    },
  ],
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'], email: ['email'] },
  scopes: ['openid', 'offline_access', 'profile', 'groups', 'email'],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: 300, IdToken: 300, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  // Stile has another address than its name says: it runs on a free port of this machine.
  fetch: (to, options) => globalThis.fetch(told ?? to, { ...options, dispatcher: undefined }),
  findAccount: (_, sub) => (refused.has(sub) ? undefined : {
    accountId: sub,
    claims: () => ({ sub, preferred_username: sub, email: sub, groups: groups.get(sub) ?? [] }),
  }),
});
const serving = provider.callback();
server.on('request', serving);

say({ issuer, client_id: clientId, secret });
for await (const line of createInterface({ input: process.stdin })) {
  const [word, name, list] = line.trim().split(' ');
  switch (word) {
    case 'groups':
      groups.set(name, (list ?? '').split(',').filter(Boolean));
      say({});
      break;
    case 'refuse':
      refused.add(name);
      say({});
      break;
    case 'tell':
      told = name;
      say({});
      break;
    default:
      say({ error: `no such word: ${word}` });
  }
}
process.exit(0);

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
