// Loads npm packages from where scripts/install-test-tools.sh put them, outside the source tree.

import { createRequire } from 'node:module';
import { pathToFileURL, fileURLToPath } from 'node:url';

const folder = process.env.STILE_CALLERS
  ?? fileURLToPath(new URL('../../target/callers', import.meta.url));
const require = createRequire(`${folder}/node_modules/`);

/** The namespace of the package `name`, whichever module kind it is of. */
export async function load(name) {
  const loaded = await import(pathToFileURL(require.resolve(name)).href);
  return { ...loaded.default, ...loaded };
}

/** Where a file of a package is. */
export function place(name) {
  return require.resolve(name);
}
