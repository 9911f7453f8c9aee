//! Sorts the lanes of the first rank by what is known of them, and names them in words.

use results::{
    Estimate,
    figures::{ratio, ratio_with_interval},
};

use super::MeasuredLane;

/// The lanes of one comparison that are not shown to be behind.
#[derive(Clone, Debug)]
pub(crate) struct Lead<'a> {
    /// The best and the lanes that are level with it; empty if too little was measured to tell any lane from
    /// the best.
    pub(super) level: Vec<&'a str>,
    /// The lanes that are neither level nor near, and their ratios to the best. The best is the first of them, without
    /// a ratio, if none is level with it.
    pub(super) open: Vec<(&'a str, Option<Estimate>)>,
    /// The lanes whose ratio to the best is known to within 10 %, and that ratio.
    pub(super) near: Vec<(&'a str, Estimate)>,
}

impl<'a> Lead<'a> {
    /// Sorts the lanes of the first rank, which start with the best.
    pub(super) fn of(leaders: &[MeasuredLane<'a>]) -> Lead<'a> {
        let (mut level, mut open, mut near) = (Vec::new(), Vec::new(), Vec::new());
        for (place, lane) in leaders.iter().enumerate() {
            match lane {
                // The best is compared with itself, which says nothing.
                _ if place == 0 => level.push(lane.lane),
                lane if lane.undecided => open.push((lane.lane, Some(lane.ratio))),
                lane if lane.near => near.push((lane.lane, lane.ratio)),
                lane => level.push(lane.lane),
            }
        }
        if level.len() == 1 && !open.is_empty() {
            level.clear();
            open.insert(0, (leaders[0].lane, None));
        }
        Lead { level, open, near }
    }

    /// Returns `true` if every lane of it is shown to be level with the best.
    pub(super) fn is_level(&self) -> bool {
        self.open.is_empty() && self.near.is_empty()
    }

    /// Returns it in alphabetical order, so that the same lead is found again at another size.
    pub(super) fn sorted(mut self) -> Lead<'a> {
        self.level.sort_unstable();
        self.open.sort_unstable_by_key(|(lane, _)| *lane);
        self.near.sort_unstable_by_key(|(lane, _)| *lane);
        self
    }

    /// Returns `true` if the same is known of the same lanes, whatever the ratios.
    pub(super) fn has_the_lanes_of(&self, other: &Lead<'_>) -> bool {
        (&self.level, names(&self.open), names(&self.near))
            == (&other.level, names(&other.open), names(&other.near))
    }

    /// Writes it with `alone` for a lane that leads alone, and with `list` for the names of several: "a leads, b
    /// near (1.08× [1.03, 1.14])", "a and b level, c (1.30×) open".
    pub(crate) fn words(&self, alone: &str, list: impl Fn(&[&str]) -> String) -> String {
        let by_value = |one: &f64, other: &f64| one.total_cmp(other);
        let ratios = || self.near.iter().map(|(_, ratio)| ratio.value);
        let near = match (&self.near[..], ratios().min_by(by_value), ratios().max_by(by_value)) {
            ([(_, estimate)], ..) => format!(" ({})", ratio_with_interval(estimate)),
            (_, Some(least), Some(most)) => format!(" ({} to {})", ratio(least), ratio(most)),
            _ => String::new(),
        };
        let open = |(lane, behind): &(&str, Option<Estimate>)| match behind {
            Some(behind) => format!("{lane} ({})", ratio(behind.value)),
            None => (*lane).to_owned(),
        };
        let open: Vec<String> = self.open.iter().map(open).collect();
        let open: Vec<&str> = open.iter().map(String::as_str).collect();
        format!("{}{near}", self.sentence(alone, &open, list))
    }

    /// Writes it without the ratios, which differ from size to size.
    pub(super) fn words_without_ratios(&self, alone: &str, list: impl Fn(&[&str]) -> String) -> String {
        self.sentence(alone, &names(&self.open), list)
    }

    /// Writes it with the lanes that are open as they are given: "a leads", "a and b level, c near", "open between a
    /// and b".
    fn sentence(&self, alone: &str, open: &[&str], list: impl Fn(&[&str]) -> String) -> String {
        let head = match (&self.level[..], open) {
            ([best], []) => format!("{best} {alone}"),
            (level, []) => format!("{} level", list(level)),
            ([], open) => format!("open between {}", list(open)),
            (level, open) => format!("{} level, {} open", list(level), list(open)),
        };
        match names(&self.near).as_slice() {
            [] => head,
            near => format!("{head}, {} near", list(near)),
        }
    }
}

/// Returns the lanes alone.
fn names<'a, T>(lanes: &[(&'a str, T)]) -> Vec<&'a str> {
    lanes.iter().map(|(lane, _)| *lane).collect()
}
