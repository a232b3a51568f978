// What these programs share: one line of JSON in the end, and how answers came.

export function tell(facts) {
  process.stdout.write(JSON.stringify(facts) + '\n');
}

export async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return [error.constructor.name, error.status];
  }
  return 'not refused';
}

export async function all(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

// Which of these methods this version of the SDK does not have.
export function lacks(where, ...names) {
  return names.filter((name) => name.split('.').reduce((at, part) => at?.[part], where) === undefined);
}
