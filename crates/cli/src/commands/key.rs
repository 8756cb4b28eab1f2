//! `clinqa key`: a new secret for the server, of which only the digest is kept.

use std::fs::File;
use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_server::Key;

use crate::args::{KeyArgs, KeyCommand, RoleArg};
use crate::keys::hex;
use crate::output;

/// Where the system gives random bytes.
const RANDOM: &str = "/dev/urandom";

/// Bytes of a secret: as hard to guess as its digest is to turn round.
const SECRET_BYTES: usize = 32;

pub(crate) fn run(command: &KeyCommand) -> anyhow::Result<ExitCode> {
    let KeyCommand::New(args) = command;
    let secret = format!("clinqa-{}", hex(&random()?));
    output::note("The secret, shown this once. Give it to whoever is to use it:");
    output::line(&secret)?;
    output::note("For the file of keys (`clinqa serve --keys FILE`):");
    output::line(&line(args, &secret))?;
    Ok(ExitCode::SUCCESS)
}

fn line(args: &KeyArgs, secret: &str) -> String {
    let role = match args.role {
        RoleArg::Patient => "patient",
        RoleArg::Staff => "staff",
        RoleArg::Admin => "admin",
    };
    let name = toml::Value::String(args.name.clone());
    format!("\n[[key]]\nname = {name}\nrole = \"{role}\"\nsha256 = \"{}\"", hex(&Key::digest(secret)))
}

fn random() -> anyhow::Result<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    let mut source = File::open(RANDOM).with_context(|| format!("cannot open {RANDOM}"))?;
    source.read_exact(&mut bytes).with_context(|| format!("cannot read {RANDOM}"))?;
    Ok(bytes)
}
