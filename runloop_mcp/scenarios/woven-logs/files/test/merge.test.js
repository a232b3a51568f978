import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { merge } from "../lib/index.js";

async function* chunks(...texts) {
  for (const text of texts) {
    yield Buffer.from(text);
  }
}

async function lines(...sources) {
  const found = [];
  for await (const entry of merge(sources)) {
    found.push(...entry.lines.map((line) => `${entry.label} ${line}`));
  }
  return found;
}

test("entries of two logs come in the order of their times", async () => {
  const web = chunks("2026-03-01T10:00:00Z up\n2026-03-01T10:00:02Z request\n");
  const store = chunks("2026-03-01T11:00:01+01:00 ready\n");
  assert.deepEqual(await lines({ label: "web", chunks: web }, { label: "store", chunks: store }), [
    "web 2026-03-01T10:00:00Z up",
    "store 2026-03-01T11:00:01+01:00 ready",
    "web 2026-03-01T10:00:02Z request",
  ]);
});

test("lines without a time stay with their entry, also where a chunk ends", async () => {
  const web = chunks("2026-03-01T10:00:00Z failed\n  at lo", "ad\n  at start\n2026-03-01T10:00:02Z up\n");
  const store = chunks("2026-03-01T10:00:01Z ready\n");
  assert.deepEqual(await lines({ label: "web", chunks: web }, { label: "store", chunks: store }), [
    "web 2026-03-01T10:00:00Z failed",
    "web   at load",
    "web   at start",
    "store 2026-03-01T10:00:01Z ready",
    "web 2026-03-01T10:00:02Z up",
  ]);
});

test("the command prints files", async () => {
  const argv = ["bin/logweave.js", "samples/web.log", "samples/store.log"];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  assert.equal(stdout.split("\n").length, 11);
});
