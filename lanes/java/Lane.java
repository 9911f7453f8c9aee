// The lane java talks to the lab here, in the protocol of bench-report/protocol/README.md, and runs Programs.java.
//
// The virtual machine is left as it comes, garbage collector and all, but for the number of threads that carry the
// virtual ones. Before it says that it is ready a cell runs for WARM_UP, because what is run often is compiled, and
// compiled again: what is measured is the compiled code. `start` beside this file builds both.
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.*;
import java.util.regex.*;
import java.util.stream.*;

class Lane {
    static final long WARM_UP = 3_000_000_000L; // ns

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        var line = lines.readLine();
        if (line.contains("\"describe\"")) describe();
        else serve(line, lines);
        System.exit(0);
    }

    static void describe() {
        var workloads = Programs.ALL.keySet().stream().map(name -> "\"" + name + "\": null");
        System.out.printf("""
            {"lane": {"protocol": 2, "version": "Java %s", "threads": [1, 256], "workloads": {%s}}}
            """, Runtime.version(), workloads.collect(Collectors.joining(", ")));
    }

    /** Makes a cell ready, and then takes a sample for each line that is a number. */
    static void serve(String cell, BufferedReader lines) throws Exception {
        String workload = value(cell, "workload");
        var program = Programs.ALL.get(workload);
        if (program == null) {
            System.out.printf("{\"failed\": \"there is no program for %s\"}%n", workload);
            return;
        }
        int size = Integer.parseInt(value(cell, "size")), threads = Integer.parseInt(value(cell, "threads"));
        // Before the first virtual thread. Else a carrier whose thread blocks would be joined by another.
        System.setProperty("jdk.virtualThreadScheduler.parallelism", "" + threads);
        System.setProperty("jdk.virtualThreadScheduler.maxPoolSize", "" + threads);
        var pool = Executors.newFixedThreadPool(Integer.parseInt(value(cell, "blocking-threads")));
        boolean sockets = workload.equals("echo");
        var ends = sockets ? connections(size) : List.<Socket>of();
        Supplier<Programs.Run> start = () -> new Programs.Run(size, pool, ends, new Programs.Ledger());
        for (long end = System.nanoTime() + WARM_UP; System.nanoTime() < end;) sample(program, start, 1);
        var driver = sockets ? ", \"driver\": \"poller of Java\"" : "";
        System.out.printf("{\"observed\": {\"threads\": %d%s}}%n", threads, driver);
        for (String line; (line = lines.readLine()) != null;) {
            if (line.startsWith("{")) System.out.println("{\"rest\": {}}");
            else System.out.println(sample(program, start, Long.parseLong(line.strip())));
        }
    }

    /** Returns the value of a key in a line of JSON in which no two keys are alike. */
    static String value(String line, String key) {
        var found = Pattern.compile("\"" + key + "\": ?\"?([a-z0-9-]+)").matcher(line);
        return found.find() ? found.group(1) : "";
    }

    /** Makes so many connections, and returns a client's end, its server's, and so on. */
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

    /** Runs a program so many times, one after the other, on a virtual thread as any task; returns what came of it. */
    static String sample(Programs.Program program, Supplier<Programs.Run> start, long iterations) throws Exception {
        var last = new Object() { Programs.Run run; Object answer; };
        long cpu = processorTime(), wall = System.nanoTime();
        new Programs.Spawned(none -> {
            for (long left = iterations; left > 0; left--) last.answer = program.run(last.run = start.get());
            return 0;
        }, 0).get();
        wall = System.nanoTime() - wall;
        cpu = processorTime() - cpu;
        var answer = last.answer instanceof long[] numbers ? Arrays.toString(numbers) : last.answer;
        var ledger = last.run.ledger();
        var work = "{\"spawned\": %d, \"finished\": %d, \"cancelled\": %d, \"jobs\": %d}"
            .formatted(ledger.spawned, ledger.finished, ledger.cancelled, ledger.jobs);
        return "{\"sample\": {\"iterations\": %d, \"wall-ns\": %d, \"cpu-ns\": %d, \"answer\": %s, \"ledger\": %s}}"
            .formatted(iterations, wall, cpu, answer, work);
    }

    /** Returns the processor time of all threads, in ns: what Java itself tells comes in ticks of 10 ms. */
    static long processorTime() throws IOException {
        long sum = 0;
        try (var threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (var thread : threads) {
                var times = Files.readString(thread.resolve("schedstat")).split(" ");
                sum += Long.parseLong(times[0]);
            }
        } catch (NoSuchFileException none) {
            // A system without these, or a thread that has just ended.
        }
        return sum;
    }
}
