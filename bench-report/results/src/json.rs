//! Writes results as JSON that a person can read and that stays small.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

/// Rounds numbers to these significant digits: a twentieth of a percent at most, where noise is a percent and more, and a
/// quarter of the digits that would be written otherwise.
const DIGITS: usize = 4;

/// Writes a value with one field per line and few digits, and a line break at its end.
pub(crate) fn text_of(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Lines::default());
    value.serialize(&mut serializer).expect("results are plain data");
    String::from_utf8(text).expect("JSON is text") + "\n"
}

/// Writes JSON with one field per line and few digits, but a list of numbers on a single line: a histogram
/// has hundreds.
#[derive(Default)]
struct Lines {
    /// The open brackets, outermost first: for each, whether it is an object's, and whether its content is on
    /// lines of its own.
    open: Vec<(bool, bool)>,
}

impl Lines {
    fn new_line<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some((_, has_lines)) = self.open.last_mut() {
            *has_lines = true;
        }
        write!(writer, "\n{}", "  ".repeat(self.open.len()))
    }

    fn end<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.open.pop() {
            Some((_, true)) => write!(writer, "\n{}", "  ".repeat(self.open.len())),
            _ => Ok(()),
        }
    }
}

impl Formatter for Lines {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let rounded = format!("{value:.*e}", DIGITS - 1).parse().expect("a number that was just written");
        CompactFormatter.write_f64(writer, rounded)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push((false, false));
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer)?;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some((false, _)) = self.open.last() {
            self.new_line(writer)?;
        }
        self.open.push((true, false));
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer)?;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.new_line(writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
