//! `clinqa serve`: the web page and the API.

use std::process::ExitCode;

use clinqa_qa::{Library, Search};
use clinqa_safety::Rules;
use clinqa_server::ServerConfig;

use super::store_with_index;
use crate::args::ServeArgs;
use crate::settings::Settings;
use crate::{models, output};

pub(crate) fn run(settings: &Settings, args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let store = store_with_index(settings)?;
    let library = Library::new(store, models::open(settings, Search::Fused, Rules::embedded()?)?);
    let config = ServerConfig { region: args.region, ..ServerConfig::at(args.listen) };
    clinqa_server::serve(config, library, |address| output::note(&format!("Listening on http://{address}")))?;
    Ok(ExitCode::SUCCESS)
}
