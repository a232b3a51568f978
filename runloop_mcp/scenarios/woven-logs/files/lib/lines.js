/**
 * The lines of a text that comes in pieces.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @returns {AsyncGenerator<string>} each without its end
 */
export async function* lines(chunks) {
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + Buffer.from(chunk).toString("utf8")).split("\n");
    rest = parts.pop();
    for (const line of parts) {
      yield line.trimEnd();
    }
  }
  if (rest) {
    yield rest.trimEnd();
  }
}
