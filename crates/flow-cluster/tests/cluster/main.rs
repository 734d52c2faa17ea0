//! The contracts, in memory and on Redis alike, and what Redis can do wrong.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]

mod cache_contract;
mod leases;
mod outages;
mod rates;
mod redis_cache;
mod relay_contract;
mod support;
