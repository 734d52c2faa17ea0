import { defineConfig } from 'vite';

/** `widget.js`: the chat for other pages, one file that needs nothing else. */
export default defineConfig({
  publicDir: false,
  build: {
    target: 'es2022',
    emptyOutDir: false,
    lib: { entry: 'src/chat/widget.ts', name: 'Interflow', formats: ['iife'], fileName: () => 'widget.js' },
  },
});
