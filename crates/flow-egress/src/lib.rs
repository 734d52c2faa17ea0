//! Requests to addresses that somebody else has chosen.
//!
//! Whoever may name an address for a server to call could have it call what only the
//! server can reach: its own network, a cloud's metadata service, itself. So a name is
//! resolved here, every address it has is judged ([`is_public`]), and the connection is made
//! to the ones that were judged, so that a name cannot answer differently a second time.
//! Redirects are not followed, no proxy is used, and what is read of an answer is bounded.
//!
//! This crate knows nothing of why a request is made. Start with [`Egress::send`].

mod address;
mod client;

pub use address::is_public;
pub use client::{Answer, Egress, EgressError, EgressOptions, check_url};
pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
