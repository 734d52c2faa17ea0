/// <reference types="vitest/config" />
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

import { offlineShell } from './build/offline-shell.ts';

const SERVER = process.env.INTERFLOW_SERVER ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), tailwindcss(), offlineShell()],
  build: {
    target: 'es2022',
    // The server forbids inline scripts and sends no data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_000,
  },
  server: {
    proxy: {
      '/api': { target: SERVER },
      '/chat': { target: SERVER, ws: true, changeOrigin: true, rewriteWsOrigin: true },
      // The server checks that the origin is its own.
      '/sync': { target: SERVER, ws: true, changeOrigin: true, rewriteWsOrigin: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test-setup.ts'],
  },
});
