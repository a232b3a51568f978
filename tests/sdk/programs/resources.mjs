// Devboxes, snapshots, blueprints, objects, secrets, scorers, benchmarks and agents, as far as this version has them.
import { RunloopSDK, toFile } from '@runloop/api-client';
import { all, lacks, refusal, tell } from './told.mjs';

const [tag] = process.argv.slice(2);
const runloop = new RunloopSDK();
const api = runloop.api;
const told = {};

// Devboxes
const box = await runloop.devbox.create({ name: 'sdk', environment_variables: { GREETING: 'hello' } });
told.box = [(await box.getInfo()).status, (await (await box.cmd.exec('echo $GREETING; pwd')).stdout())];
const lines = [];
await box.cmd.exec('for i in 1 2 3; do echo $i; sleep 0.05; done', { output: (line) => lines.push(line) });
told.output = lines.join('').replaceAll('\n', '');
const reader = await api.devboxes.executions.executeAsync(box.id, { command: 'cat', attach_stdin: true });
await api.devboxes.executions.sendStdIn(box.id, reader.execution_id, { text: 'sent\n' });
// A body of `signal` alone is taken for options of the request by the SDK.
await api.devboxes.executions.sendStdIn(box.id, reader.execution_id, { signal: 'EOF', text: null });
told.sent = (await api.devboxes.executions.awaitCompleted(box.id, reader.execution_id)).stdout;
const slow = await box.cmd.execAsync('sleep 60');
await slow.kill();
told.killed = (await slow.result()).exitCode;
await box.file.upload({ path: 'upload.bin', file: await toFile(Buffer.from([0, 1, 255]), 'upload.bin') });
told.download = [...Buffer.from(await (await box.file.download({ path: 'upload.bin' })).arrayBuffer())];
const shell = box.shell('one');
await shell.exec('cd /tmp');
told.shell = await (await shell.exec('pwd')).stdout();
await box.suspend();
told.suspended = (await box.awaitSuspended()).status;
await box.resume();
told.resumed = (await (await box.cmd.exec('cat upload.bin | wc -c')).stdout()).trim();
const snapshot = await box.snapshotDisk({ name: 'disk' });
told.snapshot = (await snapshot.queryStatus()).status;
const fork = await snapshot.createDevbox();
told.fork = (await (await fork.cmd.exec('wc -c < upload.bin')).stdout()).trim();
told.found = (await all(api.devboxes.list({ limit: 1, status: 'running' }))).filter((each) => [box.id, fork.id].includes(each.id)).length;
await fork.shutdown();
await box.shutdown();
told.gone = [(await box.getInfo()).status, await refusal(() => box.cmd.exec('true'))];
told.logs = (await api.devboxes.logs.list(box.id)).logs.length > 0;
await snapshot.delete();

// Objects
const object = await runloop.storageObject.uploadFromText('kept\n', `${tag}.txt`);
told.object = [(await object.getInfo()).state, await object.downloadAsText()];
await object.delete();

// Secrets
const name = `TOKEN_${tag.toUpperCase()}`;
await api.secrets.create({ name, value: 'hush-4711' });
await api.secrets.update(name, { value: 'hush-4712' });
told.secret = (await api.secrets.list({ limit: 100 })).secrets.some((each) => each.name === name);
await api.secrets.delete(name);

// Blueprints
const blueprint = await runloop.blueprint.create({ name: `blueprint-${tag}`, system_setup_commands: ['echo built > ~/built.txt'] });
told.blueprint = (await blueprint.getInfo()).status;
const built = await blueprint.createDevbox();
told.built = await (await built.cmd.exec('cat built.txt')).stdout();
await built.shutdown();
await blueprint.delete();

// A custom scorer, and a benchmark of one scenario that uses it
const scorer = await runloop.scorer.create({ type: `half_${tag}`, bash_script: 'echo score=0.5' });
told.scorer = (await scorer.getInfo()).type === `half_${tag}`;
const scenario = await api.scenarios.create({
  name: `scenario-${tag}`,
  input_context: { problem_statement: 'Nothing to do.' },
  scoring_contract: {
    scoring_function_parameters: [{ name: 'half', weight: 1, scorer: { type: 'custom_scorer', custom_scorer_type: `half_${tag}` } }],
  },
});
const benchmark = await api.benchmarks.create({ name: `benchmark-${tag}`, scenario_ids: [scenario.id] });
const whole = await api.benchmarks.startRun({ benchmark_id: benchmark.id });
const part = await api.scenarios.startRun({ scenario_id: scenario.id, benchmark_run_id: whole.id });
await api.scenarios.runs.scoreAndComplete(part.id);
told.parts = (await all(api.benchmarkRuns.listScenarioRuns(whole.id))).map((each) => each.scoring_contract_result.score);
told.benchmark = (await api.benchmarkRuns.complete(whole.id)).score;
const names = (await all(api.scenarios.list({ limit: 3 }))).map((each) => each.name);
told.pages = [names.length > 6, names.includes(`scenario-${tag}`)];

// Agents and the account
const agent = await api.agents.create({ name: `agent-${tag}`, version: '1.0.0', source: { type: 'npm', npm: { package_name: 'example' } } });
told.agent = (await api.agents.retrieve(agent.id)).source.npm.package_name;
if (lacks(api, 'accounts').length === 0) told.account = (await api.accounts.me()).account_status;
told.missing = lacks(api, 'accounts', 'agents.delete', 'scenarios.archive', 'secrets.retrieve', 'scenarios.scorers.validate');
tell(told);
