//! `clinqa serve`: the web page and the API.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clinqa_qa::{Delivered, GenerationId, Library, Search};
use clinqa_safety::Rules;
use clinqa_schema::{Measured, Observer};
use clinqa_server::{Limits, LogLevel, Maker, Proxy, QueryLog, Rate, Rates, Records, Role, ServerConfig};

use super::{UsageError, delivered, make_anew, queries, store_with_index};
use crate::args::{LogArg, ServeArgs};
use crate::identifiers::Identifiers;
use crate::keys::SecretFiles;
use crate::query_log::{Folder, Writer};
use crate::settings::{ServeFile, Settings};
use crate::{models, output, scores};

/// Where the server listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8787);

/// How long a question is kept in the query log unless told otherwise.
const QUERY_LOG_DAYS: u32 = 30;

/// How many questions may come at once of those that may come in a minute.
const BURST: u32 = 3;

pub(crate) fn run(settings: &Settings, args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let file = &settings.serve;
    let secrets = secrets(args, file);
    let config = config(args, settings, &secrets)?;
    let store = store_with_index(settings)?;
    let library = Library::new(store, models::open(settings, Search::Fused, Rules::embedded()?)?);
    let scheme = if secrets.tls.is_some() { "https" } else { "http" };
    let ready = |address| {
        // Whoever closed standard output knows the address already.
        let _ = output::line(&format!("Listening on {scheme}://{address}"));
    };
    clinqa_server::serve(config, library, Box::new(secrets), ready)?;
    Ok(ExitCode::SUCCESS)
}

fn secrets(args: &ServeArgs, file: &ServeFile) -> SecretFiles {
    let certificate = args.tls_cert.clone().or_else(|| file.tls_cert.clone());
    let key = args.tls_key.clone().or_else(|| file.tls_key.clone());
    SecretFiles { keys: args.keys.clone().or_else(|| file.keys.clone()), tls: certificate.zip(key) }
}

/// What was typed comes before what the settings say.
fn config(args: &ServeArgs, settings: &Settings, secrets: &SecretFiles) -> anyhow::Result<ServerConfig> {
    let file = &settings.serve;
    let listen = args.listen.or(file.listen).unwrap_or(LISTEN);
    let is_local = listen.ip().is_loopback();
    let has_keys = secrets.keys.is_some();
    if !is_local && !has_keys && secrets.tls.is_none() && !args.insecure {
        return Err(UsageError::Exposed { listen }.into());
    }
    let requires_key = args.require_key || file.require_key.unwrap_or(false);
    if requires_key && !has_keys {
        return Err(UsageError::NoKeys.into());
    }
    let region = match (&args.region, &file.region) {
        (Some(region), _) => Some(*region),
        (None, Some(named)) => Some(named.parse().map_err(|source| UsageError::Region { source })?),
        (None, None) => None,
    };
    let default = ServerConfig::at(listen);
    let limits = Limits::default();
    let trusts_proxy = args.trust_proxy || file.trust_proxy.unwrap_or(false);
    Ok(ServerConfig {
        region,
        workers: args.workers.or(file.workers).map_or(default.workers, usize::from),
        request_timeout: args
            .timeout
            .or(file.timeout)
            .map_or(default.request_timeout, |seconds| Duration::from_secs(seconds.into())),
        strangers: strangers(requires_key, has_keys || trusts_proxy, is_local),
        proxy: if trusts_proxy { Proxy::Trusted } else { Proxy::Direct },
        limits: Limits {
            connections: args.connections.or(file.connections).map_or(limits.connections, |number| number as usize),
            connections_per_address: args
                .connections_per_address
                .or(file.connections_per_address)
                .map_or(limits.connections_per_address, |number| number as usize),
            ..limits
        },
        rates: Rates {
            per_address: args.rate_address.or(file.rate_address).map_or(default.rates.per_address, rate),
            per_key: args.rate_key.or(file.rate_key).map_or(default.rates.per_key, rate),
        },
        log: match args.log.or(file.log) {
            None => default.log,
            Some(LogArg::Off) => LogLevel::Off,
            Some(LogArg::Error) => LogLevel::Error,
            Some(LogArg::Info) => LogLevel::Info,
            Some(LogArg::Debug) => LogLevel::Debug,
            Some(LogArg::Trace) => LogLevel::Trace,
        },
        query_log: query_log(args, settings)?,
        records: Some(Arc::new(Beside(settings.index.clone()))),
        maker: Some(Arc::new(Remaker(settings.clone()))),
        ..default
    })
}

/// What was measured of the generations, as it lies in the index folder.
#[derive(Debug)]
struct Beside(PathBuf);

impl Records for Beside {
    fn scores(&self, id: &GenerationId) -> Option<Measured> {
        scores::of(&self.0, id)
    }
}

/// Makes the index anew from what the settings name.
#[derive(Debug)]
struct Remaker(Settings);

impl Maker for Remaker {
    fn make(&self, observer: &mut dyn Observer) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(make_anew(&self.0, observer)?)
    }

    fn corpora(&self) -> Result<Vec<Delivered>, Box<dyn Error + Send + Sync>> {
        Ok(delivered(&self.0)?)
    }
}

/// Who keeps what is asked: nobody, unless a folder is named.
fn query_log(args: &ServeArgs, settings: &Settings) -> anyhow::Result<Option<Arc<dyn QueryLog>>> {
    let Some(path) = queries::folder(args.query_log.clone(), settings) else { return Ok(None) };
    let days = args.query_log_days.or(settings.serve.query_log_days).unwrap_or(QUERY_LOG_DAYS);
    let failed = |source| UsageError::QueryLog { path: path.display().to_string(), source };
    let identifiers = Identifiers::open(settings)?;
    Ok(Some(Arc::new(Writer::start(Folder::at(&path), days, identifiers).map_err(failed)?)))
}

/// What may be done without a key. On this machine alone everything, as long as nobody made keys or put a proxy in front;
/// elsewhere a patient's part, so that the page works for whoever can reach it.
fn strangers(requires_key: bool, is_shared: bool, is_local: bool) -> Role {
    match (requires_key, is_shared || !is_local) {
        (true, _) => Role::None,
        (false, true) => Role::Patient,
        (false, false) => Role::Admin,
    }
}

/// 0 is without limit.
fn rate(questions_per_minute: u32) -> Option<Rate> {
    (questions_per_minute > 0).then(|| Rate { questions_per_minute, burst: questions_per_minute.div_ceil(BURST) })
}
