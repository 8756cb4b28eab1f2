//! What does the screen know (pure)? Everything that is drawn is a function of this.

pub(crate) mod answered;
pub(crate) mod choosing;
pub(crate) mod layout;
pub(crate) mod librarian;
pub(crate) mod reading;

use std::sync::Arc;

use clinqa_qa::{FacetCounts, Manifest};
use clinqa_schema::{Filters, Notice, PassageId};

use crate::desk::Place;
use crate::keymap::Keymap;
use crate::line::Line;
use crate::message::{By, Found, Lookout, Row};
use crate::names::Names;
use crate::run::Pointer;
use crate::state::answered::Answered;
use crate::state::choosing::{FilterList, Menu};
use crate::state::librarian::Librarian;
use crate::state::reading::{Comparison, Open};
use crate::theme::Theme;

/// The whole state of a session.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) theme: Theme,
    pub(crate) keymap: Keymap,
    /// Where the index is.
    pub(crate) place: Place,
    pub(crate) pointer: Pointer,
    /// Whether whoever answers can be reached.
    pub(crate) reach: Reach,
    /// What fills the window.
    pub(crate) screen: Screen,
    /// What stands in front of it.
    pub(crate) overlay: Option<Overlay>,
    /// Where keys go on the search screen.
    pub(crate) pane: Pane,
    pub(crate) line: Line,
    /// The number of the latest lookup; what answers an older one is dropped.
    pub(crate) seq: u64,
    pub(crate) filters: Filters,
    pub(crate) sort: Sort,
    /// As they were found; `order` says how they are shown.
    pub(crate) found: Option<Found>,
    /// The lookup that found it.
    pub(crate) found_by: u64,
    pub(crate) order: Vec<usize>,
    /// Passages like one, instead of those that were found.
    pub(crate) like: Option<Like>,
    /// The place in the list that is shown.
    pub(crate) list: Scroll,
    pub(crate) preview: usize,
    pub(crate) answer: Answered,
    /// What must be said first about what is typed.
    pub(crate) notices: Vec<Notice>,
    pub(crate) pins: Vec<Row>,
    pub(crate) pin_list: Scroll,
    /// The first document of a comparison.
    pub(crate) marked: Option<Row>,
    pub(crate) open: Option<Open>,
    pub(crate) comparison: Option<Comparison>,
    /// What an opened document is wanted for.
    pub(crate) awaited: Vec<Awaited>,
    pub(crate) index: Index,
    pub(crate) names: Arc<Names>,
    pub(crate) counts: FacetCounts,
    pub(crate) librarian: Librarian,
    /// One line about what just happened.
    pub(crate) note: Option<Note>,
}

/// What fills the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Search,
    Document,
    Comparison,
    Worklist,
    Librarian,
}

/// A part of the search screen that keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    Question,
    Answer,
    List,
    Preview,
}

/// What stands in front of the screen until it is closed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Overlay {
    /// Every key; the first line that is shown.
    Help(usize),
    /// Why a passage is here; the first line that is shown.
    Why(usize),
    /// Conditions on documents.
    Filters(FilterList),
    /// Something to choose from.
    Menu(Menu),
}

/// Passages like one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Like {
    pub(crate) of: String,
    pub(crate) rows: Vec<Row>,
    /// What to go back to.
    pub(crate) before: Scroll,
}

/// What an opened document is wanted for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Awaited {
    /// To be read, with these characters marked.
    Reading { id: clinqa_schema::DocumentId, span: Option<std::ops::Range<usize>>, from: Screen },
    /// The left side of a comparison, or the right one.
    Side { id: clinqa_schema::DocumentId, span: Option<std::ops::Range<usize>>, second: Second },
}

/// Which of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    No,
    Yes,
}

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Relevance,
    Newest,
    Title,
    Kind,
}

impl Sort {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Newest => "newest",
            Self::Title => "title",
            Self::Kind => "kind",
        }
    }

    /// The next one.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Relevance => Self::Newest,
            Self::Newest => Self::Title,
            Self::Title => Self::Kind,
            Self::Kind => Self::Relevance,
        }
    }
}

