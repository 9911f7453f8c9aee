//! The name of a cell: `WORKLOAD/SIZE/tTHREADS/LANE`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One workload at one size and number of threads on one lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
}

impl fmt::Display for CellId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CellId { workload, size, threads, executor } = self;
        write!(formatter, "{workload}/{size}/t{threads}/{executor}")
    }
}

impl FromStr for CellId {
    type Err = String;

    fn from_str(text: &str) -> Result<CellId, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let parse = || {
            let [workload, size, threads, executor] = parts[..] else { return None };
            Some(CellId {
                workload: workload.to_owned(),
                size: size.parse().ok()?,
                threads: threads.strip_prefix('t')?.parse().ok()?,
                executor: executor.to_owned(),
            })
        };
        parse().ok_or_else(|| format!("a cell is WORKLOAD/SIZE/tTHREADS/EXECUTOR, not `{text}`"))
    }
}
