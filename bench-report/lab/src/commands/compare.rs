//! `compare`: what has changed between two runs.

use anyhow::Result;
use page::show::{self, Format};
use results::{
    Results,
    comparison::{ChangeReport, Invalid, Outcome},
};

use super::{complain, default_out, named, say};
use crate::{
    arguments::{CompareArguments, Usage, usage},
    compare as pairing,
};

/// Compares two runs and says what has changed; the exit code tells it too.
pub(crate) fn compare(arguments: CompareArguments) -> Result<u8> {
    or_invalid(compared(arguments))
}

fn compared(arguments: CompareArguments) -> Result<u8> {
    let CompareArguments { old, new, judging, lanes, out } = arguments;
    let out = out.unwrap_or_else(default_out);
    let sides = [old, new].map(|name| {
        let results = named(&name, &out).and_then(|file| Results::read(&file));
        results.map(|results| (name.display().to_string(), results))
    });
    let [old, new] = match sides {
        [Ok(old), Ok(new)] => [old, new],
        [Err(error), _] | [_, Err(error)] => {
            return tell(Err(Invalid::because(format!("{error:#}"))), judging.format);
        }
    };
    let options = pairing::Options { margin: judging.margin, lanes, filters: judging.filters };
    options.check(&old.1, &new.1).map_err(usage)?;
    tell(pairing::compare((&old.0, &old.1), (&new.0, &new.1), &options), judging.format)
}

/// Gives any error but a usage error the exit code of an invalid comparison: it says that the two cannot be compared, not
/// that one regressed.
pub(super) fn or_invalid(outcome: Result<u8>) -> Result<u8> {
    match outcome {
        Err(error) if !error.is::<Usage>() => {
            complain(&format!(
                "error: {}",
                format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
            ));
            Ok(Outcome::Invalid.code())
        }
        other => other,
    }
}

/// Says what has changed, or why nobody can say; the exit code tells it too.
pub(super) fn tell(comparison: Result<ChangeReport, Invalid>, format: Format) -> Result<u8> {
    match comparison {
        Ok(comparison) => {
            say(&show::change(&comparison, format))?;
            Ok(comparison.outcome().code())
        }
        Err(invalid) => {
            say(&show::invalid(&invalid, format))?;
            complain(&format!("error: {invalid}"));
            Ok(Outcome::Invalid.code())
        }
    }
}
