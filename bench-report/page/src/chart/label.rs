//! Measures, cuts and spaces the text of charts, which neither wraps nor makes room for itself.

/// The height of a line of text, in the units of a view box.
pub(super) const LINE: f64 = 14.0;

/// Estimates the width of a text, in the units of a view box. The estimate is generous, since the font is the
/// reader's.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(width_of).sum()
}

/// Returns the text, or its beginning and end around an ellipsis: names in a chart tend to differ at either
/// end.
pub(super) fn cut(text: &str, room: f64) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let mut left = room - width_of('…');
    let (mut head, mut tail) = (0, characters.len());
    while head < tail {
        // Take two characters of the beginning for one of the end.
        let take_tail = head % 3 == 2 && characters.len() - tail < head / 2;
        let next = if take_tail { characters[tail - 1] } else { characters[head] };
        left -= width_of(next);
        if left < 0.0 {
            break;
        }
        if take_tail { tail -= 1 } else { head += 1 }
    }
    characters[..head].iter().chain(&['…']).chain(&characters[tail..]).collect()
}

/// Returns a lane's name as it fits beside a chart: a flavour is shortened before anything is cut.
pub(super) fn short(name: &str, room: f64) -> String {
    let flavour = name.strip_suffix("-current-thread").filter(|_| width(name) > room);
    cut(&flavour.map_or(name.to_owned(), |executor| format!("{executor}, 1 thread")), room)
}

/// The width of the widest column of names.
const COLUMN: f64 = 176.0;

/// Returns the width of a column of names: that of the longest, within reason.
pub(super) fn column<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    names.map(width).fold(0.0, f64::max).clamp(50.0, COLUMN).round()
}

/// Returns a name as it stands in such a column.
pub(crate) fn in_column(name: &str) -> String {
    cut(name, COLUMN)
}

/// Returns places that are at least `gap` apart and as near to the wanted ones as that allows, between two
/// ends if there is room.
pub(super) fn apart(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&one, &other| wanted[one].total_cmp(&wanted[other]));
    // With the room of its predecessors subtracted, a place only has to lie no lower than the one before.
    // Neighbours that would lie lower are moved to their mean together: a run is their sum and their number.
    let mut runs: Vec<(f64, usize)> = Vec::new();
    for (rank, &index) in order.iter().enumerate() {
        let mut run = (wanted[index] - rank as f64 * gap, 1);
        while let Some(last) = runs.pop_if(|last| last.0 / last.1 as f64 >= run.0 / run.1 as f64) {
            run = (last.0 + run.0, last.1 + run.1);
        }
        runs.push(run);
    }
    let latest = (high - gap * wanted.len().saturating_sub(1) as f64).max(low);
    let means = runs.iter().flat_map(|&(sum, many)| std::iter::repeat_n(sum / many as f64, many));
    let mut places = vec![0.0; wanted.len()];
    for ((rank, index), mean) in order.into_iter().enumerate().zip(means) {
        places[index] = mean.clamp(low, latest) + rank as f64 * gap;
    }
    places
}

fn width_of(character: char) -> f64 {
    match character {
        'f' | 'i' | 'j' | 'l' | 'r' | 't' | '-' | '.' | ',' | ':' | ' ' | '\'' | '|' | '(' | ')' | '['
        | ']' => 4.6,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 11.4,
        'A'..='Z' => 8.4,
        character if character < '\u{250}' => 7.2,
        _ => 12.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pushed_apart_and_no_further() {
        assert_eq!(apart(&[10.0, 40.0, 80.0], 14.0, 0.0, 100.0), [10.0, 40.0, 80.0]);
        assert_eq!(apart(&[50.0, 50.0], 14.0, 0.0, 100.0), [43.0, 57.0]);
        assert_eq!(apart(&[57.0, 50.0, 10.0], 14.0, 0.0, 100.0), [60.5, 46.5, 10.0]);
        assert_eq!(apart(&[], 14.0, 0.0, 100.0), [0.0; 0]);
    }

    #[test]
    fn labels_stay_between_the_ends_and_never_overlap() {
        let wanted: Vec<f64> = (0..20).map(|index| if index % 2 == 0 { -5.0 } else { 300.0 }).collect();
        let mut places = apart(&wanted, 14.0, 0.0, 14.0 * 19.0);
        places.sort_by(f64::total_cmp);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9));
        assert!(places[0] >= 0.0 && places[19] <= 14.0 * 19.0 + 1e-9);
    }

    #[test]
    fn labels_without_enough_room_still_do_not_overlap() {
        let places = apart(&[5.0; 6], 14.0, 0.0, 20.0);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9), "{places:?}");
    }

    #[test]
    fn a_flavour_is_shortened_before_it_is_cut() {
        assert_eq!(short("tokio-current-thread", 150.0), "tokio-current-thread");
        assert_eq!(short("hand-rolled-current-thread", 150.0), "hand-rolled, 1 thread");
        assert!(short("hand-rolled-current-thread", 60.0).contains('…'));
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        assert_eq!(cut("smol", 100.0), "smol");
        let name = cut("hand-rolled-current-thread", 100.0);
        assert!(name.starts_with("hand-") && name.ends_with("ad") && name.contains('…'), "{name}");
        for room in [0.0, 5.0, 50.0, 150.0] {
            assert!(width(&cut(&"W漢i".repeat(100), room)) <= room.max(width("…")));
        }
    }
}
