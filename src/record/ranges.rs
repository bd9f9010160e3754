//! Which records are meant, by their numbers.
//!
//! In: numbers in ascending order, or the text of an event. Out: [`Ranges`], and their text:
//! `3 7-9 12`.

use std::fmt;

/// Ranges of sequence numbers: ascending, apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// From one number to another, both meant.
    pub fn from_to(from: u64, to: u64) -> Ranges {
        match from <= to {
            true => Ranges(vec![(from, to)]),
            false => Ranges::default(),
        }
    }

    /// Reads the text of an event.
    pub fn parse(text: &str) -> Option<Ranges> {
        let mut ranges = Ranges::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (from, to) = word.split_once('-').unwrap_or((word, word));
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            let follows = ranges.0.last().is_none_or(|(_, before)| *before < from);
            if from > to || !follows {
                return None;
            }
            ranges.0.push((from, to));
        }
        Some(ranges)
    }

    /// Adds a range behind all others. `joins` says that nothing between the last one and this is
    /// to be told apart from them.
    pub fn push(&mut self, from: u64, to: u64, joins: bool) {
        match self.0.last_mut() {
            Some((_, last)) if joins || last.checked_add(1) == Some(from) => *last = to.max(*last),
            _ => self.0.push((from, to)),
        }
    }

    /// Whether a number is meant.
    pub fn has(&self, seq: u64) -> bool {
        let at = self.0.partition_point(|(_, to)| *to < seq);
        self.0.get(at).is_some_and(|(from, _)| *from <= seq)
    }

    /// Whether some number of a stretch is meant.
    pub fn meets(&self, from: u64, to: u64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < from);
        self.0.get(at).is_some_and(|(first, _)| *first <= to)
    }

    /// Each range, first and last number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }

    /// Whether nothing is meant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first number and the last.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// In pieces whose text has at most so many bytes each.
    pub fn pieces(&self, most_bytes: usize) -> Vec<Ranges> {
        let mut pieces: Vec<Ranges> = Vec::new();
        let mut room = 0_usize;
        for (from, to) in self.iter() {
            let needed = text_of(from, to).len().saturating_add(1);
            if needed > room {
                pieces.push(Ranges::default());
                room = most_bytes;
            }
            room = room.saturating_sub(needed);
            if let Some(piece) = pieces.last_mut() {
                piece.0.push((from, to));
            }
        }
        pieces
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (from, last)) in self.iter().enumerate() {
            if index > 0 {
                to.write_str(" ")?;
            }
            to.write_str(&text_of(from, last))?;
        }
        Ok(())
    }
}

fn text_of(from: u64, to: u64) -> String {
    match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_back_as_written() {
        for text in ["", "0", "3 7-9 12", "0-18446744073709551615"] {
            let read = Ranges::parse(text).unwrap();
            assert_eq!(read.to_string(), text);
        }
        for wrong in [
            "x", "3-", "9-7", "7 3", "3 3", "1-5 4-8", "-1", "1,2", "1--2",
        ] {
            assert_eq!(Ranges::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_meant_is_what_was_put_in() {
        let mut ranges = Ranges::default();
        for seq in [1, 2, 5, 9] {
            ranges.push(seq, seq, seq == 9);
        }
        assert_eq!(ranges.to_string(), "1-2 5-9");
        let meant: Vec<u64> = (0..12).filter(|seq| ranges.has(*seq)).collect();
        assert_eq!(meant, [1, 2, 5, 6, 7, 8, 9]);
        assert!(ranges.meets(3, 5) && !ranges.meets(3, 4) && !ranges.meets(10, 99));
        assert_eq!(ranges.bounds(), Some((1, 9)));
    }

    #[test]
    fn pieces_are_all_of_it_and_small_enough() {
        let mut ranges = Ranges::default();
        (0..500).for_each(|n| ranges.push(n * 7, n * 7 + 2, false));
        let pieces = ranges.pieces(100);
        assert!(pieces.iter().all(|piece| piece.to_string().len() <= 100));
        let joined: Vec<String> = pieces.iter().map(Ranges::to_string).collect();
        assert_eq!(joined.join(" "), ranges.to_string());
    }
}
