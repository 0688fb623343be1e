/**
 * Serves the page with `npx vite examples/09-page`, or builds it with `npx vite build examples/09-page`.
 *
 * ONNX Runtime finds its WebAssembly beside its own file, so Vite must not bundle it ahead of time. The headers allow
 * shared memory and with it threads; without them everything works on one.
 */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default {
  base: "./",
  optimizeDeps: { exclude: ["descent-ml", "onnxruntime-web"] },
  server: { headers },
  preview: { headers },
  build: { target: "es2022" },
};
