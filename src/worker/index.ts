/** Computing in a Worker, so that the page stays alive while something compiles or trains. */
export { type Ask, connectWorker } from "./connect.ts";
export { type Answers, serveWorker } from "./serve.ts";
export { transfer } from "./wire.ts";
