//! Which text is this piece of HTML that stands inside another format?
//!
//! Summaries of a page or two, written by machines for machines. Whole pages are the business of the HTML format.

use crate::body::Body;

/// Writes the paragraphs, list lines and headings of `html` into `body`. Nothing is refused: what is no markup is text.
pub(crate) fn fragment(html: &str, body: &mut Body) {
    let mut block = Block { text: String::new(), item: false };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        block.text.push_str(&unescape(&rest[..at]));
        let Some(end) = rest[at..].find('>').filter(|_| begins_tag(&rest[at + 1..])) else {
            block.text.push('<');
            rest = &rest[at + 1..];
            continue;
        };
        let tag = rest[at + 1..at + end].trim_end_matches('/').trim();
        rest = &rest[at + end + 1..];
        let (closing, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if closing => {
                let heading = crate::clean::clean_line(&std::mem::take(&mut block.text));
                body.heading(&heading, &heading);
            }
            "li" => {
                block.flush(body);
                block.item = !closing;
            }
            "p" if block.item && block.text.trim().is_empty() => {}
            "ul" | "ol" => {
                block.flush(body);
                block.item = false;
            }
            "p" | "div" | "table" | "tr" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" => {
                block.flush(body);
            }
            "br" | "td" | "th" => block.text.push(' '),
            _ => {}
        }
    }
    block.text.push_str(&unescape(rest));
    block.flush(body);
}

struct Block {
    text: String,
    item: bool,
}

impl Block {
    fn flush(&mut self, body: &mut Body) {
        let text = std::mem::take(&mut self.text);
        if self.item { body.item(&text) } else { body.paragraph(&text) }
    }
}

fn begins_tag(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!')
}

/// The references that such summaries use; any other stays as it is written.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..].find(';').filter(|end| *end <= 8).map(|end| &rest[1..=end]);
        if let Some((name, c)) = name.and_then(|name| Some((name, character(name)?))) {
            out.push(c);
            rest = &rest[name.len() + 2..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
        return code.and_then(char::from_u32);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '\u{2014}',
        "rsquo" => '’',
        "lsquo" => '‘',
        "ldquo" => '“',
        "rdquo" => '”',
        "deg" => '°',
        "reg" => '®',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_becomes_paragraphs_lists_and_sections() {
        let check = |html: &str, expected: &str| {
            let mut body = Body::default();
            fragment(html, &mut body);
            assert_eq!(body.finish().0, expected, "{html}");
        };
        check(
            "<p>Asthma is <b>long</b>-term.</p><h3>Signs</h3><ul><li>Wheeze</li><li><p>Cough</p></ul><p>Rest.",
            "Asthma is long-term.\n\nSigns\n\n- Wheeze\n- Cough\n\nRest.",
        );
        check("p &lt; 5 &amp; q < 7&nbsp;mg<br/>R&D &#233;&bogus;", "p < 5 & q < 7 mg R&D é&bogus;");
        check("<a href='x'>Go</a> <!-- c --> on <", "Go on <");
        check("", "");
    }
}
