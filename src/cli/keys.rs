//! `likeness keys`: creating, listing and revoking API keys.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use serde_json::json;

use super::{DataPlace, Outcome, time};
use crate::engine::keyring::{Key, KeyDraft, Keyring, Tier};
use crate::engine::{Role, TenantName};
use crate::server::create_private;

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Create a key and show its secret, once
    Create {
        /// Whose collections it opens; database name on the PostgreSQL door
        #[arg(long)]
        tenant: TenantName,
        /// User name on the PostgreSQL door
        #[arg(long, default_value = "default")]
        name: String,
        /// Rate limits: standard, high or unlimited
        #[arg(long, default_value_t)]
        tier: Tier,
        /// Rights: admin, write or read
        #[arg(long, default_value_t = Role::Write)]
        role: Role,
        /// When it stops working, as 2026-01-31 or 2026-01-31T12:00:00Z; otherwise never
        #[arg(long, value_name = "TIME", value_parser = time::parse)]
        expires: Option<DateTime<Utc>>,
        #[command(flatten)]
        place: DataPlace,
    },
    /// Show all keys with when they were made and when they expire, without their secrets
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: DataPlace,
    },
    /// Stop a key from working, at once and for good
    Revoke {
        /// The key's id as `keys list` shows it
        id: String,
        #[command(flatten)]
        place: DataPlace,
    },
}

impl KeysCommand {
    pub(super) fn run(self, out: &mut impl Write) -> Outcome {
        match self {
            Self::Create { tenant, name, tier, role, expires, place } => {
                if !place.data.exists() {
                    create_private(&place.data)?;
                    writeln!(io::stderr(), "created the data directory {}", place.data.display())?;
                }
                let keyring = Keyring::open(&place.data)?;
                let expires_at_us = expires.map(|time| time.timestamp_micros());
                let draft = KeyDraft { tenant, name, role, tier, expires_at_us };
                let (_, secret) = keyring.create(draft)?;
                writeln!(out, "{}", secret.reveal())?;
            }
            Self::List { json, place } => {
                for key in Keyring::open(&place.data)?.list()? {
                    write_key(&key, json, out)?;
                }
            }
            Self::Revoke { id, place } => {
                let key = Keyring::open(&place.data)?.revoke(&id)?;
                writeln!(out, "revoked {} ({:?} of tenant {:?})", key.id, key.name, key.tenant)?;
            }
        }
        Ok(())
    }
}

fn write_key(key: &Key, json: bool, out: &mut impl Write) -> Outcome {
    let time = |us: i64| DateTime::from_timestamp_micros(us);
    let state = key.state();
    if json {
        let time = |us: i64| time(us).map(|time| time.to_rfc3339());
        let line = json!({
            "id": key.id, "tenant": key.tenant, "name": key.name, "role": key.role,
            "tier": key.tier, "hint": key.hint, "state": state,
            "created_at": time(key.created_at_us),
            "expires_at": key.expires_at_us.and_then(time),
            "revoked_at": key.revoked_at_us.and_then(time),
        });
        writeln!(out, "{line}")?;
    } else {
        let Key { id, tenant, name, role, tier, hint, .. } = key;
        let (role, tier) = (role.to_string(), tier.to_string());
        let second = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let created = time(key.created_at_us).map(second).unwrap_or_default();
        let expires = key.expires_at_us.and_then(time).map_or("never".to_owned(), second);
        write!(out, "{id:<15} {tenant:<12} {name:<12} {role:<6} {tier:<10} {state:<8} {hint} ")?;
        writeln!(out, "created {created} expires {expires}")?;
    }
    Ok(())
}
