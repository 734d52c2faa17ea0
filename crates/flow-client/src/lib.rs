//! A Rust peer and HTTP client for bots, tests and load tests.
