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

/// Of the sixteen, only magenta and red can be read on black and on white in the palettes that terminals come with: cyan
/// and green vanish on white, blue on black, and bright black is the ground itself in some. All else is the terminal's
/// own ink.
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
            Role::Focus | Role::Key => colour(Color::Magenta, TEAL).add_modifier(Modifier::BOLD),
            Role::Chosen => plain.add_modifier(Modifier::REVERSED),
            Role::Span => colour(Color::Magenta, PURPLE).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Role::Emergency => match self.colours {
                Colours::None => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
                Colours::Sixteen => plain.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
                Colours::True => plain.fg(Color::Rgb(255, 255, 255)).bg(RED).add_modifier(Modifier::BOLD),
            },
            Role::Warning => colour(Color::Red, OCHRE).add_modifier(Modifier::BOLD),
            Role::Good => match self.colours {
                Colours::None | Colours::Sixteen => plain,
                Colours::True => plain.fg(GREEN),
            },
            Role::Ghost => match self.colours {
                Colours::None | Colours::Sixteen => plain.add_modifier(Modifier::DIM),
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
            let [on_black, on_white] = [0x0000_0000, 0x00ff_ffff].map(|ground| contrast(colour, exact(ground)));
            assert!(on_black > 3.9 && on_white > 3.9, "{colour:?}: {on_black:.2} on black, {on_white:.2} on white");
        }
        assert!(contrast(RED, exact(0x00ff_ffff)) > 4.5, "white on red");
    }

    const ROLES: [Role; 12] = [
        Role::Text,
        Role::Quiet,
        Role::Title,
        Role::Focus,
        Role::Chosen,
        Role::Span,
        Role::Match,
        Role::Emergency,
        Role::Warning,
        Role::Good,
        Role::Key,
        Role::Ghost,
    ];

    /// The sixteen as terminals come with them, black first and white last, and their black ground: xterm, VTE (GNOME),
    /// Windows Terminal, and the console of Linux.
    const PALETTES: [(&str, [u32; 16], u32); 4] = [
        (
            "xterm",
            [
                0x0000_0000,
                0x00cd_0000,
                0x0000_cd00,
                0x00cd_cd00,
                0x0000_00ee,
                0x00cd_00cd,
                0x0000_cdcd,
                0x00e5_e5e5,
                0x007f_7f7f,
                0x00ff_0000,
                0x0000_ff00,
                0x00ff_ff00,
                0x005c_5cff,
                0x00ff_00ff,
                0x0000_ffff,
                0x00ff_ffff,
            ],
            0x0000_0000,
        ),
        (
            "VTE",
            [
                0x0017_1421,
                0x00c0_1c28,
                0x0026_a269,
                0x00a2_734c,
                0x0012_488b,
                0x00a3_47ba,
                0x002a_a1b3,
                0x00d0_cfcc,
                0x005e_5c64,
                0x00f6_6151,
                0x0033_d17a,
                0x00e9_ad0c,
                0x002a_7bde,
                0x00c0_61cb,
                0x0033_c7de,
                0x00ff_ffff,
            ],
            0x0000_0000,
        ),
        (
            "Windows Terminal",
            [
                0x000c_0c0c,
                0x00c5_0f1f,
                0x0013_a10e,
                0x00c1_9c00,
                0x0000_37da,
                0x0088_1798,
                0x003a_96dd,
                0x00cc_cccc,
                0x0076_7676,
                0x00e7_4856,
                0x0016_c60c,
                0x00f9_f1a5,
                0x003b_78ff,
                0x00b4_009e,
                0x0061_d6d6,
                0x00f2_f2f2,
            ],
            0x000c_0c0c,
        ),
        (
            "the console",
            [
                0x0000_0000,
                0x00aa_0000,
                0x0000_aa00,
                0x00aa_5500,
                0x0000_00aa,
                0x00aa_00aa,
                0x0000_aaaa,
                0x00aa_aaaa,
                0x0055_5555,
                0x00ff_5555,
                0x0055_ff55,
                0x00ff_ff55,
                0x0055_55ff,
                0x00ff_55ff,
                0x0055_ffff,
                0x00ff_ffff,
            ],
            0x0000_0000,
        ),
    ];

    /// The place of a colour among the sixteen.
    fn place(colour: Color) -> usize {
        match colour {
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::White => 15,
            other => panic!("{other:?} is not placed here"),
        }
    }

    fn exact(colour: u32) -> Color {
        let [_, red, green, blue] = colour.to_be_bytes();
        Color::Rgb(red, green, blue)
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn what_is_coloured_with_sixteen_can_be_read_on_the_dark_and_the_light_ground_of_every_usual_palette() {
        let theme = Theme { colours: Colours::Sixteen, ..Theme::default() };
        for role in ROLES {
            let style = theme.style(role);
            // What is the terminal's own ink can be read wherever anything can.
            let Some(ink) = style.fg else { continue };
            for (name, palette, black) in PALETTES {
                let bold = style.add_modifier.contains(Modifier::BOLD);
                // Windows Terminal and the console draw bold letters in the bright half.
                let brightens = bold && place(ink) < 8 && ["Windows Terminal", "the console"].contains(&name);
                let ink = exact(palette[place(ink) + if brightens { 8 } else { 0 }]);
                let grounds = match style.bg {
                    Some(ground) => vec![exact(palette[place(ground)])],
                    // The console is black.
                    None if name == "the console" => vec![exact(black)],
                    None => vec![exact(black), exact(0x00ff_ffff)],
                };
                for ground in grounds {
                    let least = if style.bg.is_some() { 4.5 } else { 3.0 };
                    let found = contrast(ink, ground);
                    assert!(found >= least, "{role:?} in {name} on {ground:?}: {found:.2}, at least {least}");
                }
            }
        }
    }

    #[test]
    fn colours_alone_tell_nothing_apart() {
        let of = |colours| ROLES.map(|role| (role, Theme { colours, ..Theme::default() }.style(role)));
        let bare = of(Colours::None);
        for colours in [Colours::Sixteen, Colours::True] {
            for ((role, coloured), (_, bare)) in of(colours).into_iter().zip(bare) {
                let carried = bare.add_modifier.difference(coloured.add_modifier);
                let by_ground = coloured.bg.is_some();
                let ghost = role == Role::Ghost;
                assert!(carried.is_empty() || by_ground || ghost, "{role:?} loses {carried:?} in {colours:?}");
            }
        }
    }

    #[test]
    fn without_colours_no_colour_is_set() {
        let theme = Theme { colours: Colours::None, ..Theme::default() };
        for role in ROLES {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }
}
