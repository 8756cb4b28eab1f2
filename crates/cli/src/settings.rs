//! Flag, then environment, then project file, then user file, then default: where everything is.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clinqa_encoder::Precision;
use clinqa_index::KEPT_GENERATIONS;
use clinqa_qa::SecondOpinion;
use serde::Deserialize;

use crate::args::{LogArg, Places, PrecisionArg};

/// Name of the settings file in a project and in the user's config folder.
const PROJECT_FILE: &str = "clinqa.toml";
const USER_FILE: &str = "clinqa/config.toml";

/// Questions of earlier sessions, in the user's state folder.
const HISTORY: &str = "clinqa/history";

/// Where everything is, and what is used; complete.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) index: PathBuf,
    /// Whether the user named the index: then it is never made silently.
    pub(crate) index_named: bool,
    /// Folders of corpora; empty means the starter corpus in the binary.
    pub(crate) corpora: Vec<PathBuf>,
    pub(crate) encoder: Option<String>,
    pub(crate) reader: Option<String>,
    /// The classifier that may add notices to those of the rules.
    pub(crate) second_opinion: Option<String>,
    /// From which probability on it speaks.
    pub(crate) second_opinion_threshold: f32,
    /// The tagger that finds more of what could tell who asked.
    pub(crate) tagger: Option<String>,
    pub(crate) precision: Precision,
    /// Generations that stay.
    pub(crate) keep: usize,
    /// How the server behaves where nothing else was typed.
    pub(crate) serve: ServeFile,
    /// Where the starter corpus is unpacked if there is no other.
    pub(crate) unpacked: PathBuf,
    /// Keys of the terminal screen, by what they do.
    pub(crate) keys: BTreeMap<String, Vec<String>>,
    /// How the terminal screen behaves.
    pub(crate) tui: TuiFile,
    /// The proxy through which literature is fetched.
    pub(crate) proxy: Option<String>,
    /// Hosts that are asked without it.
    pub(crate) no_proxy: Option<String>,
}

/// What a settings file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    index: Option<PathBuf>,
    corpora: Option<Vec<PathBuf>>,
    encoder: Option<String>,
    reader: Option<String>,
    second_opinion: Option<String>,
    second_opinion_threshold: Option<f32>,
    tagger: Option<String>,
    keep: Option<u16>,
    serve: Option<ServeFile>,
    keys: Option<BTreeMap<String, Vec<String>>>,
    tui: Option<TuiFile>,
}

/// `[tui]` of a settings file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TuiFile {
    /// A click chooses, the wheel scrolls.
    pub(crate) mouse: Option<bool>,
    /// Questions are kept in a file for later sessions.
    pub(crate) history: Option<bool>,
    /// The server whose index is searched.
    pub(crate) server: Option<String>,
    /// The file with the key for it.
    pub(crate) key_file: Option<PathBuf>,
    /// Certificates of the authorities that vouch for it.
    pub(crate) ca_file: Option<PathBuf>,
}

/// `[serve]` of a settings file: the flags of `clinqa serve`, by their names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServeFile {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) region: Option<String>,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) require_key: Option<bool>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) trust_proxy: Option<bool>,
    pub(crate) workers: Option<u16>,
    pub(crate) timeout: Option<u16>,
    pub(crate) connections: Option<u32>,
    pub(crate) connections_per_address: Option<u32>,
    pub(crate) rate_address: Option<u32>,
    pub(crate) rate_key: Option<u32>,
    pub(crate) log: Option<LogArg>,
    pub(crate) query_log: Option<PathBuf>,
    pub(crate) query_log_days: Option<u32>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read the settings {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("cannot understand the settings {path}: {source}")]
    Toml { path: String, source: Box<toml::de::Error> },
    #[error("the settings {path} have {found} in `second_opinion_threshold`; write a number from 0 to 1, such as 0.9")]
    Threshold { path: String, found: f32 },
    #[error(
        "cannot find a place for the index: neither a project folder (with corpora/ and index/) nor HOME is known; pass `--index FOLDER`"
    )]
    NoHome,
}

