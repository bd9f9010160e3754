//! Telemetry says what the token says, whatever its sender wrote.

mod differential;
mod hostile;
mod made;
mod program;
mod sdks;
