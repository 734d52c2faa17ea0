//! Requests to addresses that somebody else has chosen.
//!
//! Whoever may name an address for a server to call could have it call what only the
//! server can reach: its own network, a cloud's metadata service, itself. So a name is
//! resolved here, every address it has is judged ([`is_public`], [`AllowedHosts`]), and the
//! connection is made to the ones that were judged, so that a name cannot answer differently a
//! second time. No proxy is used, and what is read of an answer is bounded.
//!
//! [`Egress::send`] tells somebody something and follows no redirects; [`Fetcher::fetch`] asks
//! for something, and judges each address that it is redirected to.
//!
//! This crate knows nothing of why a request is made.

mod address;
mod allowed;
mod client;
mod exchange;
mod fetch;
mod headers;

pub use address::is_public;
pub use allowed::{AllowedHost, AllowedHostError, AllowedHosts};
pub use client::{Answer, Egress, EgressError, EgressOptions, check_url};
pub use exchange::{Resolve, SystemResolver};
pub use fetch::{FetchError, Fetcher, REDIRECTS_MAX, Request, Response};
pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
