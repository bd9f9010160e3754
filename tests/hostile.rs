//! A caller who means harm, against the real program: alias x encoding x protocol.

pub(crate) mod frames;
pub(crate) mod raw;
