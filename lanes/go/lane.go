// The lane go: programs of the race as Go has them, a goroutine for each task. bench-report/protocol/README.md has the
// protocol that it speaks, workloads/NAME/src/lib.rs the program in Rust that each of these must equal. The runtime is left
// as it comes, garbage collector and all, but for the number of its processors. `start` beside this file builds it.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A run of a program, and what it leaves behind for those who check it.
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

var programs = map[string]func(*run) any{
	"spawn-join": spawnJoin, "yield-now": yieldNow, "ping-pong": pingPong, "skynet": skynet, "sleepers": sleepers,
	"sleep-fan-out": sleepFanOut, "wait-timeout": waitTimeout, "blocking-squares": blockingSquares, "echo": echo,
	"channel-1-to-1": func(r *run) any { return channel(r, 1, 1) },
	"channel-4-to-1": func(r *run) any { return channel(r, 4, 1) },
	"channel-4-to-4": func(r *run) any { return channel(r, 4, 4) },
}

// Runs a number of tasks, a goroutine each, and returns their outputs.
func gather(r *run, tasks int, task func(index int) int) []int {
	outputs := make([]int, tasks)
	var all sync.WaitGroup
	all.Add(tasks)
	for index := range tasks {
		go func() {
			defer all.Done()
			outputs[index] = task(index)
		}()
	}
	all.Wait()
	r.ledger.Spawned += tasks
	r.ledger.Finished += tasks
	return outputs
}

func countAndSum(numbers []int) []int {
	sum := 0
	for _, number := range numbers {
		sum += number
	}
	return []int{len(numbers), sum}
}

func spawnJoin(r *run) any {
	return countAndSum(gather(r, r.size, func(index int) int { return index }))
}

func yieldNow(r *run) any {
	return gather(r, 100, func(int) int {
		turns := 1
		for ; turns <= r.size; turns++ {
			runtime.Gosched()
		}
		return turns
	})
}

func pingPong(r *run) any {
	channels := make([]chan int, 2*r.size)
	for index := range channels {
		channels[index] = make(chan int, 1)
		if index%2 == 0 {
			channels[index] <- 0
		}
	}
	return gather(r, 2*r.size, func(index int) (token int) {
		for range 1_000 {
			token = <-channels[index] + 1
			channels[index^1] <- token
		}
		return
	})
}

func skynet(r *run) any {
	sum, tasks := tree(0, r.size)
	r.ledger.Spawned, r.ledger.Finished = tasks, tasks
	return sum
}

// Adds up the numbers of so many leaves, and counts the tasks below this one: to share a counter would cost more.
func tree(first, leaves int) (sum, tasks int) {
	if leaves == 1 {
		return first, 0
	}
	var outputs [10][2]int
	var all sync.WaitGroup
	all.Add(len(outputs))
	for child := range outputs {
		go func() {
			defer all.Done()
			outputs[child][0], outputs[child][1] = tree(first+child*leaves/10, leaves/10)
		}()
	}
	all.Wait()
	for _, output := range outputs {
		sum, tasks = sum+output[0], tasks+output[1]+1
	}
	return
}

func channel(r *run, producers, consumers int) any {
	channel, sums, counts := make(chan int, r.size), make([]int, consumers), make([]int, consumers)
	left := int64(producers)
	gather(r, consumers+producers, func(index int) int {
		if index < consumers {
			for message := range channel {
				sums[index] += message
				counts[index]++
			}
			return 0
		}
		for message := index - consumers; message < 10_000; message += producers {
			channel <- message
		}
		if atomic.AddInt64(&left, -1) == 0 {
			close(channel)
		}
		return 0
	})
	return []int{countAndSum(counts)[1], countAndSum(sums)[1]}
}

func sleepFanOut(r *run) any {
	return countAndSum(gather(r, r.size, func(index int) int {
		time.Sleep(10 * time.Millisecond)
		return index
	}))
}

