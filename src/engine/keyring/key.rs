//! One API key: what is known of it after its secret was shown.

use std::fmt;
use std::str::FromStr;

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::scram::ScramVerifier;
use crate::engine::{Role, TenantName, now_us};

/// Every secret starts with this, so that a leaked one is recognised for what it is.
const PREFIX: &str = "iksk_live_";
/// Random bytes of a secret, written as twice as many hexadecimal digits.
const SECRET_BYTES: usize = 24;

/// How many requests a key may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 600 requests a minute, 50 a second.
    #[default]
    Standard,
    /// 6000 requests a minute, 200 a second.
    High,
    /// No limit.
    Unlimited,
}

impl Tier {
    /// Requests a minute; none means no limit.
    pub fn per_minute(self) -> Option<u32> {
        match self {
            Self::Standard => Some(600),
            Self::High => Some(6000),
            Self::Unlimited => None,
        }
    }

    /// Requests a second; none means no limit.
    pub fn per_second(self) -> Option<u32> {
        match self {
            Self::Standard => Some(50),
            Self::High => Some(200),
            Self::Unlimited => None,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::High => "high",
            Self::Unlimited => "unlimited",
        })
    }
}

/// The text names no tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tier must be one of standard, high, unlimited; got {0:?}")]
pub struct UnknownTier(pub String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "standard" => Ok(Self::Standard),
            "high" => Ok(Self::High),
            "unlimited" => Ok(Self::Unlimited),
            other => Err(UnknownTier(other.to_owned())),
        }
    }
}

/// A key to be created.
#[derive(Debug, Clone)]
pub struct KeyDraft {
    /// Whose galleries it opens.
    pub tenant: TenantName,
    /// User name on the PostgreSQL wire; unique within the tenant.
    pub name: String,
    /// Its rights.
    pub role: Role,
    /// Its rate limits.
    pub tier: Tier,
    /// When it stops working by itself, in microseconds since the Unix epoch.
    pub expires_at_us: Option<i64>,
}

/// The secret of a new key. Shown once; nothing can recover it later.
#[derive(Clone)]
pub struct KeySecret(String);

impl KeySecret {
    /// A new secret from the operating system's generator.
    pub(super) fn generate(random: &SystemRandom) -> Result<Self, ring::error::Unspecified> {
        let mut bytes = [0_u8; SECRET_BYTES];
        random.fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", hex::encode(bytes))))
    }

    /// The secret itself, to be shown to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(..)")
    }
}

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Short id by which it is revoked.
    pub id: String,
    /// Whose galleries it opens.
    pub tenant: String,
    /// User name on the PostgreSQL wire.
    pub name: String,
    /// Its rights.
    pub role: Role,
    /// Its rate limits.
    pub tier: Tier,
    /// Prefix and last four characters of the secret, to recognise it by.
    pub hint: String,
    /// SHA-256 of the secret in hexadecimal digits.
    pub secret_sha256: String,
    /// For log-ins over the PostgreSQL wire.
    pub scram: ScramVerifier,
    /// Creation time in microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// When it stops working by itself.
    #[serde(default)]
    pub expires_at_us: Option<i64>,
    /// When it was revoked; none while it is not.
    pub revoked_at_us: Option<i64>,
}

impl Key {
    /// Whether it works now: it is neither revoked nor expired.
    pub fn is_active(&self) -> bool {
        self.revoked_at_us.is_none() && !self.is_expired()
    }

    /// Where it stands, as a word for people: `active`, `expired` or `revoked`.
    pub fn state(&self) -> &'static str {
        match (self.revoked_at_us, self.is_expired()) {
            (Some(_), _) => "revoked",
            (None, true) => "expired",
            (None, false) => "active",
        }
    }

    fn is_expired(&self) -> bool {
        self.expires_at_us.is_some_and(|at_us| at_us <= now_us())
    }

    /// The key made of a draft and its secret.
    pub(super) fn new(
        draft: KeyDraft,
        secret: &KeySecret,
        id: String,
        salt: [u8; 16],
        created_at_us: i64,
    ) -> Self {
        let text = secret.reveal();
        let last_four = text.get(text.len().saturating_sub(4)..).unwrap_or_default();
        Self {
            id,
            tenant: draft.tenant.to_string(),
            name: draft.name,
            role: draft.role,
            tier: draft.tier,
            hint: format!("{PREFIX}…{last_four}"),
            secret_sha256: secret_hash(text),
            scram: ScramVerifier::derive(text, salt),
            created_at_us,
            expires_at_us: draft.expires_at_us,
            revoked_at_us: None,
        }
    }
}

/// SHA-256 of a secret in hexadecimal digits. A fast hash suffices: secrets are 192 random bits.
pub(super) fn secret_hash(secret: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}
