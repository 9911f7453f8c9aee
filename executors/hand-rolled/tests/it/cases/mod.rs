//! The promises of asyncio, case by case: one file a chapter, one test a case or clause, named after its
//! number. Where this runtime decides otherwise than asyncio, the test says so and holds it to its decision.

mod adversaries;
mod as_completed;
mod blocking;
mod calls;
mod cancellation;
mod gather;
mod inspect;
mod local;
mod promise;
mod queue;
mod running;
mod shield;
mod task_group;
mod tasks;
mod time;
mod wait;
mod wait_for;
