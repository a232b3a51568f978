const START = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) /;

/**
 * The entries of a log: a line with a time, and the lines without one that follow it.
 *
 * @param {string} label
 * @param {AsyncIterable<string>} lines
 * @returns {AsyncGenerator<{label: string, time: number, lines: string[]}>}
 */
export async function* entries(label, lines) {
  let entry = null;
  for await (const line of lines) {
    const start = START.exec(line);
    if (start) {
      if (entry) {
        yield entry;
      }
      entry = { label, time: Date.parse(start[1]), lines: [line] };
    } else if (entry && line) {
      entry.lines.push(line);
    }
  }
  if (entry) {
    yield entry;
  }
}
