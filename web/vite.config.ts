// Builds the playground into web/built, which the server serves and the package ships.
import { defineConfig } from 'vite';

const settings = defineConfig({
  base: './',
  build: { outDir: 'built', emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: true },
  server: { proxy: { '/v1': 'http://127.0.0.1:8080' } },
});
export { settings as default };
