//! `likeness audit`: is the log whole, and removing what is old.

use std::io::Write;

use chrono::{DateTime, Utc};
use clap::Subcommand;

use super::{DataPlace, Outcome, time};
use crate::audit::{AuditLog, Link, prune, verify};

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Follow the chain of all records and say what is damaged or missing; also while a server runs
    Verify {
        /// Also require that the log holds this record: NUMBER:HASH as an earlier run printed it
        #[arg(long, value_name = "LINK")]
        contains: Option<Link>,
        #[command(flatten)]
        place: DataPlace,
    },
    /// Remove old records, whole files of them, while no server runs; the chain stays verifiable
    Prune {
        /// Remove records before this day or time, as 2026-01-31 or 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = time::parse)]
        before: DateTime<Utc>,
        #[command(flatten)]
        place: DataPlace,
    },
}

impl AuditCommand {
    pub(super) fn run(self, out: &mut impl Write) -> Outcome {
        match self {
            Self::Verify { contains, place } => {
                let found = verify(&place.data, contains)?;
                let (records, last) = (found.records, found.last);
                writeln!(out, "{records} records from {} on, the newest is {last}", found.first)?;
                let mut problems = found.problems;
                if let Some(link) = contains.filter(|_| !found.has_link) {
                    problems.push(format!("the log does not hold {link}"));
                }
                if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
            }
            Self::Prune { before, place } => {
                if !place.data.is_dir() {
                    return Err(format!("there is no database in {}", place.data.display()).into());
                }
                let log = AuditLog::open(&place.data)?;
                match prune(&log, before.timestamp_micros())? {
                    Some(pruned) => {
                        let up_to = pruned.up_to;
                        writeln!(out, "removed {} files, records up to {up_to}", pruned.files)?;
                    }
                    None => writeln!(out, "nothing to remove: no file is older as a whole")?,
                }
                Ok(())
            }
        }
    }
}
