//! Which files of a source are wanted?

use std::ops::RangeInclusive;

use clinqa_schema::Date;

use super::{Checksum, DownloadError, Link, Offer, Source};

/// Files that are taken without being asked for each.
const FEW: usize = 30;

/// What the user wants of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pick {
    /// Numbers of files.
    pub numbers: Option<RangeInclusive<u32>>,
    /// Files put there on or after this day.
    pub since: Option<Date>,
    /// Everything there is.
    pub all: bool,
    /// The highest number that lies here already: without other wishes, what comes behind it is wanted.
    pub after: Option<u32>,
}

/// A file of a source that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its address, as the page wrote it or whole.
    pub address: String,
    /// Its name.
    pub name: String,
    /// The address of the file with its MD5.
    pub md5: Option<String>,
}

/// Chooses from what a page offers, in the order of names.
pub fn plan(source: &Source, links: &[Link], pick: &Pick) -> Result<Vec<Planned>, DownloadError> {
    let mut offered: Vec<&Link> = links.iter().filter(|link| fits(source, &link.name)).collect();
    offered.sort_by(|a, b| a.name.cmp(&b.name));
    offered.dedup_by(|a, b| a.name == b.name);
    let none = || DownloadError::NothingOffered { page: source.page.to_owned() };
    if offered.is_empty() {
        return Err(none());
    }
    if let Offer::Newest { .. } = source.offer {
        return offered.last().map(|link| vec![planned(source, link)]).ok_or_else(none);
    }
    let asked = pick.all || pick.numbers.is_some() || pick.since.is_some();
    let wanted: Vec<Planned> = offered
        .iter()
        .filter(|link| {
            let number = numbered(&link.name);
            let in_range =
                pick.numbers.as_ref().is_none_or(|range| number.is_some_and(|number| range.contains(&number)));
            let is_recent =
                pick.since.as_ref().is_none_or(|since| link.date.as_ref().is_some_and(|date| date >= since));
            let is_new = asked || pick.after.is_none_or(|after| number.is_some_and(|number| number > after));
            in_range && is_recent && is_new
        })
        .map(|link| planned(source, link))
        .collect();
    if !asked && pick.after.is_none() && wanted.len() > FEW {
        return Err(DownloadError::WhichFiles { source_name: source.name, files: wanted.len() });
    }
    if asked && wanted.is_empty() {
        return Err(none());
    }
    Ok(wanted)
}

/// The files of articles named by their ids, under `page`.
pub fn plan_ids(source: &Source, page: &str, ids: &[String]) -> Result<Vec<Planned>, DownloadError> {
    if ids.is_empty() {
        return Err(DownloadError::NoIds { source_name: source.name });
    }
    ids.iter()
        .map(|id| {
            let name = article(id).ok_or_else(|| DownloadError::Id { id: id.clone() })?;
            let address = format!("{}/{name}/{name}.xml", page.trim_end_matches('/'));
            Ok(Planned { address, name: format!("{name}.xml"), md5: None })
        })
        .collect()
}

/// `pmc123` becomes `PMC123.1`: an article without a version is its first.
fn article(id: &str) -> Option<String> {
    let upper = id.trim().to_ascii_uppercase();
    let rest = upper.strip_prefix("PMC")?;
    let (number, version) = rest.split_once('.').unwrap_or((rest, "1"));
    let digits = |text: &str| (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(number) && digits(version)).then(|| format!("PMC{number}.{version}"))
}

fn planned(source: &Source, link: &Link) -> Planned {
    let md5 = (source.checksum == Checksum::Md5File).then(|| format!("{}.md5", link.address));
    Planned { address: link.address.clone(), name: link.name.clone(), md5 }
}

fn fits(source: &Source, name: &str) -> bool {
    match source.offer {
        Offer::Newest { before, after } => name.starts_with(before) && name.ends_with(after),
        Offer::Numbered { before, after } => {
            name.starts_with(before) && name.ends_with(after) && numbered(name).is_some()
        }
        Offer::Articles => false,
    }
}