/// A chosen place in a list and the first one that is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scroll {
    pub(crate) chosen: usize,
    pub(crate) top: usize,
}

impl Scroll {
    /// Keeps the chosen one among `count`, and within the `shown` that are seen at a time.
    pub(crate) fn settle(&mut self, count: usize, shown: usize) {
        let shown = shown.max(1);
        self.chosen = self.chosen.min(count.saturating_sub(1));
        self.top =
            self.top.min(self.chosen).max((self.chosen + 1).saturating_sub(shown)).min(count.saturating_sub(shown));
    }
}

/// What is known about the index and the models.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) manifest: Option<Box<Manifest>>,
    pub(crate) ready: Ready,
}

/// Whether whoever answers can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Fine,
    /// It is tried again and again.
    Lost,
}

/// How far opening has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ready {
    #[default]
    Opening,
    /// There is none.
    Missing,
    /// Words can be searched.
    Words,
    /// Models are there too.
    All,
}

/// One line about what just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How a note is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
}

impl State {
    /// A session that begins: the cursor stands in an empty question.
    pub(crate) fn new((width, height): (u16, u16), theme: Theme, keymap: Keymap) -> Self {
        Self {
            width,
            height,
            theme,
            keymap,
            place: Place::Here,
            pointer: Pointer::Terminal,
            reach: Reach::Fine,
            screen: Screen::Search,
            overlay: None,
            pane: Pane::Question,
            line: Line::default(),
            seq: 0,
            filters: Filters::default(),
            sort: Sort::Relevance,
            found: None,
            found_by: 0,
            order: Vec::new(),
            like: None,
            list: Scroll::default(),
            preview: 0,
            answer: Answered::default(),
            notices: Vec::new(),
            pins: Vec::new(),
            pin_list: Scroll::default(),
            marked: None,
            open: None,
            comparison: None,
            awaited: Vec::new(),
            index: Index::default(),
            names: Arc::default(),
            counts: FacetCounts::default(),
            librarian: Librarian::default(),
            note: None,
        }
    }

    /// The passages of the list, as they are shown.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        if let Some(like) = &self.like {
            return like.rows.iter().collect();
        }
        let Some(found) = &self.found else { return Vec::new() };
        self.order.iter().filter_map(|place| found.rows.get(*place)).collect()
    }

    /// Whether there is a list, if only an empty one.
    pub(crate) fn has_list(&self) -> bool {
        self.found.is_some() || self.like.is_some()
    }

    /// The passage that is chosen on this screen.
    pub(crate) fn chosen(&self) -> Option<&Row> {
        match self.screen {
            Screen::Worklist => self.pins.get(self.pin_list.chosen),
            Screen::Search => self.rows().get(self.list.chosen).copied(),
            _ => None,
        }
    }

    /// Whether the passage is pinned.
    pub(crate) fn is_pinned(&self, id: &PassageId) -> bool {
        self.pins.iter().any(|pin| pin.id() == id)
    }

    /// The latest lookup.
    pub(crate) fn lookout(&self) -> Lookout {
        let rest = self.line.completion(&self.names).unwrap_or_default().to_owned();
        Lookout { seq: self.seq, text: self.line.text().to_owned(), rest, filters: self.filters.clone() }
    }

    /// Whether the list was made by vectors too.
    pub(crate) fn is_fused(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.by == By::Meaning)
    }

    /// Puts what was found into the order that is wanted.
    pub(crate) fn arrange(&mut self) {
        let Some(found) = &self.found else {
            self.order.clear();
            return;
        };
        let rows = &found.rows;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        match self.sort {
            Sort::Relevance => {}
            // Stable, so that relevance decides between what is equal; what has no date comes last.
            Sort::Newest => order.sort_by(|a, b| rows[*b].published().cmp(&rows[*a].published())),
            Sort::Title => order.sort_by_key(|place| rows[*place].reading.citation.title.to_lowercase()),
            Sort::Kind => order.sort_by_key(|place| rows[*place].reading.citation.kind.to_lowercase()),
        }
        self.order = order;
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: text.into(), tone: Tone::Good });
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: text.into(), tone: Tone::Bad });
    }
}
