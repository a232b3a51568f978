#!/usr/bin/env node
import { createReadStream } from "node:fs";
import { basename } from "node:path";

import { merge, print } from "../lib/index.js";

const paths = process.argv.slice(2);
if (paths.length === 0) {
  console.error("usage: logweave FILE...");
  process.exit(2);
}
const sources = paths.map((path) => ({ label: basename(path), chunks: createReadStream(path) }));
await print(merge(sources), process.stdout);
