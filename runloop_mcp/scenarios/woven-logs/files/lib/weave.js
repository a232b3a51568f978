const AHEAD = 32; // entries of each log that are read before they are needed

/**
 * Merges logs that are in order themselves.
 *
 * @param {AsyncGenerator<{time: number}>[]} logs
 */
export async function* weave(logs) {
  const strands = await Promise.all(logs.map(async (log) => ({ log, ahead: await fill(log, []) })));
  const order = [];
  for (const strand of strands) {
    place(order, strand);
  }
  while (order.length > 0) {
    const strand = order.shift();
    yield strand.ahead.shift();
    if (strand.ahead.length === 0) {
      strand.ahead = await fill(strand.log, strand.ahead);
    }
    place(order, strand);
  }
}

async function fill(log, ahead) {
  while (ahead.length < AHEAD) {
    const { done, value } = await log.next();
    if (done) {
      break;
    }
    ahead.push(value);
  }
  return ahead;
}

/** Puts a strand where its next entry belongs; one that has ended is gone. */
function place(order, strand) {
  if (strand.ahead.length > 0) {
    const { time } = strand.ahead[0];
    const index = order.findIndex((other) => other.ahead[0].time >= time);
    order.splice(index < 0 ? order.length : index, 0, strand);
  }
}
