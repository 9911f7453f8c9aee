// These are the programs of the race as Go has them, a goroutine for each task; workloads/NAME/src/lib.rs has the
// program in Rust that each must equal. lane.go runs them, and speaks the protocol of bench-report/protocol/README.md.
package main

import (
	"encoding/binary"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

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
