//! What does a second opinion on a question add to what the rules said of it?
//!
//! Whoever has a classifier runs it and hands over its labels; no model takes part here. A label speaks if it is the id of
//! a rule, or `emergency`. Nothing that the rules said is taken back, whatever the labels say.

use clinqa_schema::NoticeKind;

use crate::region::Region;
use crate::rules::{Rule, Rules};
use crate::screen::{Screening, is_shown, notice, verdict};

/// The label for whatever emergency, and the rule whose notice fits any.
pub(crate) const ANY_EMERGENCY: (&str, &str) = ("emergency", "danger-signs");

/// What somebody says of a question.
#[derive(Debug, Clone, Copy)]
pub struct Opinion<'a> {
    /// Labels and how probable each is; one that names no rule says nothing, and neither does what is no number.
    pub labels: &'a [(&'a str, f32)],
    /// Whether labels exclude one another.
    pub choice: Choice,
    /// From which probability on a label speaks.
    pub threshold: f32,
}

/// Whether labels exclude one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// One of them holds: those for rules of one kind count together, and the likeliest of them speaks.
    One,
    /// Each holds or not by itself.
    Any,
}

impl Rules {
    /// The id of the rule that `label` speaks for, if it does for one. Capitals, blanks and underscores do not matter.
    pub fn named(&self, label: &str) -> Option<&str> {
        self.rule_named(label).map(|rule| rule.id.as_str())
    }

    fn rule_named(&self, label: &str) -> Option<&Rule> {
        let plain = label.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        let id = if plain == ANY_EMERGENCY.0 { ANY_EMERGENCY.1 } else { &plain };
        self.all.iter().find(|rule| rule.id == id)
    }
}

/// What the rules said with what `opinion` adds: notices in the fixed order of the rules, and the graver verdict. Pure.
pub fn heed(rules: &Rules, screening: Screening, opinion: &Opinion<'_>, region: Option<&Region>) -> Screening {
    let spoken = spoken(rules, opinion);
    let said = |rule: &Rule| screening.notices.iter().any(|notice| notice.rule == rule.id);
    let is_new = |rule: &Rule| !said(rule) && spoken.iter().any(|spoken| spoken.id == rule.id);
    let speaks = |rule: &Rule| said(rule) || is_new(rule);
    let is_general = |rule: &Rule| rule.id == ANY_EMERGENCY.1;
    let is_emergency = |rule: &Rule| rule.kind == NoticeKind::Emergency;
    // Where something names the emergency, the notice for any says nothing more.
    let is_named = rules.all.iter().any(|rule| is_emergency(rule) && !is_general(rule) && speaks(rule));
    let added: Vec<&Rule> = rules.all.iter().filter(|rule| is_new(rule) && !(is_named && is_general(rule))).collect();
    let kinds = || screening.notices.iter().map(|notice| notice.kind).chain(added.iter().map(|rule| rule.kind));
    let verdict = verdict(|kind| kinds().any(|found| found == kind));
    let added: Vec<_> = added.iter().filter(|rule| is_shown(rule, verdict)).map(|rule| notice(rule, region)).collect();
    let mut notices = screening.notices;
    notices.extend(added);
    notices.sort_by_key(|notice| rules.all.iter().position(|rule| rule.id == notice.rule));
    Screening { notices, verdict }
}

