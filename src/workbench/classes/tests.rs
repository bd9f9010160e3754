//! Claims about the classes of small worlds.
