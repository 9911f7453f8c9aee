// These are the programs of the race as JavaScript has them, an async function for each task, on one thread.
//
// workloads/NAME/src/lib.rs has the program in Rust that each must equal: the same tasks, the same answer. lane.js runs
// them, and speaks the protocol of bench-report/protocol/README.md.
'use strict';
const timers = require('node:timers/promises');

const sum = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

// Starts a task. As in the other lanes none of it runs before the one that starts it waits.
const spawn = async (run, task, ...inputs) => {
  run.ledger.spawned++;
  await null;
  const output = await task(...inputs);
  run.ledger.finished++;
  return output;
};

const gather = (run, tasks, task) => Promise.all(Array.from({ length: tasks }, (_, index) => spawn(run, task, index)));

// JavaScript has no channel. This one has so many places, and wakes whoever has waited longest.
class Channel {
  constructor(places) {
    Object.assign(this, { places, messages: new Queue(), senders: new Queue(), receivers: new Queue(), closed: false });
  }
  send(message) {
    const receiver = this.receivers.shift();
    if (receiver) return receiver(message);
    this.messages.push(message);
    if (this.messages.length > this.places) return new Promise((sent) => this.senders.push(sent));
  }
  receive() {
    if (this.messages.length > 0) {
      this.senders.shift()?.();
      return this.messages.shift();
    }
    if (!this.closed) return new Promise((received) => this.receivers.push(received));
  }
  close() {
    this.closed = true;
    while (this.receivers.length > 0) this.receivers.shift()();
  }
}

// A queue in which nothing moves: shift of an array may copy all of it.
class Queue {
  constructor() {
    Object.assign(this, { first: 0, items: [] });
  }
  get length() {
    return this.items.length - this.first;
  }
  push(item) {
    this.items.push(item);
  }
  shift() {
    const item = this.items[this.first];
    if (this.length > 0) this.items[this.first++] = undefined;
    if (this.first === this.items.length || this.first > 1_000) {
      this.items.splice(0, this.first);
      this.first = 0;
    }
    return item;
  }
}

const spawnJoin = async (run) => {
  const indices = await gather(run, run.size, (index) => index);
  return [indices.length, sum(indices)];
};

// Yields with setImmediate, after which timers and sockets have had their turn: to await nothing would let only other
// tasks run.
const yieldNow = (run) =>
  gather(run, 100, async () => {
    let turns = 1;
    for (; turns <= run.size; turns++) await timers.setImmediate();
    return turns;
  });

const pingPong = (run) => {
  const channels = Array.from({ length: 2 * run.size }, () => new Channel(1));
  for (let pair = 0; pair < run.size; pair++) channels[2 * pair].send(0);
  return gather(run, 2 * run.size, async (index) => {
    let token = 0;
    for (let round = 0; round < 1_000; round++) {
      token = (await channels[index].receive()) + 1;
      await channels[index ^ 1].send(token);
    }
    return token;
  });
};

const skynet = (run) => tree(run, 0, run.size);

const tree = async (run, first, leaves) => {
  if (leaves === 1) return first;
  const part = leaves / 10;
  const children = Array.from({ length: 10 }, (_, child) => spawn(run, tree, run, first + child * part, part));
  return sum(await Promise.all(children));
};

const channel = (producers, consumers) => async (run) => {
  const channel = new Channel(run.size);
  const received = gather(run, consumers, async () => {
    let [count, sum] = [0, 0];
    for (let message; (message = await channel.receive()) !== undefined; count++) sum += message;
    return [count, sum];
  });
  await gather(run, producers, async (producer) => {
    for (let message = producer; message < 10_000; message += producers) await channel.send(message);
  });
  channel.close();
  return (await received).reduce(([count, sum], [more, theirs]) => [count + more, sum + theirs]);
};

// Sleeps, never shorter than it should: Node's timers count whole milliseconds, and some end up to one too early.
const sleep = async (milliseconds) => {
  const end = performance.now() + milliseconds;
  for (let left = milliseconds; left > 0; left = end - performance.now()) await timers.setTimeout(Math.ceil(left));
};

