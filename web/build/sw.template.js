// Keeps the editor's own files so that a page loads while the server is away.
// It never touches /api or /sync: what people draw is kept by the editor itself.
const CACHE = 'interflow-shell-__VERSION__';
const SHELL = '__SHELL__';

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (event.request.mode === 'navigate' && !url.pathname.startsWith('/api/')) {
    // The newest page if there is a server, the kept one if not.
    event.respondWith(fetch(event.request).catch(() => kept('/')));
  } else if (SHELL.includes(url.pathname)) {
    event.respondWith(kept(url.pathname).then((response) => (response.ok ? response : fetch(event.request))));
  }
});

async function kept(path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? Response.error();
}
