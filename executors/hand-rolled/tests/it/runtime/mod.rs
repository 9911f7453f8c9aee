//! What the runtime promises beyond asyncio's cases and beyond the laws of the contract. One file a subject.

mod blocking;
mod cancellation;
mod ending;
mod misuse;
mod table;
mod time;
mod wakes;
