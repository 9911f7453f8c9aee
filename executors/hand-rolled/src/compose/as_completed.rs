//! [`as_completed`]: tasks in the order in which they end.

use std::{collections::VecDeque, fmt, future::poll_fn, sync::Arc, task::Poll};

use super::set::Ends;
use crate::handle::Task;

/// Gives tasks back one by one, each once it has ended, in the order in which they end.
///
/// Tasks that have ended before this call come first, in the order in which they were given. A panic or a
/// cancellation ends a task like an output does. It looks at each task once, however many there are: a loop that
/// takes all of them takes time in proportion to their number. With [`push`](AsCompleted::push) it takes new
/// tasks meanwhile.
///
/// It cancels nothing: dropping it detaches the tasks that it has not given back. For a limited time, use
/// [`timeout`](crate::timeout) around [`next`](AsCompleted::next), and go on with it later, or not.
///
/// ```
/// use std::time::Duration;
/// use hand_rolled::{as_completed, run, sleep, spawn};
///
/// let order = run(async {
///     let tasks = [30, 10, 20].map(|milliseconds| {
///         spawn(async move {
///             sleep(Duration::from_millis(milliseconds)).await;
///             milliseconds
///         })
///     });
///     let (mut order, mut ended) = (Vec::new(), as_completed(tasks));
///     while let Some(task) = ended.next().await {
///         order.push(task.await.unwrap());
///     }
///     order
/// });
/// assert_eq!(order, [10, 20, 30]);
/// ```
pub fn as_completed<T>(tasks: impl IntoIterator<Item = Task<T>>) -> AsCompleted<T> {
    let mut all = AsCompleted {
        tasks: Vec::new(),
        free: Vec::new(),
        given: 0,
        left: 0,
        ends: Arc::default(),
        ended: VecDeque::new(),
    };
    tasks.into_iter().for_each(|task| all.push(task));
    all
}

/// Tasks that are given back as they end; see [`as_completed`].
#[must_use = "it gives the tasks back through `next`; dropped, it detaches them"]
pub struct AsCompleted<T> {
    /// The tasks by index, each with its number, but for those that were given back.
    tasks: Vec<Option<(u64, Task<T>)>>,
    /// The indices of those that were.
    free: Vec<usize>,
    /// The number of tasks that there ever were.
    given: u64,
    /// The number of tasks that were not given back.
    left: usize,
    /// Learns of the ends.
    ends: Arc<Ends>,
    /// The indices of tasks that have ended and were not given back.
    ended: VecDeque<usize>,
}

impl<T> AsCompleted<T> {
    /// Returns the next task that has ended, once there is one, or `None` after the last.
    ///
    /// Awaiting the task, or asking for its [`result`](Task::result), takes no time any more. A `next` that is
    /// dropped unfinished loses no task.
    pub async fn next(&mut self) -> Option<Task<T>> {
        poll_fn(|context| {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            if self.ended.is_empty() {
                self.ended.extend(self.ends.newly_ended(context));
            }
            let Some(index) = self.ended.pop_front() else { return Poll::Pending };
            self.left -= 1;
            self.free.push(index);
            Poll::Ready(self.tasks[index].take().map(|(_, task)| task))
        })
        .await
    }

    /// Adds a task, also after [`next`](Self::next) has returned `None`.
    pub fn push(&mut self, task: Task<T>) {
        let index = self.free.pop().unwrap_or(self.tasks.len());
        self.ends.watch_one(index, &task);
        let numbered = Some((self.given, task));
        match self.tasks.get_mut(index) {
            Some(place) => *place = numbered,
            None => self.tasks.push(numbered),
        }
        self.given += 1;
        self.left += 1;
    }

    /// Returns the number of tasks that were not given back.
    pub fn len(&self) -> usize {
        self.left
    }

    /// Returns true if all tasks were given back.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Returns the tasks that were not given back, in the order in which they were given.
    pub fn into_rest(self) -> Vec<Task<T>> {
        let mut rest: Vec<_> = self.tasks.into_iter().flatten().collect();
        rest.sort_unstable_by_key(|&(number, _)| number);
        let rest: Vec<_> = rest.into_iter().map(|(_, task)| task).collect();
        rest.iter().for_each(Task::unwatch);
        rest
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}
