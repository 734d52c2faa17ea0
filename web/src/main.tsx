import './index.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { takeLinks } from './account/links';
import { start } from './account/session';
import { App } from './app';
import { takeChatLink } from './chat/links';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no root element');

takeLinks();
takeChatLink();
void start();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

// Keeps the editor's files, so that a flow can be opened again while the server is
// away. Where service workers are not to be had, the editor works without.
if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register('/sw.js').catch((error: unknown) => console.warn('pages will not load offline', error));
}
