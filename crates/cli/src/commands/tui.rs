//! `clinqa tui`: the terminal screen.

use std::env;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;

use clinqa_index::Store;
use clinqa_qa::AnswerConfig;
use clinqa_tui::{Borders, Charset, Colours, Desk, Ending, Keymap, Local, Pointer, Theme, TuiConfig};

use super::UsageError;
use crate::args::TuiArgs;
use crate::identifiers::Identifiers;
use crate::screen::{Outside, Shop};
use crate::settings::{self, Settings};

/// Exit code where a signal or a lost terminal ended the session: 128 and the number of SIGTERM.
const ENDED: u8 = 143;

pub(crate) fn run(settings: &Settings, args: &TuiArgs) -> anyhow::Result<ExitCode> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(UsageError::NoTerminal.into());
    }
    let file = &settings.tui;
    let config = TuiConfig {
        theme: theme(),
        keymap: Keymap::with(&settings.keys).map_err(UsageError::from)?,
        region: args.region,
        pointer: if args.mouse || file.mouse.unwrap_or(false) { Pointer::Screen } else { Pointer::Terminal },
    };
    let kept = settings::history_file().filter(|_| file.history.unwrap_or(false));
    let house = Arc::new(Outside::new(settings.index.clone(), kept, Identifiers::open(settings)?));
    let ending = clinqa_tui::run(config, desk(settings, args)?, house)?;
    Ok(if ending == Ending::Quit { ExitCode::SUCCESS } else { ExitCode::from(ENDED) })
}

/// Who answers: the server that is named, else the index of this machine.
fn desk(settings: &Settings, args: &TuiArgs) -> anyhow::Result<Arc<dyn Desk>> {
    let server = args.server.clone().or_else(|| settings.tui.server.clone());
    let Some(server) = server else {
        let store = Store::at(&settings.index);
        let shop = Arc::new(Shop::new(settings.clone()));
        return Ok(Arc::new(Local::new(store, shop, AnswerConfig::default())));
    };
    remote(&server, settings, args)
}

#[cfg(feature = "hub")]
fn remote(server: &str, settings: &Settings, args: &TuiArgs) -> anyhow::Result<Arc<dyn Desk>> {
    let file = &settings.tui;
    let key = args.key_file.as_ref().or(file.key_file.as_ref());
    let authorities = args.ca_file.as_ref().or(file.ca_file.as_ref());
    let remote = crate::screen::Remote::to(server, key.map(AsRef::as_ref), authorities.map(AsRef::as_ref));
    Ok(Arc::new(remote.map_err(UsageError::from)?))
}

#[cfg(not(feature = "hub"))]
fn remote(_: &str, _: &Settings, _: &TuiArgs) -> anyhow::Result<Arc<dyn Desk>> {
    Err(UsageError::NoSocket.into())
}

/// What the terminal can do, as far as the environment says.
fn theme() -> Theme {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    // The first of these that is set decides, as in POSIX.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
    theme_of(&Surroundings {
        utf8: locale.contains("utf-8") || locale.contains("utf8"),
        terminal: &set("TERM").unwrap_or_default(),
        colours: &set("COLORTERM").unwrap_or_default(),
        no_colour: set("NO_COLOR").is_some(),
    })
}

/// What the environment says about the terminal.
#[derive(Debug, Clone, Copy)]
struct Surroundings<'a> {
    utf8: bool,
    terminal: &'a str,
    colours: &'a str,
    no_colour: bool,
}

fn theme_of(around: &Surroundings<'_>) -> Theme {
    let Surroundings { utf8, terminal, colours, no_colour } = *around;
    let plain = matches!(terminal, "dumb" | "");
    let exact = matches!(colours, "truecolor" | "24bit");
    Theme {
        colours: match (no_colour || plain, exact) {
            (true, _) => Colours::None,
            (false, true) => Colours::True,
            (false, false) => Colours::Sixteen,
        },
        borders: if plain || terminal == "linux" || !utf8 { Borders::Ascii } else { Borders::Lines },
        charset: if utf8 { Charset::Utf8 } else { Charset::Ascii },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_what_the_terminal_can_show() {
        let check = |utf8, terminal: &str, colours: &str, no_colour, expected: (Colours, Borders, Charset)| {
            let theme = theme_of(&Surroundings { utf8, terminal, colours, no_colour });
            assert_eq!((theme.colours, theme.borders, theme.charset), expected, "{terminal} {colours}");
        };
        check(true, "xterm-256color", "truecolor", false, (Colours::True, Borders::Lines, Charset::Utf8));
        check(true, "xterm", "", false, (Colours::Sixteen, Borders::Lines, Charset::Utf8));
        check(true, "xterm", "24bit", true, (Colours::None, Borders::Lines, Charset::Utf8));
        check(true, "linux", "", false, (Colours::Sixteen, Borders::Ascii, Charset::Utf8));
        check(false, "xterm", "", false, (Colours::Sixteen, Borders::Ascii, Charset::Ascii));
        check(true, "dumb", "", false, (Colours::None, Borders::Ascii, Charset::Utf8));
    }
}