// A goroutine cannot be cancelled from outside: by convention it looks whether a channel is closed.
func waitTimeout(r *run) any {
	cancelled, done := make(chan struct{}), 0
	outputs := gather(r, r.size, func(index int) int {
		if index == r.size-1 { // all have been started
			time.AfterFunc(20*time.Millisecond, func() { close(cancelled) })
		}
		timer := time.NewTimer([]time.Duration{5 * time.Millisecond, time.Hour}[index%2])
		defer timer.Stop()
		select {
		case <-timer.C:
			return index
		case <-cancelled:
			return -1
		}
	})
	for index, output := range outputs {
		if output == index {
			done++
		} else {
			outputs[index] = 0
		}
	}
	r.ledger.Finished, r.ledger.Cancelled = done, r.size-done
	return []int{done, countAndSum(outputs)[1], r.size - done, len(outputs)}
}

func sleepers(r *run) any {
	var born atomic.Int64
	gather(r, r.size, func(int) int {
		born.Add(1)
		for time.Sleep(50 * time.Millisecond); born.Load() < int64(r.size); time.Sleep(50 * time.Millisecond) {
		}
		return 0
	})
	return born.Load() // nobody has left before all were there
}

// Go has no pool for jobs that block; goroutines that take turns at a channel are one.
func blockingSquares(r *run) any {
	squares := make([]int, r.size)
	var all sync.WaitGroup
	all.Add(r.size)
	for number := range squares {
		r.pool <- func() {
			defer all.Done()
			squares[number] = number * number
		}
	}
	all.Wait()
	r.ledger.Jobs = r.size
	return squares
}

// Returns the 64 bytes that the message with this number is.
func message(number int) (message [64]byte) {
	for index := range 8 {
		binary.LittleEndian.PutUint64(message[8*index:], uint64(8*number+index)*0x9E37_79B9_7F4A_7C15)
	}
	return
}

func echo(r *run) any {
	trips := min(max(2_000/r.size, 4), 1_000)
	var answer [2]int
	counts := gather(r, 2*r.size, func(index int) (count int) {
		var room [64]byte
		for number := index / 2 * trips; number < (index/2+1)*trips; number++ {
			if index%2 == 1 {
				must(io.ReadFull(r.ends[index], room[:]))
				must(r.ends[index].Write(room[:]))
				count++
				continue
			}
			sent := message(number)
			must(r.ends[index].Write(sent[:]))
			must(io.ReadFull(r.ends[index], room[:]))
			if room == sent {
				count++
			}
		}
		return
	})
	for index, count := range counts {
		answer[index%2] += count
	}
	return answer
}

// Returns a value that is there. An error ends the program, whose last words the lab repeats.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func say(kind string, answer any) { must(0, json.NewEncoder(os.Stdout).Encode(map[string]any{kind: answer})) }

func processorTime() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan()
	var asked struct {
		Cell struct {
			Workload                       string
			Size, Threads, BlockingThreads int
		}
	}
	must(0, json.Unmarshal(bytes.ReplaceAll(lines.Bytes(), []byte("-threads"), []byte("Threads")), &asked))
	cell, workloads := asked.Cell, map[string]any{}
	for name := range programs {
		workloads[name] = nil
	}
	program := programs[cell.Workload]
	if program == nil { // it is asked what it is
		threads := [2]int{1, 256}
		say("lane", map[string]any{"protocol": 2, "version": runtime.Version(), "threads": threads, "workloads": workloads})
		return
	}
	runtime.GOMAXPROCS(cell.Threads)
	pool, ends := make(chan func(), cell.Size), []net.Conn{}
	for range cell.BlockingThreads {
		go func() {
			for job := range pool {
				job()
			}
		}()
	}
	ready := map[string]any{"threads": cell.Threads}
	if cell.Workload == "echo" {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		for range cell.Size {
			ends = append(ends, must(net.Dial("tcp", listener.Addr().String())), must(listener.Accept()))
		}
		listener.Close()
		ready["driver"] = "netpoll of Go"
	}
	say("observed", ready)
	for lines.Scan() {
		var iterations int
		if json.Unmarshal(lines.Bytes(), &iterations) != nil {
			say("rest", struct{}{})
			continue
		}
		answers, r := make(chan any), run{}
		processor, start := processorTime(), time.Now()
		go func() { // the root is a goroutine as any
			var answer any
			for range iterations {
				r = run{size: cell.Size, pool: pool, ends: ends}
				answer = program(&r)
			}
			answers <- answer
		}()
		sample := map[string]any{"iterations": iterations, "answer": <-answers}
		sample["wall-ns"], sample["cpu-ns"] = time.Since(start), processorTime()-processor
		sample["ledger"] = r.ledger
		say("sample", sample)
	}
}
