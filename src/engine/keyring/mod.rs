//! API keys: who may log in, for which tenant, with which rights.
//!
//! Keys live in `keys.json` of the data directory, apart from the store, so that the command line
//! can create and revoke them while a server runs: the server re-reads the file when it changes,
//! before it believes any key. Secrets are never stored, only a hash (they are 192 random bits)
//! and the salted password that SCRAM needs; the file is readable by its owner alone.

mod file;
mod key;
mod ring;
mod scram;
mod throttle;

pub use file::{KEY_FILE, KeyFileError};
pub use key::{Key, KeyDraft, KeySecret, Tier, UnknownTier};
pub use ring::{Keyring, KeyringError, Login, Standing};
pub use scram::{SCRAM_ITERATIONS, ScramVerifier};
pub(crate) use throttle::network_of;
pub use throttle::{LoginThrottle, Throttled};
