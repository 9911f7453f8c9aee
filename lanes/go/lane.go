// The lane go talks to the lab here, in the protocol of bench-report/protocol/README.md, and runs what programs.go has.
// The runtime is left as it comes, garbage collector and all, but for the number of its processors. `start` beside this
// file builds both.
package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A cell is what this process is started for.
type cell struct {
	Workload        string
	Size, Threads   int
	BlockingThreads int `json:"blocking-threads"`
}

// A run takes what its program needs, and keeps the ledger by which it is checked.
type run struct {
	size   int
	pool   chan<- func() // takes jobs that may block
	ends   []net.Conn    // of the connections that all runs share: a client's, its server's, and so on
	ledger ledger
}

type ledger struct {
	Spawned   int `json:"spawned"`
	Finished  int `json:"finished"`
	Cancelled int `json:"cancelled"`
	Jobs      int `json:"jobs"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan()
	var asked struct{ Cell *cell }
	check(json.Unmarshal(lines.Bytes(), &asked))
	if asked.Cell == nil {
		describe()
		return
	}
	serve(*asked.Cell, lines)
}

func describe() {
	workloads := map[string]any{}
	for name := range programs {
		workloads[name] = nil // it bears any size
	}
	threads := [2]int{1, 256}
	say("lane", map[string]any{"protocol": 2, "version": runtime.Version(), "threads": threads, "workloads": workloads})
}

// Makes a cell ready, and then takes a sample for each line that is a number.
func serve(cell cell, lines *bufio.Scanner) {
	program := programs[cell.Workload]
	if program == nil {
		say("failed", "there is no program for "+cell.Workload)
		return
	}
	runtime.GOMAXPROCS(cell.Threads)
	fresh := run{size: cell.Size, pool: startPool(cell)}
	observed := map[string]any{"threads": cell.Threads}
	if cell.Workload == "echo" {
		fresh.ends = connect(cell.Size)
		observed["driver"] = "netpoll of Go"
	}
	say("observed", observed)
	for lines.Scan() {
		var iterations int
		if json.Unmarshal(lines.Bytes(), &iterations) == nil {
			say("sample", sample(program, fresh, iterations))
		} else {
			say("rest", struct{}{})
		}
	}
}

// Go has no pool for jobs that block: goroutines that take turns at a channel are one.
func startPool(cell cell) chan<- func() {
	pool := make(chan func(), cell.Size)
	for range cell.BlockingThreads {
		go func() {
			for job := range pool {
				job()
			}
		}()
	}
	return pool
}

// Returns both ends of so many connections.
func connect(number int) (ends []net.Conn) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	for range number {
		ends = append(ends, must(net.Dial("tcp", listener.Addr().String())), must(listener.Accept()))
	}
	return
}

// Runs a program so many times, one after the other, and returns what came of it.
func sample(program func(*run) any, fresh run, iterations int) map[string]any {
	var last run
	answers := make(chan any)
	processor, start := processorTime(), time.Now()
	go func() { // the root is a goroutine as any
		var answer any
		for range iterations {
			last = fresh
			answer = program(&last)
		}
		answers <- answer
	}()
	sample := map[string]any{"iterations": iterations, "answer": <-answers}
	sample["wall-ns"], sample["cpu-ns"] = time.Since(start), processorTime()-processor
	sample["ledger"] = last.ledger
	return sample
}

func processorTime() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func say(kind string, answer any) {
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{kind: answer}))
}

// Returns a value that is there.
func must[T any](value T, err error) T {
	check(err)
	return value
}

// An error ends the program, whose last words the lab repeats.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
