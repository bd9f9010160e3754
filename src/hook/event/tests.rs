//! Payloads in GitLab's documented shapes.
