//! Was a request sent from a page of another site (pure)?

use axum::http::{HeaderMap, header};

/// Whether a browser says that another site sent this request. What no browser sent says nothing and may pass: it rides
/// on nobody's session, since there is none.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    // Browsers keep `Sec-Fetch-Site` to themselves on plain HTTP; they still name the origin.
    let Some(origin) = text(header::ORIGIN.as_str()) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != text(header::HOST.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_of_another_site_is_foreign() {
        let check = |sent: &[(&'static str, &'static str)], expected: bool| {
            let sent = sent
                .iter()
                .map(|(name, value)| (name.parse().expect("the name of a header"), HeaderValue::from_static(value)));
            assert_eq!(is_foreign(&sent.collect()), expected);
        };
        check(&[], false);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "null")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("sec-fetch-site", "same-site")], true);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "http://here:1"), ("host", "here:1")], true);
        check(&[("origin", "http://here:1"), ("host", "here:1")], false);
        check(&[("origin", "http://there"), ("host", "here:1")], true);
        check(&[("origin", "http://here:1.there"), ("host", "here:1")], true);
        check(&[("origin", "null"), ("host", "here:1")], true);
        check(&[("origin", "http://here:1")], true);
    }
}
