//! TLS of both doors: the certificate that proves who the server is, and streams that may be
//! encrypted with it. Knows nothing of what is said inside them.

mod identity;
mod stream;

pub use identity::{Protocol, Tls, TlsError, TlsFiles};
pub use stream::Stream;

#[cfg(test)]
pub(crate) mod tests;
