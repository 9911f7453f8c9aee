// These are the programs of the race as Java has them since 21, a virtual thread for each task.
//
// workloads/NAME/src/lib.rs has the program in Rust that each must equal: the same tasks, the same answer. Lane.java
// runs them, and speaks the protocol of bench-report/protocol/README.md.
import java.io.*;
import java.net.*;
import java.nio.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

class Programs {
    /** A run takes what its program needs, and keeps the ledger by which it is checked. */
    record Run(int size, Executor pool, List<Socket> ends, Ledger ledger) {}

    static class Ledger { int spawned, finished, cancelled, jobs; }

    interface Program { Object run(Run run) throws Exception; }

    interface Task { long run(int index) throws Exception; }

    static final Map<String, Program> ALL = Map.ofEntries(
        Map.entry("spawn-join", Programs::spawnJoin), Map.entry("yield-now", Programs::yieldNow),
        Map.entry("ping-pong", Programs::pingPong), Map.entry("skynet", Programs::skynet),
        Map.entry("channel-1-to-1", run -> channel(run, 1, 1)), Map.entry("channel-4-to-1", run -> channel(run, 4, 1)),
        Map.entry("channel-4-to-4", run -> channel(run, 4, 4)), Map.entry("sleep-fan-out", Programs::sleepFanOut),
        Map.entry("wait-timeout", Programs::waitTimeout), Map.entry("sleepers", Programs::sleepers),
        Map.entry("blocking-squares", Programs::blockingSquares), Map.entry("echo", Programs::echo));

    /** A virtual thread, and what it returns. */
    static final class Spawned extends FutureTask<Long> {
        final Thread thread;

        Spawned(Task task, int index) {
            super(() -> task.run(index));
            thread = Thread.startVirtualThread(this);
        }
    }

    /** Runs a number of tasks, a virtual thread each, and returns their outputs. */
    static long[] gather(Run run, int tasks, Task task) throws Exception {
        var spawned = new Spawned[tasks];
        for (int index = 0; index < tasks; index++) spawned[index] = new Spawned(task, index);
        run.ledger.spawned += tasks;
        var outputs = new long[tasks];
        for (int index = 0; index < tasks; index++) outputs[index] = spawned[index].get();
        run.ledger.finished += tasks;
        return outputs;
    }

    static long[] countAndSum(long[] numbers) {
        return new long[] {numbers.length, LongStream.of(numbers).sum()};
    }

    static Object spawnJoin(Run run) throws Exception {
        return countAndSum(gather(run, run.size, index -> index));
    }

    static Object yieldNow(Run run) throws Exception {
        return gather(run, 100, index -> {
            long turns = 1;
            for (; turns <= run.size; turns++) Thread.yield();
            return turns;
        });
    }

    static Object pingPong(Run run) throws Exception {
        var channels = new ArrayList<BlockingQueue<Long>>();
        for (int index = 0; index < 2 * run.size; index++) {
            channels.add(new ArrayBlockingQueue<>(1));
            if (index % 2 == 0) channels.get(index).put(0L);
        }
        return gather(run, 2 * run.size, index -> {
            long token = 0;
            for (int round = 0; round < 1_000; round++) {
                token = channels.get(index).take() + 1;
                channels.get(index ^ 1).put(token);
            }
            return token;
        });
    }

    static Object skynet(Run run) throws Exception {
        var tasks = new int[1];
        long sum = tree(0, run.size, tasks);
        run.ledger.spawned = run.ledger.finished = tasks[0];
        return sum;
    }

    /** Adds up the numbers of so many leaves, and counts the tasks below: to share a counter would cost more. */
    static long tree(int first, int leaves, int[] tasks) throws Exception {
        if (leaves == 1) return first;
        var below = new int[10][1];
        var children = new Spawned[10];
        Task part = index -> tree(first + index * (leaves / 10), leaves / 10, below[index]);
        for (int child = 0; child < 10; child++) children[child] = new Spawned(part, child);
        long sum = 0;
        for (int child = 0; child < 10; child++) {
            sum += children[child].get();
            tasks[0] += below[child][0] + 1;
        }
        return sum;
    }

