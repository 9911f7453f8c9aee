//! What the runtime promises beyond asyncio's cases and beyond the laws of the contract. One file a subject.

mod blocking;
mod cancellation;
mod ending;
mod forks;
mod misuse;
mod refused;
mod shutdown;
mod table;
mod time;
mod wakes;
