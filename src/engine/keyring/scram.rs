//! What the server keeps to check a SCRAM-SHA-256 log-in (RFC 5802).

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// PBKDF2 rounds; PostgreSQL's default. The secrets are random, so stretching adds nothing.
pub const SCRAM_ITERATIONS: u32 = 4096;

/// Bytes of salt.
const SALT_BYTES: usize = 16;
/// Bytes of a SHA-256 output.
const HASH_BYTES: usize = 32;

/// Salt and salted password of one key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramVerifier {
    /// Random bytes, one set per key.
    #[serde(serialize_with = "write_base64", deserialize_with = "read_base64")]
    pub salt: Vec<u8>,
    /// PBKDF2-HMAC-SHA-256 of the secret; whoever has it can log in over the PostgreSQL wire.
    #[serde(serialize_with = "write_base64", deserialize_with = "read_base64")]
    pub salted_password: Vec<u8>,
}

impl ScramVerifier {
    /// The verifier of `secret` under `salt`.
    pub fn derive(secret: &str, salt: [u8; SALT_BYTES]) -> Self {
        let rounds = NonZeroU32::new(SCRAM_ITERATIONS).unwrap_or(NonZeroU32::MIN);
        let mut salted = [0_u8; HASH_BYTES];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, rounds, &salt, secret.as_bytes(), &mut salted);
        Self { salt: salt.to_vec(), salted_password: salted.to_vec() }
    }
}

impl std::fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramVerifier(..)")
    }
}

fn write_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn read_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}
