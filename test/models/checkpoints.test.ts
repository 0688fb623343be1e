/**
 * Small checkpoints of every `model_type` against transformers' numbers: `test/parity/checkpoints.py make test/fixtures/checkpoints`.
 * `npm run parity` compares the same for any seed, and has transformers read what is written back.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { folder } from "../../src/checkpoint/node-run.ts";
import { measure, openCheckpoint, type Row, saveBack } from "../parity/compare.ts";

const place = fileURLToPath(new URL("../fixtures/checkpoints", import.meta.url));
const rows = JSON.parse(readFileSync(join(place, "rows.json"), "utf8")) as Row[];

describe.each(rows)("$name", ({ name, kind }) => {
  test("logits, gradients, and tokens by every way of decoding", async () => {
    const measured = await measure(await openCheckpoint(join(place, name), kind), kind);
    expect(measured.filter(({ value, limit }) => !(value <= limit))).toEqual([]);
  });

  test("written back, it is the same model", async () => {
    const copy = mkdtempSync(join(tmpdir(), "descent-checkpoint-"));
    const original = await openCheckpoint(join(place, name), kind);
    try {
      await saveBack({ ...original, place: copy });
      const { config, values } = await openCheckpoint(join(copy, "saved"), kind, join(place, name));
      expect(config).toEqual(original.config);
      expect(values).toEqual(original.values);
      expect((await folder(join(copy, "saved")).loadFile("config.json"))?.model_type).toBe(
        original.architecture.modelType,
      );
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});
