//! The command line: what can be asked of `likeness`, and how the answers look.

mod audit;
mod keys;
mod tenants;
mod time;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::audit::AuditCommand;
use self::keys::KeysCommand;
use self::tenants::TenantsCommand;
use crate::bench::BenchCommand;
use crate::causes::with_causes;
use crate::config::{ServerArgs, ServerConfig};
use crate::engine::Role;
use crate::engine::keyring::{KeyDraft, Tier};
use crate::pack::{DEFAULT_PACK, ModelLibrary, TerminalProgress};
use crate::safekeeping::{BackupArgs, CheckArgs, RestoreArgs};
use crate::server::{Server, model_library};
use crate::{demo, telemetry};

/// The arguments of one run.
#[derive(Debug, Parser)]
#[command(name = "likeness", version, about = "LikenessDB: a face database")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(ServerArgs),
    /// Run the server on ./likeness-demo with sample photos, and print lines to try it with
    Demo(ServerArgs),
    /// Install, list or verify model packs
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Create, list or revoke API keys; a running server takes notice at once
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Suspend tenants or let them in again; a running server takes notice at once
    Tenants {
        #[command(subcommand)]
        command: TenantsCommand,
    },
    /// Verify the audit log or remove old records from it
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Read every byte of a database that no server uses and say what is damaged
    Check(CheckArgs),
    /// Back up a database, also while a server uses it
    Backup(BackupArgs),
    /// Make a database from backups, as it was at their end or at any earlier commit
    Restore(RestoreArgs),
    /// Measure this machine on synthetic templates
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
}

#[derive(Debug, Args)]
struct ModelsPlace {
    /// Directory of model packs [default: a per-user cache directory]
    #[arg(long, env = "LIKENESS_MODELS", value_name = "DIR")]
    models: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Download, check and convert a model pack and the inference runtime
    Install {
        /// Which pack
        #[arg(default_value = DEFAULT_PACK)]
        pack: String,
        #[command(flatten)]
        place: ModelsPlace,
    },
    /// Show the packs that are installed or can be
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: ModelsPlace,
    },
    /// Compare the files of installed packs with their recorded hashes
    Verify {
        /// Which pack; all installed ones by default
        pack: Option<String>,
        #[command(flatten)]
        place: ModelsPlace,
    },
}

#[derive(Debug, Args)]
struct DataPlace {
    /// Directory of the database
    #[arg(long, env = "LIKENESS_DATA", value_name = "DIR", default_value = "./likeness-data")]
    data: PathBuf,
}

type Outcome = Result<(), Box<dyn Error>>;

impl Cli {
    /// Does what was asked; errors go to standard error and make the exit code 1.
    pub fn run(self) -> ExitCode {
        telemetry::init();
        let mut out = io::stdout();
        let outcome = match self.command {
            Command::Serve(args) => run_server(args, "./likeness-data", false, &mut out),
            Command::Demo(args) => run_server(args, "./likeness-demo", true, &mut out),
            Command::Models { command } => command.run(&mut out),
            Command::Keys { command } => command.run(&mut out),
            Command::Tenants { command } => command.run(&mut out),
            Command::Audit { command } => command.run(&mut out),
            Command::Check(args) => args.run(&mut out),
            Command::Backup(args) => args.run(&mut out),
            Command::Restore(args) => args.run(&mut out),
            Command::Bench { command } => command.run(&mut out),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nothing is left to do when even standard error is gone.
                let _ = writeln!(io::stderr(), "likeness: {}", with_causes(error.as_ref()));
                ExitCode::FAILURE
            }
        }
    }
}

/// Twice as many as there are SQL connections at most.
const BLOCKING_THREADS_MAX: usize = 1024;

/// What the expressions of all but the longest statements need, so that these need no stack of
/// their own. Pages that are never touched take no memory.
const THREAD_STACK_BYTES: usize = 16 << 20;

fn run_server(args: ServerArgs, data: &str, is_demo: bool, out: &mut impl Write) -> Outcome {
    let config = args.resolve(data, DEFAULT_PACK)?;
    // A search of a SQL connection may take one, and so may a request.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_stack_size(THREAD_STACK_BYTES)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::start(&config, &TerminalProgress::new()).await?;
        if is_demo {
            let photos = model_library(&config).sample_photos(&config.pack);
            demo::present(&server, &photos, out).await?;
        } else {
            create_first_key(&config, &server, out)?;
        }
        writeln!(out, "ready pg={} http={}", server.pg_address()?, server.http_address()?)?;
        out.flush()?;
        server.run().await?;
        Ok(())
    })
}

/// A database that nobody has a key to is of no use: the first start makes one and shows it.
fn create_first_key(config: &ServerConfig, server: &Server, out: &mut impl Write) -> Outcome {
    if !server.keyring().list()?.is_empty() {
        return Ok(());
    }
    let draft = KeyDraft {
        tenant: "default".parse()?,
        name: "admin".to_owned(),
        role: Role::Admin,
        tier: Tier::Standard,
        expires_at_us: None,
    };
    let (key, secret) = server.keyring().create(draft)?;
    let data = config.data.display();
    writeln!(out, "new database in {data}; API key {:?} of tenant {:?}:", key.name, key.tenant)?;
    writeln!(out, "{}", secret.reveal())?;
    writeln!(out, "It is shown this once; `likeness keys create` makes others.")?;
    Ok(())
}

impl ModelsCommand {
    fn run(self, out: &mut impl Write) -> Outcome {
        match self {
            Self::Install { pack, place } => {
                let library = place.library();
                let progress = TerminalProgress::new();
                let pack = library.install(&pack, &progress)?;
                library.runtime_or_install(&progress)?;
                writeln!(out, "installed {} in {}", pack.manifest.model(), pack.dir.display())?;
            }
            Self::List { json, place } => list_packs(&place.library(), json, out)?,
            Self::Verify { pack, place } => verify_packs(&place.library(), pack, out)?,
        }
        Ok(())
    }
}

impl ModelsPlace {
    fn library(self) -> ModelLibrary {
        self.models.map_or_else(ModelLibrary::at_default_root, ModelLibrary::new)
    }
}

fn list_packs(library: &ModelLibrary, json: bool, out: &mut impl Write) -> Outcome {
    for entry in library.list()? {
        if json {
            writeln!(out, "{}", serde_json::to_string(&entry)?)?;
        } else {
            let (state, about) = match &entry.problem {
                Some(problem) => ("damaged", problem),
                None if entry.installed => ("installed", &entry.name),
                None => ("available", &entry.name),
            };
            writeln!(out, "{:<18} {:<10} {state:<10} {about}", entry.id, entry.version)?;
        }
    }
    Ok(())
}

fn verify_packs(library: &ModelLibrary, pack: Option<String>, out: &mut impl Write) -> Outcome {
    let ids = match pack {
        Some(id) => vec![id],
        None => library
            .list()?
            .into_iter()
            .filter(|entry| entry.installed)
            .map(|entry| entry.id)
            .collect(),
    };
    if ids.is_empty() {
        return Err("no model pack is installed; `likeness models install` installs one".into());
    }
    let mut problems = Vec::new();
    for id in ids {
        match library.verify(&id) {
            Ok(_) => writeln!(out, "{id}: every file is as installed")?,
            Err(error) => problems.push(format!("{id}: {}", with_causes(&error))),
        }
    }
    match library.verify_runtime() {
        Ok(Some(path)) => writeln!(out, "{}: as published", path.display())?,
        Ok(None) => {}
        Err(error) => problems.push(with_causes(&error)),
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}
