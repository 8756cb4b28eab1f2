//! Does a number carry the check digit of what it looks like?

/// The digits of `text` as numbers.
fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.chars().filter_map(|c| c.to_digit(10))
}

/// Cards, Canadian social insurance numbers: every second digit from the right doubled (ISO/IEC 7812).
pub(super) fn luhn(text: &str) -> bool {
    let sum: u32 = digits(text)
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10) && digits(text).any(|digit| digit != 0)
}

/// Ten digits of the National Health Service: weights 10 to 2, modulo 11.
pub(super) fn nhs(text: &str) -> bool {
    let all: Vec<u32> = digits(text).collect();
    let [first @ .., check] = all.as_slice() else { return false };
    if first.len() != 9 {
        return false;
    }
    let sum: u32 = first.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let expected = (11 - sum % 11) % 11;
    expected != 10 && expected == *check
}

/// Account numbers of ISO 13616: the first four signs moved to the end, letters as two digits, modulo 97 is 1.
pub(super) fn iban(text: &str) -> bool {
    if !(15..=34).contains(&text.len()) || !text.is_ascii() {
        return false;
    }
    let (head, rest) = text.split_at(4);
    let mut left: u32 = 0;
    for c in rest.chars().chain(head.chars()) {
        let Some(value) = c.to_digit(36) else { return false };
        left = (left * if value < 10 { 10 } else { 100 } + value) % 97;
    }
    left == 1
}

/// Twelve digits of Aadhaar: Verhoeff's check over the dihedral group of order 10.
pub(super) fn verhoeff(text: &str) -> bool {
    const PERMUTED: [[u32; 10]; 8] = permutations();
    let left = digits(text).rev().enumerate().fold(0, |left, (at, digit)| {
        let digit = PERMUTED[at % 8][digit as usize];
        dihedral(left, digit)
    });
    left == 0
}

/// The product of two elements of the dihedral group of order 10.
const fn dihedral(a: u32, b: u32) -> u32 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// The powers of Verhoeff's permutation.
const fn permutations() -> [[u32; 10]; 8] {
    const ONCE: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut all = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
    let mut power = 1;
    while power < 8 {
        let mut digit = 0;
        while digit < 10 {
            all[power][digit] = all[power - 1][ONCE[digit] as usize];
            digit += 1;
        }
        power += 1;
    }
    all
}

/// Seven digits and a letter of the Irish public services: weights 8 to 2 (a second letter weighs 9), modulo 23.
pub(super) fn pps(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let (number, letters) = lower.split_at(lower.len().min(7));
    let mut letters = letters.bytes();
    let (Some(check), second, None) = (letters.next(), letters.next(), letters.next()) else { return false };
    if digits(number).count() != 7 || !check.is_ascii_lowercase() {
        return false;
    }
    let value = |letter: u8| if letter == b'w' { 0 } else { u32::from(letter.saturating_sub(b'a')) + 1 };
    let sum: u32 = digits(number).zip((2..=8).rev()).map(|(digit, weight)| digit * weight).sum();
    let expected = (sum + second.map_or(0, |letter| value(letter) * 9)) % 23;
    u32::from(check - b'a' + 1) % 23 == expected
}

/// Two letters, six digits and a letter from A to D, as the United Kingdom's National Insurance writes them.
pub(super) fn national_insurance(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let bytes = text.as_bytes();
    let [a, b, middle @ .., last] = bytes else { return false };
    let letter = |c: &u8| c.is_ascii_alphabetic() && !b"dfiquvDFIQUV".contains(c);
    letter(a)
        && (letter(b) && !b"oO".contains(b) || text[..2].eq_ignore_ascii_case("qq"))
        && middle.len() == 6
        && middle.iter().all(u8::is_ascii_digit)
        && b"abcdABCD".contains(last)
        || text.len() == 9
            && text[..2].eq_ignore_ascii_case("qq")
            && middle.iter().all(u8::is_ascii_digit)
            && last.is_ascii_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_told_from_wrong_ones() {
        let check = |holds: fn(&str) -> bool, right: &[&str], wrong: &[&str]| {
            for number in right {
                assert!(holds(number), "{number}");
            }
            for number in wrong {
                assert!(!holds(number), "{number}");
            }
        };
        check(luhn, &["4111111111111111", "378282246310005", "046454286"], &["4111111111111112", "0000000000"]);
        check(nhs, &["9434765919", "4010232137"], &["9434765918", "943476591", "12345678901"]);
        check(
            iban,
            &["GB82WEST12345698765432", "de89370400440532013000", "FR1420041010050500013M02606"],
            &["GB82WEST12345698765433", "GB82", "GB82WEST1234569876543é"],
        );
        check(verhoeff, &["2363", "234123412346"], &["2364", "234123412347"]);
        check(pps, &["1234567FA", "1234567T"], &["1234567Z", "123456T", "1234567"]);
        check(national_insurance, &["AB123456C", "QQ123456C"], &["DA123456C", "AB12345C", "AB123456X"]);
    }
}
