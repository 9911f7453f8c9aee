//! Fork and join: measures the cost of tasks that spawn and await tasks, in a wide tree and in a deep one.
#![expect(
    clippy::manual_async_fn,
    reason = "a function that spawns itself must declare that its future is `Send`; then it needs no box"
)]

use executor_api::Executor;
use std::sync::Arc;
use workload_api::{About, Work, Workload, gather};

const SHOWS: &str = "the cost of forking and joining tasks everywhere in a tree, and how workers share a tree that grows \
                     on one of them";
const HIDES: &str =
    "the work of the tasks: there is none here, and a program that computes something forks less often";

/// A tree of tasks with ten children each, down to N leaves; the root of the run is the root of the tree.
pub struct Skynet(u64);

const FAN_OUT: u64 = 10;

impl<E: Executor> Workload<E> for Skynet {
    const ABOUT: About = About {
        name: "skynet",
        description: "A tree of tasks: each spawns ten and adds up their outputs; N leaves return their number.",
        group: "Scheduling",
        operation: "one task",
        size: "leaves of the tree",
        shows: SHOWS,
        hides: HIDES,
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[1_000, 100_000, 1_000_000];
    const OVERSUBSCRIBED: bool = true;
    type Answer = u64; // the sum of the leaves' numbers

    fn prepare(leaves: u64) -> Self {
        assert!(
            leaves > 1 && FAN_OUT.pow(leaves.ilog(FAN_OUT)) == leaves,
            "its leaves are 10, 100, 1,000, ..."
        );
        Skynet(leaves)
    }
    fn run(self: Arc<Self>) -> impl Future<Output = u64> + Send + 'static {
        skynet::<E>(0, self.0)
    }
    fn expected(&self) -> u64 {
        (0..self.0).sum()
    }
    fn operations(&self) -> u64 {
        (self.0 - 1) * FAN_OUT / (FAN_OUT - 1) // 10 + 100 + ... + leaves
    }
    fn work(&self) -> Work {
        // All ancestors of a leaf wait for it.
        let depth = u64::from(self.0.ilog(FAN_OUT));
        Work { at_once: Some(depth), ..Work::tasks(<Self as Workload<E>>::operations(self)) }
    }
}

fn skynet<E: Executor>(first: u64, leaves: u64) -> impl Future<Output = u64> + Send + 'static {
    async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / FAN_OUT;
        let children = (0..FAN_OUT).map(|child| E::spawn(skynet::<E>(first + child * part, part)));
        gather(children).await.iter().sum()
    }
}

/// The Nth Fibonacci number by its definition: a task for every other call.
pub struct Fibonacci(u64);

impl<E: Executor> Workload<E> for Fibonacci {
    const ABOUT: About = About {
        name: "fibonacci",
        description: "fib(n) = fib(n-1) + fib(n-2): each call spawns a task for fib(n-1) and computes fib(n-2) itself.",
        group: "Scheduling",
        operation: "one task",
        size: "fib(n)",
        shows: SHOWS,
        hides: HIDES,
        source: file!(),
    };
    const SIZES: &'static [u64] = &[20];
    const FULL_SIZES: &'static [u64] = &[25];
    type Answer = u64;

    fn prepare(n: u64) -> Self {
        assert!(n > 1, "only fib(2) and those that follow spawn a task");
        Fibonacci(n)
    }
    fn run(self: Arc<Self>) -> impl Future<Output = u64> + Send + 'static {
        fibonacci::<E>(self.0)
    }
    fn expected(&self) -> u64 {
        number(self.0)
    }
    fn operations(&self) -> u64 {
        number(self.0 + 1) - 1 // a call with n > 1 spawns one, and those of fib(n-1) and of fib(n-2) spawn theirs
    }
    fn work(&self) -> Work {
        // fib(n-1) waits for fib(n-2), and so on down to fib(1).
        Work { at_once: Some(self.0 - 1), ..Work::tasks(<Self as Workload<E>>::operations(self)) }
    }
}

fn fibonacci<E: Executor>(n: u64) -> impl Future<Output = u64> + Send + 'static {
    async move {
        // Computing fib(n-2) here means spawning fib(n-3), and so on down to fib(0) or fib(1).
        let children = (0..n / 2).map(|call| E::spawn(fibonacci::<E>(n - 2 * call - 1)));
        n % 2 + gather(children).await.iter().sum::<u64>()
    }
}

/// Returns the Nth Fibonacci number, without tasks.
fn number(n: u64) -> u64 {
    (0..n).fold((0, 1), |(this, next), _| (next, this + next)).0
}
