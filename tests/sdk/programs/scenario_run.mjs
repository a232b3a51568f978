// The object-oriented way through runs of a scenario, in TypeScript's SDK as it comes: with HTTP/2 where that is its default.
import { statSync } from 'node:fs';
import { RunloopSDK } from '@runloop/api-client';
import { all, lacks, refusal, tell } from './told.mjs';

const [tag, logs] = process.argv.slice(2);
const runloop = new RunloopSDK();
const told = {};
const created = await runloop.api.scenarios.create({
  name: `objects-${tag}`,
  input_context: { problem_statement: 'Write done to out.txt.' },
  environment_parameters: { working_directory: '/home/user/work' },
  scoring_contract: {
    scoring_function_parameters: [
      { name: 'is_done', weight: 0.75, scorer: { type: 'command_scorer', command: 'grep -qx done out.txt' } },
      { name: 'half', weight: 0.25, scorer: { type: 'bash_script_scorer', bash_script: 'echo score=0.5' } },
    ],
  },
  metadata: { suite: tag },
});
const scenario = runloop.scenario.fromId(created.id);
told.info = (await scenario.getInfo()).name;

// Step by step
const run = await scenario.run({ run_name: 'steps' });
const out = [];
const err = [];
const result = await run.devbox.cmd.exec(
  'cd work; for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.05; done; echo done > out.txt; exit 5',
  { stdout: (line) => out.push(line), stderr: (line) => err.push(line) },
);
told.exec = [result.exitCode, await result.stdout(), await result.stderr()];
told.callbacks = [out.join('\n').replaceAll('\n\n', '\n').trim(), err.join('\n').replaceAll('\n\n', '\n').trim()];
const background = await run.devbox.cmd.execAsync('echo first; sleep 0.2; echo last');
told.async = await (await background.result()).stdout();
told.file = await (async () => {
  await run.devbox.file.write({ file_path: 'work/note.txt', contents: 'ünder way' });
  return run.devbox.file.read({ file_path: 'work/note.txt' });
})();
told['not scored yet'] = [await run.getScore(), (await run.getInfo()).state];
told.ready = (await run.awaitEnvReady()).state;
told['complete before a score'] = await refusal(() => run.complete());
told.score = ['scoring', 'scored'].includes((await run.score()).state);
told.scored = (await run.awaitScored()).state;
told.result = (await run.getScore()).score;
told.completed = (await run.complete()).state;
await run.downloadLogs(logs);
told.logs = statSync(logs).size > 100;

// At once
const quick = await scenario.runAsync();
told['env ready'] = (await quick.awaitEnvReady()).state;
await quick.devbox.cmd.exec('echo done > work/out.txt');
const atOnce = await quick.scoreAndAwait();
told['score and await'] = [atOnce.state, atOnce.scoring_contract_result.score];
const last = await scenario.run();
const finished = await last.scoreAndComplete();
told['score and complete'] = [finished.state, finished.scoring_contract_result.score];
told['devbox after'] = (await last.devbox.getInfo()).status;

// Given up
const givenUp = await scenario.run();
told.cancel = (await givenUp.cancel()).state;
const listed = await all(runloop.api.scenarios.runs.list({ scenario_id: created.id, limit: 1 }));
told.listed = [listed.length, new Set(listed.map((each) => each.id)).size];
told.missing = lacks(runloop, 'scenario.builder', 'agent', 'secret', 'benchmark');
tell(told);
