//! How does each part look on this terminal (pure)? One palette for dark and light, 16 colours, true colour and none.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use crate::text::Charset;

/// How many colours the terminal has and the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// None: bold, underlined, reversed and dim carry the meaning.
    None,
    /// The sixteen that the user's own palette defines.
    Sixteen,
    /// All.
    True,
}

/// How boxes and marks are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Borders {
    /// Lines of Unicode.
    Lines,
    /// `-`, `|` and `+`.
    Ascii,
}

/// What the terminal can do; whoever reads the environment says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Colours.
    pub colours: Colours,
    /// Boxes.
    pub borders: Borders,
    /// Characters.
    pub charset: Charset,
}

impl Default for Theme {
    fn default() -> Self {
        Self { colours: Colours::Sixteen, borders: Borders::Lines, charset: Charset::Utf8 }
    }
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Plain text, in the terminal's own colours.
    Text,
    /// What matters less: publishers, dates.
    Quiet,
    /// A title or heading.
    Title,
    /// The border and title of the pane that keys go to.
    Focus,
    /// The line that is chosen.
    Chosen,
    /// The answer in its quote.
    Span,
    /// A word that was looked for.
    Match,
    /// Call now.
    Emergency,
    /// What needs care: an old source, a damaged file.
    Warning,
    /// What went well.
    Good,
    /// A key in a hint.
    Key,
    /// What a completion would add.
    Ghost,
}

/// Colours whose contrast to black and to white is about the same, so that they can be read on both.
const TEAL: Color = Color::Rgb(0, 128, 128);
const PURPLE: Color = Color::Rgb(150, 90, 190);
const OCHRE: Color = Color::Rgb(168, 108, 0);
const GREEN: Color = Color::Rgb(30, 132, 52);
const GREY: Color = Color::Rgb(120, 120, 120);
const RED: Color = Color::Rgb(176, 0, 32);

impl Theme {
    /// How `role` looks.
    pub(crate) fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let colour = |sixteen: Color, exact: Color| match self.colours {
            Colours::None => plain,
            Colours::Sixteen => plain.fg(sixteen),
            Colours::True => plain.fg(exact),
        };
        match role {
            Role::Text => plain,
            Role::Quiet => match self.colours {
                // Dim is unreadable on some light terminals, and grey of sixteen on some dark ones: plain is safe.
                Colours::None | Colours::Sixteen => plain,
                Colours::True => plain.fg(GREY),
            },
            Role::Title | Role::Match => plain.add_modifier(Modifier::BOLD),
            Role::Focus | Role::Key => colour(Color::Cyan, TEAL).add_modifier(Modifier::BOLD),
            Role::Chosen => plain.add_modifier(Modifier::REVERSED),
            Role::Span => colour(Color::Magenta, PURPLE).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Role::Emergency => match self.colours {
                Colours::None => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
                Colours::Sixteen => plain.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
                Colours::True => plain.fg(Color::Rgb(255, 255, 255)).bg(RED).add_modifier(Modifier::BOLD),
            },
            Role::Warning => colour(Color::Red, OCHRE).add_modifier(Modifier::BOLD),
            Role::Good => colour(Color::Green, GREEN),
            Role::Ghost => match self.colours {
                Colours::None => plain.add_modifier(Modifier::DIM),
                Colours::Sixteen => plain.fg(Color::DarkGray),
                Colours::True => plain.fg(GREY),
            },
        }
    }

    /// The lines of boxes.
    pub(crate) fn border(self) -> border::Set<'static> {
        match self.borders {
            Borders::Lines => border::PLAIN,
            Borders::Ascii => border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            },
        }
    }

    /// The same for the pane that keys go to: seen without any colour.
    pub(crate) fn focus_border(self) -> border::Set<'static> {
        match self.borders {
            Borders::Lines => border::THICK,
            Borders::Ascii => border::Set { horizontal_top: "=", horizontal_bottom: "=", ..self.border() },
        }
    }

    /// Stands before what is chosen.
    pub(crate) fn pointer(self) -> &'static str {
        if self.borders == Borders::Lines && self.charset == Charset::Utf8 { "▸" } else { ">" }
    }

    /// Stands before what is pinned.
    pub(crate) fn pin(self) -> &'static str {
        if self.borders == Borders::Lines && self.charset == Charset::Utf8 { "●" } else { "*" }
    }

    /// Stands between parts of a line.
    pub(crate) fn dot(self) -> &'static str {
        if self.charset == Charset::Utf8 { " · " } else { " | " }
    }

    /// Stands between a document and its section.
    pub(crate) fn within(self) -> &'static str {
        if self.charset == Charset::Utf8 { " › " } else { " > " }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2 defines it.
    fn luminance(colour: Color) -> f64 {
        let Color::Rgb(r, g, b) = colour else { panic!("an exact colour") };
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    #[test]
    fn exact_colours_can_be_read_on_black_and_on_white() {
        for colour in [TEAL, PURPLE, OCHRE, GREEN, GREY] {
            let light = luminance(colour);
            let (on_black, on_white) = ((light + 0.05) / 0.05, 1.05 / (light + 0.05));
            assert!(on_black > 3.9 && on_white > 3.9, "{colour:?}: {on_black:.2} on black, {on_white:.2} on white");
        }
        assert!(1.05 / (luminance(RED) + 0.05) > 4.5, "white on red");
    }

    #[test]
    fn without_colours_no_colour_is_set() {
        let theme = Theme { colours: Colours::None, ..Theme::default() };
        let roles = [Role::Text, Role::Quiet, Role::Title, Role::Focus, Role::Chosen, Role::Span, Role::Match];
        let more = [Role::Emergency, Role::Warning, Role::Good, Role::Key, Role::Ghost];
        for role in roles.into_iter().chain(more) {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }
}
