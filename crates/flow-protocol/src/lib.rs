//! Wire frames, close codes, and the walker for untrusted updates.
