//! Which elements of a page are no content?

use html5ever::tokenizer::Tag;

use super::blocks::Zone;

/// Classes of an element that are looked at.
const MAX_CLASSES: usize = 64;
/// Elements that hold no words of the page.
const SKIPPED: &[&str] = &[
    "script", "style", "noscript", "template", "svg", "iframe", "object", "select", "button", "textarea", "canvas",
    "video", "audio", "dialog", "map", "head", "noembed", "noframes", "xmp",
];
/// Elements and roles that are furniture.
const FURNITURE: &[&str] = &[
    "nav",
    "footer",
    "aside",
    "menu",
    "form",
    "navigation",
    "banner",
    "contentinfo",
    "complementary",
    "search",
    "dialog",
];
/// Names of classes that are furniture wherever they stand.
const FURNITURE_CLASSES: &[&str] = &[
    "cookie",
    "cookies",
    "consent",
    "gdpr",
    "nav",
    "navbar",
    "navigation",
    "menu",
    "breadcrumb",
    "breadcrumbs",
    "sidebar",
    "footer",
    "share",
    "sharing",
    "social",
    "advert",
    "adverts",
    "advertisement",
    "promo",
    "newsletter",
    "subscribe",
    "popup",
    "modal",
    "pagination",
    "pager",
    "toolbar",
    "skip",
    "skiplink",
];
/// The value of an attribute.
pub(crate) fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
}

/// Whether an element is not shown, or holds no words.
pub(crate) fn is_hidden(tag: &Tag, name: &str) -> bool {
    let style = || attribute(tag, "style").is_some_and(|style| style.replace(' ', "").contains("display:none"));
    SKIPPED.contains(&name)
        || name != "body"
            && (attribute(tag, "hidden").is_some() || attribute(tag, "aria-hidden") == Some("true") || style())
}

/// Whether an element is no content. The header of an article is content, that of a page is not.
pub(crate) fn is_furniture(tag: &Tag, name: &str, around: Zone) -> bool {
    if matches!(name, "html" | "body" | "main" | "article") {
        return false;
    }
    let by_role = attribute(tag, "role").is_some_and(|role| FURNITURE.contains(&role));
    let by_name = FURNITURE.contains(&name) || name == "header" && around == Zone::Other;
    let by_class = ["class", "id"].into_iter().filter_map(|key| attribute(tag, key)).any(|value| {
        let mut words = value.split(|c: char| !c.is_ascii_alphanumeric()).take(MAX_CLASSES);
        words.any(|word| FURNITURE_CLASSES.iter().any(|known| word.eq_ignore_ascii_case(known)))
    });
    by_role || by_name || by_class
}
