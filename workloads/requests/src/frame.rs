//! The frames of requests and of answers, 32 bytes each.

/// The bytes of a frame.
pub(crate) const FRAME: usize = 32;

/// A request: its number in the run, and when it was due and when it was sent, in ns of the clock that both sides read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) number: u64,
    pub(crate) due_ns: u64,
    pub(crate) sent_ns: u64,
}

impl Request {
    /// Writes it with a sum, so that a byte in a wrong place is noticed.
    pub(crate) fn to_frame(self) -> [u8; FRAME] {
        let Request { number, due_ns, sent_ns } = self;
        frame_of([number, due_ns, sent_ns, sum([number, due_ns, sent_ns])])
    }

    /// Reads it back; `None` if the bytes are not those of a request.
    pub(crate) fn from_frame(frame: &[u8; FRAME]) -> Option<Request> {
        let [number, due_ns, sent_ns, check] = words_of(frame);
        (check == sum([number, due_ns, sent_ns])).then_some(Request { number, due_ns, sent_ns })
    }
}

/// Returns the answer to the request with a number, which no request looks like.
pub(crate) fn answer(number: u64) -> [u8; FRAME] {
    frame_of([!number, number, !number, number])
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The beginning of a frame that has not come whole.
    part: [u8; FRAME],
    filled: usize,
}

impl Frames {
    /// Hands on each frame that is whole with these bytes.
    pub(crate) fn add<'a>(&'a mut self, mut bytes: &'a [u8]) -> impl Iterator<Item = [u8; FRAME]> + 'a {
        std::iter::from_fn(move || {
            let taken = bytes.len().min(FRAME - self.filled);
            let (head, rest) = bytes.split_at(taken);
            self.part[self.filled..self.filled + taken].copy_from_slice(head);
            self.filled += taken;
            bytes = rest;
            if self.filled < FRAME {
                return None;
            }
            self.filled = 0;
            Some(self.part)
        })
    }
}

/// Mixes words into one in which the place of each counts.
fn sum(words: [u64; 3]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    words.into_iter().fold(ODD, |sum, word| (sum.rotate_left(23) ^ word).wrapping_mul(ODD))
}

fn frame_of(words: [u64; 4]) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    for (bytes, word) in frame.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    frame
}

fn words_of(frame: &[u8; FRAME]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(frame.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().expect("a chunk has eight bytes"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request = Request { number: 7, due_ns: 1_000, sent_ns: 1_234 };

    #[test]
    fn a_request_is_read_as_it_was_written_and_every_byte_of_it_counts() {
        let frame = REQUEST.to_frame();
        assert_eq!(Request::from_frame(&frame), Some(REQUEST));
        for byte in 0..FRAME {
            let mut wrong = frame;
            wrong[byte] ^= 1;
            assert_eq!(Request::from_frame(&wrong), None, "byte {byte}");
        }
    }

    #[test]
    fn no_answer_is_a_request() {
        assert!((0..10_000).all(|number| Request::from_frame(&answer(number)).is_none()));
    }

    #[test]
    fn frames_come_whole_whatever_the_parts_are() {
        let sent: Vec<u8> = (0..20).flat_map(|number| Request { number, ..REQUEST }.to_frame()).collect();
        for part in [1, 31, 32, 33, 64, 256, 640] {
            let mut frames = Frames::default();
            let mut numbers = Vec::new();
            for bytes in sent.chunks(part) {
                let whole = frames.add(bytes).map(|frame| Request::from_frame(&frame).expect("a request"));
                numbers.extend(whole.map(|request| request.number));
            }
            assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "parts of {part}");
        }
    }
}
