//! How plain is a text? The grade of Flesch and Kincaid (Kincaid and others, 1975): years of school that it asks for.

/// The grade of `text`; names in backticks count as one short word each, for they are copied and not read.
pub(crate) fn grade(text: &str) -> f64 {
    let text = without_names(text);
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
    let sentences = text.split(['.', '!', '?', ':', ';']).filter(|part| part.chars().any(char::is_alphabetic)).count();
    let (words_count, sentences) = (words.len().max(1) as f64, sentences.max(1) as f64);
    let syllables: usize = words.iter().map(|word| syllables(word)).sum();
    0.39 * words_count / sentences + 11.8 * syllables as f64 / words_count - 15.59
}

fn without_names(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(place, part)| if place % 2 == 1 { "it" } else { part }).collect()
}

/// Groups of vowels, a silent e at the end not counted; at least one.
fn syllables(word: &str) -> usize {
    let word: Vec<char> = word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let vowel = |c: &char| "aeiouy".contains(*c);
    let groups = word.iter().zip(std::iter::once(&' ').chain(&word)).filter(|(c, before)| vowel(c) && !vowel(before));
    let mut count = groups.count();
    let ends = |ending: &str| word.iter().collect::<String>().ends_with(ending);
    if word.len() > 2 && ends("e") && !ends("le") && !ends("ee") && count > 1 {
        count -= 1;
    }
    if word.len() > 3 && ends("ed") && !ends("ted") && !ends("ded") && count > 1 {
        count -= 1;
    }
    if ends("es")
        && word.len() > 3
        && !["ses", "xes", "zes", "ches", "shes", "ces", "ges"].iter().any(|e| ends(e))
        && count > 1
    {
        count -= 1;
    }
    count.max(1)
}

#[test]
fn a_grade_is_what_the_formula_gives() {
    let check = |word: &str, expected: usize| assert_eq!(syllables(word), expected, "{word}");
    check("cat", 1);
    check("time", 1);
    check("little", 2);
    check("needed", 2);
    check("stopped", 1);
    check("sources", 2);
    check("pharmacist", 3);
    check("emergency", 4);
    check("999", 1);
    // Six words, one sentence, six syllables: 0.39 · 6 + 11.8 − 15.59.
    assert!((grade("The cat sat on the mat.") - -1.45).abs() < 1e-9);
    let hard = "Pharmacological contraindications necessitate individualised reconsideration.";
    assert!(grade(hard) > 20.0, "{}", grade(hard));
}
