/**
 * Writes entries to a stream, each line with its label before it.
 *
 * @param {AsyncIterable<{label: string, lines: string[]}>} entries
 * @param {import("node:stream").Writable} stream
 */
export async function print(entries, stream) {
  for await (const { label, lines } of entries) {
    for (const line of lines) {
      stream.write(`${label} | ${line}\n`);
    }
  }
}
