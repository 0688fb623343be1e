/**
 * Pages as bundlers build them: the engine's files are found, a Worker may have threads, and what cannot work says so.
 *
 * Vite fills in the files' addresses, as webpack does. `single` is one file with everything in it and no address filled in,
 * as esbuild makes it.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as buildSingle } from "tsdown";
import { build as buildVite } from "vite";
import { addressOf, serve } from "./server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const project = join(here, "bundlers");

/** The page of docs/guide/browser.md, built by Vite from the files that stand there. */
async function buildGuide(outDir) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache", "guide-")); // inside the repository, where `descent-ml` is found
  try {
    const page = readFileSync(join(root, "docs/guide/browser.md"), "utf8");
    for (const [, name, text] of page.matchAll(/```\w+\n(?:\/\/|<!--) file: ([\w.]+)[^\n]*\n([\s\S]*?)```/g))
      writeFileSync(join(folder, name), text);
    const configFile = join(folder, "vite.config.js");
    await buildVite({ root: folder, configFile, logLevel: "error", build: { outDir, emptyOutDir: true } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Pages by name: Vite's without and with WebGPU, one file each for page and Worker. */
async function buildPages(outDir, engine) {
  for (const page of ["index", "webgpu"])
    await buildVite({
      root: project,
      configFile: false,
      base: "./",
      logLevel: "error",
      build: {
        outDir: join(outDir, page),
        target: "es2022",
        rollupOptions: { input: join(project, `${page}.html`) },
      },
    });
  for (const entry of ["main.js", "worker.js"])
    await buildSingle({
      config: false,
      cwd: project,
      entry: [entry],
      outDir: join(outDir, "single"),
      clean: false,
      platform: "browser",
      target: "es2022",
      dts: false,
      logLevel: "error",
      outExtensions: () => ({ js: ".js" }),
      outputOptions: { codeSplitting: false },
      deps: { alwaysBundle: [/./], onlyBundle: false },
    });
  cpSync(join(project, "index.html"), join(outDir, "single/index.html"));
  mkdirSync(join(outDir, "engine"));
  for (const ending of ["mjs", "wasm"])
    cpSync(join(engine, `ort-wasm-simd-threaded.${ending}`), join(outDir, `engine/ort-wasm-simd-threaded.${ending}`));
}

/** How a page is served: without isolation, with it, and with headers on the page alone. */
const SERVED = {
  plain: () => false,
  isolated: () => true,
  half: (path) => path.endsWith(".html"),
};

const done = /^sum 262144, one thread$/;
const threaded = /^sum 262144, threads$/;
const lost = /^DeviceError: device "wasm": threads could not load \S+\.mjs; serve it, with the header/;
const unknown =
  /^DeviceError: device "wasm": 2 threads load a file of their own, whose place is not known; .*engineFiles/;
const missing = /^DeviceError: device "wasm": the engine did not start \(.*\); its files are expected .*engineFiles/;
const late = /^DeviceError: engineFiles: the engine is loading already; call it before/;
const adapter = /^DeviceError: device "webgpu": this browser finds no adapter .*; use device "wasm"/;

/** Served how, page, expected. */
const CASES = [
  ["plain", "index/index.html", done],
  ["plain", "index/index.html?worker", done],
  ["isolated", "index/index.html", threaded],
  ["isolated", "index/index.html?worker", threaded],
  ["isolated", "index/index.html?worker&threads=1", done],
  ["isolated", "index/index.html?late=/engine/", late],
  ["isolated", "index/index.html?device=webgpu", /^DeviceError: device "webgpu" is not part of this page; add: import/],
  ["half", "index/index.html", lost],
  ["half", "index/index.html?threads=1", done],
  ["half", "index/index.html?worker", /^DeviceError: worker: its script did not load$/],
  ["plain", "single/index.html", missing],
  ["plain", "single/index.html?files=/engine/", done],
  ["plain", "single/index.html?worker&files=/engine/", done],
  ["plain", "single/index.html?files=/nowhere/", missing],
  ["isolated", "single/index.html?threads=2", unknown],
  ["isolated", "single/index.html?worker&threads=2", unknown],
  ["isolated", "single/index.html?files=/engine", threaded],
  ["isolated", "single/index.html?worker&files=../engine", threaded],
  ["isolated", "webgpu/webgpu.html?device=webgpu", adapter],
  ["plain", "guide/index.html", /^y = 2.00 x \+ 1.00$/],
  ["isolated", "guide/index.html", /^y = 2.00 x \+ 1.00$/],
];

const LIMIT = 60_000;

/** What the page says in the end. */
async function textOf(page) {
  const ended = () => !/^(comp|step)/.test(document.querySelector("output")?.textContent ?? "step");
  await page.waitForFunction(ended, undefined, { timeout: LIMIT });
  return page.textContent("output");
}

async function outcome(browser, name, expected, act) {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  try {
    const text = await act(page);
    return expected.test(text) ? { name, ok: true } : { name, ok: false, error: `got "${text}", expected ${expected}` };
  } catch (error) {
    return { name, ok: false, error: [...errors, error.message].join("; ") };
  } finally {
    page.close().catch(() => {}); // a page that hangs goes with the browser
  }
}

/** A page whose WebAssembly never arrives gives up after its time limit. */
const neverArrives = (browser, address) =>
  outcome(browser, "WebAssembly that never arrives", /due to timeout: 120000ms/, async (page) => {
    await page.clock.install();
    let asked = () => {};
    const request = new Promise((resolve) => {
      asked = resolve;
    });
    await page.route("**/*.wasm", () => asked()); // and no answer
    await page.goto(address);
    await request;
    await page.clock.fastForward(121_000);
    return textOf(page);
  });

/** Outcomes of all pages. `browser` has no graphics adapter; `withGpu` has one in software. */
export async function runPages({ browser, withGpu, outDir, engine }) {
  await buildPages(outDir, engine);
  await buildGuide(join(outDir, "guide"));
  const stray = readdirSync(join(outDir, "index/assets")).filter((name) => name.includes("asyncify"));
  const outcomes = [
    { name: "no WebGPU engine unless asked for", ok: stray.length === 0, error: `found ${stray.join(", ")}` },
  ];
  const servers = {};
  for (const [name, isolated] of Object.entries(SERVED)) servers[name] = await serve({ "/": outDir }, { isolated });
  try {
    const at = (served, page) => `${addressOf(servers[served])}/${page}`;
    for (const [served, path, expected] of CASES)
      outcomes.push(
        await outcome(browser, `${served} ${path}`, expected, async (page) => {
          await page.goto(at(served, path));
          return textOf(page);
        }),
      );
    outcomes.push(
      await outcome(withGpu, "webgpu", /^sum 262144/, async (page) => {
        await page.goto(at("isolated", "webgpu/webgpu.html?device=webgpu"));
        return textOf(page);
      }),
      await neverArrives(browser, at("isolated", "index/index.html?threads=2")),
    );
  } finally {
    for (const server of Object.values(servers)) server.close();
  }
  return outcomes;
}
