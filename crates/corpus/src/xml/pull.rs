//! What stands in one record of XML?
//!
//! The text of a record is checked to be UTF-8 before it comes here. Nothing that a file declares is ever expanded: an
//! entity that is not built into XML is a fault of the record, so that entity bombs and files drawn in from outside have
//! no way in. Depth is bounded.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::clean::clean_message;
use crate::report::SkipReason;

/// Deepest nesting. The deepest real article is below 40.
const MAX_DEPTH: usize = 96;

/// A record that is read from its first tag to its last.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

/// What comes next.
pub(crate) enum Node<'a> {
    /// An element begins.
    Open(Tag<'a>),
    /// Text, with references resolved.
    Text(Cow<'a, str>),
    /// The innermost open element ends, or the record.
    Close,
}

/// The beginning of an element.
pub(crate) struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// Its name without a prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// The value of an attribute, named without a prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let found = self.0.attributes().flatten().find(|it| it.key.local_name().into_inner() == name)?;
        found.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
    }

    fn check(&self) -> Result<(), SkipReason> {
        if self.0.attributes_raw().is_empty() {
            return Ok(());
        }
        for attribute in self.0.attributes() {
            let value = attribute.map_err(wrong).map(|it| it.normalized_value(XmlVersion::Implicit1_0).map(|_| ()));
            value?.map_err(wrong)?;
        }
        Ok(())
    }
}

fn wrong(error: impl std::fmt::Display) -> SkipReason {
    SkipReason::Xml { reason: clean_message(error) }
}

impl<'a> Xml<'a> {
    /// The text of a record or a file.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, depth: 0 }
    }

    /// The next node; past the end of the record, [`Node::Close`] for ever.
    pub(crate) fn next(&mut self) -> Result<Node<'a>, SkipReason> {
        loop {
            return Ok(match self.reader.read_event().map_err(wrong)? {
                Event::Start(start) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(wrong(format_args!("elements lie more than {MAX_DEPTH} deep")));
                    }
                    let tag = Tag(start);
                    tag.check()?;
                    Node::Open(tag)
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Node::Close
                }
                Event::Text(text) => Node::Text(text.into_inner()),
                Event::CData(text) => Node::Text(text.into_inner()),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(wrong)? {
                    Some(c) => Node::Text(Cow::Owned(c.to_string())),
                    None => Node::Text(Cow::Borrowed(built_in(&reference)?)),
                },
                Event::Eof if self.depth > 0 => return Err(wrong("it ends inside an element")),
                Event::Eof => Node::Close,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Empty(_) => continue,
            });
        }
    }

    /// Hands each child of the open element to `take`, which may read it or leave it.
    pub(crate) fn children(
        &mut self,
        take: &mut dyn FnMut(&mut Self, &Tag<'a>) -> Result<(), SkipReason>,
    ) -> Result<(), SkipReason> {
        loop {
            match self.next()? {
                Node::Open(tag) => {
                    let below = self.depth - 1;
                    take(self, &tag)?;
                    while self.depth > below {
                        self.next()?;
                    }
                }
                Node::Text(_) => {}
                Node::Close => return Ok(()),
            }
        }
    }

    /// All text in the open element, as one would read it aloud.
    pub(crate) fn text(&mut self) -> Result<String, SkipReason> {
        let mut text = String::new();
        self.text_into(&mut text)?;
        Ok(text)
    }

    /// Adds the text of an inline element, which was just opened, as [`Xml::text_into`] would inside its parent.
    pub(crate) fn inline_into(&mut self, tag: &Tag<'_>, out: &mut String) -> Result<(), SkipReason> {
        match tag.name() {
            "sup" if out.ends_with(|c: char| c.is_ascii_digit()) => out.push('^'),
            "break" | "br" => out.push(' '),
            "inline-graphic" => return self.text().map(|_| ()),
            "xref" if tag.attribute("ref-type").as_deref() == Some("bibr") => return self.text().map(|_| ()),
            _ => {}
        }
        self.text_into(out)
    }

    /// Adds all text in the open element to `out`.
    ///
    /// A raised number becomes `10^9`, because 109 would be another one; references to a bibliography and formulas in
    /// TeX say nothing to a reader.
    pub(crate) fn text_into(&mut self, out: &mut String) -> Result<(), SkipReason> {
        let above = self.depth - 1;
        // From this depth on nothing is taken.
        let mut muted = usize::MAX;
        while self.depth > above {
            match self.next()? {
                Node::Open(tag) => match tag.name() {
                    _ if self.depth > muted => {}
                    "sup" if out.ends_with(|c: char| c.is_ascii_digit()) => out.push('^'),
                    "xref" if tag.attribute("ref-type").as_deref() == Some("bibr") => muted = self.depth,
                    "tex-math" | "graphic" | "inline-graphic" => muted = self.depth,
                    "br" | "break" => out.push(' '),
                    _ => {}
                },
                Node::Text(text) if self.depth < muted => out.push_str(&text),
                Node::Close if self.depth < muted => muted = usize::MAX,
                Node::Text(_) | Node::Close => {}
            }
        }
        Ok(())
    }
}

/// What an entity that every XML parser knows stands for.
fn built_in(name: &str) -> Result<&'static str, SkipReason> {
    Ok(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Err(wrong(format_args!("the entity `{}` is not known", name.escape_debug()))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(xml: &str) -> Result<String, String> {
        let mut record = Xml::new(xml);
        let mut found = String::new();
        record.children(&mut |xml, _| xml.text_into(&mut found)).map_err(|reason| reason.to_string())?;
        Ok(found)
    }

    #[test]
    fn text_reads_as_one_would_read_it_aloud() {
        let check = |xml: &str, expected: &str| assert_eq!(text(xml).as_deref(), Ok(expected), "{xml}");
        check("<a>5 &lt; 7 &amp; &#x3b1; <![CDATA[<b>]]></a>", "5 < 7 & α <b>");
        check("<a>10<sup>9</sup>/L of H<sub>2</sub>O<sup>a</sup></a>", "10^9/L of H2Oa");
        check(
            "<a>falls<xref ref-type=\"bibr\"><sup>3</sup></xref>. <m:tex-math>\\x</m:tex-math>Then<br/>rises</a>",
            "falls. Then rises",
        );
        check("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><!-- d --><a/>", "");
    }

    #[test]
    fn what_is_not_well_formed_or_reaches_out_is_a_fault() {
        let check = |xml: &str, expected: &str| {
            let error = text(xml).expect_err(xml);
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        };
        check("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]><a>&b;</a>", "the entity `b` is not known");
        check("<a>&eacute;</a>", "is not known");
        check("<a>&#0;</a>", "wrong XML");
        check("<a>R & D</a>", "wrong XML");
        check("<a>p < 0.05</a>", "wrong XML");
        check("<a><b></a>", "wrong XML");
        check("<a", "wrong XML");
        check("<a>b", "ends inside");
        check("<a b=c></a>", "wrong XML");
        check("<a b=\"1\" b=\"2\"></a>", "wrong XML");
        check("<a><![CDATA[x</a>", "wrong XML");
        check(&"<a>".repeat(10_000), "deep");
    }
}
