//! stile: an identity-aware reverse proxy for APIs that know only static keys.
//!
//! The tree is the way of a request: [`listen`], [`identify`], [`resolve`], [`authorize`],
//! [`record`], [`forward`]. Each step takes what the step before made and nothing else can make:
//! `Arrival` → `Principal` + `Operation` → `Permit` → `Committed` → bytes to the upstream.
//! A module imports only from modules listed before it; `tests/architecture.rs` holds that.

// Ground: imports nothing of ours.
pub mod clock;
pub mod secret;
pub mod reach;
pub mod setup_error;
pub mod refusal;
pub mod database;

// The way of a request, in order.
pub mod listen;
pub mod identify;
pub mod resolve;
pub mod authorize;
pub mod record;
pub mod stamp;
pub mod deploy;
pub mod hook;
pub mod forward;

// What is derived from the journal.
pub mod index;
pub mod export;
pub mod leave;
pub mod timeline;

// What is known of people beyond their tokens.
pub mod people;

// What stile itself answers.
pub mod own;

// Composition.
pub mod pipeline;
pub mod workbench;
pub mod openapi;
pub mod admin;
pub mod console;
pub mod config;
pub mod serve;
pub mod cli;
