//! Gets bytes that nobody can guess.
//!
//! In: how many. Out: bytes of the machine's own generator; nothing when it gives none.

/// So many random bytes.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}