    static Object channel(Run run, int producers, int consumers) throws Exception {
        final int messages = 10_000, end = -1;
        BlockingQueue<Integer> channel =
            run.size < messages ? new ArrayBlockingQueue<>(run.size) : new LinkedBlockingQueue<>();
        var counts = new AtomicLong();
        var left = new AtomicInteger(producers);
        var sums = gather(run, consumers + producers, index -> {
            if (index < consumers) {
                long sum = 0, count = 0;
                for (int message; (message = channel.take()) != end; count++) sum += message;
                counts.addAndGet(count);
                return sum;
            }
            for (int message = index - consumers; message < messages; message += producers) channel.put(message);
            if (left.decrementAndGet() == 0)
                for (int consumer = 0; consumer < consumers; consumer++) channel.put(end);
            return 0;
        });
        return new long[] {counts.get(), LongStream.of(sums).sum()};
    }

    static Object sleepFanOut(Run run) throws Exception {
        return countAndSum(gather(run, run.size, index -> {
            Thread.sleep(10);
            return index;
        }));
    }

    static Object waitTimeout(Run run) throws Exception {
        var dropped = new AtomicLong();
        var tasks = new Spawned[run.size];
        for (int index = 0; index < run.size; index++)
            tasks[index] = new Spawned(number -> {
                try {
                    Thread.sleep(number % 2 == 0 ? 5 : 3_600_000);
                    return number;
                } finally {
                    dropped.incrementAndGet();
                }
            }, index);
        long deadline = System.nanoTime() + 20_000_000, sum = 0;
        int finished = 0, cancelled = 0;
        for (var task : tasks) {
            try {
                sum += task.get(Math.max(deadline - System.nanoTime(), 0), TimeUnit.NANOSECONDS);
                finished++;
            } catch (TimeoutException late) {
            }
        }
        for (var task : tasks) if (!task.isDone()) task.thread.interrupt();
        for (var task : tasks) {
            task.thread.join();
            if (task.state() == Future.State.FAILED) cancelled++;
        }
        run.ledger.spawned = run.size;
        run.ledger.finished = finished;
        run.ledger.cancelled = cancelled;
        return new long[] {finished, sum, cancelled, dropped.get()};
    }

    static Object sleepers(Run run) throws Exception {
        var born = new AtomicLong();
        gather(run, run.size, index -> {
            born.incrementAndGet();
            do Thread.sleep(50); while (born.get() < run.size);
            return 0;
        });
        return born.get(); // nobody has left before all were there
    }

    static Object blockingSquares(Run run) throws Exception {
        var jobs = new ArrayList<FutureTask<Long>>();
        for (long index = 0; index < run.size; index++) {
            long number = index;
            jobs.add(new FutureTask<>(() -> number * number));
            run.pool.execute(jobs.getLast());
        }
        var squares = new long[run.size];
        for (int index = 0; index < run.size; index++) squares[index] = jobs.get(index).get();
        run.ledger.jobs = run.size;
        return squares;
    }

    /** Returns the 64 bytes that the message with a number is. */
    static byte[] message(long number) {
        var message = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        for (int index = 0; index < 8; index++) message.putLong((8 * number + index) * 0x9E37_79B9_7F4A_7C15L);
        return message.array();
    }

    static Object echo(Run run) throws Exception {
        int trips = Math.clamp(2_000 / run.size, 4, 1_000);
        var counts = gather(run, 2 * run.size, index -> {
            InputStream from = run.ends.get(index).getInputStream();
            OutputStream to = run.ends.get(index).getOutputStream();
            int first = index / 2 * trips, count = 0;
            for (int number = first; number < first + trips; number++) {
                if (index % 2 == 1) {
                    to.write(from.readNBytes(64));
                    count++;
                    continue;
                }
                byte[] sent = message(number);
                to.write(sent);
                if (Arrays.equals(from.readNBytes(64), sent)) count++;
            }
            return count;
        });
        var answer = new long[2];
        for (int index = 0; index < counts.length; index++) answer[index % 2] += counts[index];
        return answer;
    }
}
