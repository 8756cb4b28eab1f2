//! Which blocks of text does a page of HTML hold, and in which part of it does each stand?

use std::cell::RefCell;
use std::mem::take;
use std::rc::Rc;

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};

use super::furniture::{attribute, is_furniture, is_hidden};
use crate::clean::clean_line;

/// More open elements than any real page has; what lies deeper is read, but its ends are not told apart.
const MAX_DEPTH: usize = 512;
/// How far an end tag looks for its beginning.
const MAX_LOOK: usize = 64;
/// A cell longer than this is a column of a page, not a value.
const CELL_BYTES: usize = 400;
/// Elements whose ends matter.
const CONTAINERS: &[&str] = &[
    "div",
    "section",
    "main",
    "article",
    "nav",
    "header",
    "footer",
    "aside",
    "form",
    "ul",
    "ol",
    "menu",
    "table",
    "figure",
    "blockquote",
    "dl",
    "details",
    "fieldset",
];
/// Elements that end a line of text.
const BREAKS: &[&str] = &[
    "p",
    "li",
    "dd",
    "dt",
    "hr",
    "figcaption",
    "caption",
    "summary",
    "pre",
    "address",
    "body",
    "html",
    "tbody",
    "thead",
    "legend",
];
/// Elements that have no end.
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];

/// Which rules hold for tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `<a/>` begins an element.
    Html,
    /// `<a/>` is a whole element.
    Xhtml,
}

/// The part of a page in which a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// What the page marks as its main content.
    Main,
    /// An article.
    Article,
    /// Menus, banners, notices.
    Furniture,
    /// Anything else.
    Other,
}

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A heading of this level.
    Heading(u8),
    /// A paragraph.
    Paragraph,
    /// An item of a list, behind this marker.
    Item(String),
    /// A row of a table and the names of its columns.
    Row { header: Rc<[String]>, cells: Vec<String> },
}

/// A stretch of text.
#[derive(Debug)]
pub(crate) struct Block {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its text; of a row, too.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) zone: Zone,
    /// Bytes of it that are links, and links to another place of the page.
    pub(crate) linked: usize,
    pub(crate) jumps: usize,
}

impl Block {
    /// Whether nearly all of it is `part`.
    pub(crate) fn is_mostly(&self, part: usize) -> bool {
        part * 10 > self.text.trim().len() * 7
    }
}

/// What the head of a page says.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// The title.
    pub(crate) title: String,
    /// The language of the page.
    pub(crate) language: String,
    /// The address that it wants to be known by.
    pub(crate) canonical: String,
    metas: Vec<(String, String)>,
}

impl Head {
    /// The first `meta` of this name, one line, if it says anything.
    pub(crate) fn meta(&self, name: &str) -> Option<String> {
        let found = self.metas.iter().find(|(known, _)| known == name)?;
        Some(clean_line(&found.1)).filter(|value| !value.is_empty())
    }
}

/// Takes tokens, keeps blocks.
pub(crate) struct Blocks(RefCell<State>);

impl Blocks {
    /// For a page of this syntax.
    pub(crate) fn new(syntax: Syntax) -> Self {
        Self(RefCell::new(State::new(syntax)))
    }

    /// How many blocks were found so far, and cells of a row that has not ended.
    pub(crate) fn len(&self) -> usize {
        let state = self.0.borrow();
        state.blocks.len() + state.table.as_ref().map_or(0, |table| table.cells.len())
    }

    /// What was found.
    pub(crate) fn finish(&self) -> (Head, Vec<Block>) {
        let mut state = self.0.borrow_mut();
        state.flush();
        state.end_table();
        (take(&mut state.head), take(&mut state.blocks))
    }
}

