/**
 * Runs the conformance suite in headless Chromium, on WebAssembly and on WebGPU (in software, so it needs no GPU), then
 * pages as bundlers build them (`pages.mjs`), then the page of example 09.
 *
 *   node test/browser/run.mjs [wasm] [webgpu] [pages]
 *
 * The suite is bundled as an application would bundle it, save that ONNX Runtime stays outside: an import map leads to the
 * files of the package, and the suite says so with `engineFiles`. Test data is served under /fixtures/. Pages are built on
 * the package as it is in `dist`.
 */
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "tsdown";
import { build as buildPage } from "vite";
import { runPages } from "./pages.mjs";
import { addressOf, serve } from "./server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const engine = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));

const PARTS = ["wasm", "webgpu", "pages"];
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const GPU_FLAGS = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

const PAGE = `<!doctype html>
<link rel="icon" href="data:,">
<script type="importmap">
{ "imports": {
  "onnxruntime-web": "/engine/ort.webgpu.min.mjs",
  "onnxruntime-web/wasm": "/engine/ort.wasm.min.mjs",
  "onnxruntime-web/webgpu": "/engine/ort.webgpu.min.mjs"
} }
</script>
<script type="module" src="/entry.js"></script>`;

/** The browser, or nothing. */
function findChromium() {
  const paths = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...paths, "/usr/bin/chromium"].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The suite with everything it imports but ONNX Runtime. */
async function bundle(outDir) {
  await build({
    config: false,
    cwd: root,
    entry: { entry: join(here, "entry.ts") },
    outDir,
    platform: "browser",
    target: "es2022",
    dts: false,
    logLevel: "error",
    outExtensions: () => ({ js: ".js" }),
    deps: { neverBundle: [/^onnxruntime-web/], alwaysBundle: [/^(?!onnxruntime-web)/], onlyBundle: false },
  });
}

/** Example 09 as its reader would build it, on the package as it is in `dist`. */
const buildExample = (outDir) =>
  buildPage({
    root: join(root, "examples/09-page"),
    configFile: join(root, "examples/09-page/vite.config.mjs"),
    build: { outDir, emptyOutDir: true },
    logLevel: "error",
  });

/** Longest that the suite may take on one device, in milliseconds; a page that hangs never answers. */
const LIMIT = 600_000;

/** Outcomes of the suite on one device, in a page of its own. */
async function runDevice(browser, address, device) {
  const page = await browser.newPage();
  const errors = [];
  let timer;
  let last = "the page";
  page.on("console", (entry) => {
    if (entry.text().startsWith("case ")) last = entry.text().slice(5);
  });
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("requestfailed", (request) => errors.push(`${request.url()}: ${request.failure()?.errorText}`));
  await page.goto(address);
  try {
    await page.waitForFunction(() => "runSuite" in globalThis, undefined, { timeout: 30_000 });
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT / 1000} s`)), LIMIT);
    });
    return await Promise.race([page.evaluate((name) => globalThis.runSuite(name), device), late]);
  } catch (error) {
    return [{ name: last, ok: false, error: [...errors, error.message].join("; ") }];
  } finally {
    clearTimeout(timer);
    page.close().catch(() => {}); // a page that hangs goes with the browser
  }
}

/** The page of example 09 trains a network; the test of example 03, which is the same, asks for the same accuracy. */
async function runExample(browser, address) {
  const name = "example 09-page";
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  try {
    await page.goto(address);
    const done = () => document.querySelector("output")?.textContent?.startsWith("accuracy");
    await page.waitForFunction(done, undefined, { timeout: 120_000 });
    const text = await page.textContent("output");
    const accuracy = Number(/accuracy (\d\.\d+)/.exec(text)?.[1]);
    return accuracy > 0.95 ? { name, ok: true } : { name, ok: false, error: `expected above 0.95, got "${text}"` };
  } catch (error) {
    return { name, ok: false, error: [...errors, error.message].join("; ") };
  } finally {
    await page.close();
  }
}

const show = (where, { name, ok, error }) =>
  console.log(`${ok ? "ok  " : "FAIL"} ${where} ${name}${ok ? "" : `: ${error}`}`);

/** Bundles the suite and runs it on `devices`. */
async function runSuite(browser, built, devices) {
  await bundle(join(built, "suite"));
  const folders = { "/engine/": engine, "/fixtures/": join(root, "test/fixtures"), "/": join(built, "suite") };
  const server = await serve(folders, { index: PAGE });
  const outcomes = [];
  try {
    for (const device of devices) {
      const results = await runDevice(browser, addressOf(server), device);
      for (const result of results) show(device, result);
      outcomes.push(...results);
    }
  } finally {
    server.close();
  }
  return outcomes;
}

/** Pages of all bundlers, and that of example 09. */
async function runAllPages(withGpu, executablePath, built) {
  await buildExample(join(built, "example"));
  const server = await serve({ "/": join(built, "example") });
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const outcomes = await runPages({ browser, withGpu, outDir: join(built, "pages"), engine });
    outcomes.push(await runExample(browser, `${addressOf(server)}/index.html`));
    for (const outcome of outcomes) show("page", outcome);
    return outcomes;
  } finally {
    await browser.close();
    server.close();
  }
}

async function main(parts) {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("no Chromium found: install it with `apt-get install chromium`");
  const built = mkdtempSync(join(tmpdir(), "descent-browser-"));
  const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...GPU_FLAGS] });
  try {
    console.log(`Chromium ${browser.version()}`);
    const devices = parts.filter((part) => part !== "pages");
    const outcomes = devices.length > 0 ? await runSuite(browser, built, devices) : [];
    if (parts.includes("pages")) outcomes.push(...(await runAllPages(browser, executablePath, built)));
    const failed = outcomes.filter(({ ok }) => !ok).length;
    console.log(`${outcomes.length - failed} passed, ${failed} failed`);
    return failed > 0 || outcomes.length === 0 ? 1 : 0;
  } finally {
    await browser.close();
    rmSync(built, { recursive: true, force: true });
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !PARTS.includes(name));
if (unknown) {
  console.error(`unknown part "${unknown}", expected one of ${PARTS.join(", ")}`);
  process.exitCode = 2;
} else {
  process.exitCode = await main(wanted.length > 0 ? wanted : PARTS).catch((error) => {
    console.error(`browser tests: ${error.message}`);
    return 1;
  });
}