const sleepFanOut = async (run) => {
  const indices = await gather(run, run.size, async (index) => {
    await sleep(10);
    return index;
  });
  return [indices.length, sum(indices)];
};

const waitTimeout = async (run) => {
  const controllers = [];
  let dropped = 0;
  const sleepUnlessAborted = async (index) => {
    const { signal } = (controllers[index] = new AbortController());
    try {
      return await timers.setTimeout(index % 2 === 0 ? 5 : 3_600_000, index, { signal });
    } finally {
      dropped++;
    }
  };
  const done = [];
  const task = (index) => spawn(run, sleepUnlessAborted, index).then((output) => done.push(output));
  const tasks = Array.from({ length: run.size }, (_, index) => task(index));
  const all = Promise.allSettled(tasks);
  // All sleep when the time begins: it takes a while to start so many.
  await null;
  await Promise.race([all, sleep(20)]);
  const inTime = done.length;
  controllers.forEach((controller) => controller.abort());
  const cancelled = (await all).filter((task) => task.reason?.name === 'AbortError').length;
  run.ledger.cancelled = cancelled;
  return [inTime, sum(done), cancelled, dropped];
};

const sleepers = async (run) => {
  let [born, alive, most] = [0, 0, 0];
  await gather(run, run.size, async () => {
    most = Math.max(most, ++alive);
    born++;
    do await timers.setTimeout(50);
    while (born < run.size);
    alive--;
  });
  return most;
};

// Jobs in JavaScript that block have a thread each, with an interpreter of its own: they go there and back as messages.
const blockingSquares = async (run) => {
  const job = (number) =>
    new Promise((done) => {
      const worker = run.pool[number % run.pool.length];
      worker.waiting.push(done);
      worker.postMessage(number);
    });
  const squares = await Promise.all(Array.from({ length: run.size }, (_, number) => job(number)));
  run.ledger.jobs = squares.length;
  return squares;
};

// Returns the 64 bytes that the message with a number is. Its words are exact as long as the factors are below 2^22 and
// 2^31.
const message = (number) => {
  const bytes = Buffer.allocUnsafe(64);
  for (let index = 0; index < 8; index++) {
    const low = (8 * number + index) * 0x7f4a7c15;
    bytes.writeUInt32LE(low % 2 ** 32, 8 * index);
    bytes.writeUInt32LE((Math.imul(8 * number + index, 0x9e3779b9) + Math.floor(low / 2 ** 32)) >>> 0, 8 * index + 4);
  }
  return bytes;
};

const echo = async (run) => {
  const trips = Math.min(Math.max(Math.floor(2_000 / run.size), 4), 1_000);
  const counts = await gather(run, 2 * run.size, async (index) => {
    const end = run.ends[index];
    const first = Math.floor(index / 2) * trips;
    let count = 0;
    for (let number = first; number < first + trips; number++) {
      if (index % 2 === 1) {
        end.socket.write(await end.receive());
        count++;
      } else {
        const sent = message(number);
        end.socket.write(sent);
        count += (await end.receive()).equals(sent);
      }
    }
    return count;
  });
  return [0, 1].map((side) => sum(counts.filter((_, index) => index % 2 === side)));
};

const PROGRAMS = {
  'spawn-join': spawnJoin, 'yield-now': yieldNow, 'ping-pong': pingPong, skynet, sleepers, echo,
  'channel-1-to-1': channel(1, 1), 'channel-4-to-1': channel(4, 1), 'channel-4-to-4': channel(4, 4),
  'sleep-fan-out': sleepFanOut, 'wait-timeout': waitTimeout, 'blocking-squares': blockingSquares,
};

// An AbortSignal and an exception for each task that is cancelled take so long that more are for nobody to wait for.
const BEARS = { 'wait-timeout': 10_000 };

module.exports = { PROGRAMS, BEARS, Queue };
