/** The query says what is to be computed: `?worker&threads=2&device=wasm&files=/engine/`. */
import { connectWorker } from "descent-ml";
import { compute } from "./compute.js";

const query = new URLSearchParams(location.search);
const { worker, threads, ...options } = Object.fromEntries(query);
if (threads) options.threads = Number(threads);
const start = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const answer = worker === undefined ? compute(options) : connectWorker(start())("compute", options);
const text = await answer.then(String, (error) => `${error.name}: ${error.message}`);
document.querySelector("output").replaceChildren(text);
