//! What tests share: the server as a real process, people signed in to it, and
//! waiting for conditions instead of sleeping.
//!
//! Nothing here is part of the product. Start with [`TestServer`].

mod eventually;
mod server;
mod throttled;

pub use eventually::eventually;
pub use server::TestServer;
pub use throttled::{Speed, Throttled};
