//! Hands out what a query means, for people who have neither stile nor its journal.
//!
//! In: rows. Out: the same rows in the words of others.
//!
//! Never: a row more or less than the query means.

pub mod ocsf;
