//! Which phrases of a pattern begin at a word of a text?
//!
//! A pattern becomes a few nodes over symbols and is walked as it is written, so that neither time nor memory is spent
//! on the phrases that it stands for. No phrase has more than twenty-four words: the lengths of all that begin at a word are
//! the bits of one number, and a row of nodes is matched by passing such numbers on.

use crate::pattern::{MOST_WORDS, Pattern};
use crate::vocabulary::{Symbol, Vocabulary};

/// Lengths in words: bit `n` stands for a phrase of `n` words.
pub(crate) type Lengths = u32;

const _: () = assert!(MOST_WORDS < Lengths::BITS as usize, "a phrase must fit");

/// A node's number.
pub(crate) type NodeId = u32;

/// With what a phrase may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// A word.
    Word(Symbol),
    /// A phrase of a list.
    List(u32),
}

/// A run of `children` or `symbols`.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: u32,
    to: u32,
}

impl Run {
    fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.from as usize..self.to as usize]
    }
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// Any one word of these symbols.
    OneOf(Run),
    /// Any phrase of a list.
    List(u32),
    /// Each of these nodes in turn.
    Row(Run),
    /// Any of these nodes.
    Any(Run),
}

/// All patterns, compiled.
#[derive(Debug, Default)]
pub(crate) struct Program {
    nodes: Vec<Node>,
    children: Vec<NodeId>,
    symbols: Vec<Symbol>,
}

impl Program {
    /// Compiles `pattern`.
    pub(crate) fn add(&mut self, pattern: &Pattern, vocabulary: &mut Vocabulary) -> NodeId {
        let node = match pattern {
            Pattern::Word(word) => {
                let symbol = vocabulary.symbol(word);
                self.one_of([symbol])
            }
            Pattern::List(number) => Node::List(*number as u32),
            Pattern::Row(row) => {
                let nodes: Vec<NodeId> = row.iter().map(|part| self.add(part, vocabulary)).collect();
                Node::Row(self.run(&nodes))
            }
            Pattern::Any(any) => {
                // Words beside each other are one test.
                let words: Vec<Symbol> = any.iter().filter_map(|one| symbol(one, vocabulary)).collect();
                let is_longer = |one: &&Pattern| !matches!(one, Pattern::Word(_));
                let mut nodes: Vec<NodeId> =
                    any.iter().filter(is_longer).map(|one| self.add(one, vocabulary)).collect();
                let words = self.one_of(words);
                if nodes.is_empty() {
                    words
                } else {
                    nodes.push(self.push(words));
                    Node::Any(self.run(&nodes))
                }
            }
        };
        self.push(node)
    }

    /// Adds to `starts` with what the phrases of `node` begin; returns whether it may also stand for no word.
    pub(crate) fn push_starts(&self, node: NodeId, starts: &mut Vec<Start>) -> bool {
        match self.nodes[node as usize] {
            Node::OneOf(symbols) => {
                starts.extend(symbols.of(&self.symbols).iter().map(|symbol| Start::Word(*symbol)));
                false
            }
            Node::List(number) => {
                starts.push(Start::List(number));
                false
            }
            Node::Row(parts) => parts.of(&self.children).iter().all(|part| self.push_starts(*part, starts)),
            Node::Any(any) => {
                // All of them begin something: none may be left out once one is known to hold no word.
                any.of(&self.children).iter().filter(|one| self.push_starts(**one, starts)).count() > 0
            }
        }
    }

    /// The lengths of the phrases of `node` that begin at word `start` of `text`.
    pub(crate) fn lengths(&self, node: NodeId, start: usize, text: &Text) -> Lengths {
        match self.nodes[node as usize] {
            Node::OneOf(symbols) => Lengths::from(text.has_any(start, symbols.of(&self.symbols))) << 1,
            Node::List(number) => text.list(start, number),
            Node::Row(parts) => parts.of(&self.children).iter().fold(1, |reached, part| {
                set_bits(reached).fold(0, |next, words| next | self.lengths(*part, start + words, text) << words)
            }),
            Node::Any(any) => {
                any.of(&self.children).iter().fold(0, |found, one| found | self.lengths(*one, start, text))
            }
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() as NodeId - 1
    }

    fn one_of(&mut self, symbols: impl IntoIterator<Item = Symbol>) -> Node {
        let from = self.symbols.len() as u32;
        self.symbols.extend(symbols);
        Node::OneOf(Run { from, to: self.symbols.len() as u32 })
    }

    fn run(&mut self, nodes: &[NodeId]) -> Run {
        let from = self.children.len() as u32;
        self.children.extend(nodes);
        Run { from, to: self.children.len() as u32 }
    }
}

fn symbol(pattern: &Pattern, vocabulary: &mut Vocabulary) -> Option<Symbol> {
    if let Pattern::Word(word) = pattern { Some(vocabulary.symbol(word)) } else { None }
}

/// The numbers of the bits that are set, lowest first.
pub(crate) fn set_bits(lengths: Lengths) -> impl Iterator<Item = usize> {
    let all = std::iter::successors(Some(lengths), |rest| Some(rest & rest.wrapping_sub(1)));
    all.take_while(|rest| *rest != 0).map(|rest| rest.trailing_zeros() as usize)
}

/// A text as programs see it.
#[derive(Debug)]
pub(crate) struct Text {
    symbols: Vec<Symbol>,
    /// Word `i` has the symbols `ends[i]..ends[i + 1]`.
    ends: Vec<u32>,
    /// The phrases of each list that begin at each word.
    lists: Vec<Lengths>,
    list_count: usize,
}

impl Text {
    /// The text of `words`, in which no phrase of the `list_count` lists has been looked for yet.
    pub(crate) fn new<'a>(words: impl Iterator<Item = &'a str>, vocabulary: &Vocabulary, list_count: usize) -> Self {
        let (mut symbols, mut ends) = (Vec::new(), vec![0]);
        for word in words {
            vocabulary.push_symbols(word, &mut symbols);
            ends.push(symbols.len() as u32);
        }
        let lists = vec![0; list_count * (ends.len() - 1)];
        Self { symbols, ends, lists, list_count }
    }

    /// The symbols of word `i`.
    pub(crate) fn symbols(&self, i: usize) -> &[Symbol] {
        let (Some(&from), Some(&to)) = (self.ends.get(i), self.ends.get(i + 1)) else { return &[] };
        &self.symbols[from as usize..to as usize]
    }

    /// The phrases of each list that begin at word `i`.
    pub(crate) fn lists(&self, i: usize) -> &[Lengths] {
        &self.lists[i * self.list_count..(i + 1) * self.list_count]
    }

    /// Notes that `number` has phrases of these `lengths` at word `i`.
    pub(crate) fn note(&mut self, i: usize, number: u32, lengths: Lengths) {
        self.lists[i * self.list_count + number as usize] |= lengths;
    }

    fn list(&self, i: usize, number: u32) -> Lengths {
        self.lists.get(i * self.list_count + number as usize).copied().unwrap_or(0)
    }

    fn has_any(&self, i: usize, wanted: &[Symbol]) -> bool {
        self.symbols(i).iter().any(|symbol| wanted.contains(symbol))
    }
}
