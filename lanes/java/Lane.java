// The lane java: programs of the race as Java has them since 21, a virtual thread for each task.
//
// bench-report/protocol/README.md has the protocol that it speaks, workloads/NAME/src/lib.rs the program in Rust that each of
// these must equal: the same tasks, the same answer. The virtual machine is left as it comes, garbage collector and all, but
// for the number of threads that carry the virtual ones. Before it says that it is ready a cell runs for WARM_UP, because
// what is run often is compiled, and compiled again: what is measured is the compiled code. `start` beside this file builds it.
import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.function.*;
import java.util.regex.*;
import java.util.stream.*;

class Lane {
    static final long WARM_UP = 3_000_000_000L; // ns

    /** A run of a program, and what it leaves behind for those who check it. */
    record Run(int size, Executor pool, List<Socket> ends, int[] ledger) {}

    static final int SPAWNED = 0, FINISHED = 1, CANCELLED = 2, JOBS = 3;

    interface Program { Object run(Run run) throws Exception; }

    interface Task { long run(int index) throws Exception; }

    static final Map<String, Program> PROGRAMS = Map.ofEntries(
        Map.entry("spawn-join", Lane::spawnJoin), Map.entry("yield-now", Lane::yieldNow),
        Map.entry("ping-pong", Lane::pingPong), Map.entry("skynet", Lane::skynet),
        Map.entry("channel-1-to-1", run -> channel(run, 1, 1)), Map.entry("channel-4-to-1", run -> channel(run, 4, 1)),
        Map.entry("channel-4-to-4", run -> channel(run, 4, 4)), Map.entry("sleep-fan-out", Lane::sleepFanOut),
        Map.entry("wait-timeout", Lane::waitTimeout), Map.entry("sleepers", Lane::sleepers),
        Map.entry("blocking-squares", Lane::blockingSquares), Map.entry("echo", Lane::echo));

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
        run.ledger[SPAWNED] += tasks;
        var outputs = new long[tasks];
        for (int index = 0; index < tasks; index++) outputs[index] = spawned[index].get();
        run.ledger[FINISHED] += tasks;
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
        run.ledger[SPAWNED] = run.ledger[FINISHED] = tasks[0];
        return sum;
    }

    /** Adds up the numbers of so many leaves, and counts the tasks below this one: to share a counter would cost more. */
    static long tree(int first, int leaves, int[] tasks) throws Exception {
        if (leaves == 1) return first;
        var below = new int[10][1];
        var children = new Spawned[10];
        for (int child = 0; child < 10; child++)
            children[child] = new Spawned(index -> tree(first + index * (leaves / 10), leaves / 10, below[index]), child);
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
        run.ledger[SPAWNED] = run.size;
        run.ledger[FINISHED] = finished;
        run.ledger[CANCELLED] = cancelled;
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
        run.ledger[JOBS] = run.size;
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

    static List<Socket> connections(int number) throws IOException {
        var ends = new ArrayList<Socket>();
        try (var server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            for (int pair = 0; pair < number; pair++) {
                ends.add(new Socket(server.getInetAddress(), server.getLocalPort()));
                ends.add(server.accept());
            }
        }
        for (var end : ends) end.setTcpNoDelay(true);
        return ends;
    }

    /** Returns the processor time of all threads, in ns: what Java itself tells of a process comes in ticks of 10 ms. */
    static long processorTime() throws IOException {
        long sum = 0;
        try (var threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (var thread : threads) sum += Long.parseLong(Files.readString(thread.resolve("schedstat")).split(" ")[0]);
        } catch (NoSuchFileException none) {
            // A system without these, or a thread that has just ended.
        }
        return sum;
    }

    /** Runs a program so many times, one after the other, on a virtual thread as any task; returns what came of it. */
    static String sample(Program program, Supplier<Run> start, long iterations) throws Exception {
        var last = new Object() { Run run; Object answer; };
        long cpu = processorTime(), wall = System.nanoTime();
        new Spawned(none -> {
            for (long left = iterations; left > 0; left--) last.answer = program.run(last.run = start.get());
            return 0;
        }, 0).get();
        wall = System.nanoTime() - wall;
        cpu = processorTime() - cpu;
        var answer = last.answer instanceof long[] numbers ? Arrays.toString(numbers) : last.answer;
        var ledger = last.run.ledger;
        return """
            {"sample": {"iterations": %d, "wall-ns": %d, "cpu-ns": %d, "answer": %s, "ledger":
            {"spawned": %d, "finished": %d, "cancelled": %d, "jobs": %d}}}"""
            .formatted(iterations, wall, cpu, answer, ledger[0], ledger[1], ledger[2], ledger[3]).replace('\n', ' ');
    }

    /** Returns the value of a key in a line of JSON in which no two keys are alike. */
    static String value(String line, String key) {
        var found = Pattern.compile("\"" + key + "\": ?\"?([a-z0-9-]+)").matcher(line);
        return found.find() ? found.group(1) : "";
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        var line = lines.readLine();
        if (line.contains("\"describe\"")) {
            var workloads = PROGRAMS.keySet().stream().map(name -> "\"" + name + "\": null");
            System.out.printf("{\"lane\": {\"protocol\": 2, \"version\": \"Java %s\", \"threads\": [1, 256], \"workloads\": {%s}}}%n",
                Runtime.version(), workloads.collect(Collectors.joining(", ")));
            return;
        }
        var program = PROGRAMS.get(value(line, "workload"));
        int size = Integer.parseInt(value(line, "size")), threads = Integer.parseInt(value(line, "threads"));
        // Before the first virtual thread. Else a carrier whose thread blocks would be joined by another.
        System.setProperty("jdk.virtualThreadScheduler.parallelism", "" + threads);
        System.setProperty("jdk.virtualThreadScheduler.maxPoolSize", "" + threads);
        var pool = Executors.newFixedThreadPool(Integer.parseInt(value(line, "blocking-threads")));
        boolean sockets = value(line, "workload").equals("echo");
        var ends = sockets ? connections(size) : List.<Socket>of();
        Supplier<Run> start = () -> new Run(size, pool, ends, new int[4]);
        for (long end = System.nanoTime() + WARM_UP; System.nanoTime() < end;) sample(program, start, 1);
        System.out.printf("{\"observed\": {\"threads\": %d%s}}%n", threads, sockets ? ", \"driver\": \"poller of Java\"" : "");
        while ((line = lines.readLine()) != null)
            System.out.println(line.startsWith("{") ? "{\"rest\": {}}" : sample(program, start, Long.parseLong(line.strip())));
        System.exit(0);
    }
}
