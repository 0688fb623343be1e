/**
 * Serves the page with `npx vite examples/09-page`, or builds it with `npx vite build examples/09-page`.
 *
 * Vite finds ONNX Runtime's files by itself. The headers allow shared memory and with it threads; without them everything
 * works on one. While developing, threads also need `optimizeDeps.exclude`.
 */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default {
  base: "./",
  optimizeDeps: { exclude: ["descent-ml", "onnxruntime-web"] },
  server: { headers },
  preview: { headers },
  build: { target: "es2022" },
};
