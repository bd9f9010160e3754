// Looks at one page as people do: in a browser, with and without scripts, wide and narrow, by keyboard.
//
// In: the environment STILE_ADDRESS and STILE_TOKEN; arguments: the page's path and query, a folder for
// pictures. Out: one line of JSON:
// {"requests": [...], "refused": [...], "wide": {"320": px, ...}, "axe": [...], "focus": [...],
//  "text": what is to be read, "jumped": where the first mark leads}.
//
// Scripts of the page stay off but for axe-core, which is put in past the page's own policy. Ends
// within a minute.

import { load, place } from './modules.mjs';

const { chromium } = await load('playwright-core');
const [path, pictures] = process.argv.slice(2);
const url = `${process.env.STILE_ADDRESS}${path}`;
const extraHTTPHeaders = { authorization: `Bearer ${process.env.STILE_TOKEN}` };
const axe = place('axe-core/axe.min.js');
const browser = await chromium.launch({
  executablePath: process.env.STILE_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  timeout: 30_000,
});
const end = setTimeout(() => process.exit(3), 60_000);

const said = { requests: [], refused: [], wide: {}, axe: [], focus: [] };

// As it is: no script of anybody.
for (const width of [320, 768, 1280]) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({
      extraHTTPHeaders, javaScriptEnabled: false, colorScheme, viewport: { width, height: 900 },
    });
    const page = await context.newPage();
    page.on('request', (request) => said.requests.push(request.url()));
    page.on('console', (message) => said.refused.push(message.text()));
    await page.goto(url, { timeout: 20_000 });
    await page.screenshot({ path: `${pictures}/${width}-${colorScheme}.png`, fullPage: true });
    await context.close();
  }
}

// Measured: scripts of ours, past the policy of the page.
for (const [width, colorScheme] of [[320, 'light'], [768, 'dark'], [1280, 'light'], [1280, 'dark']]) {
  const context = await browser.newContext({
    extraHTTPHeaders, bypassCSP: true, colorScheme, viewport: { width, height: 900 },
  });
  const page = await context.newPage();
  await page.goto(url, { timeout: 20_000 });
  said.wide[width] = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.addScriptTag({ path: axe });
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  for (const { id, nodes } of found.violations) {
    said.axe.push(`${width} ${colorScheme}: ${id}: ${nodes.map((node) => node.target).join(' ')}`);
  }
  if (width === 1280 && colorScheme === 'light') {
    for (let step = 0; step < 40; step += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const on = document.activeElement
        return on === document.body ? '' : `${on.tagName.toLowerCase()} ${on.getAttribute('href') ?? on.getAttribute('aria-label') ?? ''}`
      });
      if (at === '') break
      said.focus.push(at);
    }
    said.text = await page.evaluate(() => document.body.innerText);
    const first = page.locator('svg a').first();
    if (await first.count() > 0) {
      await first.focus();
      await page.keyboard.press('Enter');
      said.jumped = await page.evaluate(() => location.hash);
    }
  }
  await context.close();
}

await browser.close();
clearTimeout(end);
console.log(JSON.stringify(said));
