//! Implements the contract's task handle for lanes that are built on async-task.
//!
//! This crate is no lane. The lanes of smol, whose tasks are async-task's, use it, and so do rayon and the
//! template of new lanes, which make tasks with async-task.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Wraps async-task's `Task`. Dropping the wrapper detaches the task, where async-task would cancel it.
///
/// `Lane` makes the handle a type of its own for each lane. Lanes that shared a type would share machine
/// code, and the compiler would inline less of it than if each lane were alone.
#[derive(Debug)]
pub struct Task<T, Lane>(Option<async_task::Task<T>>, PhantomData<fn() -> Lane>);

impl<T, Lane> From<async_task::Task<T>> for Task<T, Lane> {
    fn from(task: async_task::Task<T>) -> Self {
        Task(Some(task), PhantomData)
    }
}

impl<T, Lane> Future for Task<T, Lane> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let task = self.0.as_mut().expect("only cancel and drop take the task");
        Pin::new(task).poll(context)
    }
}

impl<T: Send + 'static, Lane: 'static> executor_api::Task<T> for Task<T, Lane> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_some_and(async_task::Task::is_finished)
    }

    fn cancel(mut self) -> impl Future<Output = Option<T>> + Send {
        let task = self.0.take().expect("only cancel and drop take the task");
        // The contract asks the task to stop in the call of `cancel`, async-task at the first poll.
        let mut cancelling = Box::pin(task.cancel());
        let asked = cancelling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        async {
            match asked {
                Poll::Ready(output) => output,
                Poll::Pending => cancelling.await,
            }
        }
    }
}

impl<T, Lane> Drop for Task<T, Lane> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}
