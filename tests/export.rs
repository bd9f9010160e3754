//! What is handed out is what was asked for, and says what the records say.

mod ocsf;
