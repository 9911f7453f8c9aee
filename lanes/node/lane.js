// The lane node talks to the lab here, in the protocol of bench-report/protocol/README.md, and runs programs.js.
//
// Node is left as it comes, garbage collector and all. Before it says that it is ready a cell runs for WARM_UP, because
// V8 compiles what is run often: what is measured is the compiled code.
'use strict';
const { once } = require('node:events');
const { createServer, connect } = require('node:net');
const readline = require('node:readline');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { PROGRAMS, BEARS, Queue } = require('./programs.js');

const WARM_UP = 1_000_000_000n; // ns

const main = async () => {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const asked = JSON.parse((await lines.next()).value);
  if (asked.describe) return describe();
  const { cell } = asked;
  if (!PROGRAMS[cell.workload]) return say({ failed: `there is no program for ${cell.workload}` });
  if (cell.workload === 'blocking-squares') cell.pool = startPool(cell['blocking-threads']);
  if (cell.workload === 'echo') cell.ends = await connections(cell.size);
  for (const end = process.hrtime.bigint() + WARM_UP; process.hrtime.bigint() < end; ) await sample(cell, 1);
  say({ observed: { threads: 1, ...(cell.ends && { driver: 'libuv' }) } });
  for (let line; !(line = await lines.next()).done; ) {
    const request = JSON.parse(line.value);
    say(typeof request === 'number' ? { sample: await sample(cell, request) } : request);
  }
};

const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');

const describe = () => {
  const workloads = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, BEARS[name] ?? null]));
  say({ lane: { protocol: 2, version: `Node ${process.version}`, threads: [1, 1], workloads } });
};

// Runs a program so many times, one after the other, and returns what came of it.
const sample = async (cell, iterations) => {
  const { user, system } = process.cpuUsage();
  const start = process.hrtime.bigint();
  let run, answer;
  for (let index = 0; index < iterations; index++) {
    run = { ...cell, ledger: { spawned: 0, finished: 0, cancelled: 0, jobs: 0 } };
    answer = await PROGRAMS[cell.workload](run);
  }
  const wall = process.hrtime.bigint() - start;
  const used = process.cpuUsage();
  const cpu = 1_000 * (used.user - user + used.system - system);
  return { iterations, 'wall-ns': Number(wall), 'cpu-ns': cpu, answer, ledger: run.ledger };
};

// Starts so many threads, each with an interpreter that squares numbers, and a queue of those who wait for its answers.
const startPool = (threads) =>
  Array.from({ length: threads }, () => {
    const worker = Object.assign(new Worker(__filename), { waiting: new Queue() });
    return worker.on('message', (square) => worker.waiting.shift()(square));
  });

const squareNumbers = () => parentPort.on('message', (number) => parentPort.postMessage(number * number));

// Makes so many connections, and returns a client's end, its server's, and so on.
const connections = async (number) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ends = [];
  while (ends.length < 2 * number) {
    const accepted = once(server, 'connection');
    ends.push(new End(connect(server.address().port, '127.0.0.1')));
    const [socket] = await accepted;
    ends.push(new End(socket));
  }
  server.close();
  return ends;
};

// One end of a connection, which receives whole messages.
class End {
  constructor(socket) {
    Object.assign(this, { socket, parts: [], wake: null });
    socket.setNoDelay(true).on('data', (part) => {
      this.parts.push(part);
      this.wake?.();
    });
  }
  async receive() {
    let whole = Buffer.concat(this.parts);
    while (whole.length < 64) {
      await new Promise((wake) => (this.wake = wake));
      whole = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts);
    }
    this.parts = [];
    return whole;
  }
}

if (isMainThread) main().then(() => process.exit());
else squareNumbers();
