// Signs in as people do: in a browser, at a provider that is not ours, and out again.
//
// In: the environment STILE_PORT, the port of stile's TLS listener; arguments: who signs in, `scripts` or
// `none`, a folder for pictures. The browser finds https://stile.example.com there. Out: one line of JSON:
// {"landed": path, "heading": text, "cookie": its attributes, "seen_by_scripts": text,
//  "axe": [...], "left": path, "after": path it is led to, "refused": [...]}.
//
// Ends within a minute.

import { load, place } from './modules.mjs';

const { chromium } = await load('playwright-core');
const [who, scripts, pictures] = process.argv.slice(2);
const site = 'https://stile.example.com';
const browser = await chromium.launch({
  executablePath: process.env.STILE_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    `--host-resolver-rules=MAP stile.example.com:443 127.0.0.1:${process.env.STILE_PORT}`],
  timeout: 30_000,
});
setTimeout(() => process.exit(3), 60_000).unref();

const context = await browser.newContext({
  ignoreHTTPSErrors: true, javaScriptEnabled: scripts === 'scripts', bypassCSP: scripts === 'scripts',
});
context.setDefaultTimeout(20_000);
const page = await context.newPage();
const said = { refused: [], axe: [] };
page.on('console', (message) => said.refused.push(message.text()));

await page.goto(`${site}/.stile/console`);
await page.fill('input[name=login]', who);
await page.fill('input[name=password]', 'any');
await page.click('button[type=submit]');
await page.waitForLoadState();
if (!page.url().startsWith(site)) await page.click('button[type=submit]'); // consent
await page.waitForURL(`${site}/**`);
said.landed = new URL(page.url()).pathname;
said.heading = await page.textContent('h1');
const cookie = (await context.cookies()).find(({ name }) => name === '__Host-stile');
said.cookie = { secure: cookie.secure, httpOnly: cookie.httpOnly, sameSite: cookie.sameSite, path: cookie.path };
await page.screenshot({ path: `${pictures}/console.png`, fullPage: true });
if (scripts === 'scripts') {
  said.seen_by_scripts = await page.evaluate(() => document.cookie);
  await looked();
}

await page.goto(`${site}/.stile/logout`);
await page.screenshot({ path: `${pictures}/leaving.png` });
if (scripts === 'scripts') await looked();
await page.click('button');
await page.waitForURL((url) => !url.href.startsWith(`${site}/.stile/logout`) || url.search === '?done');
if (!page.url().startsWith(site)) await page.click('button[type=submit]'); // the provider asks, too
await page.waitForURL(`${site}/**`);
said.left = new URL(page.url()).pathname + new URL(page.url()).search;
await page.screenshot({ path: `${pictures}/left.png` });
said.cookies_left = (await context.cookies(site)).map(({ name }) => name);
await page.goto(`${site}/.stile/me`);
said.after = new URL(page.url()).origin;
process.stdout.write(`${JSON.stringify(said)}\n`);
await browser.close();
process.exit(0);

async function looked() {
  await page.addScriptTag({ path: place('axe-core/axe.min.js') });
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  for (const { id, nodes } of found.violations) {
    said.axe.push(`${page.url()}: ${id}: ${nodes.map((node) => node.target).join(' ')}`);
  }
}