/// The number in `pubmed26n1275.xml.gz`.
pub fn numbered(name: &str) -> Option<u32> {
    let stem = name.split('.').next()?;
    let (_, number) = stem.rsplit_once('n')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, date: &str) -> Link {
        Link { address: name.to_owned(), name: name.to_owned(), date: Date::new(date).ok() }
    }

    fn names(planned: &[Planned]) -> Vec<&str> {
        planned.iter().map(|planned| planned.name.as_str()).collect()
    }

    #[test]
    fn update_files_are_chosen_by_number_by_day_or_because_they_are_new() {
        let source = Source::named("pubmed-updates").expect("a source");
        let mut offered: Vec<Link> =
            (1_270..1_310).map(|number| link(&format!("pubmed26n{number}.xml.gz"), "2026-01-10")).collect();
        offered.push(link("pubmed26n1310.xml.gz", "2026-02-01"));
        offered.push(link("pubmed26n1310.xml.gz.md5", "2026-02-01"));
        offered.push(link("README.txt", "2026-02-01"));
        let chosen = |pick: Pick| plan(source, &offered, &pick);
        let numbers = chosen(Pick { numbers: Some(1_274..=1_276), ..Pick::default() }).expect("three");
        assert_eq!(names(&numbers), ["pubmed26n1274.xml.gz", "pubmed26n1275.xml.gz", "pubmed26n1276.xml.gz"]);
        assert_eq!(numbers[0].md5.as_deref(), Some("pubmed26n1274.xml.gz.md5"));
        let since = chosen(Pick { since: Date::new("2026-01-20").ok(), ..Pick::default() }).expect("one");
        assert_eq!(names(&since), ["pubmed26n1310.xml.gz"]);
        assert_eq!(chosen(Pick { after: Some(1_308), ..Pick::default() }).expect("two").len(), 2);
        assert_eq!(chosen(Pick { after: Some(1_310), ..Pick::default() }).expect("none"), []);
        assert_eq!(chosen(Pick { all: true, ..Pick::default() }).expect("all").len(), 41);
        assert!(matches!(chosen(Pick::default()), Err(DownloadError::WhichFiles { files: 41, .. })));
        let gone = chosen(Pick { numbers: Some(1..=2), ..Pick::default() });
        assert!(matches!(gone, Err(DownloadError::NothingOffered { .. })));
    }

    #[test]
    fn of_the_topics_the_newest_is_taken() {
        let source = Source::named("medlineplus").expect("a source");
        let offered = [
            "mplus_topics_2026-11-27.xml",
            "mplus_topics_2026-11-28.xml",
            "mplus_topics_compressed_2026-11-28.zip",
            "mplus_topic_groups_2026-11-28.xml",
        ]
        .map(|name| link(name, ""));
        assert_eq!(names(&plan(source, &offered, &Pick::default()).expect("one")), ["mplus_topics_2026-11-28.xml"]);
        assert!(plan(source, &offered[2..], &Pick::default()).is_err());
    }

    #[test]
    fn articles_are_named_by_their_ids() {
        let source = Source::named("pmc-oa").expect("a source");
        let ids = ["pmc10009416".to_owned(), " PMC7.2 ".to_owned()];
        let planned = plan_ids(source, "https://example.org/", &ids).expect("two");
        assert_eq!(planned[0].address, "https://example.org/PMC10009416.1/PMC10009416.1.xml");
        assert_eq!(planned[1].name, "PMC7.2.xml");
        for wrong in ["", "PMC", "7", "PMC7/../x", "PMC1.2.3", "PMC-1"] {
            assert!(
                matches!(plan_ids(source, "https://e.org", &[wrong.into()]), Err(DownloadError::Id { .. })),
                "{wrong}"
            );
        }
        assert!(matches!(plan_ids(source, "https://e.org", &[]), Err(DownloadError::NoIds { .. })));
    }
}
