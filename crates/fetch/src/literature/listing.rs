//! Which files does a page of links offer?

use clinqa_schema::Date;

/// Links beyond this many are not read: no folder of a source is as long.
const MOST_LINKS: usize = 100_000;

/// How far behind the beginning of a link its date may stand.
const BEHIND: usize = 400;

/// A file that a page links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address as written, relative or whole.
    pub address: String,
    /// Its last part.
    pub name: String,
    /// The day beside it, as the listings of web servers show it.
    pub date: Option<Date>,
}

/// Every link of an HTML page that ends in a file name, in order.
pub fn links(page: &str) -> Vec<Link> {
    let lower = page.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = lower[at..].find("href=") {
        at += next + "href=".len();
        let Some(quote) = page[at..].chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { continue };
        let Some(length) = page[at + 1..].find(quote) else { break };
        let address = &page[at + 1..at + 1 + length];
        at += length + 2;
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.is_empty() || name.contains("..") {
            continue;
        }
        // A look ahead that ends soon, or a page without `</a>` would be read once for every link.
        let ahead = &lower[at..lower.floor_char_boundary((at + BEHIND).min(lower.len()))];
        let behind = ahead.split_once("</a>").map_or("", |(_, behind)| behind);
        let beside = behind.split('<').next().unwrap_or_default();
        found.push(Link { address: address.to_owned(), name: name.to_owned(), date: first_date(beside) });
        if found.len() == MOST_LINKS {
            break;
        }
    }
    found
}

/// The first `YYYY-MM-DD` in a text.
fn first_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let windows = bytes.windows(10);
    let mut dates = windows.filter_map(|window| std::str::from_utf8(window).ok()).filter(|window| {
        window
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
    });
    dates.find_map(|date| Date::new(date).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_of_a_web_server_gives_names_and_days() {
        let page = "<pre><a href=\"../\">Parent</a>\n\
            <A HREF='pubmed26n1275.xml.gz'>pubmed26n1275.xml.gz</A>  2026-01-10 14:05   32M\n\
            <a href=\"pubmed26n1275.xml.gz.md5\">md5</a> 2026-01-10 14:05 60\n\
            <a href=\"/xml/mplus_topics_2026-11-28.xml?x=1#y\">today</a></pre>";
        let found = links(page);
        let names: Vec<&str> = found.iter().map(|link| link.name.as_str()).collect();
        assert_eq!(names, ["pubmed26n1275.xml.gz", "pubmed26n1275.xml.gz.md5", "mplus_topics_2026-11-28.xml"]);
        assert_eq!(found[0].date, Date::new("2026-01-10").ok());
        assert_eq!(found[2].date, None);
        assert!(found[2].address.starts_with("/xml/"));
    }

    #[test]
    fn a_broken_page_is_not_a_panic() {
        for page in ["", "href=", "href=\"", "<a href=\"é", "href=''href=\"\"", "<a href=\"x\">é</a>é20é26-01-01"] {
            links(page);
        }
        assert_eq!(links(&"<a href=\"a.xml\">".repeat(MOST_LINKS + 5)).len(), MOST_LINKS);
    }
}
