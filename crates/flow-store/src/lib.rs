//! Storage traits with their contracts, the in-memory store, the conformance suite.
