import { entries } from "./entries.js";
import { lines } from "./lines.js";
import { weave } from "./weave.js";

export { print } from "./print.js";

/**
 * The entries of several logs as one, in order.
 *
 * @param {{label: string, chunks: AsyncIterable<Uint8Array>}[]} sources
 * @returns {AsyncGenerator<{label: string, lines: string[]}>}
 */
export async function* merge(sources) {
  const logs = sources.map(({ label, chunks }) => entries(label, lines(chunks)));
  for await (const { label, lines } of weave(logs)) {
    yield { label, lines };
  }
}