impl Settings {
    pub(crate) fn load(places: &Places) -> Result<Self, SettingsError> {
        let project = project_root();
        let named = match &places.config {
            Some(path) => Some(File::read(path)?),
            None => None,
        };
        let project_file = match &project {
            Some(root) => File::read_if_any(&root.join(PROJECT_FILE))?,
            None => File::default(),
        };
        let user_file = match xdg("XDG_CONFIG_HOME", ".config") {
            Some(folder) => File::read_if_any(&folder.join(USER_FILE))?,
            None => File::default(),
        };
        let files = [named.unwrap_or_default(), project_file, user_file];
        let data = xdg("XDG_DATA_HOME", ".local/share").map(|folder| folder.join("clinqa"));
        let home = project.clone().or(data).ok_or(SettingsError::NoHome);
        let index = places.index.clone().or_else(|| files.iter().find_map(|file| file.index.clone()));
        let index_named = places.index.is_some();
        let index = match index {
            Some(index) => index,
            None => home.as_ref().map_err(|_| SettingsError::NoHome)?.join("index"),
        };
        let corpora = if places.corpus.is_empty() {
            let from_files = files.iter().find_map(|file| file.corpora.clone());
            from_files.unwrap_or_else(|| home.as_ref().map(|home| folders(&home.join("corpora"))).unwrap_or_default())
        } else {
            places.corpus.clone()
        };
        let unpacked = home.map_or_else(|_| index.join("corpora"), |home| home.join("corpora"));
        Ok(Self {
            index,
            index_named,
            corpora,
            encoder: places.encoder.clone().or_else(|| files.iter().find_map(|file| file.encoder.clone())),
            reader: places.reader.clone().or_else(|| files.iter().find_map(|file| file.reader.clone())),
            second_opinion: places
                .second_opinion
                .clone()
                .or_else(|| files.iter().find_map(|file| file.second_opinion.clone())),
            second_opinion_threshold: places
                .second_opinion_threshold
                .or_else(|| files.iter().find_map(|file| file.second_opinion_threshold))
                .unwrap_or(SecondOpinion::THRESHOLD),
            tagger: places.tagger.clone().or_else(|| files.iter().find_map(|file| file.tagger.clone())),
            precision: match places.precision {
                None | Some(PrecisionArg::Stored) => Precision::Stored,
                Some(PrecisionArg::Full) => Precision::Full,
            },
            keep: files.iter().find_map(|file| file.keep).map_or(KEPT_GENERATIONS, usize::from),
            serve: files.iter().find_map(|file| file.serve.clone()).unwrap_or_default(),
            unpacked,
            keys: files.iter().find_map(|file| file.keys.clone()).unwrap_or_default(),
            tui: files.iter().find_map(|file| file.tui.clone()).unwrap_or_default(),
            proxy: said(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            no_proxy: said(&["NO_PROXY", "no_proxy"]),
        })
    }

    /// Where pulled models lie.
    pub(crate) fn models(&self) -> PathBuf {
        self.index.join("models")
    }

    /// Where vectors of benchmarks are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.index.join("cache")
    }
}

impl File {
    /// Paths in a settings file are meant relative to the file.
    fn read(path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Read { path: shown.clone(), source })?;
        let mut file: Self = toml::from_str(&text)
            .map_err(|source| SettingsError::Toml { path: shown.clone(), source: Box::new(source) })?;
        if let Some(found) = file.second_opinion_threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(SettingsError::Threshold { path: shown, found });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        file.index = file.index.map(|index| folder.join(index));
        if let Some(serve) = &mut file.serve {
            let ServeFile { keys, tls_cert, tls_key, query_log, .. } = serve;
            for named in [keys, tls_cert, tls_key, query_log].into_iter().flatten() {
                *named = folder.join(&*named);
            }
        }
        if let Some(tui) = &mut file.tui {
            for named in [&mut tui.key_file, &mut tui.ca_file].into_iter().flatten() {
                *named = folder.join(&*named);
            }
        }
        file.corpora = file.corpora.map(|all| all.into_iter().map(|corpus| folder.join(corpus)).collect());
        Ok(file)
    }

    fn read_if_any(path: &Path) -> Result<Self, SettingsError> {
        if path.is_file() { Self::read(path) } else { Ok(Self::default()) }
    }
}

/// The nearest folder above that holds both `corpora/` and `index/`.
fn project_root() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join("corpora").is_dir() && folder.join("index").is_dir()).map(Path::to_owned)
}

/// The first of these environment variables that says something.
fn said(variables: &[&str]) -> Option<String> {
    variables.iter().find_map(|variable| env::var(variable).ok().filter(|value| !value.is_empty()))
}

fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| {
        env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(below_home))
    })
}

/// Where questions are kept for later sessions of the terminal screen, if somebody wants that.
pub(crate) fn history_file() -> Option<PathBuf> {
    xdg("XDG_STATE_HOME", ".local/state").map(|folder| folder.join(HISTORY))
}

/// Every folder in `corpora/`, sorted by name, hidden ones apart.
fn folders(corpora: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpora).into_iter().flatten().flatten().map(|entry| entry.path());
    let visible = |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir() && visible(path)).collect();
    folders.sort();
    folders
}