/// The rules that the labels speak for.
fn spoken<'r>(rules: &'r Rules, opinion: &Opinion<'_>) -> Vec<&'r Rule> {
    let named = opinion.labels.iter().filter_map(|(label, probability)| Some((rules.rule_named(label)?, *probability)));
    let named: Vec<(&Rule, f32)> = named.filter(|(_, probability)| probability.is_finite()).collect();
    match opinion.choice {
        Choice::Any => {
            named.into_iter().filter(|(_, found)| *found >= opinion.threshold).map(|(rule, _)| rule).collect()
        }
        Choice::One => {
            let likeliest = |kind: NoticeKind| {
                let of_kind = || named.iter().filter(move |(rule, _)| rule.kind == kind);
                let total: f32 = of_kind().map(|(_, probability)| probability).sum();
                // Of equal ones the gravest, since rules stand in that order.
                let place = |rule: &Rule| rules.all.iter().position(|other| other.id == rule.id);
                let best = of_kind().max_by(|a, b| a.1.total_cmp(&b.1).then(place(b.0).cmp(&place(a.0))));
                best.filter(|_| total >= opinion.threshold).map(|(rule, _)| *rule)
            };
            [NoticeKind::Emergency, NoticeKind::Boundary, NoticeKind::Scope].into_iter().filter_map(likeliest).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use clinqa_schema::{Abstention, Question};
    use proptest::prelude::*;

    use super::*;
    use crate::{Verdict, screen};

    static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::embedded().expect("the embedded rules"));

    const ORDINARY: &str = "What are the symptoms of asthma?";
    const PERSONAL: &str = "how much ibuprofen can I give my 4 year old?";

    fn screened(text: &str) -> Screening {
        screen(&RULES, &Question::new(text).expect("a question"), &[], None)
    }

    fn ids(screening: &Screening) -> Vec<&str> {
        screening.notices.iter().map(|notice| notice.rule.as_str()).collect()
    }

    #[track_caller]
    fn check(text: &str, (choice, threshold): (Choice, f32), labels: &[(&str, f32)], rules: &[&str], verdict: Verdict) {
        let found = heed(&RULES, screened(text), &Opinion { labels, choice, threshold }, None);
        assert_eq!((ids(&found), found.verdict), (rules.to_vec(), verdict), "{text}: {labels:?}");
    }

    #[test]
    fn a_label_that_is_sure_enough_adds_the_notice_of_its_rule_and_redirects() {
        let (one, any) = ((Choice::One, 0.9), (Choice::Any, 0.9));
        check(ORDINARY, one, &[("emergency", 0.95), ("other", 0.05)], &["danger-signs"], Verdict::Redirect);
        check(ORDINARY, one, &[("emergency", 0.85), ("other", 0.15)], &[], Verdict::Proceed);
        check(ORDINARY, any, &[("Chest Pain", 0.9), ("STROKE", 0.89)], &["chest-pain"], Verdict::Redirect);
        check(ORDINARY, any, &[("chest-pain", f32::NAN), ("stroke", f32::INFINITY)], &[], Verdict::Proceed);
        check(ORDINARY, any, &[("causes", 1.0), ("O", 1.0)], &[], Verdict::Proceed);
        check(ORDINARY, any, &[("own_dose", 1.0)], &["own-dose"], Verdict::Abstain(Abstention::Personal));
        check(ORDINARY, any, &[("not-health", 1.0)], &["not-health"], Verdict::Abstain(Abstention::Scope));
    }

    #[test]
    fn what_one_label_excludes_the_others_of_its_kind_speak_for_together() {
        let labels = [("chest-pain", 0.5), ("stroke", 0.42), ("own-dose", 0.05), ("other", 0.03)];
        check(ORDINARY, (Choice::One, 0.9), &labels, &["chest-pain"], Verdict::Redirect);
        check(ORDINARY, (Choice::One, 0.93), &labels, &[], Verdict::Proceed);
        check(ORDINARY, (Choice::Any, 0.9), &labels, &[], Verdict::Proceed);
    }

    #[test]
    fn the_notice_for_any_emergency_stands_alone_or_not_at_all() {
        let labels = [("emergency", 1.0), ("stroke", 1.0)];
        check(ORDINARY, (Choice::Any, 0.5), &labels, &["stroke"], Verdict::Redirect);
    }

    #[test]
    fn what_is_about_ones_own_health_is_still_not_called_out_of_scope() {
        let labels = [("not-health", 1.0)];
        check(PERSONAL, (Choice::Any, 0.5), &labels, &["own-dose"], Verdict::Abstain(Abstention::Personal));
    }

    #[test]
    fn an_emergency_stands_before_what_the_rules_said() {
        let labels = [("overdose-poisoning", 0.99)];
        check(PERSONAL, (Choice::Any, 0.9), &labels, &["overdose-poisoning", "own-dose"], Verdict::Redirect);
    }

    fn gravity(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Proceed => 0,
            Verdict::Abstain(Abstention::Scope) => 1,
            Verdict::Abstain(_) => 2,
            Verdict::Redirect => 3,
        }
    }

    /// Questions that rules fire on and questions that none does, and strings that nobody asks.
    fn texts() -> impl Strategy<Value = String> {
        let known = [
            ORDINARY,
            PERSONAL,
            "crushing chest pain, what do I do",
            "what is the capital of France",
            "I took 40 paracetamol an hour ago and how much more can I take",
            "should I stop my warfarin",
        ];
        prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), "[a-zé🙂 ]{1,60}x"]
    }

    fn labels() -> impl Strategy<Value = Vec<(String, f32)>> {
        let ids: Vec<String> =
            RULES.all.iter().map(|rule| rule.id.clone()).chain(["emergency", "ordinary"].map(str::to_owned)).collect();
        let probability = prop_oneof![0.0..=1.0_f32, Just(1.0), Just(f32::NAN), Just(f32::NEG_INFINITY)];
        prop::collection::vec((prop::sample::select(ids), probability), 0..6)
    }

    proptest! {
        #[test]
        fn nothing_that_the_rules_said_is_taken_back(
            text in texts(),
            labels in labels(),
            any in any::<bool>(),
            threshold in 0.0..=1.0_f32,
        ) {
            let labels: Vec<(&str, f32)> = labels.iter().map(|(label, probability)| (label.as_str(), *probability)).collect();
            let choice = if any { Choice::Any } else { Choice::One };
            let before = screened(&text);
            let after = heed(&RULES, before.clone(), &Opinion { labels: &labels, choice, threshold }, None);
            prop_assert!(before.notices.iter().all(|notice| after.notices.contains(notice)), "{:?}", ids(&after));
            prop_assert!(gravity(after.verdict) >= gravity(before.verdict));
            let places: Vec<_> = after.notices.iter().map(|notice| RULES.all.iter().position(|rule| rule.id == notice.rule)).collect();
            prop_assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
            let grave = after.notices.iter().any(|notice| notice.kind == NoticeKind::Emergency);
            prop_assert_eq!(grave, after.verdict == Verdict::Redirect);
            // What neither rules nor labels said is not said.
            let named = |id: &str| labels.iter().any(|(label, p)| *p >= 0.0 && RULES.named(label) == Some(id));
            prop_assert!(ids(&after).into_iter().all(|id| ids(&before).contains(&id) || named(id)));
        }
    }
}
