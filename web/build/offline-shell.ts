import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Plugin } from 'vite';

/**
 * Emits `sw.js`, the service worker that keeps the editor's own files, so that a
 * page can be loaded again while the server is away. It is written at the end of
 * a build because only then the names of the files are known.
 */
export function offlineShell(): Plugin {
  return {
    name: 'interflow-offline-shell',
    apply: 'build',
    generateBundle(_options, bundle) {
      const files = Object.keys(bundle).filter((file) => file.startsWith('assets/')).sort();
      const shell = ['/', '/favicon.svg', ...files.map((file) => `/${file}`)];
      const version = createHash('sha256').update(shell.join('\n')).digest('hex').slice(0, 16);
      const template = readFileSync(new URL('./sw.template.js', import.meta.url), 'utf8');
      const source = template.replace('__VERSION__', version).replace("'__SHELL__'", JSON.stringify(shell));
      this.emitFile({ type: 'asset', fileName: 'sw.js', source });
    },
  };
}
