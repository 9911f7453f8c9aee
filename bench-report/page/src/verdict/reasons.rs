//! Groups missing lanes by the reason why they are missing.

/// Returns the reasons why lanes are missing, each with its lanes.
pub(super) fn by_reason<'a>(missing: &[(&'a str, &'a str)]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for &(lane, reason) in missing {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, lanes)) => lanes.push(lane),
            None => reasons.push((reason, vec![lane])),
        }
    }
    reasons
}
