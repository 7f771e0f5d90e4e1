//! `likeness tenants`: suspending tenants and letting them in again.

use std::io::Write;

use clap::Subcommand;

use super::{DataPlace, Outcome};
use crate::engine::TenantName;
use crate::engine::keyring::Keyring;

/// What can be done with tenants.
#[derive(Debug, Subcommand)]
pub(super) enum TenantsCommand {
    /// Show the tenants that have keys, and which are suspended
    List {
        #[command(flatten)]
        place: DataPlace,
    },
    /// Let none of a tenant's keys work until it is resumed; its data stays as it is
    Suspend {
        /// Which tenant
        tenant: TenantName,
        #[command(flatten)]
        place: DataPlace,
    },
    /// Take a suspension back
    Resume {
        /// Which tenant
        tenant: TenantName,
        #[command(flatten)]
        place: DataPlace,
    },
}

impl TenantsCommand {
    pub(super) fn run(self, out: &mut impl Write) -> Outcome {
        match self {
            Self::List { place } => {
                let keyring = Keyring::open(&place.data)?;
                let suspended = keyring.suspended()?;
                let mut tenants = suspended.clone();
                tenants.extend(keyring.list()?.into_iter().map(|key| key.tenant));
                for tenant in tenants {
                    let is_suspended = suspended.contains(&tenant);
                    let state = if is_suspended { "suspended" } else { "active" };
                    writeln!(out, "{tenant:<20} {state}")?;
                }
            }
            Self::Suspend { tenant, place } => {
                let changed = Keyring::open(&place.data)?.suspend(&tenant)?;
                let already = if changed { "" } else { "already " };
                writeln!(out, "tenant {tenant} is {already}suspended")?;
            }
            Self::Resume { tenant, place } => {
                if !Keyring::open(&place.data)?.resume(&tenant)? {
                    return Err(format!("tenant {tenant} is not suspended").into());
                }
                writeln!(out, "tenant {tenant} is active again")?;
            }
        }
        Ok(())
    }
}
