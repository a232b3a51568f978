// A solver's way from list to score, over a client that is connected: what both of TypeScript's SDKs have in common.
export const command = JSON.parse(process.env.MCP_COMMAND ?? '[]');
export const url = process.env.MCP_URL ? new URL(process.env.MCP_URL) : undefined;
export const requestInit = { headers: { Authorization: `Bearer ${process.env.MCP_KEY}` } };

export async function lifecycle(client, version) {
  const said = [];
  const call = async (name, args) => {
    const result = await client.callTool({ name, arguments: args });
    const text = result.content.map((block) => block.text ?? '').join('\n');
    said.push(text);
    return text;
  };
  const { tools } = await client.listTools();
  const problem = await client.readResource({ uri: 'runloop://scenarios/right-answer/problem' });
  const prompt = await client.getPrompt({ name: 'solve_scenario', arguments: { scenario_id: 'right-answer' } });
  const [scenario_id] = (await call('list_scenarios', { query: 'right-answer' })).match(/scn_\w+/);
  const [run_id] = (await call('start_run', { scenario_id })).match(/scr_\w+/);
  await call('exec_on_devbox', { run_id, command: 'ls; echo ünder way >&2; exit 3' });
  await call('write_file', { run_id, path: 'answer.txt', content: '42\n' });
  await call('read_file', { run_id, path: 'answer.txt' });
  await call('edit_file', { run_id, path: 'no-such-file', old_string: 'a', new_string: 'b' });
  await call('score_run', { run_id });
  await call('get_score', { run_id });
  await call('complete_run', { run_id });
  const told = {
    version: version(),
    tools: tools.map((tool) => tool.name),
    problem: problem.contents[0].text,
    prompt: prompt.messages[0].content.text,
    said,
  };
  await client.close();
  process.stdout.write(JSON.stringify(told) + '\n');
}