impl TokenSink for Blocks {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return state.start(&tag),
            Token::TagToken(tag) => state.end(&tag.name),
            Token::CharacterTokens(text) => state.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// An element that is open.
struct Open {
    name: String,
    zone: Zone,
    skipped: bool,
    lists: usize,
}

/// The outermost table that is open.
#[derive(Default)]
struct Table {
    header: Rc<[String]>,
    cells: Vec<String>,
    has_names: bool,
    in_cell: bool,
}

struct State {
    syntax: Syntax,
    head: Head,
    blocks: Vec<Block>,
    open: Vec<Open>,
    in_title: bool,
    inline: String,
    linked: usize,
    jumps: usize,
    link: Link,
    heading: Option<u8>,
    marker: Option<String>,
    lists: Vec<Option<u64>>,
    table: Option<Table>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    None,
    Away,
    Jump,
}

impl State {
    fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            head: Head::default(),
            blocks: Vec::new(),
            open: Vec::new(),
            in_title: false,
            inline: String::new(),
            linked: 0,
            jumps: 0,
            link: Link::None,
            heading: None,
            marker: None,
            lists: Vec::new(),
            table: None,
        }
    }

    fn zone(&self) -> Zone {
        self.open.last().map_or(Zone::Other, |open| open.zone)
    }

    fn is_skipping(&self) -> bool {
        self.open.last().is_some_and(|open| open.skipped)
    }

    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let whole = tag.self_closing && self.syntax == Syntax::Xhtml;
        self.note_head(tag, name);
        if name == "body" {
            self.open.retain(|open| !open.skipped);
        }
        if !self.is_skipping() {
            self.begin(tag, name);
        }
        if !whole {
            self.push(tag, name);
        }
        if whole {
            return TokenSinkResult::Continue;
        }
        match name {
            "title" if self.open.iter().all(|open| open.name != "svg") => {
                self.in_title = self.head.title.is_empty();
                TokenSinkResult::RawData(RawKind::Rcdata)
            }
            "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
            _ => TokenSinkResult::Continue,
        }
    }

    fn note_head(&mut self, tag: &Tag, name: &str) {
        match name {
            "html" => {
                let language = attribute(tag, "lang").or_else(|| attribute(tag, "xml:lang"));
                language.unwrap_or_default().clone_into(&mut self.head.language);
            }
            "link" if attribute(tag, "rel").is_some_and(|rel| rel.eq_ignore_ascii_case("canonical")) => {
                attribute(tag, "href").unwrap_or_default().trim().clone_into(&mut self.head.canonical);
            }
            "meta" if self.head.metas.len() < MAX_DEPTH => {
                let name = attribute(tag, "name").or_else(|| attribute(tag, "property")).unwrap_or_default();
                let content = attribute(tag, "content").unwrap_or_default();
                self.head.metas.push((name.to_ascii_lowercase(), content.to_owned()));
            }
            _ => {}
        }
    }

    /// What the beginning of an element does to the text around it.
    fn begin(&mut self, tag: &Tag, name: &str) {
        match name {
            "br" => self.inline.push(' '),
            "a" => {
                let target = attribute(tag, "href");
                self.link = match target {
                    Some(href) if href.starts_with('#') => Link::Jump,
                    Some(_) => Link::Away,
                    None => Link::None,
                };
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading = name[1..].parse().ok();
            }
            "ul" | "menu" => {
                self.flush();
                self.lists.push(None);
            }
            "ol" => {
                self.flush();
                self.lists.push(Some(attribute(tag, "start").and_then(|start| start.parse().ok()).unwrap_or(1)));
            }
            "li" => {
                self.flush();
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number = number.saturating_add(1);
                        format!("{}.", *number - 1)
                    }
                    _ => "-".to_owned(),
                });
            }
            "table" if self.table.is_none() => {
                self.flush();
                self.table = Some(Table::default());
            }
            "tr" | "td" | "th" => self.begin_cell(name),
            _ if CONTAINERS.contains(&name) || BREAKS.contains(&name) => self.flush(),
            _ => {}
        }
        self.lists.truncate(MAX_DEPTH);
    }

    fn begin_cell(&mut self, name: &str) {
        if self.tables() > 1 {
            return self.inline.push(' ');
        }
        self.end_cell();
        if name == "tr" {
            self.end_row();
        } else if let Some(table) = &mut self.table {
            table.in_cell = true;
            table.has_names |= name == "th" && table.header.is_empty();
        }
    }

    fn tables(&self) -> usize {
        self.open.iter().rev().take(MAX_LOOK).filter(|open| open.name == "table").count()
    }

    /// Remembers an element whose end matters.
    fn push(&mut self, tag: &Tag, name: &str) {
        let skipped = self.is_skipping() || is_hidden(tag, name);
        let furniture = is_furniture(tag, name, self.zone());
        if VOID.contains(&name) || self.open.len() >= MAX_DEPTH || !(CONTAINERS.contains(&name) || skipped || furniture)
        {
            return;
        }
        let is_main = name == "main" || attribute(tag, "role").is_some_and(|role| role == "main");
        let zone = match self.zone() {
            Zone::Furniture => Zone::Furniture,
            _ if furniture => Zone::Furniture,
            Zone::Main => Zone::Main,
            _ if is_main => Zone::Main,
            Zone::Article => Zone::Article,
            Zone::Other if name == "article" => Zone::Article,
            Zone::Other => Zone::Other,
        };
        // The list that this element opens, if it is one, ends with it.
        let opens_list = usize::from(matches!(name, "ul" | "ol" | "menu") && !self.is_skipping());
        let lists = self.lists.len().saturating_sub(opens_list);
        self.open.push(Open { name: name.to_owned(), zone, skipped, lists });
    }

    fn end(&mut self, name: &str) {
        match name {
            "title" => self.in_title = false,
            "a" => self.link = Link::None,
            _ => {}
        }
        if !self.is_skipping() {
            match name {
                "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                    self.flush();
                    self.heading = None;
                }
                "td" | "th" if self.tables() <= 1 => self.end_cell(),
                "tr" if self.tables() <= 1 => {
                    self.end_cell();
                    self.end_row();
                }
                "table" if self.tables() <= 1 => self.end_table(),
                _ if CONTAINERS.contains(&name) || BREAKS.contains(&name) => self.flush(),
                _ => {}
            }
            if name == "li" {
                self.marker = None;
            }
        }
        let Some(at) = self.open.iter().rev().take(MAX_LOOK).position(|open| open.name == name) else { return };
        let at = self.open.len() - 1 - at;
        self.lists.truncate(self.open[at].lists);
        self.open.truncate(at);
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            self.head.title.push_str(text);
            return;
        }
        if self.is_skipping() {
            return;
        }
        self.inline.push_str(text);
        match self.link {
            Link::None => {}
            Link::Away => self.linked += text.trim().len(),
            Link::Jump => {
                self.linked += text.trim().len();
                self.jumps += text.trim().len();
            }
        }
    }

    /// Ends the stretch of text at hand.
    fn flush(&mut self) {
        if self.table.as_ref().is_some_and(|table| table.in_cell) {
            let is_layout = self.heading.is_some() || self.marker.is_some() || self.inline.len() > CELL_BYTES;
            if !is_layout {
                return self.inline.push('\n');
            }
        }
        let kind = match (self.heading, self.marker.take()) {
            (Some(level), _) => Kind::Heading(level),
            (None, Some(marker)) if !self.inline.trim().is_empty() => Kind::Item(marker),
            (None, marker) => {
                self.marker = marker;
                Kind::Paragraph
            }
        };
        let text = take(&mut self.inline);
        self.add(kind, text);
    }

    fn add(&mut self, kind: Kind, text: String) {
        let (linked, jumps) = (take(&mut self.linked), take(&mut self.jumps));
        if !text.trim().is_empty() {
            self.blocks.push(Block { kind, text, zone: self.zone(), linked, jumps });
        }
    }

    fn end_cell(&mut self) {
        let Some(table) = &mut self.table else { return self.flush() };
        if !take(&mut table.in_cell) {
            return self.flush();
        }
        if self.inline.len() > CELL_BYTES {
            return self.flush();
        }
        let cell = clean_line(&take(&mut self.inline));
        table.cells.push(cell);
    }

    fn end_row(&mut self) {
        let Some(table) = &mut self.table else { return };
        let cells = take(&mut table.cells);
        if take(&mut table.has_names) && cells.len() > 1 {
            table.header = cells.into();
            return;
        }
        let header = Rc::clone(&table.header);
        let text = cells.join(" ");
        let kind = if cells.len() > 1 { Kind::Row { header, cells } } else { Kind::Paragraph };
        self.add(kind, text);
    }

    fn end_table(&mut self) {
        self.end_cell();
        self.end_row();
        self.table = None;
    }
}
