//! How do lines, rules and boxes get into cells?

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use unicode_width::UnicodeWidthStr;

use crate::block::Laid;
use crate::text::{columns, fit};
use crate::theme::{Role, Theme};

/// Whether keys go to a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    Here,
    Elsewhere,
}

impl Focus {
    pub(super) fn when(here: bool) -> Self {
        if here { Self::Here } else { Self::Elsewhere }
    }
}

/// The area without a column on each side.
pub(super) fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(2), ..area }
}

/// The area without its first line.
pub(super) fn below(area: Rect) -> Rect {
    Rect { y: area.y + 1.min(area.height), height: area.height.saturating_sub(1), ..area }
}

/// Draws pieces on the first line of the area; returns the column after them.
pub(super) fn put(buffer: &mut Buffer, area: Rect, laid: &[(String, Role)], theme: Theme) -> u16 {
    let mut x = area.x;
    if area.height == 0 {
        return x;
    }
    for (text, role) in laid {
        let room = area.right().saturating_sub(x);
        if room == 0 {
            break;
        }
        (x, _) = buffer.set_stringn(x, area.y, text, usize::from(room), theme.style(*role));
    }
    x
}

/// Draws lines from the top of the area, as many as there is room for.
pub(super) fn lines(buffer: &mut Buffer, area: Rect, lines: &[Laid], theme: Theme) {
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        put(buffer, Rect { y, height: 1, ..area }, line, theme);
    }
}

/// Empties the area. Of a wide character that reaches into it nothing is left, or its first column would hide ours.
pub(super) fn clear(buffer: &mut Buffer, area: Rect) {
    for y in area.top()..area.bottom() {
        let before = area.left().checked_sub(1).and_then(|x| buffer.cell_mut((x, y)));
        if let Some(cell) = before.filter(|cell| cell.symbol().width() > 1) {
            cell.set_symbol(" ");
        }
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// The first line of a pane: its title in a rule, thick where the keys go.
pub(super) fn rule(buffer: &mut Buffer, area: Rect, title: &str, focus: Focus, theme: Theme) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let (set, role) = looks(focus, theme);
    let width = usize::from(area.width);
    let title = fit(title, width.saturating_sub(6), theme.charset);
    let after = width.saturating_sub(4 + columns(&title, theme.charset));
    let line = set.horizontal_top;
    let laid = [
        (line.repeat(2), role),
        (format!(" {title} "), if focus == Focus::Here { Role::Focus } else { Role::Title }),
        (line.repeat(after), role),
    ];
    put(buffer, area, &laid, theme);
}

/// A box with a title; what was below it is gone. Returns what is inside.
pub(super) fn boxed(buffer: &mut Buffer, area: Rect, title: &str, theme: Theme) -> Rect {
    clear(buffer, area);
    if area.width < 4 || area.height < 3 {
        return Rect::default();
    }
    let (set, role) = looks(Focus::Here, theme);
    let width = usize::from(area.width);
    let title = fit(title, width.saturating_sub(6), theme.charset);
    let after = width.saturating_sub(5 + columns(&title, theme.charset));
    let top =
        format!("{}{} {title} {}{}", set.top_left, set.horizontal_top, set.horizontal_top.repeat(after), set.top_right);
    let bottom = format!("{}{}{}", set.bottom_left, set.horizontal_bottom.repeat(width - 2), set.bottom_right);
    put(buffer, area, &[(top, role)], theme);
    put(buffer, Rect { y: area.bottom() - 1, height: 1, ..area }, &[(bottom, role)], theme);
    for y in area.top() + 1..area.bottom() - 1 {
        put(buffer, Rect { y, height: 1, ..area }, &[(set.vertical_left.to_owned(), role)], theme);
        let right = Rect { x: area.right() - 1, y, width: 1, height: 1 };
        put(buffer, right, &[(set.vertical_right.to_owned(), role)], theme);
    }
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

fn looks(focus: Focus, theme: Theme) -> (border::Set<'static>, Role) {
    match focus {
        Focus::Here => (theme.focus_border(), Role::Focus),
        Focus::Elsewhere => (theme.border(), Role::Quiet),
    }
}

/// Marks a whole line as chosen, or only by its pointer where the keys go elsewhere.
pub(super) fn choose(buffer: &mut Buffer, area: Rect, focus: Focus, theme: Theme) {
    if focus == Focus::Here {
        buffer.set_style(area, theme.style(Role::Chosen));
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn a_box_over_the_second_column_of_a_wide_character_is_whole() {
        let mut terminal = Terminal::new(TestBackend::new(10, 3)).expect("a terminal");
        let drawn = terminal.draw(|frame| {
            let buffer = frame.buffer_mut();
            (0..3).for_each(|y| {
                buffer.set_string(0, y, "\u{6587}".repeat(5), theme().style(Role::Text));
            });
            boxed(buffer, Rect::new(3, 0, 6, 3), "", theme());
        });
        drawn.expect("drawn");
        let shown = |y: u16| (0..10).map(|x| terminal.backend().buffer()[(x, y)].symbol()).collect::<String>();
        assert!(shown(0).contains('\u{250f}') && shown(1).contains('\u{2503}') && shown(2).contains('\u{2517}'));
    }

    fn theme() -> Theme {
        Theme::default()
    }
}
