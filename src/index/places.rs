//! Which records of a block a fact is true of.
//!
//! In: places within a block of 65,536. Out: the same in few bytes, and joined, cut and counted.
//!
//! Up to 4,095 places are a list, two bytes for each in ascending order; from there on a bitmap of
//! 8,192 bytes. A list is always shorter than that, so the length tells which it is.
//!
//! Never: bytes that are neither; a damaged index is found out and made anew.

/// Places within one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// In ascending order, each once.
    Few(Vec<u16>),
    /// One bit for each.
    Many(Box<[u64; WORDS]>),
}

impl Places {
    pub(super) fn none() -> Places {
        Places::Few(Vec::new())
    }

    /// A bitmap without a place.
    pub(super) fn empty_bits() -> Box<[u64; WORDS]> {
        Box::new([0; WORDS])
    }

    /// Adds a place; the next one of a block is added at the end.
    pub(super) fn add(&mut self, place: u16) {
        match self {
            Places::Many(bits) => set(bits, place),
            Places::Few(list) => {
                match list.last() {
                    Some(last) if *last < place => list.push(place),
                    None => list.push(place),
                    Some(_) => {
                        if let Err(at) = list.binary_search(&place) {
                            list.insert(at, place);
                        }
                    }
                }
                if list.len() > MOST_LISTED {
                    let mut bits = Places::empty_bits();
                    list.iter().for_each(|place| set(&mut bits, *place));
                    *self = Places::Many(bits);
                }
            }
        }
    }

    /// Takes a place out. What is many stays a bitmap, however few are left.
    pub(super) fn remove(&mut self, place: u16) {
        match self {
            Places::Few(list) => list.retain(|other| *other != place),
            Places::Many(bits) => {
                if let Some(word) = bits.get_mut(usize::from(place / 64)) {
                    *word &= !(1 << (place % 64));
                }
            }
        }
    }

    /// Whether there is no place.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Places::Few(list) => list.is_empty(),
            Places::Many(bits) => bits.iter().all(|word| *word == 0),
        }
    }

    /// As the database keeps them.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Places::Few(list) => list.iter().flat_map(|p| p.to_be_bytes()).collect(),
            Places::Many(bits) => bits.iter().flat_map(|w| w.to_be_bytes()).collect(),
        }
    }

    /// As the database kept them; nothing where it cannot be what was written.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Places> {
        if bytes.len() == WORDS * 8 {
            let mut bits = Places::empty_bits();
            let (words, _) = bytes.as_chunks::<8>();
            let pairs = bits.iter_mut().zip(words);
            pairs.for_each(|(word, bytes)| *word = u64::from_be_bytes(*bytes));
            return Some(Places::Many(bits));
        }
        let (pairs, rest) = bytes.as_chunks::<2>();
        let list: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
        let whole = rest.is_empty() && list.len() <= MOST_LISTED;
        (whole && list.is_sorted_by(|a, b| a < b)).then_some(Places::Few(list))
    }
}

/// Adds places as the database kept them to a bitmap; nothing where they cannot be what was written.
pub(super) fn join(kept: &[u8], bits: &mut [u64; WORDS]) -> Option<()> {
    if kept.len() == WORDS * 8 {
        let (words, _) = kept.as_chunks::<8>();
        let pairs = bits.iter_mut().zip(words);
        pairs.for_each(|(word, bytes)| *word |= u64::from_be_bytes(*bytes));
        return Some(());
    }
    let (pairs, rest) = kept.as_chunks::<2>();
    let is_whole =
        rest.is_empty() && pairs.len() <= MOST_LISTED && pairs.is_sorted_by(|a, b| a < b);
    is_whole.then(|| {
        let places = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
        places.for_each(|place| set(bits, place));
    })
}

/// Sets one bit.
pub(super) fn set(bits: &mut [u64; WORDS], place: u16) {
    if let Some(word) = bits.get_mut(usize::from(place / 64)) {
        *word |= 1 << (place % 64);
    }
}

/// Sets all bits from one place to another, both included.
pub(super) fn set_range(bits: &mut [u64; WORDS], from: u16, to: u16) {
    let (first, last) = (usize::from(from / 64), usize::from(to / 64));
    for (index, word) in bits.iter_mut().enumerate() {
        if (first..=last).contains(&index) {
            let low = if index == first {
                u64::MAX << (from % 64)
            } else {
                u64::MAX
            };
            let high = if index == last {
                u64::MAX >> (63 - to % 64)
            } else {
                u64::MAX
            };
            *word |= low & high;
        }
    }
}

/// The places of a bitmap, ascending.
pub(super) fn listed(bits: &[u64; WORDS]) -> Vec<u16> {
    let mut places = Vec::new();
    for (word, begin) in bits.iter().zip((0..=u16::MAX).step_by(64)) {
        let mut rest = *word;
        while rest != 0 {
            let bit = u16::try_from(rest.trailing_zeros()).unwrap_or(0);
            places.push(begin.saturating_add(bit));
            rest &= rest.wrapping_sub(1);
        }
    }
    places
}

/// Words of a bitmap: 65,536 bits.
pub(super) const WORDS: usize = 1024;
const MOST_LISTED: usize = 4095;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_as_they_were_put_in_few_or_many() {
        for step in [1, 7, 15, 16, 17, 4000] {
            let expected: Vec<u16> = (0..=u16::MAX).step_by(step).collect();
            let mut places = Places::none();
            expected.iter().rev().for_each(|place| places.add(*place));
            expected.iter().for_each(|place| places.add(*place));
            let read = Places::of_bytes(&places.bytes()).unwrap();
            assert_eq!(read, places);
            let mut bits = Places::empty_bits();
            join(&places.bytes(), &mut bits).unwrap();
            assert_eq!(listed(&bits), expected);
        }
    }

    #[test]
    fn bytes_that_nobody_wrote_are_no_places() {
        for wrong in [&[0, 2, 0, 1][..], &[0, 2, 0, 2], &[0]] {
            let mut bits = Places::empty_bits();
            assert_eq!(Places::of_bytes(wrong), None);
            assert_eq!(join(wrong, &mut bits), None);
            assert!(listed(&bits).is_empty(), "half of it was taken");
        }
        assert_eq!(Places::of_bytes(&[]), Some(Places::none()));
    }

    #[test]
    fn a_range_has_both_its_ends() {
        for (from, to) in [
            (0, 0),
            (0, 63),
            (63, 64),
            (5, 5),
            (100, 1000),
            (0, u16::MAX),
        ] {
            let mut bits = Places::empty_bits();
            set_range(&mut bits, from, to);
            assert_eq!(listed(&bits), (from..=to).collect::<Vec<_>>());
        }
    }
}
