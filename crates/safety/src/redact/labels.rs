//! Which class of identifiers does a tagger's label mean?

use super::Kind;

/// Labels in small letters without anything between them, as usual sets of tags name them: of news, of notes
/// without identifiers, of personal data. Organisations, professions, ages and peoples are left out:
/// Safe Harbor does not ask for them, and most ages are under 90.
const LABELS: [(Kind, &[&str]); 18] = [
    (
        Kind::Name,
        &[
            "name",
            "per",
            "person",
            "persname",
            "patient",
            "patientname",
            "doctor",
            "staff",
            "hcw",
            "username",
            "firstname",
            "givenname",
            "middlename",
            "lastname",
            "surname",
            "familyname",
            "fullname",
            "initials",
        ],
    ),
    (
        Kind::Place,
        &[
            "place",
            "loc",
            "location",
            "locationother",
            "gpe",
            "fac",
            "facility",
            "hospital",
            "street",
            "streetaddress",
            "address",
            "buildingnum",
            "buildingnumber",
            "secondaryaddress",
            "city",
            "town",
            "county",
            "zip",
            "zipcode",
            "postcode",
            "postalcode",
            "room",
            "gps",
            "coordinate",
        ],
    ),
    (Kind::Date, &["date", "datetime", "dob", "dateofbirth", "birthdate", "birthday", "holiday"]),
    (
        Kind::Phone,
        &["phone", "phonenumber", "telephone", "telephonenum", "telephonenumber", "tel", "mobile", "contact"],
    ),
    (Kind::Fax, &["fax", "faxnumber"]),
    (Kind::Email, &["email", "emailaddress", "mail"]),
    (
        Kind::NationalId,
        &["nationalid", "ssn", "usssn", "socialnum", "socialsecuritynumber", "nhs", "nhsnumber", "idcard", "idcardnum"],
    ),
    (Kind::Record, &["record", "medicalrecord", "medicalrecordnumber", "mrn"]),
    (Kind::Plan, &["plan", "healthplan", "healthplannumber", "insurance", "policy"]),
    (
        Kind::Account,
        &["account", "accountnum", "accountnumber", "iban", "ibancode", "creditcard", "creditcardnumber", "taxnum"],
    ),
    (
        Kind::Licence,
        &["licence", "license", "licensenumber", "driverlicense", "driverlicensenum", "passport", "passportnum"],
    ),
    (Kind::Vehicle, &["vehicle", "vehicleid", "licenseplate", "plate", "vin"]),
    (Kind::Device, &["device", "deviceid", "serial", "serialnumber", "imei"]),
    (Kind::Url, &["url", "uri", "domainname", "website"]),
    (Kind::Ip, &["ip", "ipaddress", "mac", "macaddress"]),
    (Kind::Biometric, &["biometric", "bioid"]),
    (Kind::Photo, &["photo", "image"]),
    (Kind::Code, &["code", "id", "idnum", "idnumber", "identifier", "otherid", "password", "pin", "pii", "phi"]),
];

impl Kind {
    /// The class that a tagger's `label` means, without the `B-` or `I-` before it; none for what is no identifier.
    pub fn of_label(label: &str) -> Option<Self> {
        let plain: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        LABELS.iter().find(|(_, labels)| labels.contains(&plain.as_str())).map(|(kind, _)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn usual_names_of_identifiers_are_known_and_others_are_not() {
        let check = |label: &str, expected: Option<Kind>| assert_eq!(Kind::of_label(label), expected, "{label}");
        check("PER", Some(Kind::Name));
        check("FIRST_NAME", Some(Kind::Name));
        check("LOCATION-OTHER", Some(Kind::Place));
        check("Date", Some(Kind::Date));
        check("telephone num", Some(Kind::Phone));
        check("ID", Some(Kind::Code));
        for other in ["Drug", "ORG", "AGE", "PROFESSION", "MISC", "_", "", "perhaps", "é"] {
            check(other, None);
        }
    }

    #[test]
    fn every_class_is_known_by_its_own_name_and_no_label_means_two() {
        assert!(Kind::ALL.iter().all(|kind| Kind::of_label(kind.name()) == Some(*kind)));
        let all: Vec<&str> = LABELS.iter().flat_map(|(_, labels)| labels.iter().copied()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|label| label.bytes().all(|b| b.is_ascii_lowercase())));
    }
}
